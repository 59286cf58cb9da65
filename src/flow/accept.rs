//! Tokens that are accepted. Only this file makes a [`ValidatedToken`]: of proven claims, held against
//! the policy's rules, with possession shown where the token is bound to a key.

use super::environment::Environment;
use super::possess::Possession;
use super::present::Presented;
use super::proven::{ProvenClaims, Voucher};
use super::server::ResourceServer;
use crate::oauth::bearer::BearerToken;
use crate::policy::issuers::IssuerPolicy;
use crate::rejection::{Rejection, TokenFault};
use crate::report::Note;
use crate::report::note::TokenRefusal;
use crate::secret::Secret;
use crate::time::UnixTime;
use crate::token::access_token::AccessTokenRefused;
use crate::token::claim_rules::{ClaimRules, ClaimsRefused, Presence};
use crate::token::claims::ClaimsSet;
use std::rc::Rc;

/// A token that was proven and is what the policy wants, with what it says.
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
    /// Holds proven claims against the policy. For each request anew: what is cached is what a token
    /// says, never that it was accepted.
    ///
    /// # Errors
    /// What the token lacks.
    pub(super) fn accept(
        &self,
        presented: &Presented,
        claims: ProvenClaims,
        possession: Option<&Possession>,
        environment: &mut Environment<'_>,
    ) -> Result<ValidatedToken, Rejection> {
        let rules = self.rules(claims.voucher(), Presence::Optional)?;
        // What a signed token is was decided with its header at hand, when it was verified.
        let checked = match claims.signature() {
            Some(_) => rules.check(claims.claims(), environment.now).map(drop),
            None => rules.check_introspected(claims.claims(), environment.now),
        };
        checked.map_err(|reason| {
            let fault = claims_fault(&reason);
            refused(TokenRefusal::Claims(reason), fault, environment)
        })?;
        if possession.is_none() {
            return Err(no_possession(environment));
        }
        let expires = claims.claims().expires().map_err(|_| Rejection::InvalidToken(TokenFault::BadClaim))?;
        Ok(ValidatedToken {
            token: presented.credentials.token.clone(),
            claims: claims.into_claims(),
            expires,
        })
    }

    /// What the claims of a token must say, by who vouches for them.
    pub(super) fn rules(&self, voucher: Voucher, presence: Presence) -> Result<ClaimRules<'_>, Rejection> {
        let requirements = &self.policy.requirements;
        let issuer = match voucher {
            Voucher::Others => None,
            Voucher::Issuer(id) => Some(&*self.issuers.get(id)?.policy),
        };
        Ok(ClaimRules {
            issuers_allowed: issuer.map_or(&requirements.issuers_allowed, IssuerPolicy::issuers_allowed),
            issuers_elsewhere: issuer.map_or(&requirements.issuers_with_entry, |_| &[]),
            audiences: issuer.map_or(&requirements.audiences, |issuer| &issuer.audiences).as_deref(),
            audience_claim: &requirements.audience_claim,
            resource: &self.policy.resource.identifier,
            kind: requirements.kind,
            leeway: requirements.leeway,
            presence,
        })
    }
}

/// The rejection of a token, with its reason in the report.
pub(super) fn refused(
    reason: TokenRefusal,
    fault: TokenFault,
    environment: &mut Environment<'_>,
) -> Rejection {
    environment.report.add(Note::TokenRefused(reason));
    Rejection::InvalidToken(fault)
}

/// The rejection of a token that is bound to a key, with no possession shown.
pub(super) fn no_possession(environment: &mut Environment<'_>) -> Rejection {
    refused(TokenRefusal::NoPossession, TokenFault::SenderConstrained, environment)
}

pub(super) fn access_token_fault(refused: &AccessTokenRefused) -> TokenFault {
    match refused {
        AccessTokenRefused::TokenType => TokenFault::WrongType,
        AccessTokenRefused::Claims(refused) => claims_fault(refused),
    }
}

fn claims_fault(refused: &ClaimsRefused) -> TokenFault {
    match refused {
        ClaimsRefused::Unreadable(_) => TokenFault::BadClaim,
        ClaimsRefused::IssuerMissing | ClaimsRefused::IssuerNotAllowed | ClaimsRefused::IssuerElsewhere => {
            TokenFault::WrongIssuer
        }
        ClaimsRefused::AudienceMissing | ClaimsRefused::AudienceMismatch => TokenFault::WrongAudience,
        ClaimsRefused::ExpiryMissing => TokenFault::NoExpiry,
        ClaimsRefused::Expired => TokenFault::Expired,
        ClaimsRefused::NotYetValid => TokenFault::NotYetValid,
        ClaimsRefused::WrongKind(_) => TokenFault::WrongType,
    }
}
