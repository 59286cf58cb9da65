//! The effective configuration as Rust types: exactly the fields of the table that the filter acts
//! on, by the same names. One that differs is an error at load, so the two cannot drift apart.

use crate::secret::Secret;
use crate::text::pointer_to;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A value with the place where it was read, or where it would stand.
pub(super) struct Located<T> {
    value: T,
    /// JSON pointer (RFC 6901).
    pub(super) pointer: String,
}

impl<T> Located<T> {
    /// The pointer to an item of this list.
    pub(super) fn item(&self, index: usize) -> String {
        format!("{}/{index}", self.pointer)
    }

    /// The pointer to a member of this object, of a name that the operator chose.
    pub(super) fn member(&self, name: &str) -> String {
        pointer_to(&self.pointer, name)
    }

    /// The field's name.
    pub(super) fn name(&self) -> &str {
        self.pointer.rsplit('/').next().unwrap_or_default()
    }
}

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The reader writes pointer and value.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Located<T>, D::Error> {
        let (pointer, value) = Deserialize::deserialize(deserializer)?;
        Ok(Located { value, pointer })
    }
}

/// The same for a value that may be left out.
fn located_or_default<'de, D, T>(deserializer: D) -> Result<Located<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let (pointer, value) = <(String, Option<T>)>::deserialize(deserializer)?;
    Ok(Located { value: value.unwrap_or_default(), pointer })
}

/// The whole configuration. Times are in the units of the table: seconds, but milliseconds for
/// `timeout` and `request_deadline`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) resource: Located<Option<String>>,
    pub(super) authorization_servers: Located<Option<Vec<String>>>,
    pub(super) metadata_endpoint: Located<Option<String>>,
    pub(super) scopes_supported: Located<Option<Vec<String>>>,
    pub(super) realm: Located<Option<String>>,
    pub(super) max_token_bytes: Located<usize>,
    pub(super) introspection_endpoint: Located<Option<String>>,
    pub(super) mtls_introspection_endpoint: Located<Option<String>>,
    pub(super) cache_introspection: Located<bool>,
    pub(super) introspection_cache_ttl: Located<u64>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) args: Located<BTreeMap<String, WrittenSecret>>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) headers: Located<BTreeMap<String, WrittenSecret>>,
    pub(super) client: Client,
    pub(super) insecure_relaxed_audience_validation: Located<bool>,
    pub(super) audience_required: Located<Vec<String>>,
    pub(super) audience_claim: Located<String>,
    pub(super) issuers_allowed: Located<Option<Vec<String>>>,
    pub(super) scopes_required: Located<Vec<String>>,
    pub(super) scope_implies: Located<BTreeMap<String, Vec<String>>>,
    pub(super) jwt_claims_leeway: Located<u64>,
    pub(super) token_validation: Located<Option<TokenValidation>>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) issuers: Located<Vec<Option<Issuer>>>,
    pub(super) access_token_types: Located<Vec<String>>,
    pub(super) jwks: Located<Option<Map<String, Value>>>,
    pub(super) jwt_secret: Located<Option<WrittenSecret>>,
    pub(super) jwks_endpoint: Located<Option<String>>,
    pub(super) jwks_cache_ttl: Located<u64>,
    pub(super) jwks_refetch_cooldown: Located<u64>,
    pub(super) jwks_max_stale: Located<u64>,
    pub(super) metadata_discovery_endpoint: Located<Option<String>>,
    pub(super) metadata_cache_ttl: Located<u64>,
    pub(super) metadata_discovery_retry: Located<u32>,
    pub(super) refused_verification_budget: Located<u32>,
    pub(super) passthrough_credentials: Located<bool>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) claim_to_header: Located<Vec<Option<ClaimToHeader>>>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) upstream_headers: Located<Vec<Option<UpstreamHeader>>>,
    pub(super) token_exchange: Located<TokenExchange>,
    pub(super) timeout: Located<u64>,
    pub(super) request_deadline: Located<Option<u64>>,
    pub(super) callout_targets: Located<BTreeMap<String, String>>,
    pub(super) insecure_http: Located<bool>,
    pub(super) require_guard: Located<bool>,
    pub(super) cache: Located<Cache>,
}

/// A client of an authorization server, wherever one is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Client {
    pub(super) client_id: Located<Option<String>>,
    pub(super) client_secret: Located<Option<WrittenSecret>>,
    pub(super) client_auth: Located<Option<ClientAuth>>,
    /// `None` where the one at the top holds.
    pub(super) client_secret_basic_encoding: Option<Located<Encoding>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) issuer: Located<String>,
    pub(super) jwks: Located<Option<Map<String, Value>>>,
    pub(super) jwks_endpoint: Located<Option<String>>,
    pub(super) introspection_endpoint: Located<Option<String>>,
    pub(super) client: Client,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) audiences: Located<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimToHeader {
    pub(super) claim: Located<String>,
    pub(super) header: Located<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamHeader {
    pub(super) header: Located<String>,
    pub(super) path: Located<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenExchange {
    pub(super) enabled: Located<bool>,
    pub(super) token_endpoint: Located<Option<String>>,
    pub(super) client: Client,
    pub(super) require_scopes: Located<bool>,
    pub(super) request: Located<ExchangeRequest>,
    pub(super) cache: Located<ExchangeCache>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeRequest {
    pub(super) subject_token_type: Located<String>,
    pub(super) requested_token_type: Located<String>,
    pub(super) actor_token_type: Located<String>,
    pub(super) actor_token_source: Located<ActorTokenSource>,
    pub(super) actor_token_header: Located<Option<String>>,
    pub(super) actor_token: Located<Option<WrittenSecret>>,
    pub(super) actor_token_optional: Located<bool>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) audience: Located<Vec<String>>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) scopes: Located<Vec<String>>,
    #[serde(deserialize_with = "located_or_default")]
    pub(super) resource: Located<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeCache {
    pub(super) enabled: Located<bool>,
    pub(super) ttl: Located<u64>,
    pub(super) expiry_margin: Located<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cache {
    pub(super) shared: Located<Shared>,
    pub(super) shared_slots: Located<u32>,
    pub(super) max_bytes: Located<usize>,
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
    #[serde(rename = "inherit")]
    Inherit,
    #[serde(rename = "none")]
    None,
    #[serde(rename = "tls_client_auth", alias = "self_signed_tls_client_auth")]
    TlsClient,
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
pub(super) struct WrittenSecret(pub(super) Secret);

impl<'de> Deserialize<'de> for WrittenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenSecret, D::Error> {
        String::deserialize(deserializer).map(|text| WrittenSecret(Secret::new(text)))
    }
}
