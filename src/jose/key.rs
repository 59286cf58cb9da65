//! Verification keys, prepared so that a signature costs the bare operation and nothing more.

use super::alg::{Algorithm, KeyType};
use hmac::{Hmac, KeyInit, Mac as _};
use p256::ecdsa::signature::Verifier;
use rsa::BoxedUint;
use rsa::traits::PublicKeyParts as _;
use sha2::{Sha256, Sha384, Sha512};
use std::fmt;

/// The fewest bits of an RSA modulus (RFC 7518 section 3.3).
const MIN_MODULUS_BITS: usize = 2048;

/// The most bits of an RSA modulus: one verification costs the square of this.
const MAX_MODULUS_BITS: usize = 8192;

/// The first byte of an uncompressed point (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

const SHA256_BYTES: usize = 32;
const SHA384_BYTES: usize = 48;
const SHA512_BYTES: usize = 64;

/// A key that signatures are verified with.
#[derive(Clone)]
pub struct VerificationKey(Prepared);

#[derive(Clone)]
enum Prepared {
    Rsa(Box<rsa::PublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
    Secret(Box<SharedSecret>),
}

/// A shared secret, absorbed once for each hash.
#[derive(Clone)]
struct SharedSecret {
    bytes: usize,
    sha256: Hmac<Sha256>,
    sha384: Hmac<Sha384>,
    sha512: Hmac<Sha512>,
}

/// Why key material makes no verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// An RSA modulus of fewer than 2048 or more than 8192 bits.
    ModulusSize,
    /// An RSA exponent that is 1, even, or larger than any in use.
    Exponent,
    /// A modulus that is even, a point that is not on its curve or of small order, or a length
    /// that does not fit.
    Invalid,
    /// A shared secret shorter than the shortest hash (RFC 7518 section 3.2).
    SecretTooShort,
}

/// A signature that is not this key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSignature;

impl VerificationKey {
    /// An RSA key from its modulus and exponent, both big-endian. Leading zeros do not count.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<VerificationKey, KeyError> {
        let modulus = without_leading_zeros(modulus);
        if modulus.len() > MAX_MODULUS_BITS / 8 {
            return Err(KeyError::ModulusSize);
        }
        let precision = u32::try_from(modulus.len()).unwrap_or_default().saturating_mul(8);
        let modulus = BoxedUint::from_be_slice(modulus, precision).map_err(|_| KeyError::Invalid)?;
        let exponent = small_exponent(exponent).ok_or(KeyError::Exponent)?;
        let sizes = MIN_MODULUS_BITS..=MAX_MODULUS_BITS;
        rsa::PublicKey::new_with_size_limits(modulus, BoxedUint::from(exponent), sizes)
            .map(|key| VerificationKey(Prepared::Rsa(Box::new(key))))
            .map_err(|error| match error {
                rsa::Error::ModulusTooSmall | rsa::Error::ModulusTooLarge => KeyError::ModulusSize,
                rsa::Error::InvalidExponent
                | rsa::Error::PublicExponentTooSmall
                | rsa::Error::PublicExponentTooLarge => KeyError::Exponent,
                _ => KeyError::Invalid,
            })
    }

    /// A point on P-256 from its coordinates, each of full length (RFC 7518 section 6.2.1).
    ///
    /// # Errors
    /// [`KeyError::Invalid`] where there is no such point.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<VerificationKey, KeyError> {
        let key = on_curve(32, x, y, p256::ecdsa::VerifyingKey::from_sec1_bytes)?;
        Ok(VerificationKey(Prepared::P256(Box::new(key))))
    }

    /// A point on P-384, see [`VerificationKey::p256`].
    ///
    /// # Errors
    /// [`KeyError::Invalid`] where there is no such point.
    pub fn p384(x: &[u8], y: &[u8]) -> Result<VerificationKey, KeyError> {
        let key = on_curve(48, x, y, p384::ecdsa::VerifyingKey::from_sec1_bytes)?;
        Ok(VerificationKey(Prepared::P384(Box::new(key))))
    }

    /// A point on P-521, see [`VerificationKey::p256`].
    ///
    /// # Errors
    /// [`KeyError::Invalid`] where there is no such point.
    pub fn p521(x: &[u8], y: &[u8]) -> Result<VerificationKey, KeyError> {
        let key = on_curve(66, x, y, p521::ecdsa::VerifyingKey::from_sec1_bytes)?;
        Ok(VerificationKey(Prepared::P521(Box::new(key))))
    }

    /// An Ed25519 public key (RFC 8037 section 2).
    ///
    /// Points of small order are refused, as a signature by one is good for nearly any message,
    /// and so is a second spelling of a point.
    ///
    /// # Errors
    /// [`KeyError::Invalid`] where there is no such point.
    pub fn ed25519(x: &[u8]) -> Result<VerificationKey, KeyError> {
        let x: &[u8; 32] = x.try_into().map_err(|_| KeyError::Invalid)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(x).map_err(|_| KeyError::Invalid)?;
        if key.is_weak() || key.to_edwards().compress().as_bytes() != x {
            return Err(KeyError::Invalid);
        }
        Ok(VerificationKey(Prepared::Ed25519(Box::new(key))))
    }

    /// A secret shared with the issuer, for HMAC. A published key is never one.
    ///
    /// # Errors
    /// [`KeyError::SecretTooShort`]
    pub fn shared_secret(secret: &[u8]) -> Result<VerificationKey, KeyError> {
        if secret.len() < SHA256_BYTES {
            return Err(KeyError::SecretTooShort);
        }
        let secret = SharedSecret {
            bytes: secret.len(),
            sha256: keyed(secret)?,
            sha384: keyed(secret)?,
            sha512: keyed(secret)?,
        };
        Ok(VerificationKey(Prepared::Secret(Box::new(secret))))
    }

    /// Whether this key may verify `algorithm`: the type must be the one it needs, and a secret no
    /// shorter than its hash (RFC 7518 section 3.2).
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        let long_enough = match (&self.0, algorithm) {
            (Prepared::Secret(secret), Algorithm::Hs384) => secret.bytes >= SHA384_BYTES,
            (Prepared::Secret(secret), Algorithm::Hs512) => secret.bytes >= SHA512_BYTES,
            _ => true,
        };
        long_enough && self.key_type() == algorithm.key_type()
    }

    /// What kind of key this is.
    pub fn key_type(&self) -> KeyType {
        match self.0 {
            Prepared::Rsa(_) => KeyType::Rsa,
            Prepared::P256(_) => KeyType::P256,
            Prepared::P384(_) => KeyType::P384,
            Prepared::P521(_) => KeyType::P521,
            Prepared::Ed25519(_) => KeyType::Ed25519,
            Prepared::Secret(_) => KeyType::Secret,
        }
    }

    /// How long the modulus of an RSA key is; zero for a key of another type.
    pub(super) fn modulus_bytes(&self) -> usize {
        match &self.0 {
            Prepared::Rsa(key) => key.size(),
            _ => 0,
        }
    }

    /// Verifies `signature` over `message`.
    ///
    /// Lengths are exact and ranges are checked by the crates: 0 < r < n and 0 < s < n for ECDSA
    /// (RFC 7518 section 3.4), as many bytes as the modulus has and a value below it for RSA (RFC
    /// 8017 sections 8.1.2 and 8.2.2), S below the order for Ed25519 (RFC 8032 section 5.1.7).
    ///
    /// # Errors
    /// [`InvalidSignature`], also where the key does not fit the algorithm.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if !self.fits(algorithm) {
            return Err(InvalidSignature);
        }
        let valid = match &self.0 {
            Prepared::Rsa(key) => rsa_verifies(key, algorithm, message, signature),
            Prepared::P256(key) => verifies::<p256::ecdsa::Signature>(&**key, message, signature),
            Prepared::P384(key) => verifies::<p384::ecdsa::Signature>(&**key, message, signature),
            Prepared::P521(key) => verifies::<p521::ecdsa::Signature>(&**key, message, signature),
            Prepared::Ed25519(key) => verifies::<ed25519_dalek::Signature>(&**key, message, signature),
            Prepared::Secret(secret) => secret.verifies(algorithm, message, signature),
        };
        if valid { Ok(()) } else { Err(InvalidSignature) }
    }
}

