//! Tokens that only an attacker makes.

use super::minting::{Draft, Key, decode, encode, hs256};
use base64::Engine as _;
use serde_json::{Value, json};

/// No signature, and a header that says so in this spelling.
pub(crate) fn unsigned(draft: &Draft<'_>, none: &str) -> String {
    format!("{}.", input(&draft.clone().header(&json!({"alg": none}))))
}

/// The signature is left out, and the header says nothing of it.
pub(crate) fn no_signature(draft: &Draft<'_>) -> String {
    format!("{}.", input(draft))
}

/// HS256 with something public as its secret.
pub(crate) fn mac_of(draft: &Draft<'_>, secret: &[u8]) -> String {
    let input = input(&draft.clone().header(&json!({"alg": "HS256"})));
    format!("{input}.{}", encode(hs256(secret, input.as_bytes())))
}

/// Other claims under a good signature.
pub(crate) fn tampered(draft: &Draft<'_>) -> String {
    let good = draft.sign();
    let (_, signature) = good.rsplit_once('.').unwrap();
    format!("{}.{signature}", input(&draft.clone().claims(&json!({"sub": "root"}))))
}

/// The token with its signature changed.
pub(crate) fn with_signature(draft: &Draft<'_>, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let good = draft.sign();
    let (input, signature) = good.rsplit_once('.').unwrap();
    format!("{input}.{}", encode(change(decode(signature))))
}

/// An ECDSA signature in the form of X.509.
#[allow(clippy::needless_pass_by_value, reason = "a row takes the signature and gives back another")]
pub(crate) fn der(signature: Vec<u8>) -> Vec<u8> {
    let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    p256::ecdsa::DerSignature::from(signature).as_bytes().to_vec()
}

/// A second spelling of the same bytes: the last character has bits that mean nothing.
pub(crate) fn stray_bits(draft: &Draft<'_>) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut token = draft.sign();
    let last = ALPHABET.find(token.pop().unwrap()).unwrap();
    token.push(char::from(ALPHABET.as_bytes()[last ^ 1]));
    token
}

/// The payload begins with these members, and then has its own.
pub(crate) fn payload_with(draft: &Draft<'_>, members: &str) -> String {
    draft.compact(&draft.header.to_string(), &prefixed(&draft.claims, members))
}

/// The header begins with these members, and then has its own.
pub(crate) fn header_with(draft: &Draft<'_>, members: &str) -> String {
    draft.compact(&prefixed(&draft.header, members), &draft.claims.to_string())
}

/// A JWE; this filter has no key for any, so the parts after the header may say anything.
pub(crate) fn encrypted(header: &Value) -> String {
    format!(
        "{}.{}.{}.{}.{}",
        encode(header.to_string()),
        encode([1; 256]),
        encode([2; 12]),
        encode([3; 300]),
        encode([4; 16])
    )
}

fn prefixed(object: &Value, members: &str) -> String {
    format!("{{{members},{}", object.to_string().strip_prefix('{').unwrap())
}

fn input(draft: &Draft<'_>) -> String {
    format!("{}.{}", encode(draft.header.to_string()), encode(draft.claims.to_string()))
}

/// The public key as a `SubjectPublicKeyInfo` (RFC 5280 section 4.1), for RSA of 2048 bits and P-256.
pub(crate) fn subject_public_key_info(key: &Key) -> Vec<u8> {
    /// `rsaEncryption`, up to the modulus.
    const RSA_2048: &str = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
    const EXPONENT_65537: &str = "0203010001";
    /// `id-ecPublicKey` on `prime256v1`, up to the coordinates.
    const P256: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    let member = |name: &str| decode(key.jwk()[name].as_str().unwrap());
    if key.jwk()["kty"] == "RSA" {
        [hex(RSA_2048), member("n"), hex(EXPONENT_65537)].concat()
    } else {
        [hex(P256), member("x"), member("y")].concat()
    }
}

/// The same as PEM text (RFC 7468).
pub(crate) fn pem(key: &Key) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.encode(subject_public_key_info(key));
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")).into_bytes()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
