//! What an exchange is made of.

use super::Checker;
use crate::config::written::{ActorTokenSource, Located, WrittenSecret};
use crate::diagnostic::DiagnosticKind;
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::policy::plan::{Grant, Leg, LegCache, Target, TokenSource, TypedSource};
use crate::secret::Secret;
use std::time::Duration;

impl Checker<'_> {
    /// The exchange, where it is enabled.
    pub(super) fn exchange(&mut self) -> Option<Leg> {
        let exchange = &self.config.token_exchange;
        let endpoint = match &*exchange.token_endpoint {
            Some(text) => self.endpoint(&exchange.token_endpoint.pointer, text),
            None => {
                let sentence = "write the URL of the token endpoint, or set token_exchange.enabled to false";
                self.diagnostics.error(DiagnosticKind::Required, &exchange.token_endpoint.pointer, sentence);
                None
            }
        };
        let client = self.exchange_client();
        let actor = self.actor();
        let request = &exchange.request;
        let requested = &request.requested_token_type;
        let cache = LegCache {
            default_lifetime: Duration::from_secs(*exchange.cache.ttl),
            expiry_margin: Duration::from_secs(*exchange.cache.expiry_margin),
        };
        Some(Leg {
            endpoint: endpoint?,
            client: client?,
            grant: Grant::TokenExchange {
                requested_token_type: (!requested.is_empty())
                    .then(|| TokenTypeIdentifier::new(requested.as_str())),
            },
            subject: TypedSource {
                source: TokenSource::ValidatedToken,
                token_type: TokenTypeIdentifier::new(request.subject_token_type.as_str()),
            },
            actor: actor?.map(|source| TypedSource {
                source,
                token_type: TokenTypeIdentifier::new(request.actor_token_type.as_str()),
            }),
            target: Target {
                audience: request.audience.clone(),
                resource: request.resource.clone(),
                scope: request.scopes.iter().cloned().collect(),
            },
            require_scopes: *exchange.require_scopes,
            cache: (*exchange.cache.enabled).then_some(cache),
        })
    }

    /// Where the actor token comes from: `Some(None)` where there is no actor, `None` after a mistake.
    fn actor(&mut self) -> Option<Option<TokenSource>> {
        let request = &self.config.token_exchange.request;
        if self.diagnostics.concern(&request.actor_token_source.pointer) {
            return None;
        }
        let uses_header = matches!(*request.actor_token_source, ActorTokenSource::Header);
        let uses_token = matches!(*request.actor_token_source, ActorTokenSource::Config);
        self.warn_unused(&request.actor_token_header, request.actor_token_header.is_some() && !uses_header);
        self.warn_unused(&request.actor_token, request.actor_token.is_some() && !uses_token);
        self.warn_unused(&request.actor_token_optional, *request.actor_token_optional && !uses_header);
        match *request.actor_token_source {
            ActorTokenSource::None => Some(None),
            ActorTokenSource::Header => self.actor_header().map(Some),
            ActorTokenSource::Config => self.actor_token().map(Some),
        }
    }

    fn actor_header(&mut self) -> Option<TokenSource> {
        let pointer = &self.config.token_exchange.request.actor_token_header.pointer;
        let Some(name) = self.actor_header_name() else {
            let sentence = "write the name of the header field that carries the actor token";
            self.diagnostics.error(DiagnosticKind::Required, pointer, sentence);
            return None;
        };
        if name == "authorization" {
            return Some(TokenSource::ValidatedToken);
        }
        if super::headers::is_framing(&name) {
            let sentence = "write another name: a request cannot do without this header field";
            self.diagnostics.error(DiagnosticKind::WrongValue, pointer, sentence);
            return None;
        }
        let optional = *self.config.token_exchange.request.actor_token_optional;
        Some(TokenSource::Header { name, optional })
    }

    fn actor_token(&mut self) -> Option<TokenSource> {
        let written = &self.config.token_exchange.request.actor_token;
        let token = written
            .as_ref()
            .map(|WrittenSecret(token)| without_scheme(token.expose()))
            .filter(|token| !token.is_empty());
        let Some(token) = token else {
            self.diagnostics.error(DiagnosticKind::Required, &written.pointer, "write the actor token");
            return None;
        };
        Some(TokenSource::Configured(Secret::new(token)))
    }

    /// The actor header's name in lower case, where an exchange uses one.
    pub(super) fn actor_header_name(&self) -> Option<String> {
        let exchange = &self.config.token_exchange;
        let uses_header = matches!(*exchange.request.actor_token_source, ActorTokenSource::Header);
        let name = exchange.request.actor_token_header.as_ref().filter(|_| *exchange.enabled && uses_header);
        name.map(|name| name.to_ascii_lowercase())
    }

    fn warn_unused<T>(&mut self, field: &Located<T>, is_unused: bool) {
        if is_unused {
            let sentence = "this is not used, because actor_token_source is another";
            self.diagnostics.warning(DiagnosticKind::NoEffect, &field.pointer, sentence);
        }
    }
}

