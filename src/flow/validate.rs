//! Whether the token is good.

use super::answer;
use super::exchange;
use super::step::{Environment, Step};
use super::{Carried, ResourceServer, Stage};
use crate::cache::digest::Digest;
use crate::config::policy::{IntrospectionPolicy, Requirements};
use crate::http::{Answer, Callout, FlightKey};
use crate::jose::claim_rules::{ClaimRules, ClaimsRefused, Presence};
use crate::jose::claims::ClaimsSet;
use crate::oauth::bearer::BearerToken;
use crate::oauth::introspection::{self, IntrospectionResponse};
use crate::rejection::{Callee, Rejection, TokenFault};
use crate::report::Level;
use crate::secret::Secret;
use crate::time::UnixTime;
use std::rc::Rc;
use std::time::Duration;

/// A token that was proven to be good, with what it says. Only this file makes one.
#[derive(Debug)]
pub(super) struct ValidatedToken {
    token: BearerToken,
    claims: Rc<ClaimsSet>,
    expires: Option<UnixTime>,
}

impl ValidatedToken {
    /// The token, byte for byte as it came.
    pub(super) fn secret(&self) -> &Secret {
        self.token.secret()
    }

    /// What the token says.
    pub(super) fn claims(&self) -> &ClaimsSet {
        &self.claims
    }

    /// When the token ends, where that is known. Leeway does not count.
    pub(super) fn expires(&self) -> Option<UnixTime> {
        self.expires
    }
}

/// How long a refusal is remembered: long enough to answer a client that hammers, short enough that
/// a token which becomes active is not kept waiting.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(5);

impl ResourceServer {
    /// Asks for the proof that the policy wants, unless it is remembered.
    pub(super) fn validate(
        &mut self,
        carried: Carried,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let Some(introspection) = &self.policy.validation.others else { return Err(Rejection::Internal) };
        let key = carried.located.token_key;
        let remembers = introspection.remember.is_some();
        if remembers && let Some(claims) = self.known(&key, environment)? {
            return self.accept(carried, claims, environment);
        }
        let Some(introspection) = &self.policy.validation.others else { return Err(Rejection::Internal) };
        let mut callout = introspection_callout(introspection, &carried.located.token);
        callout.flight = remembers.then(|| FlightKey(*key.as_bytes()));
        self.call(callout, Stage::Introspection, carried, environment)
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
        answer: &Answer,
        joined: bool,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let Some(introspection) = &self.policy.validation.others else { return Err(Rejection::Internal) };
        let remember = introspection.remember;
        let key = carried.located.token_key;
        // Whoever made the call has read the answer already.
        if joined && let Some(claims) = self.known(&key, environment)? {
            return self.accept(carried, claims, environment);
        }
        match read_introspection(answer, environment)? {
            IntrospectionResponse::Active(claims) => {
                let claims = Rc::new(claims);
                if let Some(remember) = remember {
                    let until = environment.now.saturating_add(remember);
                    let until = claims.expires().ok().flatten().map_or(until, |expires| expires.min(until));
                    let now = environment.now;
                    self.remembered.remember_claims(
                        key,
                        &claims,
                        &answer.body,
                        until,
                        now,
                        environment.store,
                    );
                }
                self.accept(carried, claims, environment)
            }
            IntrospectionResponse::Inactive => {
                if remember.is_some() {
                    let until = environment.now.saturating_add(REFUSAL_LIFETIME);
                    self.refused.insert(key, (), 0, until, environment.now);
                }
                Err(Rejection::InvalidToken(TokenFault::Inactive))
            }
        }
    }

    /// Holds the claims against the policy, each time anew: what is remembered is what the token
    /// says, never that it was accepted.
    fn accept(
        &mut self,
        mut carried: Carried,
        claims: Rc<ClaimsSet>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let expires = check_claims(&claims, &self.policy.requirements, environment)?;
        check_scope(&claims, &self.policy.requirements)?;
        let token = carried.located.token.clone();
        let validated = ValidatedToken { token, claims, expires };
        let actor = carried.located.actor.take();
        self.provide_credential(carried, exchange::Subject { validated, actor }, environment)
    }
}

fn introspection_callout(policy: &IntrospectionPolicy, token: &BearerToken) -> Callout {
    let mut form = introspection::request(token, &policy.arguments);
    let mut headers = exchange::form_headers();
    policy.client.apply(&mut form, &mut headers);
    headers.extend(policy.headers.iter().cloned());
    Callout {
        endpoint: policy.endpoint.clone(),
        method: "POST",
        headers,
        body: form.encode(),
        timeout: Duration::ZERO,
        flight: None,
    }
}

fn read_introspection(
    answer: &Answer,
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

/// Issuer, audience and lifetime. Returns when the token ends.
fn check_claims(
    claims: &ClaimsSet,
    requirements: &Requirements,
    environment: &mut Environment<'_>,
) -> Result<Option<UnixTime>, Rejection> {
    let rules = ClaimRules {
        issuers_allowed: &requirements.issuers_allowed,
        audiences: requirements.audiences.as_deref(),
        audience_claim: &requirements.audience_claim,
        leeway: requirements.leeway,
        presence: Presence::Optional,
    };
    rules.check(claims, environment.now).map_err(|refused| {
        environment.report.add(Level::Info, format!("a token was refused: {refused}"));
        Rejection::InvalidToken(fault(&refused))
    })?;
    claims.expires().map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))
}

fn fault(refused: &ClaimsRefused) -> TokenFault {
    match refused {
        ClaimsRefused::Unreadable(_) => TokenFault::BadClaim,
        ClaimsRefused::IssuerMissing | ClaimsRefused::IssuerNotAllowed => TokenFault::WrongIssuer,
        ClaimsRefused::AudienceMissing | ClaimsRefused::AudienceMismatch => TokenFault::WrongAudience,
        ClaimsRefused::ExpiryMissing | ClaimsRefused::Expired => TokenFault::Expired,
        ClaimsRefused::NotYetValid => TokenFault::NotYetValid,
    }
}

fn check_scope(claims: &ClaimsSet, requirements: &Requirements) -> Result<(), Rejection> {
    if requirements.scopes_required.is_empty() {
        return Ok(());
    }
    let granted = claims
        .scope()
        .map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))?
        .with_implied(&requirements.scope_implies);
    if requirements.scopes_required.iter().any(|needed| granted.contains_all(needed)) {
        Ok(())
    } else {
        Err(Rejection::InsufficientScope)
    }
}
