//! Names of the operator's own: header fields and form parameters.

use super::Checker;
use crate::config::written::WrittenSecret;
use crate::diagnostic::DiagnosticKind;
use crate::oauth::client_auth::ClientAuthentication;
use crate::policy::ClaimHeader;
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// TextFormat parameters of an introspection request that the filter sets itself.
const OWN_PARAMETERS: [&str; 5] =
    ["token", "client_id", "client_secret", "client_assertion", "client_assertion_type"];

/// Header fields of an introspection request in which the filter says what it sends and what it reads.
const OWN_HEADERS: [&str; 3] = ["content-type", "accept", "accept-encoding"];

/// Whether a header field of this name (in lower case) frames the message or steers the connection
/// (RFC 9110 section 7.6.1, RFC 9112), so that setting it would break the request.
pub(super) fn is_framing(name: &str) -> bool {
    const FRAMING: [&str; 11] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    FRAMING.contains(&underscores_as_hyphens(name).as_str())
}

/// Servers that hand header fields on as variables cannot tell `-` from `_`.
fn underscores_as_hyphens(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

impl Checker<'_> {
    /// TextFormat parameters of the operator's own.
    pub(super) fn arguments(&mut self) -> Option<BTreeMap<String, Secret>> {
        let mut arguments = BTreeMap::new();
        let mut all_right = true;
        for (name, WrittenSecret(value)) in &*self.config.args {
            if OWN_PARAMETERS.contains(&name.as_str()) {
                let sentence =
                    "take this out: the filter sets it itself, from the token, client_id and client_secret";
                let pointer = self.config.args.member(name);
                self.diagnostics.error(DiagnosticKind::Conflicting, &pointer, sentence);
                all_right = false;
            }
            arguments.insert(name.clone(), value.clone());
        }
        all_right.then_some(arguments)
    }

    /// Header fields of the operator's own in introspection requests.
    pub(super) fn introspection_headers(
        &mut self,
        client: Option<&ClientAuthentication>,
    ) -> Option<Vec<(String, Secret)>> {
        let mut headers = BTreeMap::new();
        let mut all_right = true;
        for (written, WrittenSecret(value)) in &*self.config.headers {
            let name = written.to_ascii_lowercase();
            let authenticates = !matches!(client, None | Some(ClientAuthentication::None { .. }));
            let sentence = if name == "authorization" && authenticates {
                "take this out, or set client_auth to none: a request carries one kind of client authentication"
            } else if is_framing(&name) || OWN_HEADERS.contains(&name.as_str()) {
                "take this out: the filter or the gateway sets this header field itself"
            } else if headers.insert(name, value.clone()).is_some() {
                "this header field stands here twice, in another case: take one out"
            } else {
                continue;
            };
            let pointer = self.config.headers.member(written);
            self.diagnostics.error(DiagnosticKind::Conflicting, &pointer, sentence);
            all_right = false;
        }
        all_right.then(|| headers.into_iter().collect())
    }

    /// Header fields that carry claims upstream.
    pub(super) fn claim_headers(&mut self) -> Option<Vec<ClaimHeader>> {
        let config = self.config;
        if !config.claim_to_header.is_empty() && !config.upstream_headers.is_empty() {
            let sentence = "leave this out, or claim_to_header: only one of the two can be used";
            self.diagnostics.error(DiagnosticKind::Conflicting, &config.upstream_headers.pointer, sentence);
            return None;
        }
        let claims = config.claim_to_header.iter().map(|entry| {
            let entry = entry.as_ref()?;
            Some((&entry.header, vec![String::clone(&entry.claim)]))
        });
        let paths = config.upstream_headers.iter().map(|entry| {
            let entry = entry.as_ref()?;
            Some((&entry.header, Vec::clone(&entry.path)))
        });
        let mut seen = BTreeSet::new();
        let mut all_right = true;
        let (mut headers, mut subject) = (Vec::new(), None);
        for entry in claims.chain(paths) {
            let Some((written, path)) = entry else { continue };
            let header = written.to_ascii_lowercase();
            if let Some(sentence) = self.no_claim_header(&header, &mut seen) {
                self.diagnostics.error(DiagnosticKind::WrongValue, &written.pointer, sentence);
                all_right = false;
            }
            if path == ["sub"] {
                subject = Some(written.pointer.as_str());
            }
            headers.push(ClaimHeader { header, path });
        }
        self.warn_of_subjects_without_issuer(subject, &headers);
        all_right.then_some(headers)
    }

    /// A subject is unique within its issuer alone (RFC 7519 section 4.1.2): of two issuers, each may give out
    /// a `sub` that the other has given to another user. The header field of `sub` is written at `subject`.
    fn warn_of_subjects_without_issuer(&mut self, subject: Option<&str>, headers: &[ClaimHeader]) {
        let Some(pointer) = subject else { return };
        let issuers: BTreeSet<_> = self.accepted_issuers().iter().flatten().collect();
        if issuers.len() > 1 && !headers.iter().any(|header| header.path == ["iss"]) {
            let sentence = "this names a user only together with the issuer, as two issuers can have the same sub: \
                            pass iss on in a header field, too, and let the upstream look at both";
            self.diagnostics.warning(DiagnosticKind::Ambiguous, pointer, sentence);
        }
    }

    /// Why a claim cannot go into the header field `name`, where it cannot.
    fn no_claim_header(&self, name: &str, seen: &mut BTreeSet<String>) -> Option<&'static str> {
        let plain = underscores_as_hyphens(name);
        let actor = self.actor_header_name().map(|actor| underscores_as_hyphens(&actor));
        if plain == "authorization" {
            Some("write another name: Authorization carries the upstream's token")
        } else if actor.as_ref() == Some(&plain) {
            Some("write another name: this header field carries the actor token")
        } else if is_framing(name) {
            Some("write another name: a request cannot do without this header field as it is")
        } else if !seen.insert(plain) {
            Some("write another name: this header field stands in the list already (- and _ count as one)")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{loads, mistaken, policy, warnings, with};
    use crate::policy::issuers::IntrospectionPolicy;
    use serde_json::{Value, json};

    fn introspection(changes: &[(&str, Value)]) -> IntrospectionPolicy {
        policy(changes).validation.others.unwrap()
    }

    #[test]
    fn parameters_of_the_operators_own() {
        let arguments = introspection(&[("/args", json!({"realm": "a b", "token_type_hint": ""}))]).arguments;
        let shown: Vec<_> = arguments.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(shown, [("realm", "a b"), ("token_type_hint", "")]);
        for name in OWN_PARAMETERS {
            assert_eq!(mistaken(&[("/args", json!({name: "x"}))]), [format!("/args/{name}")]);
        }
    }

    #[test]
    fn header_fields_of_the_operators_own() {
        let headers = introspection(&[("/headers", json!({"X-Api-Key": "k", "a": "b"}))]).headers;
        let shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(shown, [("a", "b"), ("x-api-key", "k")]);
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "Content-Type",
            "Accept",
            "Accept-Encoding",
            "Authorization",
        ] {
            assert_eq!(mistaken(&[("/headers", json!({name: "x"}))]), [format!("/headers/{name}")]);
        }
        let twice = json!({"X-Api-Key": "k", "x-api-key": "l"});
        assert_eq!(mistaken(&[("/headers", twice)]), ["/headers/x-api-key"]);
        let own = [("/headers", json!({"Authorization": "Bearer x"})), ("/client_auth", json!("none"))];
        assert_eq!(introspection(&own).headers[0].0, "authorization");
    }

    #[test]
    fn claims_go_into_header_fields() {
        let headers = policy(&[(
            "/claim_to_header",
            json!([
                {"claim": "sub", "header": "X-User-Id"}, {"claim": "a.b", "header": "X_Tenant"}
            ]),
        )])
        .claim_headers;
        let header = |header: &str, path: &[&str]| ClaimHeader {
            header: header.to_owned(),
            path: path.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(headers, [header("x-user-id", &["sub"]), header("x_tenant", &["a.b"])]);
        let headers =
            policy(&[("/upstream_headers", json!([{"header": "X-Role", "path": ["realm", "role"]}]))])
                .claim_headers;
        assert_eq!(headers, [header("x-role", &["realm", "role"])]);
    }

    #[test]
    fn claims_never_take_the_place_of_another_header_field() {
        for name in
            ["Authorization", "X-Actor-Token", "x_actor_token", "Host", "Content-Length", "Connection", "te"]
        {
            let claims = json!([{"claim": "a", "header": "X-A"}, {"claim": "sub", "header": name}]);
            assert_eq!(mistaken(&[("/claim_to_header", claims)]), ["/claim_to_header/1/header"], "{name}");
            let paths = json!([{"path": ["sub"], "header": name}]);
            assert_eq!(mistaken(&[("/upstream_headers", paths)]), ["/upstream_headers/0/header"], "{name}");
        }
        let twice = json!([{"claim": "a", "header": "X-A"}, {"claim": "b", "header": "x_a"}]);
        assert_eq!(mistaken(&[("/claim_to_header", twice)]), ["/claim_to_header/1/header"]);
    }

    #[test]
    fn a_subject_of_several_issuers_goes_with_its_issuer() {
        let two = || ("/authorization_servers", json!(["https://auth.example.com", "https://b.example.com"]));
        let flat = |claims: &[&str]| {
            let entry = |claim: &&str| json!({"claim": claim, "header": format!("X-{claim}")});
            ("/claim_to_header", claims.iter().map(entry).collect::<Value>())
        };
        let nested = |paths: &[&[&str]]| {
            let entry = |path: &&[&str]| json!({"path": path, "header": format!("X-{}", path.join("-"))});
            ("/upstream_headers", paths.iter().map(entry).collect::<Value>())
        };
        for (headers, pointer) in [
            (flat(&["email", "sub"]), Some("/claim_to_header/1/header")),
            (flat(&["sub", "iss"]), None),
            (flat(&["email"]), None),
            (nested(&[&["sub"], &["act", "iss"]]), Some("/upstream_headers/0/header")),
            (nested(&[&["iss"], &["sub"]]), None),
            (nested(&[&["act", "sub"]]), None),
        ] {
            let found = loads(&with(&[two(), headers.clone()])).unwrap().warnings;
            let found: Vec<_> = found.iter().map(|it| (it.kind.as_str(), it.pointer.as_str())).collect();
            assert_eq!(found, Vec::from_iter(pointer.map(|pointer| ("ambiguous", pointer))), "{headers:?}");
            assert_eq!(warnings(&[headers]), Vec::<String>::new(), "one issuer");
        }
        let aliases =
            ("/issuers_allowed", json!(["https://auth.example.com/v1", "https://auth.example.com/v2"]));
        assert_eq!(warnings(&[aliases, flat(&["sub"])]).len(), 1, "what counts is iss");
        let twice =
            ("/authorization_servers", json!(["https://auth.example.com", "https://auth.example.com"]));
        assert_eq!(warnings(&[twice, flat(&["sub"])]).len(), 0);
    }

    #[test]
    fn places_are_right_beside_entries_that_were_misread() {
        let claims = json!([{"claim": 5, "header": "X-A"}, {"claim": "b", "header": "Host"}]);
        assert_eq!(
            mistaken(&[("/claim_to_header", claims)]),
            ["/claim_to_header/0/claim", "/claim_to_header/1/header"]
        );
    }

    #[test]
    fn only_one_list_of_claims_can_be_used() {
        let both = [
            ("/claim_to_header", json!([{"claim": "a", "header": "X-A"}])),
            ("/upstream_headers", json!([{"path": ["a"], "header": "X-B"}])),
        ];
        assert_eq!(mistaken(&both), ["/upstream_headers"]);
        policy(&[both[0].clone(), ("/upstream_headers", json!([]))]);
    }
}
