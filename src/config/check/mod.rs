//! From the configuration as written to the [`Policy`]: what no single field can say.
//!
//! Each part is checked for itself and comes out as `None` when it has a mistake, so that one
//! mistake does not hide the next. Only all parts together make a policy.

mod client;
mod exchange;
mod headers;
mod introspection;
mod issuers;
mod keys;
mod kind;
mod urls;
mod validation;
mod weak;

use crate::config::diagnostics::Diagnostics;
use crate::config::written::{Cache, Config, Shared, WrittenSecret};
use crate::diagnostic::DiagnosticKind;
use crate::digest::Digest;
use crate::policy::plan::{Plan, UpstreamCredential};
use crate::policy::requirements::Requirements;
use crate::policy::{CachePolicy, Policy, SharedData, secrets};
use crate::scope::Scope;
use crate::token::kind::ExpectedKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// Checks one configuration.
pub(super) struct Checker<'a> {
    pub(super) config: &'a Config,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// Clusters by authority, as [`crate::http::Endpoint::authority`] spells it.
    clusters: BTreeMap<String, String>,
    /// Authorities of the endpoints seen so far.
    authorities: Vec<String>,
    /// Pointers to URLs that `insecure_http` lets pass.
    unencrypted: Vec<String>,
    /// Whether metadata is to tell where keys are.
    discovers: bool,
}

/// The policy of `config`; `None` where there is an error, which is then among the `diagnostics`.
pub(super) fn check(config: &Config, digest: Digest, diagnostics: &mut Diagnostics) -> Option<Policy> {
    let clusters = BTreeMap::new();
    let (authorities, unencrypted) = (Vec::new(), Vec::new());
    let mut checker = Checker { config, diagnostics, clusters, authorities, unencrypted, discovers: false };
    checker.read_clusters();
    let resource = checker.resource();
    let authorization_servers = checker.authorization_servers();
    let validation = checker.validation();
    let upstream_credential = checker.upstream_credential();
    let claim_headers = checker.claim_headers();
    let requirements = checker.requirements();
    checker.check_id_token_audience(&requirements, validation.as_ref());
    checker.warn();
    let timeout = Duration::from_millis(*config.timeout);
    let (validation, upstream_credential) = (validation?, upstream_credential?);
    let signing = config.jwt_secret.as_ref().map(|WrittenSecret(secret)| secret);
    let policy = Policy {
        digest,
        resource: resource?,
        authorization_servers: authorization_servers?,
        metadata_endpoint: config.metadata_endpoint.clone(),
        scopes_supported: config.scopes_supported.clone(),
        realm: config.realm.clone(),
        max_token_bytes: *config.max_token_bytes,
        secrets: secrets::of(&validation, &upstream_credential, signing),
        validation,
        requirements,
        upstream_credential,
        claim_headers: claim_headers?,
        body_limit: None,
        timeout,
        request_deadline: (*config.request_deadline).map_or(timeout.saturating_mul(2), Duration::from_millis),
        cache: cache_policy(config),
        clusters: checker.clusters,
        require_guard: *config.require_guard,
    };
    if policy.cache.shared == SharedData::On && policy.secrets_digest().is_none() {
        let sentence = "there is no client_secret or actor_token to encrypt shared entries with, so that each \
                        worker caches for itself";
        checker.diagnostics.warning(DiagnosticKind::NoEffect, &config.cache.shared.pointer, sentence);
    }
    Some(policy)
}

fn cache_policy(config: &Config) -> CachePolicy {
    let shared = match *config.cache.shared {
        Shared::Auto => SharedData::Auto,
        Shared::On => SharedData::On,
        Shared::Off => SharedData::Off,
    };
    let Cache { shared_slots, max_bytes, .. } = &*config.cache;
    CachePolicy { shared, shared_slots: **shared_slots, max_bytes: **max_bytes }
}

