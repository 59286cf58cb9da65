//! Which credential the upstream gets.

use super::environment::Environment;
use super::question::Question;
use super::request::Request;
use super::server::{Decision, ResourceServer, Unsettled};
use super::upstream_token::UpstreamToken;
use crate::policy::plan::UpstreamCredential;
use crate::rejection::Rejection;

impl ResourceServer {
    /// The credential that the policy has for the upstream; `None` where it is to have none. Legs whose
    /// token is not cached are asked, one after another.
    pub(super) fn obtain(
        &mut self,
        request: &mut Request,
        environment: &mut Environment<'_>,
    ) -> Decision<Option<UpstreamToken>> {
        let legs = match &self.policy.upstream_credential {
            UpstreamCredential::Removed => return Ok(None),
            UpstreamCredential::Original => return Ok(UpstreamToken::passed_on(&self.policy)),
            UpstreamCredential::Issued(plan) => plan.leg_ids(),
        };
        for leg in legs.skip(request.settled.legs.len()) {
            request.settled.leg_key = self.grant_key(request, leg);
            match request.settled.leg_key.and_then(|key| self.known_grant(&key, environment)) {
                Some(issued) => request.settled.legs.push(issued),
                None => return Err(Unsettled::Ask(Question::Grant(leg))),
            }
        }
        Ok(Some(request.settled.legs.last().cloned().ok_or(Rejection::Internal)?))
    }
}
