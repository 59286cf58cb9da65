//! The checked form of a configuration. Every value here is one the rest of the filter can use
//! without another look; only this room makes them.

use crate::digest::{Digest, DigestBuilder};
use crate::http::Endpoint;
use crate::jose::jwk::JwkSet;
use crate::jose::key::VerificationKey;
use crate::oauth::client_auth::ClientAuthentication;
pub use crate::oauth::metadata::Resource;
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::scope::Scope;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything the filter does for one configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Digest of the whole configuration, so that no memory is shared between two that differ.
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
    /// The longest credential that is looked at, in bytes.
    pub max_token_bytes: usize,
    /// How a token is proven.
    pub validation: Validation,
    /// What a proven token must say.
    pub requirements: Requirements,
    /// What the upstream gets in place of the caller's token.
    pub upstream_credential: UpstreamCredential,
    /// Header fields set from the validated token's claims.
    pub claim_headers: Vec<ClaimHeader>,
    /// How long one callout may take.
    pub timeout: Duration,
    /// How long all callouts of a request may take together.
    pub request_deadline: Duration,
    /// The memory for everything that is remembered.
    pub cache: CachePolicy,
    /// The gateway's own names of targets, by authority (`idp.example.com:443`).
    pub clusters: BTreeMap<String, String>,
}

impl Policy {
    /// An endpoint that was discovered, with the gateway's own name for it where the operator gave
    /// one.
    pub fn with_cluster(&self, mut endpoint: Endpoint) -> Endpoint {
        endpoint.cluster = self.clusters.get(&endpoint.authority()).cloned();
        endpoint
    }

    /// A digest over every secret of the configuration; `None` where there is none. What is shared
    /// with other workers is sealed with it.
    pub fn secrets_digest(&self) -> Option<Digest> {
        let mut secrets: Vec<&Secret> = self
            .validation
            .introspections()
            .filter_map(|introspection| introspection.client.secret())
            .collect();
        if let UpstreamCredential::Exchanged(exchange) = &self.upstream_credential {
            secrets.extend(exchange.client.secret());
            if let ActorSource::Configured { token, .. } = &exchange.actor {
                secrets.push(token);
            }
        }
        let texts = secrets.iter().map(|secret| secret.expose());
        (!secrets.is_empty()).then(|| DigestBuilder::new("secrets").list(texts).finish())
    }

    /// Where the configuration asks for a client certificate, as a JSON pointer; `None` where it
    /// does not.
    pub fn needs_client_certificate(&self) -> Option<&'static str> {
        let certified = |introspection: &IntrospectionPolicy| {
            matches!(introspection.client, ClientAuthentication::TlsClient { .. })
        };
        match &self.validation.others {
            Some(others) if certified(others) => Some("/client_auth"),
            _ => self.validation.introspections().any(certified).then_some("/issuers"),
        }
    }
}

/// How tokens are proven.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The issuers whose tokens are told by their `iss`, each with the proof that its tokens need.
    /// A token of one of these goes no other way.
    pub issuers: Vec<IssuerPolicy>,
    /// Who is asked about every other token, opaque or of an issuer that is not told by `iss`;
    /// `None`: such a token is refused.
    pub others: Option<IntrospectionPolicy>,
    /// The `typ` headers that a signed access token may have.
    pub access_token_types: Vec<String>,
    /// How long fetched keys and metadata are used.
    pub key_lifetimes: KeyLifetimes,
}

impl Validation {
    /// Every way of introspection.
    pub fn introspections(&self) -> impl Iterator<Item = &IntrospectionPolicy> {
        let own = self.issuers.iter().filter_map(|issuer| issuer.proof.introspection());
        own.chain(&self.others)
    }
}

/// An issuer whose tokens are told by their `iss`.
#[derive(Clone, Debug)]
pub struct IssuerPolicy {
    /// The exact value of `iss`.
    pub issuer: String,
    /// What proves its tokens.
    pub proof: Proof,
    /// `aud` must name one of these; `None` where the operator switched the check off.
    pub audiences: Option<Vec<String>>,
}

impl IssuerPolicy {
    /// The one value of `iss`, as a list.
    pub fn issuers_allowed(&self) -> &[String] {
        std::slice::from_ref(&self.issuer)
    }
}

/// What proves a token.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Its signature.
    Signature(KeySource),
    /// The authorization server's word (RFC 7662).
    Introspection(Box<IntrospectionPolicy>),
    /// Its signature, then the authorization server's word.
    Both(KeySource, Box<IntrospectionPolicy>),
}

impl Proof {
    /// Where the issuer's keys come from, where a signature is checked.
    pub fn keys(&self) -> Option<&KeySource> {
        match self {
            Proof::Signature(keys) | Proof::Both(keys, _) => Some(keys),
            Proof::Introspection(_) => None,
        }
    }

