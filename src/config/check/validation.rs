//! How tokens are proven.

use super::Checker;
use super::issuers::Accepted;
use crate::config::written::{Issuer, TokenValidation};
use crate::diagnostic::DiagnosticKind;
use crate::policy::issuers::Validation;

impl Checker<'_> {
    /// The proof that each token needs.
    pub(super) fn validation(&mut self) -> Option<Validation> {
        let config = self.config;
        let followed = (*config.token_validation).unwrap_or_else(|| self.kongs_rule());
        let entries = self.entries();
        let followers = self.followers();
        let needs_introspection = self.needs_introspection(followed, &entries, &followers);
        let shared = needs_introspection.then(|| self.introspection());
        if !needs_introspection && self.names_introspection() {
            let reason = "this is not used: no issuer's tokens are introspected here";
            let pointer = &config.introspection_endpoint.pointer;
            self.diagnostics.warning(DiagnosticKind::NoEffect, pointer, reason);
        }
        let usable = shared.as_ref().and_then(Option::as_ref);
        let own: Vec<_> = entries.iter().map(|entry| self.issuer_policy(entry, usable)).collect();
        let following = self.followed_policies(followed, &followers, usable);
        let shared = match shared {
            Some(checked) => Some(checked?),
            None => None,
        };
        let mut issuers = own.into_iter().collect::<Option<Vec<_>>>()?;
        issuers.extend(following?);
        let asks = matches!(followed, TokenValidation::Auto | TokenValidation::Introspection);
        Some(Validation {
            issuers,
            others: shared.filter(|_| asks),
            access_token_types: Vec::clone(&config.access_token_types),
            key_lifetimes: self.key_lifetimes(),
            refused_verification_budget: *config.refused_verification_budget,
        })
    }

    /// Kong's rule: introspection, if configured, is always used.
    fn kongs_rule(&self) -> TokenValidation {
        if self.names_introspection() { TokenValidation::Introspection } else { TokenValidation::Jwt }
    }

    /// Whether the introspection at the top has a use.
    fn needs_introspection(
        &self,
        followed: TokenValidation,
        entries: &[&Issuer],
        followers: &[Accepted<'_>],
    ) -> bool {
        let an_issuer_follows = !followers.is_empty() || entries.iter().any(|entry| !entry.introspects());
        match followed {
            TokenValidation::Jwt => false,
            TokenValidation::Auto => true,
            TokenValidation::Introspection => an_issuer_follows || self.names_introspection(),
            TokenValidation::Both => an_issuer_follows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use crate::http::Endpoint;
    use crate::oauth::client_auth::ClientAuthentication;
    use crate::policy::issuers::{KeyLifetimes, KeySource, Proof};
    use serde_json::{Value, json};
    use std::time::Duration;

    const ENDPOINT: &str = "/introspection_endpoint";
    const MODE: &str = "/token_validation";
    const SERVERS: &str = "/authorization_servers";
    const ISSUERS: &str = "/issuers";

    fn validation(changes: &[(&str, Value)]) -> Validation {
        policy(changes).validation
    }

    fn no_introspection() -> (&'static str, Value) {
        (ENDPOINT, json!(null))
    }

    fn two_servers() -> (&'static str, Value) {
        (SERVERS, json!(["https://auth.example.com", "https://b.example.com/t"]))
    }

    /// Each issuer with its proof in a few words.
    fn proofs(validation: &Validation) -> Vec<(&str, String)> {
        let url = |endpoint: &Endpoint| format!("{}{}", endpoint.authority(), endpoint.path_and_query);
        let keys = |keys: &KeySource| match keys {
            KeySource::Static(set) => format!("{} keys", set.len()),
            KeySource::Secret(_) => "secret".to_owned(),
            KeySource::Endpoint(endpoint) => url(endpoint),
            KeySource::Discovered(places) => {
                format!("found by {}", places.iter().map(url).collect::<Vec<_>>().join(" or "))
            }
        };
        let words = |proof: &Proof| match proof {
            Proof::Signature(source) => keys(source),
            Proof::Introspection(introspection) => format!("asks {}", url(&introspection.endpoint)),
            Proof::Both(source, introspection) => {
                format!("{}, asks {}", keys(source), url(&introspection.endpoint))
            }
        };
        validation.issuers.iter().map(|issuer| (issuer.issuer.as_str(), words(&issuer.proof))).collect()
    }

    const DISCOVERED: &str = "found by auth.example.com:443/.well-known/oauth-authorization-server or \
                              auth.example.com:443/.well-known/openid-configuration";
    const ASKED: &str = "asks auth.example.com:443/oauth2/introspect";

    fn discovered() -> Vec<(&'static str, String)> {
        vec![("https://auth.example.com", DISCOVERED.to_owned())]
    }

    #[test]
    fn kongs_rule_holds_where_nothing_else_is_said() {
        let introspected = validation(&[]);
        assert!(introspected.issuers.is_empty() && introspected.others.is_some());
        let signed = validation(&[no_introspection()]);
        assert_eq!(proofs(&signed), discovered());
        assert!(signed.others.is_none());
        let wrong = mistaken(&[(ENDPOINT, json!("auth.example.com")), ("/jwks", json!({"keys": []}))]);
        assert_eq!(wrong, [ENDPOINT]);
    }

    #[test]
    fn each_proof_can_be_asked_for_by_name() {
        let by_name = |name: &str| validation(&[(MODE, json!(name))]);
        let introspection = by_name("introspection");
        assert!(introspection.issuers.is_empty() && introspection.others.is_some());
        let jwt = by_name("jwt");
        assert!(proofs(&jwt) == discovered() && jwt.others.is_none());
        let auto = by_name("auto");
        assert!(proofs(&auto) == discovered() && auto.others.is_some());
        let both = by_name("both");
        assert_eq!(proofs(&both), [("https://auth.example.com", format!("{DISCOVERED}, {ASKED}"))]);
        assert!(both.others.is_none());
        for name in ["introspection", "auto", "both"] {
            let sentence = message(&[(MODE, json!(name)), no_introspection()], ENDPOINT);
            assert!(sentence.contains("token_validation"), "{name}: {sentence}");
        }
        assert_eq!(warnings(&[(MODE, json!("jwt"))]).len(), 1, "the endpoint is not used");
        assert_eq!(mistaken(&[(MODE, json!("jwks"))]), [MODE]);
    }

    #[test]
    fn a_client_is_needed_only_where_it_is_used() {
        let no_id = ("/client_id", json!(null));
        assert_eq!(mistaken(std::slice::from_ref(&no_id)), ["/client_id"]);
        let signed = [no_id.clone(), no_introspection()];
        assert_eq!(proofs(&validation(&signed)), discovered());
        let inherits = [no_id, no_introspection(), ("/token_exchange/client_auth", json!("inherit"))];
        assert_eq!(mistaken(&inherits), ["/client_id"]);
    }

    #[test]
    fn an_entry_says_what_proves_its_issuers_tokens() {
        const JWK: &str =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let jwk: Value = serde_json::from_str(JWK).unwrap();
        let entries = |entry: Value| {
            let mut entry = entry;
            entry["issuer"] = json!("https://b.example.com/t");
            [two_servers(), (ISSUERS, json!([entry]))]
        };
        let keys = json!({"jwks": {"keys": [jwk]}});
        let endpoint = json!({"jwks_endpoint": "https://b.example.com/keys"});
        let asked = json!({"introspection_endpoint": "https://b.example.com/ask"});
        let all = json!({
            "jwks_endpoint": "https://b.example.com/keys", "introspection_endpoint": "https://b.example.com/ask"
        });
        let found = "found by b.example.com:443/.well-known/oauth-authorization-server/t or \
                     b.example.com:443/t/.well-known/openid-configuration";
        let fetched = "b.example.com:443/keys";
        let asks = "asks b.example.com:443/ask";
        for (mode, entry, expected) in [
            (json!(null), &keys, "1 keys".to_owned()),
            (json!(null), &endpoint, fetched.to_owned()),
            (json!(null), &asked, asks.to_owned()),
            (json!(null), &json!({}), found.to_owned()),
            (json!(null), &all, format!("{fetched}, {asks}")),
            (json!("auto"), &endpoint, fetched.to_owned()),
            (json!("auto"), &asked, asks.to_owned()),
            (json!("both"), &endpoint, format!("{fetched}, {ASKED}")),
            (json!("both"), &asked, format!("{found}, {asks}")),
            (json!("both"), &all, format!("{fetched}, {asks}")),
            (json!("jwt"), &keys, "1 keys".to_owned()),
            (json!("introspection"), &asked, asks.to_owned()),
            (json!("introspection"), &json!({}), ASKED.to_owned()),
        ] {
            let [servers, issuers] = entries(entry.clone());
            let validation = validation(&[servers, issuers, (MODE, mode.clone())]);
            let proofs = proofs(&validation);
            assert_eq!(proofs[0], ("https://b.example.com/t", expected), "{mode} {entry}");
            let follower = match mode.as_str() {
                Some("jwt" | "auto" | "both") => 1,
                _ => 0,
            };
            assert_eq!(proofs.len(), 1 + follower, "{mode}: {proofs:?}");
            let asks_others = !matches!(mode.as_str(), Some("jwt" | "both"));
            assert_eq!(validation.others.is_some(), asks_others, "{mode}");
        }
        for (mode, entry, name) in [
            ("introspection", &endpoint, "jwks_endpoint"),
            ("introspection", &keys, "jwks"),
            ("jwt", &asked, "introspection_endpoint"),
            ("auto", &json!({"client_id": "b"}), "client_id"),
            ("auto", &json!({"client_auth": "none"}), "client_auth"),
            (
                "auto",
                &json!({"jwks_endpoint": "https://b.example.com", "jwks": {"keys": []}}),
                "jwks_endpoint",
            ),
        ] {
            let [servers, issuers] = entries(entry.clone());
            message(&[servers, issuers, (MODE, json!(mode))], &format!("/issuers/0/{name}"));
        }
    }

    #[test]
    fn no_server_sees_what_was_written_for_another() {
        let introspection = |entry: Value| {
            let changes = [
                two_servers(),
                (ISSUERS, json!([entry])),
                ("/args", json!({"tenant": "a"})),
                ("/headers", json!({"X-Key": "a"})),
            ];
            validation(&changes).issuers[0].proof.introspection().unwrap().clone()
        };
        let mut entry = json!({
            "issuer": "https://b.example.com/t", "introspection_endpoint": "https://b.example.com/ask"
        });
        let alone = introspection(entry.clone());
        assert_eq!(alone.client, ClientAuthentication::None { client_id: None });
        assert!(alone.arguments.is_empty() && alone.headers.is_empty());
        entry["client_id"] = json!("b");
        entry["client_secret"] = json!("{vault://env/gateway-secret}");
        let ClientAuthentication::Basic { client_id, client_secret, .. } = introspection(entry).client else {
            panic!("a secret means client_secret_basic")
        };
        assert_eq!((client_id.as_str(), client_secret.expose()), ("b", "s3"));
    }

    #[test]
    fn an_entry_is_for_an_accepted_issuer_and_for_one() {
        const AT: &str = "/issuers/0/issuer";
        let entries = |entries: Value| (ISSUERS, entries);
        for issuer in ["https://c.example.com", "https://auth.example.com/", "HTTPS://auth.example.com"] {
            let sentence = message(&[entries(json!([{"issuer": issuer}]))], AT);
            assert!(sentence.contains("authorization_servers"), "{sentence}");
        }
        let twice = entries(json!([
            {"issuer": "https://auth.example.com"}, {"issuer": "https://auth.example.com"}
        ]));
        assert_eq!(mistaken(&[twice]), ["/issuers/1/issuer"]);
        let allowed = ("/issuers_allowed", json!(["accounts.example.com"]));
        let endpoint = "https://k.example.com/keys";
        let named = entries(json!([{"issuer": "accounts.example.com", "jwks_endpoint": endpoint}]));
        let validation = validation(&[allowed.clone(), named, no_introspection()]);
        assert_eq!(proofs(&validation), [("accounts.example.com", "k.example.com:443/keys".to_owned())]);
        assert!(
            message(&[allowed.clone(), entries(json!([{"issuer": "accounts.example.com"}]))], AT)
                .contains("jwks_endpoint")
        );
        assert!(message(&[allowed, no_introspection()], "/issuers_allowed/0").contains("jwks_endpoint"));
    }

    #[test]
    fn no_introspection_at_the_top_is_needed_where_every_issuer_has_its_own() {
        let entry = json!([{
            "issuer": "https://auth.example.com", "introspection_endpoint": "https://auth.example.com/ask"
        }]);
        for mode in [json!(null), json!("introspection"), json!("both")] {
            let validation = validation(&[(ISSUERS, entry.clone()), no_introspection(), (MODE, mode)]);
            assert!(validation.others.is_none());
            assert_eq!(validation.issuers.len(), 1);
        }
    }

    #[test]
    fn audiences_of_an_issuer_add_to_those_of_all() {
        let changes = [
            (ISSUERS, json!([{"issuer": "https://auth.example.com", "audiences": ["c1"]}])),
            ("/audience_required", json!(["all"])),
        ];
        let audiences = validation(&changes).issuers[0].audiences.clone().unwrap();
        assert_eq!(audiences, ["https://api.example.com/mcp", "all", "c1"]);
        let followed = validation(&[no_introspection()]).issuers[0].audiences.clone().unwrap();
        assert_eq!(followed, ["https://api.example.com/mcp"]);
        let relaxed = ("/insecure_relaxed_audience_validation", json!(true));
        assert_eq!(validation(&[changes[0].clone(), relaxed]).issuers[0].audiences, None);
    }

    #[test]
    fn lifetimes_and_types_are_taken_over() {
        let usual = validation(&[]);
        assert_eq!(usual.access_token_types, ["at+jwt", "JWT"]);
        let seconds = Duration::from_secs;
        let expected = KeyLifetimes {
            keys: seconds(3600),
            refetch_cooldown: seconds(30),
            max_stale: seconds(86_400),
            metadata: seconds(3600),
            metadata_tries: 3,
            insecure_http: false,
        };
        assert_eq!(usual.key_lifetimes, expected);
        assert_eq!(usual.refused_verification_budget, 25);
        let changed = validation(&[
            ("/access_token_types", json!(["at+jwt"])),
            ("/jwks_cache_ttl", json!(1)),
            ("/jwks_refetch_cooldown", json!(2)),
            ("/jwks_max_stale", json!(0)),
            ("/metadata_cache_ttl", json!(4)),
            ("/metadata_discovery_retry", json!(0)),
            ("/insecure_http", json!(true)),
            ("/refused_verification_budget", json!(100)),
        ]);
        assert_eq!(changed.refused_verification_budget, 100);
        assert_eq!(changed.access_token_types, ["at+jwt"]);
        let expected = KeyLifetimes {
            keys: seconds(1),
            refetch_cooldown: seconds(2),
            max_stale: seconds(0),
            metadata: seconds(4),
            metadata_tries: 1,
            insecure_http: true,
        };
        assert_eq!(changed.key_lifetimes, expected);
        const BUDGET: &str = "/refused_verification_budget";
        for wrong in [json!(0), json!(101), json!(-1), json!(2.5), json!("25%"), json!(true)] {
            assert_eq!(mistaken(&[(BUDGET, wrong.clone())]), [BUDGET], "{wrong}");
        }
    }
}
