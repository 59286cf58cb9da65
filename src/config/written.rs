//! The effective configuration as Rust types: exactly the fields of the table that the filter acts
//! on, by the same names. One that differs is an error at load, so the two cannot drift apart.

use crate::secret::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The whole configuration. Times are in the units of the table: seconds, but milliseconds for
/// `timeout` and `request_deadline`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) resource: Option<String>,
    pub(super) authorization_servers: Option<Vec<String>>,
    pub(super) metadata_endpoint: Option<String>,
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) realm: Option<String>,
    pub(super) max_token_bytes: usize,
    pub(super) introspection_endpoint: Option<String>,
    pub(super) mtls_introspection_endpoint: Option<String>,
    pub(super) cache_introspection: bool,
    pub(super) introspection_cache_ttl: u64,
    #[serde(default)]
    pub(super) args: BTreeMap<String, Sealed>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Sealed>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Sealed>,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) client_secret_basic_encoding: Encoding,
    pub(super) insecure_relaxed_audience_validation: bool,
    pub(super) audience_required: Vec<String>,
    pub(super) audience_claim: String,
    pub(super) issuers_allowed: Option<Vec<String>>,
    pub(super) scopes_required: Vec<String>,
    pub(super) scope_implies: BTreeMap<String, Vec<String>>,
    pub(super) jwt_claims_leeway: u64,
    pub(super) token_validation: Option<TokenValidation>,
    #[serde(default)]
    pub(super) issuers: Vec<Option<Issuer>>,
    pub(super) access_token_types: Vec<String>,
    pub(super) jwks: Option<Map<String, Value>>,
    pub(super) jwt_secret: Option<Sealed>,
    pub(super) jwks_endpoint: Option<String>,
    pub(super) jwks_cache_ttl: u64,
    pub(super) jwks_refetch_cooldown: u64,
    pub(super) jwks_max_stale: u64,
    pub(super) metadata_discovery_endpoint: Option<String>,
    pub(super) metadata_cache_ttl: u64,
    pub(super) metadata_discovery_retry: u32,
    pub(super) passthrough_credentials: bool,
    #[serde(default)]
    pub(super) claim_to_header: Vec<Option<ClaimToHeader>>,
    #[serde(default)]
    pub(super) upstream_headers: Vec<Option<UpstreamHeader>>,
    pub(super) token_exchange: TokenExchange,
    pub(super) timeout: u64,
    pub(super) request_deadline: Option<u64>,
    pub(super) callout_targets: BTreeMap<String, String>,
    pub(super) insecure_http: bool,
    pub(super) cache: Cache,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    pub(super) jwks: Option<Map<String, Value>>,
    pub(super) jwks_endpoint: Option<String>,
    pub(super) introspection_endpoint: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Sealed>,
    pub(super) client_auth: Option<ClientAuth>,
    pub(super) client_secret_basic_encoding: Encoding,
    #[serde(default)]
    pub(super) audiences: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimToHeader {
    pub(super) claim: String,
    pub(super) header: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamHeader {
    pub(super) header: String,
    pub(super) path: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenExchange {
    pub(super) enabled: bool,
    pub(super) token_endpoint: Option<String>,
    pub(super) client_auth: ExchangeClientAuth,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Sealed>,
    pub(super) require_scopes: bool,
    pub(super) request: ExchangeRequest,
    pub(super) cache: ExchangeCache,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeRequest {
    pub(super) subject_token_type: String,
    pub(super) requested_token_type: String,
    pub(super) actor_token_type: String,
    pub(super) actor_token_source: ActorTokenSource,
    pub(super) actor_token_header: Option<String>,
    pub(super) actor_token: Option<Sealed>,
    pub(super) actor_token_optional: bool,
    #[serde(default)]
    pub(super) audience: Vec<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) resource: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeCache {
    pub(super) enabled: bool,
    pub(super) ttl: u64,
    pub(super) expiry_margin: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cache {
    pub(super) shared: Shared,
    pub(super) shared_slots: u32,
    pub(super) max_bytes: usize,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenValidation {
    Auto,
    Introspection,
    Jwt,
    Both,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum ClientAuth {
    #[serde(rename = "client_secret_basic")]
    Basic,
    #[serde(rename = "client_secret_post")]
    Post,
    #[serde(rename = "none")]
    None,
    #[serde(rename = "tls_client_auth", alias = "self_signed_tls_client_auth")]
    TlsClient,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) enum ExchangeClientAuth {
    #[serde(rename = "client_secret_basic")]
    Basic,
    #[serde(rename = "client_secret_post")]
    Post,
    #[serde(rename = "inherit")]
    Inherit,
    #[serde(rename = "none")]
    None,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    Form,
    Raw,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActorTokenSource {
    None,
    Header,
    Config,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shared {
    Auto,
    On,
    Off,
}

/// A credential as it is read.
pub(super) struct Sealed(pub(super) Secret);

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sealed, D::Error> {
        String::deserialize(deserializer).map(|text| Sealed(Secret::new(text)))
    }
}
