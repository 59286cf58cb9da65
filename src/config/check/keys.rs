//! Where the keys that signatures are verified with come from.

use super::Checker;
use super::issuers::Accepted;
use crate::config::written::{Config, WrittenSecret};
use crate::diagnostic::DiagnosticKind;
use crate::jose::jwk::{JwkSet, Unusable};
use crate::jose::key::VerificationKey;
use crate::oauth::server_metadata;
use crate::policy::issuers::{KeyLifetimes, KeySource};
use crate::report::LeftOutKeys;
use serde_json::{Map, Value};
use std::time::Duration;

/// A field at the top that says where keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyField {
    Jwks,
    JwtSecret,
    JwksEndpoint,
    Metadata,
}

impl KeyField {
    /// The one that counts first stands first.
    const ALL: [KeyField; 4] =
        [KeyField::Jwks, KeyField::JwtSecret, KeyField::JwksEndpoint, KeyField::Metadata];

    /// Its pointer, and whether it is written.
    fn place(self, config: &Config) -> (&str, bool) {
        match self {
            KeyField::Jwks => (&config.jwks.pointer, config.jwks.is_some()),
            KeyField::JwtSecret => (&config.jwt_secret.pointer, config.jwt_secret.is_some()),
            KeyField::JwksEndpoint => (&config.jwks_endpoint.pointer, config.jwks_endpoint.is_some()),
            KeyField::Metadata => {
                let field = &config.metadata_discovery_endpoint;
                (&field.pointer, field.is_some())
            }
        }
    }

    fn name(self, config: &Config) -> &str {
        self.place(config).0.trim_start_matches('/')
    }
}

impl<'a> Checker<'a> {
    /// The keys of each of the `issuers` that follow the fields at the top.
    pub(super) fn followed_keys(&mut self, issuers: &[Accepted<'_>]) -> Option<Vec<KeySource>> {
        if KeyField::ALL.iter().any(|field| self.diagnostics.concern(field.place(self.config).0)) {
            return None;
        }
        let Some(field) = self.one_key_source()? else {
            let sources: Vec<_> =
                issuers.iter().map(|issuer| self.discovered(&issuer.pointer, issuer.issuer)).collect();
            return sources.into_iter().collect();
        };
        // Several values of iss can be one server's, and share its keys. Its metadata names one.
        let servers = self.config.authorization_servers.as_ref().map_or(0, Vec::len);
        if issuers.len() > 1 && (servers > 1 || field == KeyField::Metadata) {
            let others: Vec<_> = issuers.iter().skip(1).map(|issuer| issuer.pointer.as_str()).collect();
            let sentence = format!(
                "this is for one issuer, and there are {}: write an entry in issuers, with keys of its own, for each \
                 of the others, such as {}",
                issuers.len(),
                others.join(", ")
            );
            self.diagnostics.error(DiagnosticKind::Conflicting, self.pointer(field), sentence);
            return None;
        }
        let source = self.key_source(field)?;
        Some(vec![source; issuers.len()])
    }

    /// Warns of fields at the top that say where keys are, and are not used because of `reason`.
    pub(super) fn warn_of_unused_keys(&mut self, reason: &str) {
        for field in self.key_sources() {
            let sentence = format!("this is not used: {reason}");
            self.diagnostics.warning(DiagnosticKind::NoEffect, self.pointer(field), sentence);
        }
    }

    fn pointer(&self, field: KeyField) -> &'a str {
        field.place(self.config).0
    }

    /// The fields at the top that say where keys are and are written, the one that counts first.
    fn key_sources(&self) -> Vec<KeyField> {
        KeyField::ALL.into_iter().filter(|field| field.place(self.config).1).collect()
    }

    /// The one field at the top that says where keys are, if any; `None` where there are two.
    fn one_key_source(&mut self) -> Option<Option<KeyField>> {
        match self.key_sources().as_slice() {
            [] => Some(None),
            [one] => Some(Some(*one)),
            // Kong's rule: metadata is looked at where no jwks_endpoint says it all.
            [KeyField::JwksEndpoint, unused @ KeyField::Metadata] => {
                let sentence = "this is not used: jwks_endpoint says where the keys are";
                self.diagnostics.warning(DiagnosticKind::NoEffect, self.pointer(*unused), sentence);
                Some(Some(KeyField::JwksEndpoint))
            }
            [one, other, ..] => {
                let one = one.name(self.config);
                let sentence = format!("leave this out, or take {one} out: keys come from one place");
                self.diagnostics.error(DiagnosticKind::Conflicting, self.pointer(*other), sentence);
                None
            }
        }
    }

