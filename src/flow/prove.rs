//! Which proof a token needs, and the proof.

use super::accept::{access_token_fault, no_possession, refused};
use super::environment::Environment;
use super::issuers::IssuerId;
use super::possess::Possession;
use super::present::Presented;
use super::proven::{ProvenClaims, Voucher};
use super::question::{Introspector, Question};
use super::request::Request;
use super::server::{Decision, ResourceServer, Unsettled};
use crate::cache::token_cache::Retention;
use crate::policy::issuers::Proof;
use crate::rejection::{Rejection, TokenFault};
use crate::report::note::TokenRefusal;
use crate::time::UnixTime;
use crate::token::access_token::AccessTokenRules;
use crate::token::claim_rules::{ClaimRules, Presence};
use crate::token::claims::ClaimsSet;
use crate::token::confirmation::Confirmation;
use crate::token::format::TokenFormat;
use crate::token::jwt::VerifiedJwt;

/// What has to prove a token.
#[derive(Clone, Copy)]
enum NeededProof {
    Signature(IssuerId),
    Introspection(Introspector),
    Both(IssuerId),
}

impl ResourceServer {
    /// The claims of the request's token, proven as the policy wants.
    pub(super) fn prove(
        &mut self,
        request: &mut Request,
        environment: &mut Environment<'_>,
    ) -> Decision<ProvenClaims> {
        if request.settled.signed.is_none() {
            request.settled.signed = self.cached_signed(request, environment.now);
        }
        match self.needed_proof(request, environment)? {
            NeededProof::Signature(issuer) => self.signed(request, issuer, environment),
            NeededProof::Introspection(introspector) => self.introspected(request, introspector, environment),
            NeededProof::Both(issuer) => {
                let signed = self.signed(request, issuer, environment)?;
                let introspected =
                    self.introspected(request, Introspector::BesideSignature(issuer), environment)?;
                Ok(self.agreed(&signed, &introspected, environment)?)
            }
        }
    }

    /// Which proof the token needs. A token of an issuer that is recognised by `iss` is proven as that
    /// issuer's tokens are and in no other way: what fails there is not tried elsewhere.
    fn needed_proof(
        &self,
        request: &Request,
        environment: &mut Environment<'_>,
    ) -> Result<NeededProof, Rejection> {
        if let Some((issuer, _)) = request.settled.signed.as_ref().and_then(ProvenClaims::signature) {
            return self.proof_of_issuer(issuer);
        }
        // With one issuer and no introspection of other tokens, the signature says whose the token is.
        if let (Some(only), None) = (self.issuers.only(), &self.policy.validation.others)
            && self.issuers.get(only)?.policy.proof.keys().is_some()
        {
            return self.proof_of_issuer(only);
        }
        if self.issuers.is_empty() {
            return Ok(NeededProof::Introspection(Introspector::Others));
        }
        match TokenFormat::of(request.presented.credentials.token.secret().expose()) {
            TokenFormat::Broken => {
                Err(refused(TokenRefusal::Payload, TokenFault::UnreadablePayload, environment))
            }
            TokenFormat::Signed { issuer: Some(iss) } if let Some(issuer) = self.issuers.named(&iss) => {
                self.proof_of_issuer(issuer)
            }
            TokenFormat::Signed { .. } | TokenFormat::Opaque => {
                Ok(NeededProof::Introspection(Introspector::Others))
            }
        }
    }

    fn proof_of_issuer(&self, issuer: IssuerId) -> Result<NeededProof, Rejection> {
        Ok(match self.issuers.get(issuer)?.policy.proof {
            Proof::Signature(_) => NeededProof::Signature(issuer),
            Proof::Introspection(_) => NeededProof::Introspection(Introspector::Issuer(issuer)),
            Proof::Both(..) => NeededProof::Both(issuer),
        })
    }

    /// Cached claims that a signature proves. A newer key set may lack the key, which its issuer then no
    /// longer stands by.
    fn cached_signed(&mut self, request: &Request, now: UnixTime) -> Option<ProvenClaims> {
        let claims = self.cache.own_claims(&request.presented.token_key, now)?;
        let (issuer, generation) = claims.signature()?;
        let is_current = self.issuers.get(issuer).ok()?.keys.generation() == generation;
        (is_current && !claims.is_due(now)).then(|| claims.clone())
    }

