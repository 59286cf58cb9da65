//! Which proof a token needs, and what it must say once it is proven.

use super::step::{Environment, Step};
use super::validated::{Asked, Subject, ValidatedToken, refused};
use super::{Carried, ResourceServer};
use crate::cache::tiers::Verified;
use crate::policy::IssuerPolicy;
use crate::rejection::{Rejection, TokenFault};
use crate::token::claim_rules::{ClaimRules, Presence};
use crate::token::claims::ClaimsSet;
use crate::token::format::Shape;
use std::rc::Rc;

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
        // A newer set may lack the key, which its issuer then no longer stands by.
        if let Some(Verified { issuer, key_set, claims }) = self.remembered.verified(&key, environment.now)
            && self.keys.get(issuer).is_some_and(|keys| keys.number() == key_set)
        {
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

    /// Goes on with claims that are proven, if they are what the policy wants.
    pub(super) fn accept(
        &mut self,
        mut carried: Carried,
        claims: Rc<ClaimsSet>,
        asked: Asked,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let rules = self.rules(asked, Presence::Optional);
        let token = &carried.located.token;
        let validated = ValidatedToken::check(token, claims, &rules, &self.policy.requirements, environment)?;
        let actor = carried.located.actor.take();
        self.provide_credential(carried, Subject { validated, actor }, environment)
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
