//! The operation that a verification cannot do without: the crate's own, of one signature, with
//! everything but the message prepared.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Verifier;
use rsa::BoxedUint;
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};
use token_exchange::jose::alg::Algorithm;

/// Verifies a message.
pub type Bare = Box<dyn Fn(&[u8]) -> bool>;

/// The bare operation of an algorithm with the key `jwk`.
pub fn bare(algorithm: Algorithm, jwk: &Value, signature: &[u8]) -> Bare {
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    let point = || [&[4], &member("x")[..], &member("y")].concat();
    let rsa = || {
        let modulus = BoxedUint::from_be_slice(&member("n"), 2048).unwrap();
        rsa::PublicKey::new(modulus, BoxedUint::from(65537_u64)).unwrap()
    };
    match algorithm {
        Algorithm::Rs256 => verifier(
            rsa::pkcs1v15::VerifyingKey::<Sha256>::new(rsa()),
            rsa::pkcs1v15::Signature::try_from(signature),
        ),
        Algorithm::Rs384 => verifier(
            rsa::pkcs1v15::VerifyingKey::<Sha384>::new(rsa()),
            rsa::pkcs1v15::Signature::try_from(signature),
        ),
        Algorithm::Rs512 => verifier(
            rsa::pkcs1v15::VerifyingKey::<Sha512>::new(rsa()),
            rsa::pkcs1v15::Signature::try_from(signature),
        ),
        Algorithm::Ps256 => {
            verifier(rsa::pss::VerifyingKey::<Sha256>::new(rsa()), rsa::pss::Signature::try_from(signature))
        }
        Algorithm::Ps384 => {
            verifier(rsa::pss::VerifyingKey::<Sha384>::new(rsa()), rsa::pss::Signature::try_from(signature))
        }
        Algorithm::Ps512 => {
            verifier(rsa::pss::VerifyingKey::<Sha512>::new(rsa()), rsa::pss::Signature::try_from(signature))
        }
        Algorithm::Es256 => verifier(
            p256::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap(),
            p256::ecdsa::Signature::try_from(signature),
        ),
        Algorithm::Es384 => verifier(
            p384::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap(),
            p384::ecdsa::Signature::try_from(signature),
        ),
        Algorithm::Es512 => verifier(
            p521::ecdsa::VerifyingKey::from_sec1_bytes(&point()).unwrap(),
            p521::ecdsa::Signature::try_from(signature),
        ),
        Algorithm::EdDsa => verifier(
            ed25519_dalek::VerifyingKey::from_bytes(&member("x").try_into().unwrap()).unwrap(),
            ed25519_dalek::Signature::try_from(signature),
        ),
        Algorithm::Hs256 => tag::<Hmac<Sha256>>(&member("k"), signature),
        Algorithm::Hs384 => tag::<Hmac<Sha384>>(&member("k"), signature),
        Algorithm::Hs512 => tag::<Hmac<Sha512>>(&member("k"), signature),
    }
}

fn verifier<S: 'static, E>(key: impl Verifier<S> + 'static, signature: Result<S, E>) -> Bare {
    let signature = signature.ok().unwrap();
    Box::new(move |message| key.verify(message, &signature).is_ok())
}

fn tag<M: Mac + KeyInit + Clone + 'static>(secret: &[u8], signature: &[u8]) -> Bare {
    let keyed = <M as KeyInit>::new_from_slice(secret).unwrap();
    let signature = signature.to_vec();
    Box::new(move |message| keyed.clone().chain_update(message).verify_slice(&signature).is_ok())
}

/// base64url without padding.
pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
