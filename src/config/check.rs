//! From the configuration as written to the [`Policy`]: what no single field can say.
//!
//! Each part is checked for itself and comes out as `None` when it has a mistake, so that one
//! mistake does not hide the next. Only all parts together make a policy.

use super::error::Mistakes;
use super::form;
use super::policy::{
    CachePolicy, IntrospectionPolicy, Policy, Requirements, Resource, SharedTier, UpstreamCredential,
    Validation,
};
use super::written::{Config, Shared};
use crate::cache::digest::Digest;
use crate::http::Endpoint;
use crate::scope::Scope;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Checks one configuration.
pub(super) struct Checker<'a> {
    pub(super) config: &'a Config,
    pub(super) mistakes: &'a mut Mistakes,
    pub(super) warnings: &'a mut Vec<String>,
    /// Clusters by authority, as [`Endpoint::authority`] spells it.
    clusters: BTreeMap<String, String>,
    /// Authorities of the endpoints seen so far.
    authorities: Vec<String>,
    /// Pointers to URLs that `insecure_http` lets pass.
    unencrypted: Vec<String>,
}

/// The policy of `config`; `None` when there is a mistake, which is then among `mistakes`.
pub(super) fn check(
    config: &Config,
    digest: Digest,
    mistakes: &mut Mistakes,
    warnings: &mut Vec<String>,
) -> Option<Policy> {
    let clusters = BTreeMap::new();
    let (authorities, unencrypted) = (Vec::new(), Vec::new());
    let mut checker = Checker { config, mistakes, warnings, clusters, authorities, unencrypted };
    checker.read_clusters();
    let resource = checker.resource();
    let authorization_servers = checker.authorization_servers();
    let introspection = checker.introspection();
    let upstream_credential =
        checker.upstream_credential(introspection.as_ref().map(|introspection| &introspection.client));
    let claim_headers = checker.claim_headers();
    let requirements = checker.requirements();
    checker.warn();
    let timeout = Duration::from_millis(config.timeout);
    Some(Policy {
        digest,
        resource: resource?,
        authorization_servers: authorization_servers?,
        metadata_endpoint: config.metadata_endpoint.clone(),
        scopes_supported: config.scopes_supported.clone(),
        realm: config.realm.clone(),
        max_token_bytes: config.max_token_bytes,
        validation: Validation::Introspection(introspection?),
        requirements,
        upstream_credential: upstream_credential?,
        claim_headers: claim_headers?,
        timeout,
        request_deadline: config.request_deadline.map_or(timeout.saturating_mul(2), Duration::from_millis),
        cache: cache_policy(config),
    })
}

fn cache_policy(config: &Config) -> CachePolicy {
    let shared = match config.cache.shared {
        Shared::Auto => SharedTier::Auto,
        Shared::On => SharedTier::On,
        Shared::Off => SharedTier::Off,
    };
    CachePolicy { shared, shared_slots: config.cache.shared_slots, max_bytes: config.cache.max_bytes }
}

