//! What a request may have to ask, a file for each question: `callout` is the request that asks it,
//! `learn` puts what the response says into memory or into what is settled.
//!
//! What holds for every question is here alone: an answer that another request's callout brought, and an
//! answer to another question.

pub(super) mod grant;
pub(super) mod introspection;
pub(super) mod keys;
pub(super) mod metadata;

use super::environment::{BodyFailure, Environment, Event};
use super::issuers::IssuerId;
use super::keys::{FetchEnd, Ticket};
use super::outcome;
use super::question::{KeyFetch, Question};
use super::request::{Pending, Request};
use super::server::ResourceServer;
use crate::http::{Body, Callout};
use crate::rejection::Rejection;
use crate::time::UnixTime;

/// What the filter is called in its requests (RFC 9110 section 10.1.5). Firewalls refuse those without a name.
const USER_AGENT: &str = concat!("token-exchange/", env!("CARGO_PKG_VERSION"));

/// The callout that asks a question.
pub(super) fn callout(
    server: &ResourceServer,
    request: &Request,
    question: &Question,
    now: UnixTime,
) -> Result<Callout, Rejection> {
    let mut callout = asking(server, request, question, now)?;
    callout.add_header("user-agent", USER_AGENT);
    // Without the field, any coding would do (RFC 9110 section 12.5.3).
    callout.add_header("accept-encoding", "identity");
    if let Some(parent) = &request.presented.trace_parent {
        callout.add_header("traceparent", parent.as_str());
    }
    Ok(callout)
}

/// The callout that asks a question, as far as the question makes it.
fn asking(
    server: &ResourceServer,
    request: &Request,
    question: &Question,
    now: UnixTime,
) -> Result<Callout, Rejection> {
    match question {
        Question::Metadata(issuer, turn) => metadata::callout(server, *issuer, *turn),
        Question::Keys(issuer) => keys::callout(server, *issuer, now),
        Question::Introspection(introspector) => introspection::callout(server, request, *introspector),
        Question::Grant(leg) => grant::callout(server, request, *leg),
        Question::Body(_) => Err(Rejection::Internal),
    }
}

impl ResourceServer {
    /// Lets a question learn from its answer. The request that is given back is decided anew.
    ///
    /// # Errors
    /// The answer rules out that the request passes.
    pub(super) fn learn(
        &mut self,
        pending: Pending,
        event: Event<'_>,
        environment: &mut Environment<'_>,
    ) -> Result<Request, Rejection> {
        let Pending { mut request, question, ticket, asked, due } = pending;
        let (outcome, joined) = match (event, &question) {
            (Event::Body(body), Question::Body(_)) => {
                request.settled.body = Some(read_body(body)?);
                return Ok(request);
            }
            (Event::Called { .. }, Question::Body(_)) | (Event::Body(_), _) => {
                return Err(Rejection::Internal);
            }
            (Event::Called { outcome, joined }, _) => (outcome, joined),
        };
        let prose = |text: &str| self.foreign_prose(&request, text);
        let response = outcome::in_time(outcome, question.endpoint()?, due, prose, environment);
        // The request that made the callout has processed this response, or another has found meanwhile what
        // this one looks for.
        let settled = (joined || question.is_settled_by_any())
            && self.settle_by_another(&mut request, &question, asked, environment);
        match question {
            Question::Metadata(issuer, turn) => {
                let fetch = ticket.as_ref().map(Ticket::number).ok_or(Rejection::Internal)?;
                let response = (!settled).then_some(response);
                let learned = metadata::learn(self, &request, (issuer, turn, fetch), response, environment)?;
                self.end_fetch(&mut request, issuer, ticket, learned, environment.now)?;
            }
            Question::Keys(issuer) => {
                let learned = keys::learn(self, issuer, (!settled).then_some(response), environment)?;
                self.end_fetch(&mut request, issuer, ticket, learned, environment.now)?;
            }
            Question::Introspection(_) | Question::Grant(_) if settled => drop(response?),
            Question::Introspection(introspector) => {
                introspection::learn(self, &mut request, introspector, &response?, environment)?;
            }
            Question::Grant(leg) => grant::learn(self, &mut request, leg, &response?, joined, environment)?,
            Question::Body(_) => return Err(Rejection::Internal),
        }
        Ok(request)
    }

    /// Ends the fetch that a question stood for, the one place where one ends.
    fn end_fetch(
        &mut self,
        request: &mut Request,
        issuer: IssuerId,
        ticket: Option<Ticket>,
        (end, fetch): (FetchEnd, KeyFetch),
        now: UnixTime,
    ) -> Result<(), Rejection> {
        let ticket = ticket.ok_or(Rejection::Internal)?;
        self.issuers.get_mut(issuer)?.keys.end(ticket, end, now);
        request.settled.keys = Some(fetch);
        Ok(())
    }

    /// Settles a question by what another request has learnt since it was asked; false where that is
    /// nothing.
    fn settle_by_another(
        &mut self,
        request: &mut Request,
        question: &Question,
        asked: UnixTime,
        environment: &mut Environment<'_>,
    ) -> bool {
        let known = |issuer: &IssuerId| self.issuers.get(*issuer).ok();
        match question {
            Question::Metadata(issuer, _) => {
                known(issuer).is_some_and(|issuer| issuer.discovery.endpoint(environment.now).is_some())
            }
            Question::Keys(issuer) => known(issuer).is_some_and(|issuer| issuer.keys.is_newer_than(asked)),
            Question::Introspection(introspector) => {
                match self.known_introspection(request, *introspector, environment) {
                    Ok(known) => request.settled.introspected = known,
                    // It was refused, which the walk finds in the cache of refusals.
                    Err(_) => return true,
                }
                request.settled.introspected.is_some()
            }
            Question::Grant(_) => {
                let known = request.settled.leg_key.and_then(|key| self.known_grant(&key, environment));
                let is_known = known.is_some();
                request.settled.legs.extend(known);
                is_known
            }
            Question::Body(_) => false,
        }
    }
}

fn read_body(body: Result<&[u8], BodyFailure>) -> Result<Body, Rejection> {
    match body {
        Ok(body) => Ok(Body(body.to_vec())),
        Err(BodyFailure::TooLarge) => Err(Rejection::BodyTooLarge),
        Err(BodyFailure::LengthRequired) => Err(Rejection::LengthRequired),
        Err(BodyFailure::Unreadable) => Err(Rejection::Internal),
    }
}
