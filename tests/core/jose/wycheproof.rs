//! Project Wycheproof's vectors for every algorithm, all of them.
//!
//! A key is read from a JWK as an issuer would publish it, so the vectors pass through the same
//! code as tokens do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::JwkSet;
use token_exchange::jose::key::{KeyError, VerificationKey};
use wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

/// How the vectors of one file came out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    accepted: usize,
    refused: usize,
}

impl Outcome {
    fn announce(&self, algorithm: Algorithm) {
        let Outcome { accepted, refused } = self;
        let ran = accepted + refused;
        super::announce(&format!(
            "Wycheproof, {algorithm}: {ran} ran, {accepted} accepted, {refused} refused"
        ));
    }
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A number as base64url in `length` octets.
fn octets(value: &Value, length: usize) -> String {
    let bytes = unhex(value);
    let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut padded = vec![0; length.saturating_sub(significant.len())];
    padded.extend(significant);
    URL_SAFE_NO_PAD.encode(padded)
}

fn jwk(public_key: &Value) -> Value {
    if public_key.get("modulus").is_some() {
        return json!({
            "kty": "RSA",
            "n": octets(&public_key["modulus"], 0),
            "e": octets(&public_key["publicExponent"], 0),
        });
    }
    let (curve, length) = match public_key["curve"].as_str().unwrap() {
        "secp256r1" => ("P-256", 32),
        "secp384r1" => ("P-384", 48),
        "secp521r1" => ("P-521", 66),
        "edwards25519" => {
            let x = URL_SAFE_NO_PAD.encode(unhex(&public_key["pk"]));
            return json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        }
        other => panic!("no JOSE curve {other}"),
    };
    let (x, y) = (octets(&public_key["wx"], length), octets(&public_key["wy"], length));
    json!({"kty": "EC", "crv": curve, "x": x, "y": y})
}

/// Runs every vector of a file against `algorithm`, whose parameters `ours` tells from others. With
/// other parameters what the file calls valid is not valid here; what it calls invalid may be, as
/// a signature with the wrong hash is one with ours.
fn run(data: &str, algorithm: Algorithm, ours: impl Fn(&Value) -> bool) -> Outcome {
    let file: Value = serde_json::from_str(data).unwrap();
    let mut outcome = Outcome::default();
    for group in file["testGroups"].as_array().unwrap() {
        let keys = json!({"keys": [jwk(&group["publicKey"])]}).to_string();
        let keys = JwkSet::parse(keys.as_bytes()).unwrap();
        let key = keys.candidates(None, algorithm).unwrap().next().unwrap();
        for vector in group["tests"].as_array().unwrap() {
            let verified = key.verify(algorithm, &unhex(&vector["msg"]), &unhex(&vector["sig"])).is_ok();
            // "acceptable" marks padding that only lenient readers take.
            let valid = vector["result"] == "valid";
            if valid || ours(group) {
                let expected = valid && ours(group);
                assert_eq!(
                    verified, expected,
                    "{algorithm} vector {}: {}",
                    vector["tcId"], vector["comment"]
                );
            }
            match verified {
                true => outcome.accepted += 1,
                false => outcome.refused += 1,
            }
        }
    }
    assert_eq!(json!(outcome.accepted + outcome.refused), file["numberOfTests"], "none skipped");
    outcome.announce(algorithm);
    outcome
}

#[test]
fn rsassa_pkcs1_v1_5() {
    for (name, algorithm) in [
        (pkcs1::TestName::Rsa2048Sha256, Algorithm::Rs256),
        (pkcs1::TestName::Rsa2048Sha384, Algorithm::Rs384),
        (pkcs1::TestName::Rsa2048Sha512, Algorithm::Rs512),
        (pkcs1::TestName::Rsa3072Sha256, Algorithm::Rs256),
        (pkcs1::TestName::Rsa3072Sha384, Algorithm::Rs384),
        (pkcs1::TestName::Rsa3072Sha512, Algorithm::Rs512),
        (pkcs1::TestName::Rsa4096Sha256, Algorithm::Rs256),
        (pkcs1::TestName::Rsa4096Sha384, Algorithm::Rs384),
        (pkcs1::TestName::Rsa4096Sha512, Algorithm::Rs512),
        (pkcs1::TestName::Rsa8192Sha256, Algorithm::Rs256),
        (pkcs1::TestName::Rsa8192Sha384, Algorithm::Rs384),
        (pkcs1::TestName::Rsa8192Sha512, Algorithm::Rs512),
    ] {
        let outcome = run(name.json_data(), algorithm, |_| true);
        assert!(outcome.accepted > 0 && outcome.refused > 0, "{name:?}");
    }
}

/// A signature over another hash is not one of this algorithm's.
#[test]
fn rsassa_pkcs1_v1_5_with_other_hashes() {
    for name in [
        pkcs1::TestName::Rsa2048Sha224,
        pkcs1::TestName::Rsa2048Sha3_256,
        pkcs1::TestName::Rsa2048Sha3_512,
        pkcs1::TestName::Rsa2048Sha512_256,
    ] {
        for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512] {
            run(name.json_data(), algorithm, |_| false);
        }
    }
}

