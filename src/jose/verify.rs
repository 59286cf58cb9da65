//! From a JWS to a proof: the one place that makes a [`VerifiedJwt`].

use super::alg::KeyType;
use super::claims::ClaimsSet;
use super::jwk::{JwkSet, NoKey};
use super::jws::Jws;
use super::key::VerificationKey;
use crate::json::{self, JsonError};
use std::fmt;

/// A JWT (RFC 7519) whose signature was verified with a key the operator or an issuer named by the
/// operator vouches for. What it says has yet to be held to the rules.
#[derive(Clone, Debug)]
pub struct VerifiedJwt {
    token_type: Option<String>,
    claims: ClaimsSet,
}

/// Why a JWS is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationError {
    /// No key may verify it.
    NoKey(NoKey),
    /// The signature is not that of any key tried.
    Signature,
    /// Well signed, but the payload is not one JSON object without duplicate members (RFC 7519
    /// section 7.2).
    Payload(JsonError),
}

impl fmt::Display for VerificationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            VerificationError::NoKey(NoKey::UnknownKeyId) => "signed by a key that is not known",
            VerificationError::NoKey(NoKey::WrongAlgorithm) => "the key is not for this algorithm",
            VerificationError::NoKey(NoKey::NoneFits) => "no key is for this algorithm",
            VerificationError::Signature => "the signature is not valid",
            VerificationError::Payload(_) => "the payload is not a JSON object",
        })
    }
}

impl std::error::Error for VerificationError {}

impl VerifiedJwt {
    /// Verifies `jws` with the keys of an issuer.
    ///
    /// # Errors
    /// [`VerificationError`]
    pub fn verify(jws: &Jws<'_>, keys: &JwkSet) -> Result<VerifiedJwt, VerificationError> {
        match keys.candidates(jws.key_id(), jws.algorithm()) {
            Ok(candidates) => VerifiedJwt::verify_with(jws, candidates),
            // `kid` is optional in a key as well (RFC 7517 section 4.5). Where none of those verifies,
            // the key may still be a new one.
            Err(unknown @ NoKey::UnknownKeyId) => {
                VerifiedJwt::verify_with(jws, keys.unnamed(jws.algorithm())).map_err(|error| match error {
                    VerificationError::Signature => VerificationError::NoKey(unknown),
                    other => other,
                })
            }
            Err(no_key) => Err(VerificationError::NoKey(no_key)),
        }
    }

    /// Verifies `jws` with a secret shared with the issuer, whatever `kid` says: there is but one.
    ///
    /// # Errors
    /// [`VerificationError`]
    pub fn verify_with_secret(
        jws: &Jws<'_>,
        secret: &VerificationKey,
    ) -> Result<VerifiedJwt, VerificationError> {
        if secret.key_type() != KeyType::Secret || !secret.fits(jws.algorithm()) {
            return Err(VerificationError::NoKey(NoKey::NoneFits));
        }
        VerifiedJwt::verify_with(jws, std::iter::once(secret))
    }

    fn verify_with<'k>(
        jws: &Jws<'_>,
        mut keys: impl Iterator<Item = &'k VerificationKey>,
    ) -> Result<VerifiedJwt, VerificationError> {
        let verifies =
            |key: &VerificationKey| key.verify(jws.algorithm(), jws.signing_input(), jws.signature()).is_ok();
        if !keys.any(verifies) {
            return Err(VerificationError::Signature);
        }
        let members = json::parse_object(jws.payload()).map_err(VerificationError::Payload)?;
        Ok(VerifiedJwt {
            token_type: jws.token_type().map(str::to_owned),
            claims: ClaimsSet::from_members(members),
        })
    }

    /// The header's `typ`, as sent.
    pub fn token_type(&self) -> Option<&str> {
        self.token_type.as_deref()
    }

    /// What the issuer says.
    pub fn claims(&self) -> &ClaimsSet {
        &self.claims
    }

    /// Leaves only what the issuer says.
    pub fn into_claims(self) -> ClaimsSet {
        self.claims
    }
}
