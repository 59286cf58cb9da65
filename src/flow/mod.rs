//! ORDER: what happens next.

mod accept;
mod authorize;
mod credentials;
mod discovery;
mod environment;
mod field_rules;
mod foreign_prose;
mod header_edit;
mod issuers;
mod keys;
mod leg_keys;
mod obtain;
mod outcome;
mod possess;
mod present;
mod prove;
mod proven;
mod question;
mod questions;
mod receipt;
mod refusals;
mod request;
mod resource_metadata;
mod rewrite;
mod server;
mod signature;
pub mod step;
mod token_search;
mod trailers;
mod upstream_token;
mod verification_budget;

pub use credentials::Credentials;
pub use request::Pending;
pub use server::ResourceServer;

use crate::http::{Callout, CalloutOutcome, RequestHead, ResponseHead};
use crate::rejection::Rejection;
use crate::report::{Note, Report};
use accept::ValidatedToken;
use keys::Ticket;
use possess::Possession;
use question::Question;
use request::Request;
use rewrite::HeaderEdits;
use server::{Decision, Unsettled};
use std::rc::Rc;
use step::{Environment, Event, Receipt, ResponseEdits, Step};

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
        let authorized = self.authorize(&token)?;
        let upstream = self.obtain(request, environment)?;
        Ok(self.rewrite(request, &token, &authorized, upstream.as_ref(), environment)?)
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
        let token = Rc::new(self.accept(&request.presented, claims, possession.as_ref(), environment)?);
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

    /// Takes what a fetch has brought whose request has left. What others can use is learnt, and nothing is decided.
    pub fn fetched(&mut self, pending: Pending, outcome: &CalloutOutcome, environment: &mut Environment<'_>) {
        if pending.is_fetch() {
            // Without a request there is nothing to refuse.
            drop(self.learn(pending, Event::Called { outcome, joined: false }, environment));
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
