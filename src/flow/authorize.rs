//! What a validated token allows.

use super::accept::ValidatedToken;
use super::question::Question;
use super::request::Request;
use super::server::{Decision, ResourceServer, Unsettled};
use crate::rejection::{Rejection, TokenFault};

/// Shows that a token allows the request. Only this file makes one.
#[derive(Debug)]
pub(super) struct Authorized(());

impl ResourceServer {
    /// Asks for the body of a request where the decision needs it.
    pub(super) fn read_body(&self, request: &Request) -> Decision<()> {
        match self.policy.body_limit {
            Some(limit) if request.settled.body.is_none() => Err(Unsettled::Ask(Question::Body(limit))),
            _ => Ok(()),
        }
    }

    /// Holds the scope of a token against what the resource requires.
    pub(super) fn authorize(&self, token: &ValidatedToken) -> Result<Authorized, Rejection> {
        let requirements = &self.policy.requirements;
        if requirements.scopes_required.is_empty() {
            return Ok(Authorized(()));
        }
        let granted = token
            .claims()
            .scope()
            .map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))?
            .with_implied(&requirements.scope_implies);
        if requirements.scopes_required.iter().any(|needed| granted.contains_all(needed)) {
            Ok(Authorized(()))
        } else {
            Err(Rejection::InsufficientScope)
        }
    }
}
