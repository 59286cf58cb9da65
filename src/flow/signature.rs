//! The signature of a token, verified with the keys of its issuer.

use super::issuers::IssuerId;
use super::keys::{KeyLookup, UnknownKey};
use super::question::{KeyFetch, Question};
use super::questions;
use super::server::{Decision, ResourceServer, Unsettled};
use crate::jose::jwk::{JwkSet, NoKey};
use crate::jose::jws::Jws;
use crate::oauth::endpoint::EndpointKind;
use crate::policy::issuers::KeySource;
use crate::rejection::{Rejection, RetryAfter};
use crate::time::UnixTime;
use crate::token::jwt::{VerificationError, VerifiedJwt};
use std::rc::Rc;

impl ResourceServer {
    /// Verifies a token with the keys of its issuer, which may have to be fetched first.
    pub(super) fn verify(
        &mut self,
        jws: &Jws<'_>,
        issuer: IssuerId,
        fetch: Option<KeyFetch>,
        now: UnixTime,
    ) -> Decision<Result<VerifiedJwt, VerificationError>> {
        let policy = Rc::clone(&self.issuers.get(issuer)?.policy);
        match policy.proof.keys().ok_or(Rejection::Internal)? {
            KeySource::Static(set) => Ok(VerifiedJwt::verify(jws, set).map_err(|it| it.error)),
            KeySource::Secret(secret) => {
                Ok(VerifiedJwt::verify_with_secret(jws, secret).map_err(|it| it.error))
            }
            KeySource::Endpoint(_) | KeySource::Discovered(_) => {
                let set = self.key_set(issuer, fetch, now)?;
                let verified = VerifiedJwt::verify(jws, &set).map_err(|it| it.error);
                if let Err(VerificationError::NoKey(NoKey::UnknownKeyId)) = verified {
                    self.seek_key(issuer, fetch, now)?;
                }
                Ok(verified)
            }
        }
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

fn unavailable(after: RetryAfter) -> Rejection {
    Rejection::Unavailable(EndpointKind::Jwks, after)
}