fn verifies<S: for<'a> TryFrom<&'a [u8]>>(key: &impl Verifier<S>, message: &[u8], signature: &[u8]) -> bool {
    S::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn rsa_verifies(key: &rsa::PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let verified = match algorithm {
        Algorithm::Rs256 => key.pkcs1v15_verify::<Sha256>(message, signature),
        Algorithm::Rs384 => key.pkcs1v15_verify::<Sha384>(message, signature),
        Algorithm::Rs512 => key.pkcs1v15_verify::<Sha512>(message, signature),
        // The salt is as long as the hash (RFC 7518 section 3.5).
        Algorithm::Ps256 => key.pss_verify::<Sha256>(message, signature),
        Algorithm::Ps384 => key.pss_verify::<Sha384>(message, signature),
        Algorithm::Ps512 => key.pss_verify::<Sha512>(message, signature),
        _ => return false,
    };
    verified.is_ok()
}

impl SharedSecret {
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = match algorithm {
            Algorithm::Hs256 => self.sha256.clone().chain_update(message).verify_slice(signature),
            Algorithm::Hs384 => self.sha384.clone().chain_update(message).verify_slice(signature),
            Algorithm::Hs512 => self.sha512.clone().chain_update(message).verify_slice(signature),
            _ => return false,
        };
        verified.is_ok()
    }
}

/// An HMAC that has absorbed its key. No length is wrong for one, so the error never comes.
fn keyed<M: KeyInit>(secret: &[u8]) -> Result<M, KeyError> {
    M::new_from_slice(secret).map_err(|_| KeyError::Invalid)
}

/// Reads an uncompressed point (SEC 1 section 2.3.4), which is checked to be on its curve.
fn on_curve<K, E>(
    length: usize,
    x: &[u8],
    y: &[u8],
    read: impl FnOnce(&[u8]) -> Result<K, E>,
) -> Result<K, KeyError> {
    if x.len() != length || y.len() != length {
        return Err(KeyError::Invalid);
    }
    read(&[&[UNCOMPRESSED], x, y].concat()).map_err(|_| KeyError::Invalid)
}

/// An exponent that fits in a word; those in use have five digits.
fn small_exponent(bytes: &[u8]) -> Option<u64> {
    let bytes = without_leading_zeros(bytes);
    let mut word = [0; 8];
    let start = word.len().checked_sub(bytes.len())?;
    word.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(word))
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Shows the type only.
impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("VerificationKey").field(&self.key_type()).finish()
    }
}
