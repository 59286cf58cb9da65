//! From a JWS to a proof: the one place that makes a [`VerifiedJws`].

use super::alg::KeyType;
use super::cost::{self, Cost, Unverified};
use super::jwk::{JwkSet, NoKey};
use super::jws::Jws;
use super::key::VerificationKey;
use std::fmt;

/// A JWS (RFC 7515) whose signature was verified with a key that the operator, or an issuer whom the
/// operator named, vouches for.
#[derive(Clone)]
pub struct VerifiedJws {
    token_type: Option<String>,
    payload: Vec<u8>,
    cost: Cost,
}

/// Why the signature of a JWS is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// No key may verify it.
    NoKey(NoKey),
    /// The signature is not that of any key tried.
    Invalid,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            SignatureError::NoKey(NoKey::UnknownKeyId) => "unknown kid",
            SignatureError::NoKey(NoKey::WrongAlgorithm) => {
                "the key that kid names is not for this algorithm"
            }
            SignatureError::NoKey(NoKey::NoneFits) => "no key is for this algorithm",
            SignatureError::Invalid => "the signature is not valid",
        })
    }
}

impl std::error::Error for SignatureError {}

impl VerifiedJws {
    /// Verifies `jws` with the keys of an issuer.
    ///
    /// # Errors
    /// No key of the set may verify it, or none does.
    pub fn verify(jws: &Jws<'_>, keys: &JwkSet) -> Result<VerifiedJws, Unverified<SignatureError>> {
        match keys.candidates(jws.key_id(), jws.algorithm()) {
            Ok(candidates) => VerifiedJws::verify_with(jws, candidates),
            // `kid` is optional in a key as well (RFC 7517 section 4.5). Where none of those verifies,
            // the key may still be a new one.
            Err(unknown @ NoKey::UnknownKeyId) => {
                VerifiedJws::verify_with(jws, keys.unnamed(jws.algorithm()))
                    .map_err(|unverified| unverified.map(|_| SignatureError::NoKey(unknown)))
            }
            Err(no_key) => Err(no_key_tried(no_key)),
        }
    }

    /// Verifies `jws` with a secret shared with the issuer, whatever `kid` says: there is but one.
    ///
    /// # Errors
    /// The secret is not for this algorithm, or the signature is not valid.
    pub fn verify_with_secret(
        jws: &Jws<'_>,
        secret: &VerificationKey,
    ) -> Result<VerifiedJws, Unverified<SignatureError>> {
        if secret.key_type() != KeyType::Secret || !secret.fits(jws.algorithm()) {
            return Err(no_key_tried(NoKey::NoneFits));
        }
        VerifiedJws::verify_with(jws, std::iter::once(secret))
    }

    fn verify_with<'k>(
        jws: &Jws<'_>,
        mut keys: impl Iterator<Item = &'k VerificationKey>,
    ) -> Result<VerifiedJws, Unverified<SignatureError>> {
        let mut cost = Cost::ZERO;
        let verifies = |key: &VerificationKey| {
            cost = cost.saturating_add(cost::of_trying(key, jws.signing_input().len()));
            key.verify(jws.algorithm(), jws.signing_input(), jws.signature()).is_ok()
        };
        if !keys.any(verifies) {
            return Err(Unverified { error: SignatureError::Invalid, cost });
        }
        let token_type = jws.token_type().map(str::to_owned);
        Ok(VerifiedJws { token_type, payload: jws.payload().to_vec(), cost })
    }

    /// The header's `typ`, as sent.
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// The payload, as it was signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What trying keys until one fitted has cost.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

fn no_key_tried(no_key: NoKey) -> Unverified<SignatureError> {
    Unverified { error: SignatureError::NoKey(no_key), cost: Cost::ZERO }
}

/// The payload is personal data, so that only its length is shown.
impl fmt::Debug for VerifiedJws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VerifiedJws")
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
