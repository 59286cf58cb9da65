//! Whether the token is good: which proof it needs, and what it must say once it is proven.

use super::exchange;
use super::introspect::Asked;
use super::step::{Environment, Step};
use super::{Carried, ResourceServer};
use crate::config::policy::{IssuerPolicy, Requirements};
use crate::jose::access_token::AccessTokenRefused;
use crate::jose::claim_rules::{ClaimRules, ClaimsRefused, Presence};
use crate::jose::claims::ClaimsSet;
use crate::jose::shape::Shape;
use crate::oauth::bearer::BearerToken;
use crate::rejection::{Rejection, TokenFault};
use crate::report::Level;
use crate::secret::Secret;
use crate::time::UnixTime;
use std::fmt;
use std::rc::Rc;

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

impl ResourceServer {
    /// Asks for the proof that the token needs. A token of an issuer that is told by `iss` goes
    /// its way and no other: what fails there is not tried elsewhere.
    pub(super) fn validate(
        &mut self,
        carried: Carried,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let validation = &self.policy.validation;
        let key = carried.located.token_key;
        if let Some((issuer, claims)) = self.remembered.verified(&key, environment.now) {
            return self.proven_by_signature(carried, issuer, claims, environment);
        }
        // With one issuer and nobody else to ask, the signature says whose the token is.
        if let ([only], None) = (validation.issuers.as_slice(), &validation.others)
            && only.proof.keys().is_some()
        {
            return self.verify(carried, 0, None, environment);
        }
        if validation.issuers.is_empty() {
            return self.introspect(carried, Asked::Others, environment);
        }
        match Shape::of(carried.located.token.secret().expose()) {
            Shape::Broken => {
                Err(refused(&"its payload is not a JSON object", TokenFault::Unreadable, environment))
            }
            Shape::Opaque => self.introspect(carried, Asked::Others, environment),
            Shape::Signed { issuer } => {
                let told =
                    validation.issuers.iter().position(|policy| Some(&policy.issuer) == issuer.as_ref());
                match told {
                    Some(index)
                        if validation.issuers.get(index).is_some_and(|it| it.proof.keys().is_some()) =>
                    {
                        self.verify(carried, index, None, environment)
                    }
                    Some(index) => self.introspect(carried, Asked::Issuer(index), environment),
                    None => self.introspect(carried, Asked::Others, environment),
                }
            }
        }
    }

    /// Holds the claims against the policy, each time anew: what is remembered is what the token
    /// says, never that it was accepted.
    pub(super) fn accept(
        &mut self,
        mut carried: Carried,
        claims: Rc<ClaimsSet>,
        asked: Asked,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let rules = self.rules(asked, Presence::Optional);
        rules
            .check(&claims, environment.now)
            .map_err(|reason| refused(&reason, claims_fault(&reason), environment))?;
        let expires = claims.expires().map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))?;
        check_scope(&claims, &self.policy.requirements)?;
        let token = carried.located.token.clone();
        let validated = ValidatedToken { token, claims, expires };
        let actor = carried.located.actor.take();
        self.provide_credential(carried, exchange::Subject { validated, actor }, environment)
    }

    /// What the claims of a token must say, by who vouches for them.
    pub(super) fn rules(&self, asked: Asked, presence: Presence) -> ClaimRules<'_> {
        let requirements = &self.policy.requirements;
        let issuer = match asked {
            Asked::Others => None,
            Asked::Issuer(index) => self.policy.validation.issuers.get(index),
        };
        ClaimRules {
            issuers_allowed: issuer.map_or(&requirements.issuers_allowed, IssuerPolicy::issuers_allowed),
            audiences: issuer.map_or(&requirements.audiences, |issuer| &issuer.audiences).as_deref(),
            audience_claim: &requirements.audience_claim,
            leeway: requirements.leeway,
            presence,
        }
    }
}

/// The rejection of a token, with its reason in the log. The reason is in the filter's own words.
pub(super) fn refused(
    reason: &dyn fmt::Display,
    fault: TokenFault,
    environment: &mut Environment<'_>,
) -> Rejection {
    environment.report.add(Level::Info, format!("a token was refused: {reason}"));
    Rejection::InvalidToken(fault)
}

pub(super) fn access_token_fault(refused: &AccessTokenRefused) -> TokenFault {
    match refused {
        AccessTokenRefused::TokenType | AccessTokenRefused::IdToken | AccessTokenRefused::OtherKind => {
            TokenFault::WrongType
        }
        AccessTokenRefused::Claims(refused) => claims_fault(refused),
    }
}

fn claims_fault(refused: &ClaimsRefused) -> TokenFault {
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
