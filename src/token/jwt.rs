//! JSON Web Tokens (RFC 7519) whose signature was verified.

use super::claims::ClaimsSet;
use crate::jose::cost::{Cost, Unverified};
use crate::jose::jwk::{JwkSet, NoKey};
use crate::jose::jws::Jws;
use crate::jose::key::VerificationKey;
use crate::jose::verify::{SignatureError, VerifiedJws};
use crate::json::{self, JsonError};
use std::fmt;

/// A JWT with a good signature. What it says has yet to be held to the rules.
#[derive(Clone, Debug)]
pub struct VerifiedJwt {
    token_type: Option<String>,
    claims: ClaimsSet,
    verification_cost: Cost,
}

/// Why a JWS is not a proven JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationError {
    /// No key may verify it.
    NoKey(NoKey),
    /// The signature is not that of any key tried.
    Signature,
    /// Well signed, but the payload cannot be read as one JSON object (RFC 7519 section 7.2).
    Payload(JsonError),
}

impl From<SignatureError> for VerificationError {
    fn from(error: SignatureError) -> VerificationError {
        match error {
            SignatureError::NoKey(no_key) => VerificationError::NoKey(no_key),
            SignatureError::Invalid => VerificationError::Signature,
        }
    }
}

impl fmt::Display for VerificationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerificationError::NoKey(no_key) => SignatureError::NoKey(*no_key).fmt(formatter),
            VerificationError::Signature => SignatureError::Invalid.fmt(formatter),
            VerificationError::Payload(_) => {
                formatter.write_str("the payload cannot be read as a JSON object")
            }
        }
    }
}

impl std::error::Error for VerificationError {}

impl VerifiedJwt {
    /// Verifies `jws` with the keys of an issuer.
    ///
    /// # Errors
    /// No key verifies it, or what is signed is not a claims set.
    pub fn verify(jws: &Jws<'_>, keys: &JwkSet) -> Result<VerifiedJwt, Unverified<VerificationError>> {
        VerifiedJwt::from_jws(VerifiedJws::verify(jws, keys))
    }

    /// Verifies `jws` with a secret shared with the issuer.
    ///
    /// # Errors
    /// As [`VerifiedJwt::verify`].
    pub fn verify_with_secret(
        jws: &Jws<'_>,
        secret: &VerificationKey,
    ) -> Result<VerifiedJwt, Unverified<VerificationError>> {
        VerifiedJwt::from_jws(VerifiedJws::verify_with_secret(jws, secret))
    }

    fn from_jws(
        jws: Result<VerifiedJws, Unverified<SignatureError>>,
    ) -> Result<VerifiedJwt, Unverified<VerificationError>> {
        let jws = jws.map_err(|unverified| unverified.map(VerificationError::from))?;
        let members = json::parse_object(jws.payload())
            .map_err(|error| Unverified { error: VerificationError::Payload(error), cost: jws.cost() })?;
        Ok(VerifiedJwt {
            token_type: jws.token_type().map(str::to_owned),
            claims: ClaimsSet::from_members(members),
            verification_cost: jws.cost(),
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

    /// What verifying the signature has cost.
    pub fn verification_cost(&self) -> Cost {
        self.verification_cost
    }

    /// Leaves only what the issuer says.
    pub fn into_claims(self) -> ClaimsSet {
        self.claims
    }
}
