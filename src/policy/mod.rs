//! POLICY: what the operator meant, checked. Every value here is one the rest of the filter can use
//! without another look; only [`crate::config`] makes them.

pub mod host;
pub mod issuers;
pub mod plan;
pub mod requirements;
pub mod secrets;

use crate::digest::{Digest, DigestBuilder};
use crate::http::{ByteLimit, Endpoint};
use crate::oauth::client_auth::ClientAuthentication;
pub use crate::oauth::metadata::Resource;
use crate::secret::Secret;
use issuers::Validation;
use plan::UpstreamCredential;
use requirements::Requirements;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything the filter does for one configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Digest of the whole configuration, so that two that differ share no cache.
    pub digest: Digest,
    /// The protected resource this filter stands for.
    pub resource: Resource,
    /// Issuer identifiers of the authorization servers, as the metadata document names them.
    pub authorization_servers: Vec<String>,
    /// The path the operator chose for the metadata document.
    pub metadata_endpoint: Option<String>,
    /// Scopes the metadata document names.
    pub scopes_supported: Option<Vec<String>>,
    /// `realm` of every challenge.
    pub realm: Option<String>,
    /// Maximum accepted token length, in bytes.
    pub max_token_bytes: usize,
    /// How a token is proven.
    pub validation: Validation,
    /// What a proven token must say.
    pub requirements: Requirements,
    /// What the upstream gets in place of the caller's token.
    pub upstream_credential: UpstreamCredential,
    /// Header fields set from the validated token's claims.
    pub claim_headers: Vec<ClaimHeader>,
    /// The most of a request's body that is read before the request is decided; `None`: none is.
    pub body_limit: Option<ByteLimit>,
    /// How long one callout may take.
    pub timeout: Duration,
    /// How long all callouts of a request may take together.
    pub request_deadline: Duration,
    /// How much is cached, and where.
    pub cache: CachePolicy,
    /// Every secret of the configuration in the forms in which it is sent, none of which may stand in a log.
    pub secrets: Vec<Secret>,
    /// The gateway's own names of targets, by authority (`idp.example.com:443`).
    pub clusters: BTreeMap<String, String>,
    /// Whether a request is refused that the gateway's guard did not hold back.
    pub require_guard: bool,
}

impl Policy {
    /// An endpoint that was discovered, with the gateway's own name for it where the operator gave
    /// one.
    pub fn with_cluster(&self, mut endpoint: Endpoint) -> Endpoint {
        endpoint.cluster = self.clusters.get(&endpoint.authority()).cloned();
        endpoint
    }

    /// The most callouts that one request can need: the metadata and the keys of one issuer, one
    /// introspection, and what the plan asks for.
    pub fn most_callouts(&self) -> usize {
        let proof = self.validation.most_callouts();
        proof.saturating_add(self.upstream_credential.most_callouts())
    }

    /// A digest over every secret of the configuration; `None` where there is none. What is shared
    /// with other workers is encrypted with a key made of it.
    pub fn secrets_digest(&self) -> Option<Digest> {
        let mut secrets: Vec<&Secret> = self
            .validation
            .introspections()
            .filter_map(|introspection| introspection.client.secret())
            .collect();
        for leg in self.upstream_credential.legs() {
            secrets.extend(leg.client.secret());
            secrets.extend(leg.configured_actor());
        }
        let texts = secrets.iter().map(|secret| secret.expose());
        (!secrets.is_empty()).then(|| DigestBuilder::new("secrets").list(texts).finish())
    }

    /// Where the configuration asks for a client certificate, as JSON pointers.
    fn client_certificate_pointers(&self) -> impl Iterator<Item = &str> {
        let certified = self
            .validation
            .introspections()
            .filter(|introspection| matches!(introspection.client, ClientAuthentication::TlsClient { .. }));
        certified.map(|introspection| introspection.client_auth_pointer.as_str())
    }
}

/// A header field that carries a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimHeader {
    /// The field's name in lower case.
    pub header: String,
    /// Where the claim stands: one name, or a path into nested objects.
    pub path: Vec<String>,
}

/// How much is cached, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// Whether the gateway's shared data is used.
    pub shared: SharedData,
    /// Entries in the shared tier.
    pub shared_slots: u32,
    /// The size of the in-VM tier of each worker, in bytes.
    pub max_bytes: usize,
}

/// Whether the gateway's shared data is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedData {
    /// Where the gateway has it.
    Auto,
    /// Yes; a gateway without it is an error in the log.
    On,
    /// Never.
    Off,
}