impl Checker<'_> {
    fn read_clusters(&mut self) {
        for (written, cluster) in &self.config.callout_targets {
            let authority = form::authority(written).unwrap_or_default();
            if self.clusters.insert(authority, cluster.clone()).is_some() {
                let pointer = super::error::beneath("/callout_targets", written);
                self.mistakes.add(&pointer, "this authority stands here twice: take one out");
            }
        }
    }

    fn resource(&mut self) -> Option<Resource> {
        let identifier = self.config.resource.clone()?;
        let url = Url::parse(&identifier).ok()?;
        self.require_encryption("/resource", &identifier)?;
        Some(Resource {
            origin: url.origin().ascii_serialization(),
            path: if url.path() == "/" { String::new() } else { url.path().to_owned() },
            query: url.query().map(str::to_owned),
            identifier,
        })
    }

    fn authorization_servers(&mut self) -> Option<Vec<String>> {
        let servers = self.config.authorization_servers.clone()?;
        let mut all_right = true;
        for (index, server) in servers.iter().enumerate() {
            let pointer = format!("/authorization_servers/{index}");
            all_right &= self.require_encryption(&pointer, server).is_some();
        }
        all_right.then_some(servers)
    }

    /// An endpoint that callouts go to.
    pub(super) fn endpoint(&mut self, pointer: &str, text: &str) -> Option<Endpoint> {
        let mut endpoint = match Endpoint::parse(text) {
            Ok(endpoint) => endpoint,
            Err(_) => {
                self.mistakes.add(pointer, "write an absolute http or https URL");
                return None;
            }
        };
        self.require_encryption(pointer, text)?;
        let authority = endpoint.authority();
        endpoint.cluster = self.clusters.get(&authority).cloned();
        self.authorities.push(authority);
        Some(endpoint)
    }

    /// https, unless it is this machine or the operator allowed otherwise.
    fn require_encryption(&mut self, pointer: &str, text: &str) -> Option<()> {
        let is_plain = Url::parse(text).is_ok_and(|url| url.scheme() == "http");
        let is_loopback = Endpoint::parse(text).is_ok_and(|endpoint| endpoint.is_loopback());
        if is_plain && !is_loopback {
            if !self.config.insecure_http {
                self.mistakes.add(
                    pointer,
                    "write an https URL: http is accepted for this machine only, or with insecure_http set to true",
                );
                return None;
            }
            self.unencrypted.push(pointer.to_owned());
        }
        Some(())
    }

    fn introspection(&mut self) -> Option<IntrospectionPolicy> {
        let config = self.config;
        let client = self.introspection_client();
        let (pointer, text) = match (&config.mtls_introspection_endpoint, self.uses_certificate()) {
            (Some(text), true) => ("/mtls_introspection_endpoint", Some(text)),
            _ => ("/introspection_endpoint", config.introspection_endpoint.as_ref()),
        };
        let endpoint = match text {
            Some(text) => self.endpoint(pointer, text),
            None => {
                self.mistakes.add(
                    pointer,
                    "write the URL of the introspection endpoint: this release validates tokens by introspection only",
                );
                None
            }
        };
        let arguments = self.arguments();
        let headers = self.introspection_headers(client.as_ref());
        let lifetime = Duration::from_secs(config.introspection_cache_ttl);
        Some(IntrospectionPolicy {
            endpoint: endpoint?,
            client: client?,
            arguments: arguments?,
            headers: headers?,
            remember: config.cache_introspection.then_some(lifetime),
        })
    }

    fn upstream_credential(
        &mut self,
        introspection_client: Option<&crate::oauth::client_auth::ClientAuthentication>,
    ) -> Option<UpstreamCredential> {
        if self.config.token_exchange.enabled {
            if !self.config.passthrough_credentials {
                self.mistakes.add(
                    "/passthrough_credentials",
                    "write true, or set token_exchange.enabled to false: an exchanged token is a credential for the \
                     upstream",
                );
            }
            let exchange = self.exchange(introspection_client)?;
            Some(UpstreamCredential::Exchanged(Box::new(exchange)))
        } else if self.config.passthrough_credentials {
            Some(UpstreamCredential::Original)
        } else {
            Some(UpstreamCredential::Removed)
        }
    }

    fn requirements(&mut self) -> Requirements {
        let config = self.config;
        let audiences = config.resource.iter().chain(&config.audience_required).cloned().collect();
        let relaxed = config.insecure_relaxed_audience_validation;
        if relaxed && !config.audience_required.is_empty() {
            self.mistakes.add(
                "/audience_required",
                "leave this out, or set insecure_relaxed_audience_validation to false: that one switches the \
                 audience check off",
            );
        }
        let issuers = config.issuers_allowed.as_ref().or(config.authorization_servers.as_ref());
        Requirements {
            issuers_allowed: issuers.cloned().unwrap_or_default(),
            audiences: (!relaxed).then_some(audiences),
            audience_claim: config.audience_claim.clone(),
            leeway: Duration::from_secs(config.jwt_claims_leeway),
            scopes_required: config.scopes_required.iter().map(|words| Scope::parse(words)).collect(),
            scope_implies: config
                .scope_implies
                .iter()
                .map(|(scope, implied)| (scope.clone(), implied.iter().cloned().collect()))
                .collect(),
        }
    }

    fn warn(&mut self) {
        let exchange = &self.config.token_exchange;
        if exchange.token_endpoint.is_some() && !exchange.enabled {
            self.warnings
                .push("/token_exchange/enabled: it is false, so tokens are not exchanged".to_owned());
        }
        if self.config.insecure_relaxed_audience_validation {
            self.warnings.push(
                "/insecure_relaxed_audience_validation: tokens issued for other resources are accepted"
                    .to_owned(),
            );
        }
        if !self.unencrypted.is_empty() {
            let pointers = self.unencrypted.join(", ");
            self.warnings.push(format!("/insecure_http: tokens and secrets travel unencrypted: {pointers}"));
        }
        let unused = self.clusters.keys().filter(|authority| !self.authorities.contains(authority));
        for authority in unused {
            let pointer = super::error::beneath("/callout_targets", authority);
            let known = self.authorities.join(", ");
            self.warnings.push(format!("{pointer}: no endpoint has this authority; there are {known}"));
        }
    }
}
