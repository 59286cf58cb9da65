//! The proof that a token carries itself: its signature, by a key of its issuer.

use super::keys::{IssuerKeys, Look, Seek};
use super::step::{Environment, Step};
use super::validated::{Asked, access_token_fault, refused};
use super::{Carried, ResourceServer, Stage};
use crate::cache::tiers::Verified;
use crate::digest::DigestBuilder;
use crate::http::{Callout, CalloutResponse, Endpoint, FlightKey};
use crate::jose::jwk::{JwkSet, NoKey};
use crate::jose::jws::Jws;
use crate::oauth::server_metadata;
use crate::policy::{KeySource, Proof};
use crate::rejection::{Callee, Rejection, RetryAfter, TokenFault};
use crate::report::{Level, Quoted, Report};
use crate::time::UnixTime;
use crate::token::access_token::AccessTokenRules;
use crate::token::claim_rules::Presence;
use crate::token::claims::ClaimsSet;
use crate::token::jwt::{VerificationError, VerifiedJwt};
use std::rc::Rc;

/// A fetch on its way, of an issuer's keys or of the metadata that leads to them.
#[derive(Debug)]
pub(super) struct KeyFetch {
    issuer: usize,
    began: UnixTime,
}

/// How a request's own fetch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetch {
    /// It brought a set.
    Done,
    /// It brought none, for this reason.
    Failed(Rejection),
}

/// What the keys say of a token.
enum Verdict {
    Verified(VerifiedJwt),
    Refused(VerificationError),
    FetchFirst,
}

impl ResourceServer {
    /// Checks the signature, after a fetch of keys where that is needed. `fetch` is how this
    /// request's own fetch went: it makes no second one.
    pub(super) fn verify(
        &mut self,
        carried: Carried,
        issuer: usize,
        fetch: Option<Fetch>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let token = carried.located.token.secret().expose();
        let jws = Jws::parse(token).map_err(|error| refused(&error, TokenFault::Unreadable, environment))?;
        let jwt = match self.judge(&jws, issuer, fetch, environment.now)? {
            Verdict::FetchFirst => return self.fetch_keys(carried, issuer, environment),
            Verdict::Refused(error) => return Err(refused(&error, TokenFault::BadSignature, environment)),
            Verdict::Verified(jwt) => jwt,
        };
        let rules = AccessTokenRules {
            claims: self.rules(Asked::Issuer(issuer), Presence::Required),
            token_types: &self.policy.validation.access_token_types,
        };
        rules
            .check(&jwt, environment.now)
            .map_err(|reason| refused(&reason, access_token_fault(&reason), environment))?;
        let claims = Rc::new(jwt.into_claims());
        if let Ok(Some(expires)) = claims.expires() {
            let keys = self.keys.get(issuer).ok_or(Rejection::Internal)?;
            let until = keys.vouch_until(environment.now, &self.policy.validation.key_lifetimes).min(expires);
            let verified = Verified { issuer, key_set: keys.number(), claims: Rc::clone(&claims) };
            let (key, bytes) = (carried.located.token_key, token.len());
            self.remembered.remember_verified(key, verified, bytes, until, environment.now);
        }
        self.proven_by_signature(carried, issuer, claims, environment)
    }

    /// Goes on with a token whose signature is good.
    pub(super) fn proven_by_signature(
        &mut self,
        carried: Carried,
        issuer: usize,
        claims: Rc<ClaimsSet>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let proof = self.policy.validation.issuers.get(issuer).map(|policy| &policy.proof);
        if let Some(Proof::Both(..)) = proof {
            return self.introspect_too(carried, issuer, claims, environment);
        }
        self.accept(carried, claims, Asked::Issuer(issuer), environment)
    }

