//! ORDER: what happens next.

mod accept;
mod authorize;
mod issuers;
mod keys;
mod obtain;
mod outcome;
mod possess;
mod present;
mod prove;
mod proven;
mod questions;
mod receipt;
mod request;
mod resource_metadata;
mod rewrite;
pub mod step;
mod upstream_token;

pub use request::Pending;

use crate::cache::entry::EntryAuthenticator;
use crate::cache::memory::Memory;
use crate::cache::shared::SharedTier;
use crate::cache::token_cache::TokenCache;
use crate::diagnostic::Diagnostic;
use crate::http::{Callout, RequestHead, ResponseHead};
use crate::policy::host::HostTraits;
use crate::policy::{Policy, SharedData};
use crate::rejection::{ChallengeContext, Rejection};
use crate::report::{Note, Report};
use accept::ValidatedToken;
use issuers::Issuers;
use keys::Ticket;
use obtain::LegKeys;
use possess::Possession;
use proven::ProvenClaims;
use questions::Question;
use request::Request;
use resource_metadata::MetadataPages;
use rewrite::HeaderEdits;
use std::rc::Rc;
use step::{Environment, Event, Receipt, ResponseEdits, Step};
use upstream_token::UpstreamToken;

/// What a part of the walk comes to.
type Decision<T> = Result<T, Unsettled>;

/// Why the walk cannot go on.
enum Unsettled {
    /// It needs an answer first.
    Ask(Question),
    /// The request does not pass.
    Reject(Rejection),
}

impl ResourceServer {
    /// The one walk from a request to its edits. It is taken anew after each answer, and what is settled
    /// stays settled.
    fn decide(
        &mut self,
        request: &mut Request,
        environment: &mut Environment<'_>,
    ) -> Decision<(HeaderEdits, Receipt)> {
        let token = self.validate(request, environment)?;
        self.read_body(request)?;
        self.authorize(&token)?;
        let upstream = self.obtain(request, environment)?;
        Ok(self.rewrite(request, &token, upstream, environment)?)
    }

    fn validate(
        &mut self,
        request: &mut Request,
        environment: &mut Environment<'_>,
    ) -> Decision<Rc<ValidatedToken>> {
        if let Some(token) = &request.settled.token {
            return Ok(Rc::clone(token));
        }
        let claims = self.prove(request, environment)?;
        let possession = Possession::shown(&claims);
        let token = Rc::new(self.accept(request, claims, possession, environment)?);
        request.settled.token = Some(Rc::clone(&token));
        Ok(token)
    }

    /// Takes a request whose headers have arrived.
    pub fn begin(&mut self, head: &RequestHead, environment: &mut Environment<'_>) -> Step {
        if let Some(reply) = self.metadata.reply(head) {
            return Step::Respond(reply);
        }
        match present::presented(&self.policy, self.host, head) {
            Ok(presented) => {
                let deadline = environment.now.saturating_add(self.policy.request_deadline);
                self.proceed(Request::new(presented, self.policy.most_callouts(), deadline), environment)
            }
            Err(rejection) => self.refuse(rejection, environment.report),
        }
    }

    /// Takes a request back with the answer to its question.
    pub fn resume(&mut self, pending: Pending, event: Event<'_>, environment: &mut Environment<'_>) -> Step {
        match self.learn(pending, event, environment) {
            Ok(request) => self.proceed(request, environment),
            Err(rejection) => self.refuse(rejection, environment.report),
        }
    }

    /// Takes the upstream's response to a request that was forwarded, where its receipt awaits it.
    pub fn response(
        &mut self,
        receipt: Receipt,
        response: &ResponseHead,
        environment: &mut Environment<'_>,
    ) -> ResponseEdits {
        let _ = (receipt, response, environment);
        ResponseEdits::default()
    }

    fn proceed(&mut self, mut request: Request, environment: &mut Environment<'_>) -> Step {
        match self.decide(&mut request, environment) {
            Ok((edits, receipt)) => Step::Forward(edits, receipt),
            Err(Unsettled::Ask(question)) => self.ask(request, question, environment),
            Err(Unsettled::Reject(rejection)) => self.refuse(rejection, environment.report),
        }
    }

