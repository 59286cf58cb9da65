//! Settings that are valid and make the filter accept more than an operator may expect. Each is a
//! warning that says what then passes.

use super::Checker;
use crate::config::written::{Located, WrittenSecret};
use crate::diagnostic::DiagnosticKind;

/// A leeway is usually no more than a few minutes (RFC 7519 section 4.1.4).
const MAX_USUAL_LEEWAY_SECONDS: u64 = 300;
const HOUR_SECONDS: u64 = 3600;
const WEEK_SECONDS: u64 = 604_800;

/// Clients that every realm of Keycloak has. `account` and `broker`, of the same kind, are bare words.
const KEYCLOAK_CLIENTS: [&str; 4] =
    ["account-console", "admin-cli", "realm-management", "security-admin-console"];

impl Checker<'_> {
    pub(super) fn warn_of_weak_settings(&mut self) {
        self.warn_of_long_times();
        self.warn_of_weak_audiences();
        self.warn_of_weak_secrets();
    }

    fn warn_of_long_times(&mut self) {
        let config = self.config;
        let leeway = &config.jwt_claims_leeway;
        if **leeway > MAX_USUAL_LEEWAY_SECONDS {
            let sentence = format!(
                "this accepts tokens up to {} seconds after they expire: write at most {MAX_USUAL_LEEWAY_SECONDS}, \
                 which allows for clocks that differ",
                **leeway
            );
            self.weakens(&leeway.pointer, sentence);
        }
        let introspected = &config.introspection_cache_ttl;
        if **introspected > HOUR_SECONDS && *config.cache_introspection {
            let sentence = format!(
                "this accepts a revoked token for up to {} seconds, as long as it has not expired: write at most \
                 {HOUR_SECONDS}",
                **introspected
            );
            self.weakens(&introspected.pointer, sentence);
        }
        for keys in [&config.jwks_cache_ttl, &config.jwks_max_stale] {
            if **keys > WEEK_SECONDS {
                let sentence = format!(
                    "this accepts signatures of a key that the issuer has withdrawn for up to {} seconds: write at \
                     most {WEEK_SECONDS}",
                    **keys
                );
                self.weakens(&keys.pointer, sentence);
            }
        }
    }

    fn warn_of_weak_audiences(&mut self) {
        let config = self.config;
        if *config.audience_claim == "iss" {
            let sentence = "iss names who issued a token, not for whom: once audience_required has an issuer, every \
                            token of that issuer is accepted; write the claim that names the audience";
            self.weakens(&config.audience_claim.pointer, sentence);
        }
        let entries = config.issuers.iter().flatten().map(|entry| &entry.audiences);
        for audiences in std::iter::once(&config.audience_required).chain(entries) {
            for (index, _) in audiences.iter().enumerate().filter(|(_, it)| is_common_audience(it)) {
                let sentence = "this is no name of one resource: authorization servers put such words into tokens for \
                                everyone, as Keycloak does account; write the URL or the client_id that stands for \
                                this resource alone";
                self.weakens(&audiences.item(index), sentence);
            }
        }
    }

    fn warn_of_weak_secrets(&mut self) {
        let config = self.config;
        let exchange = &config.token_exchange;
        let entries = config.issuers.iter().flatten().map(|entry| &entry.client.client_secret);
        let secrets = [
            &config.client.client_secret,
            &config.jwt_secret,
            &exchange.client.client_secret,
            &exchange.request.actor_token,
        ];
        for secret in secrets.into_iter().chain(entries) {
            if is_repeated_character(secret) {
                let sentence = "this is one character, repeated, which is a placeholder or can be guessed: write the \
                                secret, or a reference to it such as {vault://env/NAME}";
                self.diagnostics.warning(DiagnosticKind::WeakSecret, &secret.pointer, sentence);
            }
        }
    }

    fn weakens(&mut self, pointer: &str, sentence: impl Into<String>) {
        self.diagnostics.warning(DiagnosticKind::WeakensCheck, pointer, sentence);
    }
}

/// Whether tokens for other resources are likely to have `audience`, too: a bare word, as opposed to a
/// URI, a host, a number or a name of several words; or a client that every realm has.
fn is_common_audience(audience: &str) -> bool {
    audience.chars().all(char::is_alphabetic) || KEYCLOAK_CLIENTS.contains(&audience)
}

