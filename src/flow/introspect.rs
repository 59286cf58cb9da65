//! The authorization server's word on a token (RFC 7662).

use super::answer;
use super::step::{Environment, Step};
use super::validated::{Asked, refused};
use super::{Carried, ResourceServer, Stage};
use crate::digest::{Digest, DigestBuilder};
use crate::http::{Callout, CalloutResponse, FlightKey};
use crate::oauth::bearer::BearerToken;
use crate::oauth::form;
use crate::oauth::introspection;
use crate::policy::IntrospectionPolicy;
use crate::rejection::{Callee, Rejection, TokenFault};
use crate::report::Level;
use crate::token::claim_rules::{ClaimRules, Presence};
use crate::token::claims::ClaimsSet;
use crate::token::introspection_response::IntrospectionResponse;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// An introspection on its way.
#[derive(Debug)]
pub(super) struct Introspection {
    asked: Asked,
    /// What the token says itself, where its signature was checked first.
    signed: Option<Rc<ClaimsSet>>,
}

/// How long a refusal is remembered: long enough to answer a client that hammers, short enough that
/// a token which becomes active is not kept waiting.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(5);

impl ResourceServer {
    /// Asks about a token, unless the answer is remembered.
    pub(super) fn introspect(
        &mut self,
        carried: Carried,
        asked: Asked,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        self.introspect_signed(carried, Introspection { asked, signed: None }, environment)
    }

    /// The same for a token whose signature was checked and that says `signed`.
    pub(super) fn introspect_too(
        &mut self,
        carried: Carried,
        issuer: usize,
        signed: Rc<ClaimsSet>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let asked = Asked::Issuer(issuer);
        self.introspect_signed(carried, Introspection { asked, signed: Some(signed) }, environment)
    }

    fn introspect_signed(
        &mut self,
        carried: Carried,
        introspection: Introspection,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let Some(policy) = self.introspection_policy(introspection.asked) else {
            return Err(refused(&"it is of no known issuer", TokenFault::WrongIssuer, environment));
        };
        let remembers = policy.remember.is_some();
        let key = introspection.key(&carried);
        if remembers && let Some(claims) = self.known(&key, environment)? {
            return self.vouched(carried, introspection, claims, environment);
        }
        let policy = self.introspection_policy(introspection.asked).ok_or(Rejection::Internal)?;
        let mut callout = introspection_callout(policy, &carried.located.token);
        callout.flight = remembers.then(|| FlightKey(*key.as_bytes()));
        self.call(callout, Stage::Introspection(introspection), carried, environment)
    }

    fn introspection_policy(&self, asked: Asked) -> Option<&IntrospectionPolicy> {
        let validation = &self.policy.validation;
        match asked {
            Asked::Others => validation.others.as_ref(),
            Asked::Issuer(index) => validation.issuers.get(index)?.proof.introspection(),
        }
    }

    /// What is remembered of a token: its claims, or that it was refused.
    fn known(
        &mut self,
        key: &Digest,
        environment: &mut Environment<'_>,
    ) -> Result<Option<Rc<ClaimsSet>>, Rejection> {
        if self.refused.get(key, environment.now).is_some() {
            return Err(Rejection::InvalidToken(TokenFault::Inactive));
        }
        Ok(self.remembered.claims(key, environment.now, environment.store))
    }

    /// Takes what the introspection endpoint answered.
    pub(super) fn introspected(
        &mut self,
        carried: Carried,
        introspection: Introspection,
        answer: &CalloutResponse,
        joined: bool,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let remember = self.introspection_policy(introspection.asked).and_then(|policy| policy.remember);
        let key = introspection.key(&carried);
        // Whoever made the call has read the answer already.
        if joined && let Some(claims) = self.known(&key, environment)? {
            return self.vouched(carried, introspection, claims, environment);
        }
        let now = environment.now;
        match read_introspection(answer, environment)? {
            IntrospectionResponse::Active(claims) => {
                let claims = Rc::new(claims);
                if let Some(remember) = remember {
                    let until = now.saturating_add(remember);
                    let until = claims.expires().ok().flatten().map_or(until, |expires| expires.min(until));
                    self.remembered.remember_claims(
                        key,
                        &claims,
                        &answer.body,
                        until,
                        now,
                        environment.store,
                    );
                }
                self.vouched(carried, introspection, claims, environment)
            }
            IntrospectionResponse::Inactive => {
                if remember.is_some() {
                    self.refused.insert(key, (), 0, now.saturating_add(REFUSAL_LIFETIME), now);
                }
                Err(Rejection::InvalidToken(TokenFault::Inactive))
            }
        }
    }

    /// Goes on with what the authorization server says, and with what the token says itself.
    fn vouched(
        &mut self,
        carried: Carried,
        introspection: Introspection,
        claims: Rc<ClaimsSet>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let asked = introspection.asked;
        let Some(signed) = introspection.signed else {
            return self.accept(carried, claims, asked, environment);
        };
        let rules = self.rules(asked, Presence::Optional);
        // What was said of the audience in the token itself need not be said twice.
        let silent = claims.get(rules.audience_claim).is_none();
        let rules = if silent { ClaimRules { audiences: None, ..rules } } else { rules };
        if rules.check(&claims, environment.now).is_err() || !agree(&signed, &claims) {
            let reason = "its authorization server says something else of it";
            return Err(refused(&reason, TokenFault::Contradicted, environment));
        }
        self.accept(carried, Rc::new(signed.narrowed_by(&claims)), asked, environment)
    }
}

impl Introspection {
    /// The memory's key: apart from that of the token's own claims where both are kept.
    fn key(&self, carried: &Carried) -> Digest {
        match self.signed {
            None => carried.located.token_key,
            Some(_) => {
                DigestBuilder::new("introspection").field(carried.located.token_key.as_bytes()).finish()
            }
        }
    }
}

/// Whether two accounts of a token are of the same issuer and subject, as far as both name them.
fn agree(signed: &ClaimsSet, introspected: &ClaimsSet) -> bool {
    ["iss", "sub"]
        .into_iter()
        .all(|name| introspected.get(name).is_none_or(|said: &Value| signed.get(name) == Some(said)))
}

fn introspection_callout(policy: &IntrospectionPolicy, token: &BearerToken) -> Callout {
    let mut form = introspection::request(token, &policy.arguments);
    let mut headers = form::post_headers();
    policy.client.apply(&mut form, &mut headers);
    headers.extend(policy.headers.iter().cloned());
    Callout::post(&policy.endpoint, headers, form.encode())
}

fn read_introspection(
    answer: &CalloutResponse,
    environment: &mut Environment<'_>,
) -> Result<IntrospectionResponse, Rejection> {
    let callee = Callee::IntrospectionEndpoint;
    answer::usable_status(answer, callee, environment)?;
    if answer.status != 200 {
        let hint = match answer.status {
            401 | 403 => "; check client_id, client_secret and client_auth",
            _ => "",
        };
        let line = format!("the introspection endpoint answered {}{hint}", answer.status);
        environment.report.add(Level::Error, line);
        return Err(Rejection::Unusable(callee));
    }
    IntrospectionResponse::parse(&answer.body).map_err(|error| {
        let line = format!("the introspection endpoint's answer is not one of RFC 7662: {error:?}");
        environment.report.add(Level::Warn, line);
        Rejection::Unusable(callee)
    })
}
