//! How the upstream's credential is obtained: a plan of legs, each a request to a token endpoint.

use crate::http::Endpoint;
use crate::oauth::client_auth::ClientAuthentication;
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::scope::Scope;
use crate::secret::Secret;
use std::time::Duration;

/// What the upstream gets in place of the caller's token.
#[derive(Clone, Debug)]
pub enum UpstreamCredential {
    /// The token that the last leg of a plan issues.
    Issued(Plan),
    /// The caller's own token, because the operator asked for it.
    Original,
    /// None.
    Removed,
}

impl UpstreamCredential {
    /// The legs, in the order in which they can be asked; none where no token is issued.
    pub fn legs(&self) -> &[Leg] {
        match self {
            UpstreamCredential::Issued(plan) => &plan.legs,
            UpstreamCredential::Original | UpstreamCredential::Removed => &[],
        }
    }

    /// The header field from which an actor token is taken, where a leg wants one: its name in lower
    /// case, and whether the request may lack it.
    pub fn actor_header(&self) -> Option<(&str, bool)> {
        self.legs().iter().find_map(|leg| match &leg.actor.as_ref()?.source {
            TokenSource::Header { name, optional } => Some((name.as_str(), *optional)),
            _ => None,
        })
    }
}

/// One or more legs. [`Plan::then`] gives a leg the name of the one before it, and no plan makes the name
/// of a leg that is not there.
#[derive(Clone, Debug)]
pub struct Plan {
    legs: Vec<Leg>,
}

/// Names a leg of the plan that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegId(usize);

impl Plan {
    /// A plan of one leg.
    pub fn new(leg: Leg) -> Plan {
        Plan { legs: vec![leg] }
    }

    /// Adds a leg, made with the name of the one before it.
    pub fn then(&mut self, leg: impl FnOnce(LegId) -> Leg) {
        let before = LegId(self.legs.len().saturating_sub(1));
        self.legs.push(leg(before));
    }

    /// The names of the legs, in the order in which they can be asked.
    pub fn leg_ids(&self) -> impl Iterator<Item = LegId> + use<> {
        (0..self.legs.len()).map(LegId)
    }

    /// The leg of this name.
    pub fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.get(id.0)
    }
}

impl LegId {
    /// Where the leg stands in its plan, from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One request to a token endpoint, and what is expected back.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The token endpoint.
    pub endpoint: Endpoint,
    /// How the filter authenticates there.
    pub client: ClientAuthentication,
    /// What is asked for.
    pub grant: Grant,
    /// The token that is exchanged.
    pub subject: TypedSource,
    /// The token of the party that acts; `None`: the parameter is left out.
    pub actor: Option<TypedSource>,
    /// For what the token is.
    pub target: Target,
    /// Whether an issued token must have every scope that was asked for.
    pub require_scopes: bool,
    /// How issued tokens are cached; `None`: not at all.
    pub cache: Option<LegCache>,
}

/// What a leg asks for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// Token exchange (RFC 8693).
    TokenExchange {
        /// `requested_token_type`; `None` leaves the parameter out.
        requested_token_type: Option<TokenTypeIdentifier>,
    },
}

/// Where a token comes from, and its type (RFC 8693 section 3).
#[derive(Clone, Debug)]
pub struct TypedSource {
    /// Where the token comes from.
    pub source: TokenSource,
    /// `subject_token_type` or `actor_token_type`
    pub token_type: TokenTypeIdentifier,
}

/// Where a token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// The validated token of the request.
    ValidatedToken,
    /// A header field of the request.
    Header {
        /// The field's name in lower case; never `authorization`.
        name: String,
        /// Whether the request may lack it; the parameter is then left out.
        optional: bool,
    },
    /// The configuration.
    Configured(Secret),
    /// What an earlier leg issued.
    Leg(LegId),
}

/// For what a token is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// `audience`, once for each.
    pub audience: Vec<String>,
    /// `resource`, once for each.
    pub resource: Vec<String>,
    /// `scope`
    pub scope: Scope,
}

/// How long issued tokens are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegCache {
    /// How long a token is used whose response names no lifetime.
    pub default_lifetime: Duration,
    /// How long before the end that a server has stated, of the token or of its subject, it is no longer used.
    pub expiry_margin: Duration,
}

impl Leg {
    /// The token of the configuration that this leg sends as the actor's.
    pub fn configured_actor(&self) -> Option<&Secret> {
        match &self.actor.as_ref()?.source {
            TokenSource::Configured(token) => Some(token),
            _ => None,
        }
    }

    /// The most callouts that a request can need for it: a token for one use that was issued to
    /// another request has to be asked for once more.
    fn most_callouts(&self) -> usize {
        if self.cache.is_some() { 2 } else { 1 }
    }
}

impl UpstreamCredential {
    /// The most callouts that a request can need for its credential.
    pub(super) fn most_callouts(&self) -> usize {
        self.legs().iter().map(Leg::most_callouts).fold(0, usize::saturating_add)
    }
}