    fn key_source(&mut self, field: KeyField) -> Option<KeySource> {
        let config = self.config;
        let at = self.pointer(field);
        match field {
            KeyField::Jwks => self.static_keys(at, config.jwks.as_ref()?),
            KeyField::JwtSecret => self.shared_secret(at, config.jwt_secret.as_ref()?),
            KeyField::JwksEndpoint => self.fetched_keys(at, config.jwks_endpoint.as_ref()?),
            KeyField::Metadata => self.described_keys(at, config.metadata_discovery_endpoint.as_ref()?),
        }
    }

    /// A JWK Set that is written out.
    pub(super) fn static_keys(&mut self, at: &str, members: &Map<String, Value>) -> Option<KeySource> {
        let set = JwkSet::from_members(members).unwrap_or_default();
        if set.left_out().iter().any(|left_out| left_out.reason == Unusable::Symmetric) {
            let sentence = "take the keys with kty oct out of this set, which counts as public: a secret that is \
                            shared with the issuer belongs into jwt_secret";
            self.diagnostics.error(DiagnosticKind::UnusableKey, at, sentence);
            return None;
        }
        let left_out = LeftOutKeys(set.left_out()).to_string();
        if set.is_empty() {
            let found = if left_out.is_empty() { "no key at all" } else { &left_out };
            let sentence = format!("write at least one key that can verify signatures; there is {found}");
            self.diagnostics.error(DiagnosticKind::UnusableKey, at, sentence);
            return None;
        }
        if !left_out.is_empty() {
            let sentence = format!("some of these keys cannot be used: {left_out}");
            self.diagnostics.warning(DiagnosticKind::UnusableKey, at, sentence);
        }
        Some(KeySource::Static(set))
    }

    fn shared_secret(&mut self, at: &str, WrittenSecret(secret): &WrittenSecret) -> Option<KeySource> {
        match VerificationKey::shared_secret(secret.expose().as_bytes()) {
            Ok(key) => Some(KeySource::Secret(key)),
            Err(_) => {
                let sentence = "write a longer secret: HS256 needs at least 32 bytes, HS384 48 and HS512 64 (RFC 7518 \
                                section 3.2)";
                self.diagnostics.error(DiagnosticKind::UnusableKey, at, sentence);
                None
            }
        }
    }

    /// A JWK Set that is fetched.
    pub(super) fn fetched_keys(&mut self, at: &str, url: &str) -> Option<KeySource> {
        self.endpoint(at, url).map(KeySource::Endpoint)
    }

    /// A JWK Set whose URL the metadata at `url` names.
    fn described_keys(&mut self, at: &str, url: &str) -> Option<KeySource> {
        if !server_metadata::is_metadata_url(url) {
            let sentence =
                "write a URL whose path ends in /oauth-authorization-server or /openid-configuration";
            self.diagnostics.error(DiagnosticKind::WrongValue, at, sentence);
            return None;
        }
        self.discovers = true;
        self.endpoint(at, url).map(|endpoint| KeySource::Discovered(vec![endpoint]))
    }

    /// A JWK Set whose URL the metadata of `issuer` names. The issuer is written `at`.
    pub(super) fn discovered(&mut self, at: &str, issuer: &str) -> Option<KeySource> {
        let Some(urls) = server_metadata::metadata_urls(issuer) else {
            let sentence = "this issuer's keys cannot be discovered, as it is not a URL without a query: say where \
                            they are with jwks_endpoint or jwks, for one of several issuers in an entry of issuers";
            self.diagnostics.error(DiagnosticKind::Required, at, sentence);
            return None;
        };
        self.discovers = true;
        let endpoints: Option<Vec<_>> = urls.iter().map(|url| self.endpoint(at, url)).collect();
        endpoints.map(KeySource::Discovered)
    }