/// A token without the word `Bearer` that some copy along with it.
fn without_scheme(token: &str) -> &str {
    match token.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim_start_matches(' '),
        None if token.eq_ignore_ascii_case("bearer") => "",
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use crate::scope::Scope;
    use serde_json::{Value, json};

    const REQUEST: &str = "/token_exchange/request";
    const TTL: &str = "/token_exchange/cache/ttl";

    fn exchange(changes: &[(&str, Value)]) -> Leg {
        match policy(changes).upstream_credential.legs() {
            [leg] => leg.clone(),
            other => panic!("one leg, not {other:?}"),
        }
    }

    fn requested_token_type(leg: &Leg) -> Option<&str> {
        let Grant::TokenExchange { requested_token_type } = &leg.grant;
        requested_token_type.as_ref().map(TokenTypeIdentifier::as_str)
    }

    fn actor(request: Value) -> TokenSource {
        exchange(&[(REQUEST, request)]).actor.unwrap().source
    }

    #[test]
    fn a_request_without_words_asks_for_an_access_token() {
        let exchange = exchange(&[(REQUEST, json!(null))]);
        assert_eq!(exchange.subject.token_type.as_str(), TokenTypeIdentifier::ACCESS_TOKEN);
        assert_eq!(requested_token_type(&exchange), Some(TokenTypeIdentifier::ACCESS_TOKEN));
        assert!(exchange.actor.is_none());
        let Target { audience, resource, scope } = &exchange.target;
        assert!(audience.is_empty() && resource.is_empty() && scope.is_empty());
        assert!(!exchange.require_scopes);
    }

    #[test]
    fn everything_in_a_request_is_honoured() {
        let request = json!({
            "requested_token_type": "",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "audience": ["a1", "a2"],
            "resource": ["https://r1.example.com", "urn:r2"],
            "scopes": ["s1", "s2"]
        });
        let exchange = exchange(&[(REQUEST, request), ("/token_exchange/require_scopes", json!(true))]);
        assert_eq!(requested_token_type(&exchange), None);
        assert_eq!(exchange.subject.token_type.as_str(), "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(exchange.target.audience, ["a1", "a2"]);
        assert_eq!(exchange.target.resource, ["https://r1.example.com", "urn:r2"]);
        assert_eq!(exchange.target.scope, Scope::parse("s1 s2"));
        assert!(exchange.require_scopes);
        let one = self::exchange(&[("/token_exchange/request/resource", json!("https://r1.example.com"))]);
        assert_eq!(one.target.resource, ["https://r1.example.com"]);
    }

    #[test]
    fn the_actor_comes_from_where_the_operator_says() {
        let read = actor(json!({"actor_token_source": "header", "actor_token_header": "X-Actor"}));
        assert!(matches!(read, TokenSource::Header { name, optional: false } if name == "x-actor"));
        let read = actor(json!({
            "actor_token_source": "header", "actor_token_header": "X-Actor", "actor_token_optional": true
        }));
        assert!(matches!(read, TokenSource::Header { optional: true, .. }));
        let read = actor(json!({"actor_token_source": "header", "actor_token_header": "AUTHORIZATION"}));
        assert!(matches!(read, TokenSource::ValidatedToken));
        for written in ["A1", "Bearer A1", "bearer  A1"] {
            let read = actor(json!({"actor_token_source": "config", "actor_token": written}));
            assert!(matches!(read, TokenSource::Configured(token) if token.expose() == "A1"), "{written}");
        }
        let typed =
            json!({"actor_token_source": "config", "actor_token": "A1", "actor_token_type": "urn:x:y"});
        let actor = exchange(&[(REQUEST, typed)]).actor.unwrap();
        assert_eq!(actor.token_type.as_str(), "urn:x:y");
    }

    #[test]
    fn an_actor_that_cannot_be_had_is_refused() {
        for (request, name) in [
            (json!({"actor_token_source": "header"}), "actor_token_header"),
            (json!({"actor_token_source": "header", "actor_token_header": ""}), "actor_token_header"),
            (json!({"actor_token_source": "header", "actor_token_header": "Host"}), "actor_token_header"),
            (json!({"actor_token_source": "header", "actor_token_header": ":path"}), "actor_token_header"),
            (json!({"actor_token_source": "config"}), "actor_token"),
            (json!({"actor_token_source": "config", "actor_token": "Bearer "}), "actor_token"),
            (json!({"actor_token_source": "config", "actor_token": "bearer"}), "actor_token"),
            (json!({"actor_token_source": "body"}), "actor_token_source"),
        ] {
            assert_eq!(mistaken(&[(REQUEST, request.clone())]), [format!("{REQUEST}/{name}")], "{request}");
        }
    }

    #[test]
    fn actor_fields_that_have_no_effect_are_warnings() {
        let request =
            json!({"actor_token_header": "X-Actor", "actor_token": "A1", "actor_token_optional": true});
        assert_eq!(warnings(&[(REQUEST, request)]).len(), 3);
    }

    #[test]
    fn issued_tokens_are_remembered_as_the_operator_says() {
        let memory = |ttl, margin| {
            let default_lifetime = Duration::from_secs(ttl);
            Some(LegCache { default_lifetime, expiry_margin: Duration::from_secs(margin) })
        };
        assert_eq!(exchange(&[("/token_exchange/cache", json!(null))]).cache, memory(3600, 15));
        assert_eq!(
            exchange(&[(TTL, json!(5)), ("/token_exchange/cache/expiry_margin", json!(0))]).cache,
            memory(5, 0)
        );
        assert_eq!(exchange(&[("/token_exchange/cache/enabled", json!(false))]).cache, None);
        assert!(message(&[(TTL, json!(0))], TTL).starts_with("set cache.enabled to false"));
    }

    #[test]
    fn the_token_endpoint_is_needed_only_where_tokens_are_exchanged() {
        const ENDPOINT: &str = "/token_exchange/token_endpoint";
        message(&[(ENDPOINT, json!(null))], ENDPOINT);
        policy(&[("/token_exchange", json!({"enabled": false}))]);
        policy(&[("/token_exchange", json!(null))]);
    }
}