    fn judge(
        &mut self,
        jws: &Jws<'_>,
        issuer: usize,
        fetch: Option<Fetch>,
        now: UnixTime,
    ) -> Result<Verdict, Rejection> {
        let validation = &self.policy.validation;
        let policy = validation.issuers.get(issuer).ok_or(Rejection::Internal)?;
        let verdict = |result| match result {
            Ok(jwt) => Verdict::Verified(jwt),
            Err(error) => Verdict::Refused(error),
        };
        match policy.proof.keys() {
            None => return Err(Rejection::Internal),
            Some(KeySource::Static(set)) => return Ok(verdict(VerifiedJwt::verify(jws, set))),
            Some(KeySource::Secret(secret)) => {
                return Ok(verdict(VerifiedJwt::verify_with_secret(jws, secret)));
            }
            Some(KeySource::Endpoint(_) | KeySource::Discovered(_)) => {}
        }
        let (lifetimes, joins) = (&validation.key_lifetimes, self.host.joins_callouts);
        let keys = self.keys.get_mut(issuer).ok_or(Rejection::Internal)?;
        let set = match fetch {
            None => match keys.look(now, lifetimes, joins) {
                Look::Use(set) => set,
                Look::Fetch => return Ok(Verdict::FetchFirst),
                Look::ComeAgain(after) => return Err(unavailable(after)),
            },
            Some(fetch) => keys.after_fetch(now, lifetimes).ok_or(match fetch {
                Fetch::Failed(rejection) => rejection,
                Fetch::Done => Rejection::Internal,
            })?,
        };
        let verified = VerifiedJwt::verify(jws, &set);
        if let Err(VerificationError::NoKey(NoKey::UnknownKeyId)) = verified {
            match fetch {
                Some(Fetch::Done) => {}
                Some(Fetch::Failed(_)) => return Err(unavailable(RetryAfter::SOON)),
                None => match keys.seek(now, lifetimes, joins) {
                    Seek::Fetch => return Ok(Verdict::FetchFirst),
                    Seek::ComeAgain(after) => return Err(unavailable(after)),
                    Seek::Unknown => {}
                },
            }
        }
        Ok(verdict(verified))
    }

    /// Fetches an issuer's keys, or first the metadata that says where they are.
    fn fetch_keys(
        &mut self,
        carried: Carried,
        issuer: usize,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let validation = &self.policy.validation;
        let source = validation.issuers.get(issuer).and_then(|policy| policy.proof.keys());
        let keys = self.keys.get_mut(issuer).ok_or(Rejection::Internal)?;
        let fetch = KeyFetch { issuer, began: environment.now };
        let (endpoint, stage) = match source {
            Some(KeySource::Endpoint(endpoint)) => (endpoint.clone(), Stage::Keys(fetch)),
            Some(KeySource::Discovered(places)) => match keys.endpoint(environment.now) {
                Some(endpoint) => (endpoint.clone(), Stage::Keys(fetch)),
                None => {
                    let place = places.get(keys.place(places.len())).ok_or(Rejection::Internal)?;
                    (place.clone(), Stage::Metadata(fetch))
                }
            },
            _ => return Err(Rejection::Internal),
        };
        let due = environment.now.saturating_add(self.policy.timeout);
        keys.begin(environment.now, due);
        let callout = fetch_callout(&endpoint, stage.callee(), issuer);
        self.call(callout, stage, carried, environment)
    }

    /// Takes what the JWKS endpoint brought.
    pub(super) fn keys_fetched(
        &mut self,
        carried: Carried,
        fetch: &KeyFetch,
        answer: Result<&CalloutResponse, Rejection>,
        joined: bool,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let now = environment.now;
        let keys = self.keys.get_mut(fetch.issuer).ok_or(Rejection::Internal)?;
        // Whoever made the call has read the answer already.
        if joined && keys.is_newer_than(fetch.began) {
            keys.leave();
            return self.verify(carried, fetch.issuer, Some(Fetch::Done), environment);
        }
        let fetched = match answer.and_then(|answer| read_keys(answer, environment)) {
            Ok(set) => {
                keys.succeed(set, now);
                Fetch::Done
            }
            Err(rejection) => {
                // A server that answers, with something else, may have moved its keys.
                if matches!(rejection, Rejection::Unusable(_)) {
                    keys.lose_endpoint();
                }
                keys.fail(now);
                Fetch::Failed(rejection)
            }
        };
        self.verify(carried, fetch.issuer, Some(fetched), environment)
    }