    fn ask(&mut self, mut request: Request, question: Question, environment: &mut Environment<'_>) -> Step {
        let asked = environment.now;
        if let Question::Body(limit) = question {
            let due = request.deadline();
            return Step::ReadBody(limit, Pending { request, question, ticket: None, asked, due });
        }
        match self.callout(&mut request, &question, environment) {
            Ok((callout, ticket)) => {
                let due = asked.saturating_add(callout.timeout);
                Step::Call(callout, Pending { request, question, ticket, asked, due })
            }
            Err(rejection) => self.refuse(rejection, environment.report),
        }
    }

    /// The callout of a question, within the request's budget and what is left of its time.
    fn callout(
        &mut self,
        request: &mut Request,
        question: &Question,
        environment: &Environment<'_>,
    ) -> Result<(Callout, Option<Ticket>), Rejection> {
        request.spend_callout()?;
        let left = request.time_left(environment.now);
        if left.is_zero() {
            return Err(Rejection::TimedOut(question.endpoint()?));
        }
        let mut callout = questions::callout(self, request, question, environment.now)?;
        callout.timeout = self.policy.timeout.min(left);
        let due = environment.now.saturating_add(callout.timeout);
        let ticket = match question.issuer() {
            Some(issuer) => Some(self.issuers.get_mut(issuer)?.keys.begin(environment.now, due)),
            None => None,
        };
        Ok((callout, ticket))
    }

    /// The one place where a rejection becomes a reply.
    fn refuse(&self, rejection: Rejection, report: &mut Report) -> Step {
        report.add(Note::Refused {
            status: rejection.status(),
            description: rejection.description(),
            blame: rejection.blame(),
        });
        Step::Respond(rejection.reply(&self.challenges))
    }
}

/// One plugin configuration at work: its policy and what it caches.
#[derive(Debug)]
pub struct ResourceServer {
    policy: Policy,
    host: HostTraits,
    challenges: ChallengeContext,
    metadata: MetadataPages,
    issuers: Issuers,
    leg_keys: LegKeys,
    cache: TokenCache<ProvenClaims, UpstreamToken>,
    negative_cache: Memory<()>,
}

/// The cache of refusals is apart, so that a flood of bad tokens drives out no good one.
const NEGATIVE_CACHE_BYTES: usize = 256 * 1024;

impl ResourceServer {
    /// Sets up a configuration on a host whose abilities are known.
    ///
    /// # Errors
    /// What the policy asks for and this host cannot do.
    pub fn new(policy: Policy, host: HostTraits) -> Result<ResourceServer, Vec<Diagnostic>> {
        let unsupported = host.unsupported(&policy);
        if !unsupported.is_empty() {
            return Err(unsupported);
        }
        let metadata = MetadataPages::new(&policy, host);
        Ok(ResourceServer {
            challenges: ChallengeContext {
                realm: policy.realm.clone(),
                scope: policy.requirements.scopes_required.first().map(ToString::to_string),
                resource_metadata: metadata.url().to_owned(),
            },
            issuers: Issuers::new(&policy.validation.issuers),
            leg_keys: LegKeys::new(&policy),
            cache: TokenCache::new(policy.cache.max_bytes, shared_tier(&policy)),
            negative_cache: Memory::new(NEGATIVE_CACHE_BYTES),
            metadata,
            policy,
            host,
        })
    }

    /// What the configuration says of the gateway's shared data; `Off` where nothing would be put
    /// there.
    pub fn shared_data(&self) -> SharedData {
        if self.cache.is_shared() { self.policy.cache.shared } else { SharedData::Off }
    }
}

/// The shared tier, where the policy wants one and has a secret to authenticate its entries with.
fn shared_tier(policy: &Policy) -> Option<SharedTier> {
    let secrets = policy.secrets_digest().filter(|_| policy.cache.shared != SharedData::Off)?;
    let authenticator = EntryAuthenticator::new(&secrets, &policy.digest)?;
    Some(SharedTier::new(authenticator, policy.cache.shared_slots))
}

impl From<Rejection> for Unsettled {
    fn from(rejection: Rejection) -> Unsettled {
        Unsettled::Reject(rejection)
    }
}
