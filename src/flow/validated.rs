//! The proof that a request may go on: a token that is good, and what makes it so.

use super::step::Environment;
use crate::oauth::bearer::BearerToken;
use crate::policy::Requirements;
use crate::rejection::{Rejection, TokenFault};
use crate::report::Level;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::access_token::AccessTokenRefused;
use crate::token::claim_rules::{ClaimRules, ClaimsRefused};
use crate::token::claims::ClaimsSet;
use std::fmt;
use std::rc::Rc;

/// A token that was proven to be good, with what it says. Only this file makes one.
#[derive(Debug)]
pub(super) struct ValidatedToken {
    token: BearerToken,
    claims: Rc<ClaimsSet>,
    expires: Option<UnixTime>,
}

/// For whom a credential is asked: the validated token and the actor that came with it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) validated: ValidatedToken,
    pub(super) actor: Option<BearerToken>,
}

/// Whose word a token's claims are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The issuer of this index, told by the token's `iss`.
    Issuer(usize),
    /// Whoever is asked about every other token.
    Others,
}

impl ValidatedToken {
    /// Holds proven claims against the policy. Each time anew: what is remembered is what a token
    /// says, never that it was accepted.
    ///
    /// # Errors
    /// What the token lacks.
    pub(super) fn check(
        token: &BearerToken,
        claims: Rc<ClaimsSet>,
        rules: &ClaimRules<'_>,
        requirements: &Requirements,
        environment: &mut Environment<'_>,
    ) -> Result<ValidatedToken, Rejection> {
        rules
            .check(&claims, environment.now)
            .map_err(|reason| refused(&reason, claims_fault(&reason), environment))?;
        let expires = claims.expires().map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))?;
        check_scope(&claims, requirements)?;
        Ok(ValidatedToken { token: token.clone(), claims, expires })
    }

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
        AccessTokenRefused::TokenType | AccessTokenRefused::IdToken => TokenFault::WrongType,
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
        ClaimsRefused::SenderConstrained => TokenFault::SenderConstrained,
        ClaimsRefused::OtherKind => TokenFault::WrongType,
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
