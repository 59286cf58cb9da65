//! The signature of a token, verified with the keys of its issuer.
//!
//! What a stranger can cost by tokens that are refused is bounded here. One that is repeated is looked up
//! and not verified again, until there is another set of keys. Whether it causes a fetch of one, must wait, or is
//! refused is decided for each request: what is remembered is only that this set does not verify it. Those
//! that are all different spend a budget; while that is empty, only tokens are verified that were found good
//! before.

use super::accept::refused;
use super::environment::Environment;
use super::issuers::IssuerId;
use super::keys::{KeyLookup, MissingKey};
use super::proven::ProvenClaims;
use super::question::{KeyFetch, Question};
use super::questions;
use super::refusals::Refusal;
use super::request::Request;
use super::server::{Decision, ResourceServer, Unsettled};
use crate::digest::{Digest, DigestBuilder};
use crate::jose::jwk::JwkSet;
use crate::jose::jws::Jws;
use crate::oauth::endpoint::EndpointKind;
use crate::policy::issuers::KeySource;
use crate::rejection::{Rejection, RetryAfter, TokenFault};
use crate::report::Note;
use crate::report::note::TokenRefusal;
use crate::time::UnixTime;
use crate::token::jwt::{VerificationError, VerifiedJwt};
use std::rc::Rc;
use std::time::Duration;

/// How long it is remembered that a set of keys does not verify a token.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(60);

impl ResourceServer {
    /// The request's token with its signature verified.
    pub(super) fn verified(
        &mut self,
        request: &Request,
        issuer: IssuerId,
        environment: &mut Environment<'_>,
    ) -> Decision<VerifiedJwt> {
        let (now, fetch) = (environment.now, request.settled.keys);
        let refusal_key = self.refusal_key(request, issuer)?;
        let error = match self.refusals.get(&refusal_key, now) {
            Some(Refusal::Signature(error)) => {
                self.check_age(issuer, fetch, now)?;
                error
            }
            Some(Refusal::Inactive) | None => match self.verify(request, issuer, environment)? {
                Ok(jwt) => return Ok(jwt),
                // It is well signed, so that no other key would help.
                Err(error @ VerificationError::Payload(_)) => {
                    return Err(unverified(error, environment).into());
                }
                Err(error) => {
                    self.refusals.insert(refusal_key, Refusal::Signature(error), REFUSAL_LIFETIME, now);
                    error
                }
            },
        };
        self.seek_key(issuer, fetch, now)?;
        Err(unverified(error, environment).into())
    }

    /// Names the token, the configuration, the issuer, and the set of its keys that does not verify it.
    fn refusal_key(&self, request: &Request, issuer: IssuerId) -> Result<Digest, Rejection> {
        Ok(DigestBuilder::new("refused signature")
            .field(request.presented.token_key.as_bytes())
            .field(&issuer.to_bytes())
            .field(&self.issuers.get(issuer)?.keys.generation().to_be_bytes())
            .finish())
    }

    /// Whether the worker has verified this token before, with an older set of keys.
    fn was_good(&mut self, request: &Request, issuer: IssuerId, now: UnixTime) -> bool {
        let known = self.cache.own_claims(&request.presented.token_key, now);
        known.and_then(ProvenClaims::signature).is_some_and(|(by, _)| by == issuer)
    }

    /// Verifies a token with the keys of its issuer, which may have to be fetched first.
    fn verify(
        &mut self,
        request: &Request,
        issuer: IssuerId,
        environment: &mut Environment<'_>,
    ) -> Decision<Result<VerifiedJwt, VerificationError>> {
        let (now, fetch) = (environment.now, request.settled.keys);
        let jws = Jws::parse(request.presented.credentials.token.secret().expose())
            .map_err(|error| refused(TokenRefusal::Jws(error), TokenFault::Unreadable, environment))?;
        if !self.was_good(request, issuer, now) && self.verification_budget.is_spent(now) {
            if self.verification_budget.is_worth_a_note(now) {
                environment.report.add(Note::VerificationBudgetSpent);
            }
            return Err(Rejection::VerificationBudgetSpent.into());
        }
        let policy = Rc::clone(&self.issuers.get(issuer)?.policy);
        let verified = match policy.proof.keys().ok_or(Rejection::Internal)? {
            KeySource::Static(set) => VerifiedJwt::verify(&jws, set),
            KeySource::Secret(secret) => VerifiedJwt::verify_with_secret(&jws, secret),
            KeySource::Endpoint(_) | KeySource::Discovered(_) => {
                VerifiedJwt::verify(&jws, &*self.key_set(issuer, fetch, now)?)
            }
        };
        Ok(verified.map_err(|unverified| {
            // At once, as a token that waits for a fetch has cost what it has, whatever the fetch will bring.
            self.verification_budget.spend(unverified.cost, now);
            unverified.error
        }))
    }