impl Checker<'_> {
    fn upstream_credential(&mut self) -> Option<UpstreamCredential> {
        if *self.config.token_exchange.enabled {
            if !*self.config.passthrough_credentials {
                self.diagnostics.error(
                    DiagnosticKind::Conflicting,
                    &self.config.passthrough_credentials.pointer,
                    "write true, or set token_exchange.enabled to false: an exchanged token is a credential for the \
                     upstream",
                );
            }
            Some(UpstreamCredential::Issued(Plan::new(self.exchange()?)))
        } else if *self.config.passthrough_credentials {
            Some(UpstreamCredential::Original)
        } else {
            Some(UpstreamCredential::Removed)
        }
    }

    fn requirements(&mut self) -> Requirements {
        let config = self.config;
        let relaxed = *config.insecure_relaxed_audience_validation;
        if relaxed && !config.audience_required.is_empty() {
            self.diagnostics.error(
                DiagnosticKind::Conflicting,
                &config.audience_required.pointer,
                "leave this out, or set insecure_relaxed_audience_validation to false: that one switches the \
                 audience check off",
            );
        }
        Requirements {
            issuers_allowed: self.accepted_issuers().as_ref().cloned().unwrap_or_default(),
            issuers_with_entry: config
                .issuers
                .iter()
                .flatten()
                .map(|entry| String::clone(&entry.issuer))
                .collect(),
            audiences: self.audiences(&[]),
            audience_claim: config.audience_claim.clone(),
            kind: self.expected_kind(),
            leeway: Duration::from_secs(*config.jwt_claims_leeway),
            scopes_required: config.scopes_required.iter().map(|words| Scope::parse(words)).collect(),
            scope_implies: config
                .scope_implies
                .iter()
                .map(|(scope, implied)| (scope.clone(), implied.iter().cloned().collect()))
                .collect(),
        }
    }

    /// What `aud` must name one of, where `more` is accepted, too; `None` where the operator switched
    /// the check off. An ID token is for its client, and never for the resource.
    fn audiences(&self, more: &[String]) -> Option<Vec<String>> {
        let config = self.config;
        let resource = config.resource.iter().filter(|_| self.expected_kind() == ExpectedKind::AccessToken);
        let accepted = resource.chain(&*config.audience_required).chain(more);
        (!*config.insecure_relaxed_audience_validation).then(|| accepted.cloned().collect())
    }

    fn warn(&mut self) {
        let exchange = &self.config.token_exchange;
        if exchange.token_endpoint.is_some() && !*exchange.enabled {
            let sentence = "this is false, so tokens are not exchanged";
            self.diagnostics.warning(DiagnosticKind::NoEffect, &exchange.enabled.pointer, sentence);
        }
        let relaxed = &self.config.insecure_relaxed_audience_validation;
        if **relaxed {
            self.diagnostics.warning(
                DiagnosticKind::WeakensCheck,
                &relaxed.pointer,
                "this is true, so tokens issued for other resources are accepted",
            );
        }
        self.warn_of_unused_certificate_endpoint();
        self.warn_of_weak_settings();
        self.warn_about_urls();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use crate::policy::host::HostTraits;
    use serde_json::json;

    #[test]
    fn what_goes_upstream_follows_two_switches() {
        const PASS: &str = "/passthrough_credentials";
        const EXCHANGE: &str = "/token_exchange/enabled";
        let credential = |pass: bool, exchange: bool| {
            policy(&[(PASS, json!(pass)), (EXCHANGE, json!(exchange))]).upstream_credential
        };
        assert!(matches!(credential(true, true), UpstreamCredential::Issued(_)));
        assert!(matches!(credential(true, false), UpstreamCredential::Original));
        assert!(matches!(credential(false, false), UpstreamCredential::Removed));
        assert!(message(&[(PASS, json!(false))], PASS).contains("write true"));
        assert!(message(&[(PASS, json!(null))], PASS).contains("write true"));
        assert_eq!(warnings(&[(EXCHANGE, json!(false))]).len(), 1);
    }

    #[test]
    fn a_guard_is_required_where_the_gateway_has_one_and_only_if_asked_for() {
        const GUARD: &str = "/require_guard";
        assert!(!policy(&[]).require_guard && !policy(&[(GUARD, json!(null))]).require_guard);
        let required = policy(&[(GUARD, json!(true))]);
        assert!(required.require_guard);
        assert_eq!(HostTraits::KONG.unsupported(&required), []);
        let said = HostTraits::ENVOY.unsupported(&required);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            said[0].to_string(),
            "/require_guard: only Kong has a guard; on Envoy and Istio leave this out"
        );
        assert_eq!(HostTraits::ENVOY.unsupported(&policy(&[(GUARD, json!(false))])), []);
        assert!(message(&[(GUARD, json!("yes"))], GUARD).contains("true or false"));
    }

    #[test]
    fn requirements_follow_kongs_names_and_ours() {
        let plain = policy(&[]).requirements;
        assert_eq!(plain.issuers_allowed, ["https://auth.example.com"]);
        assert_eq!(plain.audiences.as_deref(), Some(&["https://api.example.com/mcp".to_owned()][..]));
        assert_eq!((plain.audience_claim.as_str(), plain.leeway), ("aud", Duration::ZERO));
        assert!(plain.scopes_required.is_empty() && plain.scope_implies.is_empty());
        let full = policy(&[
            ("/issuers_allowed", json!(["https://a.example.com/"])),
            ("/audience_required", json!(["client-1"])),
            ("/audience_claim", json!("client_id")),
            ("/jwt_claims_leeway", json!(60)),
            ("/scopes_required", json!(["a b", "c"])),
            ("/scope_implies", json!({"admin": ["read", "write"]})),
        ])
        .requirements;
        assert_eq!(full.issuers_allowed, ["https://a.example.com/"]);
        assert!(full.issuers_with_entry.is_empty());
        let entry = ("/issuers", json!([{"issuer": "https://auth.example.com"}]));
        assert_eq!(policy(&[entry]).requirements.issuers_with_entry, ["https://auth.example.com"]);
        let audiences = ["https://api.example.com/mcp".to_owned(), "client-1".to_owned()];
        assert_eq!(full.audiences.as_deref(), Some(&audiences[..]));
        assert_eq!((full.audience_claim.as_str(), full.leeway), ("client_id", Duration::from_secs(60)));
        assert_eq!(full.scopes_required, [Scope::parse("a b"), Scope::parse("c")]);
        assert_eq!(full.scope_implies["admin"], Scope::parse("read write"));
        let relaxed = ("/insecure_relaxed_audience_validation", json!(true));
        assert_eq!(policy(std::slice::from_ref(&relaxed)).requirements.audiences, None);
        assert_eq!(warnings(std::slice::from_ref(&relaxed)).len(), 1);
        assert_eq!(mistaken(&[relaxed, ("/audience_required", json!(["a"]))]), ["/audience_required"]);
    }

    #[test]
    fn times_and_sizes() {
        let plain = policy(&[]);
        assert_eq!(plain.timeout, Duration::from_secs(10));
        assert_eq!(plain.request_deadline, Duration::from_secs(20));
        assert_eq!(plain.max_token_bytes, 16_384);
        let introspection = plain.validation.others.unwrap();
        assert_eq!(introspection.cache_ttl, Some(Duration::from_secs(60)));
        let cache = CachePolicy { shared: SharedData::Auto, shared_slots: 4096, max_bytes: 8_388_608 };
        assert_eq!(plain.cache, cache);
        let changed = policy(&[
            ("/timeout", json!(1500)),
            ("/cache", json!({"shared": "off", "shared_slots": 8, "max_bytes": 1_048_576})),
            ("/cache_introspection", json!(false)),
        ]);
        assert_eq!(changed.request_deadline, Duration::from_secs(3));
        let cache = CachePolicy { shared: SharedData::Off, shared_slots: 8, max_bytes: 1_048_576 };
        assert_eq!(changed.cache, cache);
        let introspection = changed.validation.others.unwrap();
        assert_eq!(introspection.cache_ttl, None);
        let unsealed = [
            ("/client_secret", json!(null)),
            ("/token_exchange/client_auth", json!("none")),
            ("/token_exchange/client_secret", json!(null)),
        ];
        for (shared, listed) in [("on", 1), ("auto", 0), ("off", 0)] {
            let shared = ("/cache/shared", json!(shared));
            assert_eq!(warnings(&[&unsealed[..], std::slice::from_ref(&shared)].concat()).len(), listed);
            assert_eq!(warnings(&[shared]).len(), 0);
        }
        let deadline = policy(&[("/request_deadline", json!(700))]).request_deadline;
        assert_eq!(deadline, Duration::from_millis(700));
        for pointer in ["/timeout", "/request_deadline", "/max_token_bytes", "/cache/shared_slots"] {
            message(&[(pointer, json!(0))], pointer);
        }
        let ttl = "/introspection_cache_ttl";
        assert!(message(&[(ttl, json!(0))], ttl).contains("set cache_introspection to false"));
    }
}
