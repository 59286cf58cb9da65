//! Which issuers' tokens are accepted, and what proves them.

use crate::http::Endpoint;
use crate::jose::jwk::JwkSet;
use crate::jose::key::VerificationKey;
use crate::oauth::client_auth::ClientAuthentication;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// How tokens are proven.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The issuers that are recognised by `iss`, each with the proof that its tokens need.
    /// A token of one of these goes no other way.
    pub issuers: Vec<Rc<IssuerPolicy>>,
    /// Where every other token is introspected, opaque or of another issuer; `None`: such a token is
    /// refused.
    pub others: Option<IntrospectionPolicy>,
    /// The `typ` headers that a signed access token may have.
    pub access_token_types: Vec<String>,
    /// How long fetched keys and metadata are used.
    pub key_lifetimes: KeyLifetimes,
    /// How much of a worker's time verifications of refused tokens may take, in per cent.
    pub refused_verification_budget: u32,
}

impl Validation {
    /// The most callouts that the proof of one token can need.
    pub(super) fn most_callouts(&self) -> usize {
        let others = self.others.iter().map(|_| 1);
        self.issuers.iter().map(|issuer| issuer.proof.most_callouts()).chain(others).max().unwrap_or_default()
    }

    /// Every way of introspection.
    pub fn introspections(&self) -> impl Iterator<Item = &IntrospectionPolicy> {
        let own = self.issuers.iter().filter_map(|issuer| issuer.proof.introspection());
        own.chain(&self.others)
    }
}

/// An issuer that is recognised by `iss`.
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
    /// Introspection (RFC 7662).
    Introspection(Box<IntrospectionPolicy>),
    /// Its signature, then introspection.
    Both(KeySource, Box<IntrospectionPolicy>),
}

impl Proof {
    /// The most callouts that this proof can need: one fetch of keys, with the metadata at each of its
    /// URLs before it, and one introspection.
    fn most_callouts(&self) -> usize {
        let keys = match self.keys() {
            None | Some(KeySource::Static(_) | KeySource::Secret(_)) => 0,
            Some(KeySource::Endpoint(_)) => 1,
            Some(KeySource::Discovered(urls)) => urls.len().saturating_add(1),
        };
        keys.saturating_add(usize::from(self.introspection().is_some()))
    }

    /// Where the issuer's keys come from, where a signature is checked.
    pub fn keys(&self) -> Option<&KeySource> {
        match self {
            Proof::Signature(keys) | Proof::Both(keys, _) => Some(keys),
            Proof::Introspection(_) => None,
        }
    }

    /// Where tokens are introspected, where they are.
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
    /// A JWK Set whose URL the issuer's metadata names; the metadata is looked for at these, in
    /// order (RFC 8414 section 3, then OpenID Connect Discovery section 4).
    Discovered(Vec<Endpoint>),
}

impl KeySource {
    /// Whether the keys are fetched, and so may be others later.
    pub fn is_fetched(&self) -> bool {
        match self {
            KeySource::Endpoint(_) | KeySource::Discovered(_) => true,
            KeySource::Static(_) | KeySource::Secret(_) => false,
        }
    }
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
    pub max_stale: Duration,
    /// After this the metadata is fetched again.
    pub metadata: Duration,
    /// How often in a row one URL of the metadata is tried before the next one is.
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
    /// Where the operator says so, as a JSON pointer.
    pub client_auth_pointer: String,
    /// Form parameters beside `token`, which may be credentials. A `token_type_hint` here replaces
    /// the usual one; an empty value leaves that out.
    pub arguments: BTreeMap<String, Secret>,
    /// Header fields of the operator's, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// Maximum time an active response is cached; `None`: no response is cached.
    pub cache_ttl: Option<Duration>,
}
