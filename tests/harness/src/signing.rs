//! Signs tokens for tests, by the same crates that verify them, with private keys that RFCs
//! published.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit};
use p256::ecdsa::signature::Signer as _;
use rsa::BoxedUint;
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::JwkSet;
use token_exchange::jose::jws::Jws;
use token_exchange::jose::key::VerificationKey;
use token_exchange::token::jwt::{VerificationError, VerifiedJwt};

/// Every algorithm there is.
pub const ALGORITHMS: [Algorithm; 13] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
];

/// A shared secret long enough for every HMAC.
pub const SECRET: &str = "a secret of this test, long enough for any of the three algorithms: 64+";

/// A key of `keys.json`.
pub fn published_key(name: &str) -> Value {
    let keys: Value = serde_json::from_str(include_str!("keys.json")).unwrap();
    keys[name].clone()
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// One issuer's key for one algorithm.
pub struct Signer {
    algorithm: Algorithm,
    sign: Sign,
    jwk: Value,
}

impl Signer {
    /// A signer for `algorithm`, with the first key of its type.
    pub fn new(algorithm: Algorithm) -> Signer {
        let with = |sign: Sign, jwk| Signer { algorithm, sign, jwk };
        match algorithm {
            Algorithm::Es256 => {
                let key = p256::ecdsa::SigningKey::from_slice(&scalar("p256")).unwrap();
                let jwk = elliptic_curve_jwk("P-256", key.verifying_key().to_sec1_point(false).as_bytes());
                with(Box::new(move |m| p256_signature(&key, m)), jwk)
            }
            Algorithm::Es384 => {
                let key = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
                let jwk = elliptic_curve_jwk("P-384", key.verifying_key().to_sec1_point(false).as_bytes());
                with(Box::new(move |m| p384_signature(&key, m)), jwk)
            }
            Algorithm::Es512 => {
                let key = p521::ecdsa::SigningKey::from_slice(&scalar("p521")).unwrap();
                let jwk = elliptic_curve_jwk("P-521", key.verifying_key().to_sec1_point(false).as_bytes());
                with(Box::new(move |m| p521_signature(&key, m)), jwk)
            }
            Algorithm::EdDsa => Signer::ed25519(scalar("ed25519").try_into().unwrap()),
            Algorithm::Hs256 => with(Box::new(tag::<Hmac<Sha256>>), Value::Null),
            Algorithm::Hs384 => with(Box::new(tag::<Hmac<Sha384>>), Value::Null),
            Algorithm::Hs512 => with(Box::new(tag::<Hmac<Sha512>>), Value::Null),
            _ => Signer::rsa(algorithm, "rsa"),
        }
    }

    /// A signer with the Ed25519 key of this seed.
    pub fn ed25519(seed: [u8; 32]) -> Signer {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let sign = move |message: &[u8]| key.sign(message).to_bytes().to_vec();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        Signer { algorithm: Algorithm::EdDsa, sign: Box::new(sign), jwk }
    }

    /// A signer with the RSA key `name` of `keys.json`.
    pub fn rsa(algorithm: Algorithm, name: &str) -> Signer {
        let published = published_key(name);
        let number = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(published[name].as_str().unwrap()).unwrap();
            BoxedUint::from_be_slice(&bytes, u32::try_from(bytes.len() * 8).unwrap()).unwrap()
        };
        let key = rsa::PrivateKey::from_p_q(number("p"), number("q"), BoxedUint::from(65537_u64)).unwrap();
        let sign = move |message: &[u8]| {
            match algorithm {
                Algorithm::Rs256 => key.pkcs1v15_sign::<Sha256>(message),
                Algorithm::Rs384 => key.pkcs1v15_sign::<Sha384>(message),
                Algorithm::Rs512 => key.pkcs1v15_sign::<Sha512>(message),
                Algorithm::Ps256 => key.pss_sign::<Sha256>(message),
                Algorithm::Ps384 => key.pss_sign::<Sha384>(message),
                Algorithm::Ps512 => key.pss_sign::<Sha512>(message),
                other => panic!("{other} is not RSA"),
            }
            .unwrap()
        };
        let jwk = json!({"kty": "RSA", "n": published["n"], "e": published["e"]});
        Signer { algorithm, sign: Box::new(sign), jwk }
    }

    /// The public key, without `kid` and `alg`.
    pub fn jwk(&self) -> Value {
        self.jwk.clone()
    }

    /// The public key under a `kid`.
    pub fn jwk_named(&self, key_id: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = json!(key_id);
        jwk
    }

    /// Signs bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        (self.sign)(message)
    }

    /// Signs a header and a payload as they are.
    pub fn compact(&self, header: &str, payload: &str) -> String {
        let input = signing_input(header, payload);
        let signature = URL_SAFE_NO_PAD.encode((self.sign)(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// Signs `payload` under this algorithm's header and `kid`, where there is one.
    pub fn token(&self, key_id: Option<&str>, payload: &Value) -> String {
        let mut header = json!({"alg": self.algorithm.as_str()});
        if let Some(key_id) = key_id {
            header["kid"] = json!(key_id);
        }
        self.compact(&header.to_string(), &payload.to_string())
    }

    /// Verifies as the filter would that trusts this one key.
    pub fn verify(&self, token: &str) -> Option<VerifiedJwt> {
        let jws = Jws::parse(token).ok()?;
        if self.jwk.is_null() {
            let secret = VerificationKey::shared_secret(SECRET.as_bytes()).unwrap();
            return VerifiedJwt::verify_with_secret(&jws, &secret).ok();
        }
        VerifiedJwt::verify(&jws, &key_set(&[self.jwk()])).ok()
    }
}

/// The first two parts.
pub fn signing_input(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// A set of these keys, read as a fetched one is.
pub fn key_set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Verifies `token` with `keys`; a token that does not parse has no valid signature.
pub fn verify(token: &str, keys: &JwkSet) -> Result<VerifiedJwt, VerificationError> {
    let jws = Jws::parse(token).map_err(|_| VerificationError::Signature)?;
    VerifiedJwt::verify(&jws, keys).map_err(|unverified| unverified.error)
}

fn scalar(name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(published_key(name)["d"].as_str().unwrap()).unwrap()
}

fn elliptic_curve_jwk(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
}

fn p256_signature(key: &p256::ecdsa::SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = key.sign(message);
    signature.to_bytes().to_vec()
}

fn p384_signature(key: &p384::ecdsa::SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p384::ecdsa::Signature = key.sign(message);
    signature.to_bytes().to_vec()
}

fn p521_signature(key: &p521::ecdsa::SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p521::ecdsa::Signature = key.sign(message);
    signature.to_bytes().to_vec()
}

fn tag<M: hmac::Mac + KeyInit>(message: &[u8]) -> Vec<u8> {
    <M as KeyInit>::new_from_slice(SECRET.as_bytes())
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}