    /// The claims, proven by the token's signature.
    fn signed(
        &mut self,
        request: &mut Request,
        issuer: IssuerId,
        environment: &mut Environment<'_>,
    ) -> Decision<ProvenClaims> {
        if let Some(signed) = &request.settled.signed {
            return Ok(signed.clone());
        }
        let now = environment.now;
        let jwt = self.verified(request, issuer, environment)?;
        let cost = jwt.verification_cost();
        let signed = self.access_token(jwt, issuer, environment).inspect_err(|_| {
            self.verification_budget.spend(cost, now);
        })?;
        if let Ok(Some(expires)) = signed.claims().expires() {
            // What they say is held against the clock for each request, and may be within the leeway.
            let expires = expires.saturating_add(self.policy.requirements.leeway);
            // Not shared: verifying anew is as quick as asking another worker. Kept beyond the keys, so that a token
            // that was good is known as such where a flood has spent the budget.
            let retention = Retention { expires, shared_form: None };
            let Presented { credentials, token_key, .. } = &request.presented;
            let bytes = credentials.token.secret().expose().len();
            let shared = &mut environment.shared_access();
            self.cache.insert_claims(*token_key, signed.clone(), bytes, retention, now, shared);
        }
        request.settled.signed = Some(signed.clone());
        Ok(signed)
    }

    /// What an access token says whose signature was verified.
    fn access_token(
        &self,
        jwt: VerifiedJwt,
        issuer: IssuerId,
        environment: &mut Environment<'_>,
    ) -> Result<ProvenClaims, Rejection> {
        let rules = AccessTokenRules {
            claims: self.rules(Voucher::Issuer(issuer), Presence::Required)?,
            token_types: &self.policy.validation.access_token_types,
            is_only_proof: self.issuers.get(issuer)?.policy.proof.introspection().is_none(),
        };
        rules.check(&jwt, environment.now).map_err(|reason| {
            let fault = access_token_fault(&reason);
            refused(TokenRefusal::AccessToken(reason), fault, environment)
        })?;
        let keys = &self.issuers.get(issuer)?.keys;
        let valid_until = keys.valid_until(environment.now, &self.policy.validation.key_lifetimes);
        let signed = ProvenClaims::signed(jwt, issuer, keys.generation(), valid_until);
        // Introspection would not help a token whose possession is not shown.
        if Possession::shown(&signed).is_none() {
            return Err(no_possession(environment));
        }
        Ok(signed)
    }

    /// The claims, proven by introspection.
    fn introspected(
        &mut self,
        request: &Request,
        introspector: Introspector,
        environment: &mut Environment<'_>,
    ) -> Decision<ProvenClaims> {
        if let Some(introspected) = &request.settled.introspected {
            return Ok(introspected.clone());
        }
        let Some(policy) = self.introspection_policy(introspector)? else {
            return Err(refused(TokenRefusal::NoIssuer, TokenFault::WrongIssuer, environment).into());
        };
        let known = match policy.cache_ttl {
            Some(_) => self.known_introspection(request, introspector, environment)?,
            None => None,
        };
        known.ok_or(Unsettled::Ask(Question::Introspection(introspector)))
    }

    /// What an introspection response adds to the claims of a signed token, which it must not contradict.
    fn agreed(
        &self,
        signed: &ProvenClaims,
        introspected: &ProvenClaims,
        environment: &mut Environment<'_>,
    ) -> Result<ProvenClaims, Rejection> {
        let claims = introspected.claims();
        let rules = self.rules(introspected.voucher(), Presence::Optional)?;
        // What the token itself says of the audience need not be said twice.
        let is_silent = claims.get(rules.audience_claim).is_none();
        let rules = if is_silent { ClaimRules { audiences: None, ..rules } } else { rules };
        if rules.check_introspected(claims, environment.now).is_err()
            || Confirmation::of(claims) != Confirmation::None
            || !agree(signed.claims(), claims)
        {
            return Err(refused(TokenRefusal::Contradicted, TokenFault::Contradicted, environment));
        }
        Ok(signed.narrowed_by(introspected))
    }
}

/// Whether two accounts of a token are of the same issuer and subject, as far as both name them.
fn agree(signed: &ClaimsSet, introspected: &ClaimsSet) -> bool {
    ["iss", "sub"].into_iter().all(|name| match (signed.get(name), introspected.get(name)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}
