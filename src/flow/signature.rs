//! The signature of a token, verified with the keys of its issuer.
//!
//! What a stranger can cost by tokens that are refused is bounded here. One that is repeated is looked up
//! and not verified again, until another set of keys might verify it. Those that are all different spend a
//! budget; while that is empty, only tokens are verified that were found good before.

use super::accept::refused;
use super::environment::Environment;
use super::issuers::IssuerId;
use super::keys::{KeyLookup, UnknownKey};
use super::proven::ProvenClaims;
use super::question::{KeyFetch, Question};
use super::questions;
use super::refusals::Refusal;
use super::request::Request;
use super::server::{Decision, ResourceServer, Unsettled};
use crate::digest::{Digest, DigestBuilder};
use crate::jose::jwk::{JwkSet, NoKey};
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

/// The longest that the refusal of a signature is remembered.
const MAX_REFUSAL_LIFETIME: Duration = Duration::from_secs(60);

impl ResourceServer {
    /// The request's token with its signature verified.
    pub(super) fn verified(
        &mut self,
        request: &Request,
        issuer: IssuerId,
        environment: &mut Environment<'_>,
    ) -> Decision<VerifiedJwt> {
        let now = environment.now;
        let refusal_key = self.refusal_key(request, issuer)?;
        if let Some(Refusal::Signature(error)) = self.refusals.get(&refusal_key, now) {
            return Err(unverified(error, environment).into());
        }
        let jws = Jws::parse(request.presented.credentials.token.secret().expose())
            .map_err(|error| refused(TokenRefusal::Jws(error), TokenFault::Unreadable, environment))?;
        if !self.was_good(request, issuer, now) && self.verification_budget.is_spent(now) {
            if self.verification_budget.is_worth_a_note(now) {
                environment.report.add(Note::VerificationBudgetSpent);
            }
            return Err(Rejection::VerificationBudgetSpent.into());
        }
        let error = match self.verify(&jws, issuer, request.settled.keys, now)? {
            Ok(jwt) => return Ok(jwt),
            Err(error) => error,
        };
        if let Some(lifetime) = self.refusal_lifetime(issuer, error, now)? {
            self.refusals.insert(refusal_key, Refusal::Signature(error), lifetime, now);
        }
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

    /// How long a refusal is remembered, if no other set of keys is fetched before; `None` where time may
    /// mend what is wrong.
    fn refusal_lifetime(
        &self,
        issuer: IssuerId,
        error: VerificationError,
        now: UnixTime,
    ) -> Result<Option<Duration>, Rejection> {
        let lifetimes = &self.policy.validation.key_lifetimes;
        let issuer = self.issuers.get(issuer)?;
        let cooldown_end = issuer.keys.cooldown_end(now, lifetimes);
        let is_fetched = issuer.policy.proof.keys().is_some_and(KeySource::is_fetched);
        let ends = match error {
            VerificationError::Payload(_) => return Ok(None),
            _ if !is_fetched => None,
            // A fetch might bring the key.
            VerificationError::NoKey(_) if cooldown_end.is_none() => return Ok(None),
            VerificationError::NoKey(_) | VerificationError::Signature => {
                Some(issuer.keys.valid_until(now, lifetimes)).into_iter().chain(cooldown_end).min()
            }
        };
        Ok(Some(ends.map_or(MAX_REFUSAL_LIFETIME, |ends| now.until(ends).min(MAX_REFUSAL_LIFETIME))))
    }

    /// Whether the worker has verified this token before, with an older set of keys.
    fn was_good(&mut self, request: &Request, issuer: IssuerId, now: UnixTime) -> bool {
        let known = self.cache.own_claims(&request.presented.token_key, now);
        known.and_then(ProvenClaims::signature).is_some_and(|(by, _)| by == issuer)
    }

    /// Verifies a token with the keys of its issuer, which may have to be fetched first.
    fn verify(
        &mut self,
        jws: &Jws<'_>,
        issuer: IssuerId,
        fetch: Option<KeyFetch>,
        now: UnixTime,
    ) -> Decision<Result<VerifiedJwt, VerificationError>> {
        let policy = Rc::clone(&self.issuers.get(issuer)?.policy);
        let keys = policy.proof.keys().ok_or(Rejection::Internal)?;
        let verified = match keys {
            KeySource::Static(set) => VerifiedJwt::verify(jws, set),
            KeySource::Secret(secret) => VerifiedJwt::verify_with_secret(jws, secret),
            KeySource::Endpoint(_) | KeySource::Discovered(_) => {
                VerifiedJwt::verify(jws, &*self.key_set(issuer, fetch, now)?)
            }
        };
        let unverified = match verified {
            Ok(jwt) => return Ok(Ok(jwt)),
            Err(unverified) => unverified,
        };
        // At once, as a token that waits for a fetch has cost what it has, whatever the fetch will bring.
        self.verification_budget.spend(unverified.cost, now);
        if unverified.error == VerificationError::NoKey(NoKey::UnknownKeyId) && keys.is_fetched() {
            self.seek_key(issuer, fetch, now)?;
        }
        Ok(Err(unverified.error))
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
            Some(KeyFetch::GoesOn { metadata_callouts }) => {
                let question = self.key_question(issuer, now)?;
                if matches!(question, Question::Metadata(_))
                    && metadata_callouts >= questions::metadata::urls(self, issuer)?.len()
                {
                    return Err(unavailable(RetryAfter::SOON).into());
                }
                return Err(Unsettled::Ask(question));
            }
            Some(KeyFetch::Done) => Rejection::Internal,
            Some(KeyFetch::Failed(rejection)) => rejection,
        };
        Ok(keys.after_fetch(now, lifetimes).ok_or(after_fetch)?)
    }

    /// Goes on where the key set may be fetched anew for a key that is not in it.
    fn seek_key(&mut self, issuer: IssuerId, fetch: Option<KeyFetch>, now: UnixTime) -> Decision<()> {
        let (lifetimes, joins) = (&self.policy.validation.key_lifetimes, self.host.joins_callouts);
        match fetch {
            Some(KeyFetch::Done | KeyFetch::GoesOn { .. }) => Ok(()),
            Some(KeyFetch::Failed(_)) => Err(unavailable(RetryAfter::SOON).into()),
            None => match self.issuers.get_mut(issuer)?.keys.unknown_key(now, lifetimes, joins) {
                UnknownKey::Fetch => Err(Unsettled::Ask(self.key_question(issuer, now)?)),
                UnknownKey::RetryLater(after) => Err(unavailable(after).into()),
                UnknownKey::DoesNotExist => Ok(()),
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
