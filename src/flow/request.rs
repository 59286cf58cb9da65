//! A request between two steps.

use super::accept::ValidatedToken;
use super::credentials::Credentials;
use super::keys::Ticket;
use super::present::Presented;
use super::proven::ProvenClaims;
use super::question::{KeyFetch, Question};
use super::upstream_token::UpstreamToken;
use crate::digest::Digest;
use crate::http::Body;
use crate::rejection::Rejection;
use crate::secret::Secret;
use crate::time::UnixTime;
use std::rc::Rc;
use std::time::Duration;

/// A request that waits for an answer. Opaque, and given back by move: a request ends exactly once.
#[derive(Debug)]
pub struct Pending {
    pub(super) request: Request,
    pub(super) question: Question,
    /// The fetch that the question stands for, where it is one of keys or metadata.
    pub(super) ticket: Option<Ticket>,
    /// When the question was asked.
    pub(super) asked: UnixTime,
    /// When the answer is due.
    pub(super) due: UnixTime,
}

impl Pending {
    /// Whether it waits for keys, or for where they are, which is of use to others.
    pub fn is_fetch(&self) -> bool {
        self.ticket.is_some()
    }

    /// The credentials of the request, for its trailers.
    pub fn credentials(&self) -> &Rc<Credentials> {
        &self.request.presented.credentials
    }
}

/// A request, and what is settled about it so far.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) presented: Presented,
    pub(super) settled: Settled,
    budget: CallBudget,
    deadline: UnixTime,
}

/// What is settled stays settled, whatever the clock says at the next step.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// How far this request's own fetch of keys is. It makes no second one.
    pub(super) keys: Option<KeyFetch>,
    /// What the token says, by its signature.
    pub(super) signed: Option<ProvenClaims>,
    /// What the authorization server says of it.
    pub(super) introspected: Option<ProvenClaims>,
    /// The token, accepted.
    pub(super) token: Option<Rc<ValidatedToken>>,
    /// The request's body.
    pub(super) body: Option<Body>,
    /// What the legs have issued, in the plan's order.
    pub(super) legs: Vec<UpstreamToken>,
    /// The cache's key of what the newest leg issues, where it is cached.
    pub(super) leg_key: Option<Digest>,
    /// The next leg is asked for this request alone: another request brought a token for one use.
    pub(super) unshared_leg: bool,
}

/// How many callouts a request may still make.
#[derive(Debug)]
struct CallBudget {
    left: usize,
}

impl Request {
    /// A request that may make so many callouts until `deadline`.
    pub(super) fn new(presented: Presented, most_callouts: usize, deadline: UnixTime) -> Request {
        let budget = CallBudget { left: most_callouts };
        Request { presented, settled: Settled::default(), budget, deadline }
    }

    /// Every token of the request: those it presents, and those that were issued for it so far.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Secret> {
        let issued = self.settled.legs.iter().filter_map(UpstreamToken::issued);
        self.presented.credentials.iter().chain(issued)
    }

    /// Takes one callout from the budget.
    ///
    /// # Errors
    /// The policy rules out that a request needs another: a fault of the filter.
    pub(super) fn spend_callout(&mut self) -> Result<(), Rejection> {
        self.budget.left = self.budget.left.checked_sub(1).ok_or(Rejection::Internal)?;
        Ok(())
    }

    /// What is left of the request's time.
    pub(super) fn time_left(&self, now: UnixTime) -> Duration {
        now.until(self.deadline)
    }

    /// When all callouts of the request have to be done.
    pub(super) fn deadline(&self) -> UnixTime {
        self.deadline
    }
}
