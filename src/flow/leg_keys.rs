//! Under which key the token is cached that a leg of the plan issues.

use super::present::Presented;
use crate::digest::{Digest, DigestBuilder};
use crate::policy::Policy;
use crate::policy::plan::{Grant, Leg, LegId, TokenSource, TypedSource};

/// For each leg the part of the cache's key that is the same for every request: all that the policy
/// puts on the wire, and the whole configuration's digest.
#[derive(Clone, Default)]
pub(super) struct LegKeys(Vec<DigestBuilder>);

impl std::fmt::Debug for LegKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "LegKeys({})", self.0.len())
    }
}

impl LegKeys {
    pub(super) fn new(policy: &Policy) -> LegKeys {
        let legs = policy.upstream_credential.legs().iter().enumerate();
        LegKeys(legs.map(|(index, leg)| prefix(policy, index, leg)).collect())
    }

    /// The cache's key of what a leg issues for the credentials of a request.
    pub(super) fn key(&self, leg: LegId, presented: &Presented) -> Option<Digest> {
        let actor = presented.credentials.actor.as_ref().map(|actor| actor.secret().expose().as_bytes());
        let prefix = self.0.get(leg.index())?.clone();
        Some(prefix.field(presented.token_key.as_bytes()).optional(actor).finish())
    }
}

fn prefix(policy: &Policy, index: usize, leg: &Leg) -> DigestBuilder {
    let Grant::TokenExchange { requested_token_type } = &leg.grant;
    let words: Vec<&str> = leg.target.scope.words().collect();
    let digest = DigestBuilder::new("exchange")
        .field(policy.digest.as_bytes())
        .field(&index.to_be_bytes())
        .field(leg.endpoint.authority().as_bytes())
        .field(leg.endpoint.path_and_query.as_bytes())
        .optional(requested_token_type.as_ref().map(|it| it.as_str().as_bytes()));
    [Some(&leg.subject), leg.actor.as_ref()]
        .into_iter()
        .fold(digest, with_source)
        .list(leg.target.audience.iter().map(String::as_str))
        .list(leg.target.resource.iter().map(String::as_str))
        .list(words.into_iter())
}

fn with_source(digest: DigestBuilder, typed: Option<&TypedSource>) -> DigestBuilder {
    let Some(TypedSource { source, token_type }) = typed else { return digest.optional(None) };
    let digest = digest.field(token_type.as_str().as_bytes());
    match source {
        TokenSource::ValidatedToken => digest.field(b"validated token"),
        TokenSource::Header { name, .. } => digest.field(b"header").field(name.as_bytes()),
        TokenSource::Configured(token) => digest.field(b"configured").field(token.expose().as_bytes()),
        TokenSource::Leg(leg) => digest.field(b"leg").field(&leg.index().to_be_bytes()),
    }
}