    /// Whether the keys of an issuer are fetched.
    fn fetches_keys(&self, issuer: IssuerId) -> Result<bool, Rejection> {
        Ok(self.issuers.get(issuer)?.policy.proof.keys().is_some_and(KeySource::is_fetched))
    }

    /// Goes on where the keys that do not verify a token can still be used; they may be due to be fetched.
    fn check_age(&mut self, issuer: IssuerId, fetch: Option<KeyFetch>, now: UnixTime) -> Decision<()> {
        if self.fetches_keys(issuer)? {
            self.key_set(issuer, fetch, now)?;
        }
        Ok(())
    }

    /// The fetched keys of an issuer.
    fn key_set(&mut self, issuer: IssuerId, fetch: Option<KeyFetch>, now: UnixTime) -> Decision<Rc<JwkSet>> {
        let (lifetimes, joins) = (&self.policy.validation.key_lifetimes, self.host.joins_callouts);
        let keys = &mut self.issuers.get_mut(issuer)?.keys;
        let after_fetch = match fetch {
            None => match keys.lookup(now, lifetimes, joins) {
                KeyLookup::Use(set) => return Ok(set),
                KeyLookup::Fetch => return Err(Unsettled::Ask(self.key_question(issuer, now)?)),
                KeyLookup::RetryLater(after) => return Err(unavailable(after).into()),
            },
            // Another request has fetched the set since this one began to.
            Some(KeyFetch::GoesOn { since, .. }) if keys.is_answered_since(since) => {
                unavailable(RetryAfter::SOON)
            }
            Some(KeyFetch::GoesOn { metadata_callouts, .. }) => {
                let question = self.key_question(issuer, now)?;
                if matches!(question, Question::Metadata(..))
                    && metadata_callouts >= questions::metadata::urls(self, issuer)?.len()
                {
                    return Err(unavailable(RetryAfter::SOON).into());
                }
                return Err(Unsettled::Ask(question));
            }
            // What it brought counts no more: another request has a later word of the issuer.
            Some(KeyFetch::Done) => unavailable(RetryAfter::SOON),
            Some(KeyFetch::Failed(rejection)) => rejection,
        };
        Ok(keys.after_fetch(now, lifetimes).ok_or(after_fetch)?)
    }

    /// Goes on where no fetch could bring a key for a token that no key at hand verifies: its issuer may have
    /// published one since, under a name of its own, under the old one's, or under none.
    fn seek_key(&mut self, issuer: IssuerId, fetch: Option<KeyFetch>, now: UnixTime) -> Decision<()> {
        if !self.fetches_keys(issuer)? {
            return Ok(());
        }
        let (lifetimes, joins) = (&self.policy.validation.key_lifetimes, self.host.joins_callouts);
        match fetch {
            Some(KeyFetch::Done | KeyFetch::GoesOn { .. }) => Ok(()),
            Some(KeyFetch::Failed(_)) => Err(unavailable(RetryAfter::SOON).into()),
            None => match self.issuers.get_mut(issuer)?.keys.missing_key(now, lifetimes, joins) {
                MissingKey::Fetch => Err(Unsettled::Ask(self.key_question(issuer, now)?)),
                MissingKey::RetryLater(after) => Err(unavailable(after).into()),
                MissingKey::DoesNotExist => Ok(()),
            },
        }
    }
}

fn unverified(error: VerificationError, environment: &mut Environment<'_>) -> Rejection {
    let fault = match error {
        VerificationError::NoKey(_) | VerificationError::Signature => TokenFault::BadSignature,
        // The signature is valid.
        VerificationError::Payload(_) => TokenFault::UnreadablePayload,
    };
    refused(TokenRefusal::Signature(error), fault, environment)
}

fn unavailable(after: RetryAfter) -> Rejection {
    Rejection::Unavailable(EndpointKind::Jwks, after)
}