/// The salt is as long as the hash, and one hash serves both purposes (RFC 7518 section 3.5).
#[test]
fn rsassa_pss() {
    for (name, algorithm) in [
        (pss::TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (pss::TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (pss::TestName::RsaPss3072Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (pss::TestName::RsaPss4096Sha256Mgf1SaltLen32, Algorithm::Ps256),
        (pss::TestName::RsaPss4096Sha384Mgf1SaltLen48, Algorithm::Ps384),
        (pss::TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::Ps512),
    ] {
        let outcome = run(name.json_data(), algorithm, |_| true);
        assert!(outcome.accepted > 0 && outcome.refused > 0, "{name:?}");
    }
    for (name, algorithm) in [
        (pss::TestName::RsaPss2048Sha256Mgf1SaltLen0, Algorithm::Ps256),
        (pss::TestName::RsaPss2048Sha256Mgf1Sha1_20, Algorithm::Ps256),
        (pss::TestName::RsaPss4096Sha512Mgf1SaltLen32, Algorithm::Ps512),
        (pss::TestName::RsaPss2048Shake128, Algorithm::Ps256),
    ] {
        run(name.json_data(), algorithm, |_| false);
    }
}

/// Keys and parameters of every size, of which only some are ours.
#[test]
fn rsassa_pss_with_any_parameters() {
    for (algorithm, hash, salt) in [
        (Algorithm::Ps256, "SHA-256", 32),
        (Algorithm::Ps384, "SHA-384", 48),
        (Algorithm::Ps512, "SHA-512", 64),
    ] {
        run(pss::TestName::RsaPssmisc.json_data(), algorithm, |group| {
            group["sha"] == hash && group["mgfSha"] == hash && group["sLen"] == salt
        });
    }
}

#[test]
fn ecdsa_with_r_and_s_side_by_side() {
    for (name, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512P1363, Algorithm::Es512),
    ] {
        let outcome = run(name.json_data(), algorithm, |_| true);
        assert!(outcome.accepted > 0 && outcome.refused > 0, "{name:?}");
    }
    for (name, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha512P1363, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha512P1363, Algorithm::Es384),
    ] {
        assert_eq!(run(name.json_data(), algorithm, |_| false).accepted, 0, "{name:?}");
    }
}

/// Signatures in DER, as X.509 has them, are not JWS signatures.
#[test]
fn ecdsa_in_der() {
    for (name, algorithm) in [
        (ecdsa::TestName::EcdsaSecp256r1Sha256, Algorithm::Es256),
        (ecdsa::TestName::EcdsaSecp384r1Sha384, Algorithm::Es384),
        (ecdsa::TestName::EcdsaSecp521r1Sha512, Algorithm::Es512),
    ] {
        assert_eq!(run(name.json_data(), algorithm, |_| false).accepted, 0, "{name:?}");
    }
}

#[test]
fn ed25519() {
    let outcome = run(eddsa::TestName::Ed25519.json_data(), Algorithm::EdDsa, |_| true);
    assert!(outcome.accepted > 0 && outcome.refused > 0);
}

/// JWS knows no truncated tags and no secret shorter than the hash (RFC 7518 section 3.2).
#[test]
fn hmac() {
    for (name, algorithm, bits) in [
        (mac::TestName::HmacSha256, Algorithm::Hs256, 256),
        (mac::TestName::HmacSha384, Algorithm::Hs384, 384),
        (mac::TestName::HmacSha512, Algorithm::Hs512, 512),
    ] {
        let file: Value = serde_json::from_str(name.json_data()).unwrap();
        let mut outcome = Outcome::default();
        for group in file["testGroups"].as_array().unwrap() {
            let fits = group["keySize"].as_u64().unwrap() >= bits && group["tagSize"] == json!(bits);
            for vector in group["tests"].as_array().unwrap() {
                let message = unhex(&vector["msg"]);
                let verified = match VerificationKey::shared_secret(&unhex(&vector["key"])) {
                    Ok(key) => key.verify(algorithm, &message, &unhex(&vector["tag"])).is_ok(),
                    Err(error) => {
                        assert_eq!(error, KeyError::SecretTooShort);
                        false
                    }
                };
                let expected = vector["result"] == "valid" && fits;
                assert_eq!(verified, expected, "{algorithm} vector {}", vector["tcId"]);
                match verified {
                    true => outcome.accepted += 1,
                    false => outcome.refused += 1,
                }
            }
        }
        assert_eq!(json!(outcome.accepted + outcome.refused), file["numberOfTests"], "none skipped");
        assert!(outcome.accepted > 0 && outcome.refused > 0, "{name:?}");
        outcome.announce(algorithm);
    }
}
