//! Which kind of token clients send: access tokens, or ID tokens where the operator has those exchanged.

use super::Checker;
use crate::diagnostic::DiagnosticKind;
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::policy::issuers::Validation;
use crate::policy::requirements::Requirements;
use crate::token::kind::ExpectedKind;

impl Checker<'_> {
    /// The kind of token that is accepted.
    pub(super) fn expected_kind(&self) -> ExpectedKind {
        let exchange = &self.config.token_exchange;
        let exchanges_id_tokens = *exchange.enabled
            && exchange.request.subject_token_type.as_str() == TokenTypeIdentifier::ID_TOKEN;
        if exchanges_id_tokens { ExpectedKind::IdToken } else { ExpectedKind::AccessToken }
    }

    /// An ID token is for the client in its `aud` (OpenID Connect Core section 2), and those clients the operator has
    /// to name: every other check would let the ID tokens of all clients in.
    pub(super) fn check_id_token_audience(
        &mut self,
        requirements: &Requirements,
        validation: Option<&Validation>,
    ) {
        if requirements.kind == ExpectedKind::AccessToken {
            return;
        }
        let config = self.config;
        if *config.insecure_relaxed_audience_validation {
            let sentence = "write false: with subject_token_type id_token, the audience has to be one of \
                            audience_required";
            let pointer = &config.insecure_relaxed_audience_validation.pointer;
            self.diagnostics.error(DiagnosticKind::Conflicting, pointer, sentence);
            return;
        }
        if config.audience_claim.as_str() != "aud" {
            let sentence = "leave this out: the audience of an ID token is aud";
            self.diagnostics.error(DiagnosticKind::Conflicting, &config.audience_claim.pointer, sentence);
        }
        let is_empty = |audiences: &Option<Vec<String>>| audiences.as_ref().is_some_and(Vec::is_empty);
        let needs_audience = validation.is_some_and(|validation| {
            validation.others.is_some() && is_empty(&requirements.audiences)
                || validation.issuers.iter().any(|issuer| is_empty(&issuer.audiences))
        });
        if needs_audience {
            let sentence = "write the client_id for which the ID tokens are issued: with subject_token_type id_token, \
                            the audience has to be one of these, and resource is none of them";
            self.diagnostics.error(DiagnosticKind::Required, &config.audience_required.pointer, sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, policy};
    use serde_json::{Value, json};

    const AUDIENCES: &str = "/audience_required";

    fn id_tokens(changes: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
        let subject = ("/token_exchange/request/subject_token_type", json!(TokenTypeIdentifier::ID_TOKEN));
        [&[subject], changes].concat()
    }

    #[test]
    fn id_tokens_are_expected_where_they_are_exchanged() {
        let named = (AUDIENCES, json!(["client-1"]));
        let requirements = policy(&id_tokens(std::slice::from_ref(&named))).requirements;
        assert_eq!(requirements.kind, ExpectedKind::IdToken);
        assert_eq!(requirements.audiences, Some(vec!["client-1".to_owned()]), "not resource");
        let not_exchanged = id_tokens(&[("/token_exchange/enabled", json!(false))]);
        assert_eq!(policy(&not_exchanged).requirements.kind, ExpectedKind::AccessToken);
        assert_eq!(policy(&[named]).requirements.kind, ExpectedKind::AccessToken);
    }

    #[test]
    fn the_clients_of_id_tokens_have_to_be_named() {
        assert!(message(&id_tokens(&[]), AUDIENCES).contains("client_id"));
        let signed = ("/introspection_endpoint", json!(null));
        assert!(message(&id_tokens(std::slice::from_ref(&signed)), AUDIENCES).contains("client_id"));
        let entry = |audiences: Value| {
            ("/issuers", json!([{"issuer": "https://auth.example.com", "audiences": audiences}]))
        };
        let own = policy(&id_tokens(&[signed.clone(), entry(json!(["client-1"]))])).validation;
        assert_eq!(own.issuers[0].audiences, Some(vec!["client-1".to_owned()]));
        message(&id_tokens(&[entry(json!(["client-1"]))]), AUDIENCES);
        message(&id_tokens(&[signed, entry(json!(null))]), AUDIENCES);
    }

    #[test]
    fn nothing_else_lets_an_id_token_in() {
        let relaxed = "/insecure_relaxed_audience_validation";
        message(&id_tokens(&[(relaxed, json!(true))]), relaxed);
        let named = (AUDIENCES, json!(["client-1"]));
        message(&id_tokens(&[named, ("/audience_claim", json!("azp"))]), "/audience_claim");
    }
}