fn is_repeated_character(secret: &Located<Option<WrittenSecret>>) -> bool {
    secret.as_ref().is_some_and(|WrittenSecret(secret)| {
        let mut characters = secret.expose().chars();
        characters.next().is_some_and(|first| characters.all(|other| other == first))
    })
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{loads, warnings, with};
    use crate::diagnostic::DiagnosticKind::{self, WeakSecret, WeakensCheck};
    use serde_json::{Value, json};

    /// Pointer and kind of each warning about the example with `changes`.
    fn found(changes: &[(&str, Value)]) -> Vec<(String, DiagnosticKind)> {
        let warnings = loads(&with(changes)).unwrap().warnings;
        warnings.into_iter().map(|warning| (warning.pointer, warning.kind)).collect()
    }

    #[test]
    fn a_time_is_a_warning_where_it_is_longer_than_it_helps() {
        for (pointer, most, says) in [
            ("/jwt_claims_leeway", 300, "after they expire"),
            ("/introspection_cache_ttl", 3600, "a revoked token"),
            ("/jwks_cache_ttl", 604_800, "a key that the issuer has withdrawn"),
            ("/jwks_max_stale", 604_800, "a key that the issuer has withdrawn"),
        ] {
            assert_eq!(warnings(&[(pointer, json!(most))]), Vec::<String>::new());
            let longer = [(pointer, json!(most + 1))];
            assert_eq!(found(&longer), [(pointer.to_owned(), WeakensCheck)]);
            let sentence = &warnings(&longer)[0];
            for word in [says, &format!("up to {} seconds", most + 1), &format!("at most {most}")] {
                assert!(sentence.contains(word), "{sentence}");
            }
        }
        let not_cached = [("/introspection_cache_ttl", json!(7200)), ("/cache_introspection", json!(false))];
        assert_eq!(found(&not_cached), []);
    }

    #[test]
    fn an_audience_that_is_in_every_token_is_a_warning() {
        for audience in ["account", "api", "default", "Account", "broker", "realm-management", "admin-cli"] {
            let found = found(&[("/audience_required", json!(["https://a.example.com", audience]))]);
            assert_eq!(found, [("/audience_required/1".to_owned(), WeakensCheck)], "{audience}");
        }
        for audience in [
            "https://a.example.com",
            "urn:a",
            "api://default",
            "a.example.com",
            "accounts-service",
            "mcp_server",
            "client1",
            "00000003-0000-0000-c000-000000000000",
            "123456789",
        ] {
            assert_eq!(found(&[("/audience_required", json!([audience]))]), [], "{audience}");
        }
        let entry = json!([{"issuer": "https://auth.example.com", "audiences": ["gateway-1", "account"]}]);
        assert_eq!(found(&[("/issuers", entry)]), [("/issuers/0/audiences/1".to_owned(), WeakensCheck)]);
    }

    #[test]
    fn the_issuer_is_no_audience() {
        let claim = |name: &str| found(&[("/audience_claim", json!(name))]);
        assert_eq!(claim("iss"), [("/audience_claim".to_owned(), WeakensCheck)]);
        for name in ["aud", "client_id", "issuer", "ISS"] {
            assert_eq!(claim(name), [], "{name}");
        }
    }

    #[test]
    fn a_secret_of_one_repeated_character_is_a_warning() {
        let entry = |secret: &str| {
            json!([{
                "issuer": "https://auth.example.com", "introspection_endpoint": "https://auth.example.com/ask",
                "client_id": "b", "client_secret": secret
            }])
        };
        let actor = |token: &str| json!({"actor_token_source": "config", "actor_token": token});
        let no_introspection = ("/introspection_endpoint", json!(null));
        let long = |text: &str| text.repeat(32);
        let in_each = |secret: &str| {
            [
                ("/client_secret", vec![("/client_secret", json!(secret))]),
                ("/jwt_secret", vec![no_introspection.clone(), ("/jwt_secret", json!(long(secret)))]),
                ("/token_exchange/client_secret", vec![("/token_exchange/client_secret", json!(secret))]),
                ("/token_exchange/request/actor_token", vec![("/token_exchange/request", actor(secret))]),
                ("/issuers/0/client_secret", vec![("/issuers", entry(secret))]),
            ]
        };
        for secret in ["***", "x", "0000000000000000", "\u{e9}\u{e9}"] {
            for (pointer, changes) in in_each(secret) {
                assert_eq!(found(&changes), [(pointer.to_owned(), WeakSecret)], "{secret}");
            }
        }
        for secret in ["**x", "0000000000000001", "aA"] {
            for (_, changes) in in_each(secret) {
                assert_eq!(found(&changes), [], "{secret}");
            }
        }
    }

    #[test]
    fn a_reference_is_judged_by_what_it_leads_to() {
        let is_weak = |name: &str| {
            let secret = json!(format!("{{vault://env/{name}}}"));
            found(&[("/client_secret", secret)]).contains(&("/client_secret".to_owned(), WeakSecret))
        };
        assert!(is_weak("gateway-placeholder") && !is_weak("gateway-secret"));
    }
}
