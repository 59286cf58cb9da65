//! Keys of an issuer, and tokens as they are drafted before they are signed.

use hmac::{KeyInit as _, Mac as _};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::signing::Signer;
use token_exchange_harness::story::{START, merge};

pub(crate) const ISSUER: &str = "https://as.example.com/realms/demo";
pub(crate) const AUDIENCE: &str = "https://api.example.com/mcp";

type Signing = dyn Fn(&[u8]) -> Vec<u8>;

/// One key: what it signs with, and how it is published.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) algorithm: &'static str,
    sign: Box<Signing>,
    jwk: Value,
}

impl Key {
    pub(crate) fn new(name: &'static str, algorithm: Algorithm) -> Key {
        let signer = Signer::new(algorithm);
        let jwk = signer.jwk();
        Key { name, algorithm: algorithm.as_str(), sign: Box::new(move |message| signer.sign(message)), jwk }
    }

    /// The same key, whose tokens and publication name its algorithm so.
    pub(crate) fn called(self, algorithm: &'static str) -> Key {
        Key { algorithm, ..self }
    }

    /// A key for ES256 with this secret, for issuers that have several.
    pub(crate) fn p256(name: &'static str, secret: [u8; 32]) -> Key {
        let key = p256::ecdsa::SigningKey::from_slice(&secret).unwrap();
        let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        let sign = move |message: &[u8]| {
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().to_vec()
        };
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        Key { name, algorithm: "ES256", sign: Box::new(sign), jwk }
    }

    /// A secret shared with the issuer; it is not published.
    pub(crate) fn shared(algorithm: Algorithm, secret: &'static str) -> Key {
        let sign = move |message: &[u8]| match algorithm {
            Algorithm::Hs256 => mac::<hmac::Hmac<sha2::Sha256>>(secret.as_bytes(), message),
            Algorithm::Hs384 => mac::<hmac::Hmac<sha2::Sha384>>(secret.as_bytes(), message),
            _ => mac::<hmac::Hmac<sha2::Sha512>>(secret.as_bytes(), message),
        };
        Key { name: "h1", algorithm: algorithm.as_str(), sign: Box::new(sign), jwk: Value::Null }
    }

    /// The published key, which says what it is for.
    pub(crate) fn published(&self) -> Value {
        self.published_with(&json!({}))
    }

    /// The published key with some of its members changed.
    pub(crate) fn published_with(&self, patch: &Value) -> Value {
        let mut jwk = self.jwk.clone();
        merge(&mut jwk, &json!({"kid": self.name, "alg": self.algorithm, "use": "sig"}));
        merge(&mut jwk, patch);
        jwk
    }

    /// The public key alone.
    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        (self.sign)(message)
    }
}

fn mac<M: hmac::Mac + hmac::KeyInit>(secret: &[u8], message: &[u8]) -> Vec<u8> {
    <M as hmac::KeyInit>::new_from_slice(secret)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// HS256, which forgeries use with a public key in place of a secret.
pub(crate) fn hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// An access token of the issuer about to be signed.
#[derive(Clone)]
pub(crate) struct Draft<'k> {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) key: &'k Key,
}

impl<'k> Draft<'k> {
    pub(crate) fn new(key: &'k Key) -> Draft<'k> {
        let claims = json!({
            "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "iat": START, "exp": START + 300,
            "scope": "mcp:read mcp:write", "client_id": "agent"
        });
        Draft { header: json!({"alg": key.algorithm, "kid": key.name, "typ": "at+jwt"}), claims, key }
    }

    /// Changes the header; null takes a parameter out.
    pub(crate) fn header(mut self, patch: &Value) -> Draft<'k> {
        merge(&mut self.header, patch);
        self
    }

    /// Changes the claims; null takes a claim out.
    pub(crate) fn claims(mut self, patch: &Value) -> Draft<'k> {
        merge(&mut self.claims, patch);
        self
    }

    pub(crate) fn sign(&self) -> String {
        self.compact(&self.header.to_string(), &self.claims.to_string())
    }

    /// The compact form, whatever header and payload say; the key's own algorithm signs.
    pub(crate) fn compact(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = encode(self.key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}