    /// Takes what the metadata's place brought, and goes on to the keys. An answer that is not the
    /// metadata leads to its next place; where there was no answer, a later request tries again.
    pub(super) fn metadata_fetched(
        &mut self,
        carried: Carried,
        fetch: &KeyFetch,
        answer: Result<&CalloutResponse, Rejection>,
        joined: bool,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let now = environment.now;
        let validation = &self.policy.validation;
        let policy = validation.issuers.get(fetch.issuer).ok_or(Rejection::Internal)?;
        let keys = self.keys.get_mut(fetch.issuer).ok_or(Rejection::Internal)?;
        keys.leave();
        if joined && keys.endpoint(now).is_some() {
            return self.fetch_keys(carried, fetch.issuer, environment);
        }
        let insecure_http = validation.key_lifetimes.insecure_http;
        match answer {
            Err(rejection) => {
                keys.same_place(validation.key_lifetimes.metadata_tries);
                keys.fail(now);
                self.verify(carried, fetch.issuer, Some(Fetch::Failed(rejection)), environment)
            }
            Ok(answer) => match read_metadata(answer, &policy.issuer, insecure_http, environment) {
                Ok(endpoint) => {
                    let endpoint = self.policy.with_cluster(endpoint);
                    keys.discover(endpoint, now.saturating_add(validation.key_lifetimes.metadata));
                    self.fetch_keys(carried, fetch.issuer, environment)
                }
                Err(rejection) => {
                    let places = match policy.proof.keys() {
                        Some(KeySource::Discovered(places)) => places.len(),
                        _ => 1,
                    };
                    keys.next_place();
                    if keys.place(places) != 0 {
                        return self.fetch_keys(carried, fetch.issuer, environment);
                    }
                    keys.fail(now);
                    self.verify(carried, fetch.issuer, Some(Fetch::Failed(rejection)), environment)
                }
            },
        }
    }
}

/// The keys that each issuer of a policy will need.
pub(super) fn empty_keys(issuers: usize) -> Vec<IssuerKeys> {
    std::iter::repeat_with(IssuerKeys::default).take(issuers).collect()
}

fn unavailable(after: RetryAfter) -> Rejection {
    Rejection::Unavailable(Callee::KeysEndpoint, after)
}

/// Everybody who needs the keys of an issuer asks the same.
fn fetch_callout(endpoint: &Endpoint, callee: Callee, issuer: usize) -> Callout {
    let flight = DigestBuilder::new(callee.as_str()).field(&issuer.to_be_bytes()).finish();
    Callout { flight: Some(FlightKey(*flight.as_bytes())), ..Callout::get(endpoint) }
}

fn read_keys(answer: &CalloutResponse, environment: &mut Environment<'_>) -> Result<JwkSet, Rejection> {
    let callee = Callee::KeysEndpoint;
    let set = read(answer, callee, environment, |body| {
        let set = JwkSet::parse(body).map_err(|error| error.to_string())?;
        if set.is_empty() { Err(format!("there is no key to use{}", left_out(&set))) } else { Ok(set) }
    })?;
    let left_out = left_out(&set);
    if !left_out.is_empty() {
        environment.report.add(Level::Info, format!("{} keys fetched{left_out}", set.len()));
    }
    Ok(set)
}

fn left_out(set: &JwkSet) -> String {
    let reasons: Vec<String> =
        set.left_out().map(|(reason, count)| format!("{count} {}", reason.as_str())).collect();
    if reasons.is_empty() { String::new() } else { format!("; left out: {}", reasons.join(", ")) }
}

fn read_metadata(
    answer: &CalloutResponse,
    issuer: &str,
    insecure_http: bool,
    environment: &mut Environment<'_>,
) -> Result<Endpoint, Rejection> {
    read(answer, Callee::MetadataEndpoint, environment, |body| {
        server_metadata::keys_endpoint(body, issuer, insecure_http)
            .map_err(|error| format!("for {} {}", Quoted(issuer), error.as_str()))
    })
}

/// Reads a document that only status 200 brings.
fn read<T>(
    answer: &CalloutResponse,
    callee: Callee,
    environment: &mut Environment<'_>,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, Rejection> {
    super::answer::usable_status(answer, callee, environment)?;
    let complain = |report: &mut Report, what: String| {
        report.add(Level::Warn, format!("the {}'s answer: {what}", callee.as_str()));
        Rejection::Unusable(callee)
    };
    if answer.status != 200 {
        return Err(complain(environment.report, format!("status {}", answer.status)));
    }
    parse(&answer.body).map_err(|what| complain(environment.report, what))
}