    /// Who is asked, where somebody is.
    pub fn introspection(&self) -> Option<&IntrospectionPolicy> {
        match self {
            Proof::Introspection(introspection) | Proof::Both(_, introspection) => Some(introspection),
            Proof::Signature(_) => None,
        }
    }
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// The configuration.
    Static(JwkSet),
    /// A secret that the issuer and the operator share: the one way to HS256, HS384 and HS512.
    Secret(VerificationKey),
    /// A JWK Set that is fetched.
    Endpoint(Endpoint),
    /// A JWK Set whose place the issuer's metadata tells; the metadata is looked for at these, in
    /// order (RFC 8414 section 3, then OpenID Connect Discovery section 4).
    Discovered(Vec<Endpoint>),
}

/// How long fetched keys and metadata are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLifetimes {
    /// After this a JWK Set is fetched again.
    pub keys: Duration,
    /// An unknown key causes at most one fetch for each issuer in this time.
    pub refetch_cooldown: Duration,
    /// How long the last good JWK Set serves while fetches fail, from when it should have been
    /// fetched again.
    pub longest_stale: Duration,
    /// After this the metadata is fetched again.
    pub metadata: Duration,
    /// How often the metadata is tried at each of its places within one attempt.
    pub metadata_tries: u32,
    /// Whether keys may be fetched from http endpoints that metadata names.
    pub insecure_http: bool,
}

/// How tokens are introspected.
#[derive(Clone, Debug)]
pub struct IntrospectionPolicy {
    /// The introspection endpoint.
    pub endpoint: Endpoint,
    /// How the filter authenticates there.
    pub client: ClientAuthentication,
    /// Form parameters beside `token`, which may be credentials. A `token_type_hint` here replaces
    /// the usual one; an empty value leaves that out.
    pub arguments: BTreeMap<String, Secret>,
    /// Header fields of the operator's, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// How long a positive answer is remembered at most; `None`: nothing is remembered.
    pub remember: Option<Duration>,
}

/// What a proven token must say to be accepted.
#[derive(Clone, Debug)]
pub struct Requirements {
    /// Exact values of `iss` that are accepted.
    pub issuers_allowed: Vec<String>,
    /// `aud` must name one of these; `None` where the operator switched the check off.
    pub audiences: Option<Vec<String>>,
    /// The claim that names the audience, `aud` unless the operator chose another.
    pub audience_claim: String,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Alternatives: all words of at least one must be granted. Empty: no scope is asked for.
    pub scopes_required: Vec<Scope>,
    /// Which scopes a scope brings with it.
    pub scope_implies: BTreeMap<String, Scope>,
}

/// What the upstream gets in place of the caller's token.
#[derive(Clone, Debug)]
pub enum UpstreamCredential {
    /// A token issued for it by token exchange.
    Exchanged(Box<ExchangePolicy>),
    /// The caller's own token, because the operator asked for it.
    Original,
    /// None.
    Removed,
}

/// How tokens are exchanged (RFC 8693).
#[derive(Clone, Debug)]
pub struct ExchangePolicy {
    /// The token endpoint.
    pub endpoint: Endpoint,
    /// How the filter authenticates there.
    pub client: ClientAuthentication,
    /// `subject_token_type`
    pub subject_token_type: TokenTypeIdentifier,
    /// `requested_token_type`; `None` leaves the parameter out.
    pub requested_token_type: Option<TokenTypeIdentifier>,
    /// Where the actor token comes from.
    pub actor: ActorSource,
    /// `audience`, once for each.
    pub audience: Vec<String>,
    /// `resource`, once for each.
    pub resource: Vec<String>,
    /// `scope`
    pub scope: Scope,
    /// Whether an issued token must have every scope that was asked for.
    pub require_scopes: bool,
    /// How issued tokens are remembered; `None`: not at all.
    pub remember: Option<ExchangeMemory>,
}

/// Where an actor token comes from.
#[derive(Clone, Debug)]
pub enum ActorSource {
    /// There is none.
    None,
    /// A header field of the request.
    Header {
        /// The field's name in lower case; never `authorization`.
        name: String,
        /// Whether the exchange goes ahead without an actor where the field is missing.
        optional: bool,
        /// `actor_token_type`
        token_type: TokenTypeIdentifier,
    },
    /// The validated token itself.
    ValidatedToken {
        /// `actor_token_type`
        token_type: TokenTypeIdentifier,
    },
    /// The configuration.
    Configured {
        /// The actor's token.
        token: Secret,
        /// `actor_token_type`
        token_type: TokenTypeIdentifier,
    },
}

impl ActorSource {
    /// `actor_token_type`, where there is an actor.
    pub fn token_type(&self) -> Option<&TokenTypeIdentifier> {
        match self {
            ActorSource::None => None,
            ActorSource::Header { token_type, .. }
            | ActorSource::ValidatedToken { token_type }
            | ActorSource::Configured { token_type, .. } => Some(token_type),
        }
    }
}

/// How long issued tokens are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeMemory {
    /// The lifetime of a token whose answer names none.
    pub default_lifetime: Duration,
    /// A token is not served in its last seconds.
    pub expiry_margin: Duration,
}

/// A header field that carries a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimHeader {
    /// The field's name in lower case.
    pub header: String,
    /// Where the claim stands: one name, or a path into nested objects.
    pub path: Vec<String>,
}

/// The memory for everything that is remembered.
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