    /// How long keys and metadata are used.
    pub(super) fn key_lifetimes(&self) -> KeyLifetimes {
        let config = self.config;
        KeyLifetimes {
            keys: Duration::from_secs(*config.jwks_cache_ttl),
            refetch_cooldown: Duration::from_secs(*config.jwks_refetch_cooldown),
            max_stale: Duration::from_secs(*config.jwks_max_stale),
            metadata: Duration::from_secs(*config.metadata_cache_ttl),
            metadata_tries: (*config.metadata_discovery_retry).max(1),
            insecure_http: *config.insecure_http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use crate::policy::issuers::IssuerPolicy;
    use serde_json::json;

    const SERVERS: &str = "/authorization_servers";
    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn jwt(changes: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
        [&[("/introspection_endpoint", json!(null))], changes].concat()
    }

    fn issuers(changes: &[(&'static str, Value)]) -> Vec<std::rc::Rc<IssuerPolicy>> {
        policy(&jwt(changes)).validation.issuers
    }

    fn source(changes: &[(&'static str, Value)]) -> KeySource {
        let issuers = issuers(changes);
        assert_eq!(issuers.len(), 1);
        issuers[0].proof.keys().unwrap().clone()
    }

    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    #[test]
    fn keys_come_from_the_place_that_is_named() {
        let places = |source: KeySource| match source {
            KeySource::Static(_) => vec!["static".to_owned()],
            KeySource::Secret(_) => vec!["secret".to_owned()],
            KeySource::Endpoint(endpoint) => vec![endpoint.authority()],
            KeySource::Discovered(places) => places.into_iter().map(|place| place.path_and_query).collect(),
        };
        let jwks = json!({"keys": [ed25519()]});
        for (name, value, expected) in [
            ("/jwks", jwks.clone(), vec!["static"]),
            ("/jwks", json!(jwks.to_string()), vec!["static"]),
            ("/jwt_secret", json!(SECRET), vec!["secret"]),
            ("/jwks_endpoint", json!("https://k.example.com/keys"), vec!["k.example.com:443"]),
            (
                "/metadata_discovery_endpoint",
                json!("https://m.example.com/x/.well-known/openid-configuration"),
                vec!["/x/.well-known/openid-configuration"],
            ),
            (
                "/metadata_discovery_endpoint",
                json!("https://m.example.com/x/openid-configuration?appid=a/b&p=?c"),
                vec!["/x/openid-configuration?appid=a/b&p=?c"],
            ),
            (
                "/realm",
                json!("a"),
                vec!["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"],
            ),
        ] {
            assert_eq!(places(source(&[(name, value)])), expected, "{name}");
        }
        for other in [
            "https://m.example.com/metadata",
            "https://m.example.com/metadata?p=/openid-configuration",
            "https://m.example.com?/openid-configuration",
            "https://m.example.com/openid-configuration/",
            "https://m.example.com/openid-configuration/?p=a",
            "https://m.example.com/openid-configuration%3Fp=a",
            "https://m.example.com/my-openid-configuration",
            "https://m.example.com/openid-configuration#a",
            "https://m.example.com/openid-configuration?p=a b",
        ] {
            message(&jwt(&[("/metadata_discovery_endpoint", json!(other))]), "/metadata_discovery_endpoint");
        }
    }

    #[test]
    fn keys_come_from_one_place() {
        let all = [
            ("/jwks", json!({"keys": [ed25519()]})),
            ("/jwt_secret", json!(SECRET)),
            ("/jwks_endpoint", json!("https://k.example.com/keys")),
            ("/metadata_discovery_endpoint", json!("https://m.example.com/openid-configuration")),
        ];
        for (first, second) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)] {
            let pair = [all[first].clone(), all[second].clone()];
            let sentence = message(&jwt(&pair), pair[1].0);
            assert!(sentence.contains(pair[0].0.trim_start_matches('/')), "{sentence}");
        }
        let kongs = [all[2].clone(), all[3].clone()];
        assert!(matches!(source(&kongs), KeySource::Endpoint(_)), "Kong accepts both, and this counts");
        assert_eq!(warnings(&jwt(&kongs)).len(), 1);
        assert_eq!(mistaken(&jwt(&all)), [all[1].0], "one sentence is enough");
    }

    #[test]
    fn keys_that_are_not_used_are_a_warning() {
        let endpoint = ("/jwks_endpoint", json!("https://k.example.com/keys"));
        assert!(warnings(std::slice::from_ref(&endpoint))[0].contains("introspected"));
        let entry = ("/issuers", json!([{"issuer": "https://auth.example.com"}]));
        assert!(warnings(&jwt(&[endpoint, entry]))[0].contains("entry in issuers"));
    }

    #[test]
    fn the_keys_of_one_server_are_not_those_of_another() {
        let servers = json!(["https://auth.example.com", "https://b.example.com"]);
        let allowed =
            ("/issuers_allowed", json!(["https://auth.example.com/v1", "https://auth.example.com/v2"]));
        for (name, value) in [
            ("/jwks", json!({"keys": [ed25519()]})),
            ("/jwt_secret", json!(SECRET)),
            ("/jwks_endpoint", json!("https://k.example.com/keys")),
            ("/metadata_discovery_endpoint", json!("https://m.example.com/openid-configuration")),
        ] {
            let several = jwt(&[(SERVERS, servers.clone()), (name, value.clone())]);
            let sentence = message(&several, name);
            assert!(
                sentence.contains("issuers") && sentence.contains("/authorization_servers/1"),
                "{sentence}"
            );
            let entry =
                json!([{"issuer": "https://b.example.com", "jwks_endpoint": "https://b.example.com/k"}]);
            assert_eq!(policy(&[several, vec![("/issuers", entry)]].concat()).validation.issuers.len(), 2);
            // Two values of iss, but one server; only metadata is for one value of iss.
            let aliases = [allowed.clone(), (name, value)];
            if name == "/metadata_discovery_endpoint" {
                message(&jwt(&aliases), name);
            } else {
                assert_eq!(issuers(&aliases).len(), 2);
            }
        }
        assert_eq!(issuers(&[(SERVERS, servers)]).len(), 2, "each is discovered for itself");
        let twice = json!(["https://auth.example.com", "https://auth.example.com"]);
        assert_eq!(issuers(&[(SERVERS, twice)]).len(), 1);
    }

    #[test]
    fn a_written_set_needs_one_usable_key_and_no_secret() {
        let private = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "hunter2"
        });
        let unknown = json!({"kty": "AKP", "kid": "pq1"});
        let secret = json!({"kty": "oct", "k": "hunter2"});
        let sentence = |keys: Value| message(&jwt(&[("/jwks", json!({"keys": keys}))]), "/jwks");
        assert!(sentence(json!([])).contains("no key at all"));
        assert!(sentence(json!([unknown, private])).contains("1 unsupported kty, crv or alg (\"pq1\")"));
        assert!(sentence(json!([ed25519(), secret])).contains("jwt_secret"));
        let warnings = warnings(&jwt(&[("/jwks", json!({"keys": [ed25519(), unknown]}))]));
        let line = r#"/jwks: some of these keys cannot be used: 1 unsupported kty, crv or alg ("pq1")"#;
        assert_eq!(warnings, [line]);
        assert_eq!(mistaken(&jwt(&[("/jwks", json!({"keys": ["x"]}))])), ["/jwks"]);
        let endpoint = json!("https://k.example.com/keys");
        assert_eq!(mistaken(&jwt(&[("/jwks", json!(7)), ("/jwks_endpoint", endpoint)])), ["/jwks"]);
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(
            message(&jwt(&[("/jwt_secret", json!("0123456789abcdef0123456789abcde"))]), "/jwt_secret")
                .contains("32 bytes")
        );
    }

    #[test]
    fn http_and_clusters_go_for_keys_as_for_any_endpoint() {
        for (name, value) in [
            ("/jwks_endpoint", json!("http://k.example.com/keys")),
            ("/metadata_discovery_endpoint", json!("http://m.example.com/openid-configuration")),
            ("/issuers_allowed", json!(["http://i.example.com"])),
        ] {
            let pointer = if name == "/issuers_allowed" { "/issuers_allowed/0" } else { name };
            let changes = jwt(&[(name, value)]);
            assert!(message(&changes, pointer).contains("insecure_http"));
            let allowed = [changes, vec![("/insecure_http", json!(true))]].concat();
            assert_eq!(
                warnings(&allowed),
                [format!("/insecure_http: tokens and secrets travel unencrypted: {pointer}")]
            );
        }
        let entry = ("/issuers", json!([{"issuer": "http://i.example.com", "jwks": {"keys": [ed25519()]}}]));
        let allowed = ("/issuers_allowed", json!(["http://i.example.com"]));
        assert!(message(&[allowed, entry], "/issuers/0/issuer").contains("insecure_http"));
        let targets =
            ("/callout_targets", json!({"auth.example.com:443": "as", "keys.example.com:443": "keys"}));
        let policy = policy(&jwt(std::slice::from_ref(&targets)));
        assert_eq!(policy.clusters.get("keys.example.com:443").map(String::as_str), Some("keys"));
        let Some(KeySource::Discovered(places)) = policy.validation.issuers[0].proof.keys() else {
            panic!("discovered")
        };
        assert!(places.iter().all(|place| place.cluster.as_deref() == Some("as")));
        assert_eq!(warnings(&jwt(&[targets])), Vec::<String>::new(), "metadata may lead there");
    }
}
