//! Field cases that end in jose and token, by their number. Those that need no signature stand at the
//! bottom of the files they are about.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::{JwkSet, JwkSetError, NoKey, Unusable};
use token_exchange::jose::jws::Jws;
use token_exchange::jose::key::VerificationKey;
use token_exchange::time::UnixTime;
use token_exchange::token::access_token::{AccessTokenRefused, AccessTokenRules};
use token_exchange::token::claim_rules::{ClaimRules, ClaimsRefused, Presence};
use token_exchange::token::jwt::{VerificationError, VerifiedJwt};
use token_exchange::token::kind::{ExpectedKind, WrongKind};
use token_exchange_harness::signing::{SECRET, Signer, key_set, published_key, signing_input, verify};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://as.example.com/realms/demo";
const AUDIENCE: &str = "https://api.example.com/mcp";

fn payload() -> Value {
    json!({"iss": ISSUER, "sub": "u1", "aud": AUDIENCE, "exp": NOW + 600})
}

fn error(token: &str, keys: &JwkSet) -> VerificationError {
    verify(token, keys).unwrap_err()
}

fn left_out(keys: &[Value]) -> Vec<(Unusable, usize)> {
    key_set(keys).left_out().iter().map(|left_out| (left_out.reason, left_out.count)).collect()
}

#[test]
fn val_01_a_public_key_is_never_a_secret() {
    let rsa = Signer::new(Algorithm::Rs256);
    let keys = key_set(&[rsa.jwk_named("r1")]);
    let modulus = URL_SAFE_NO_PAD.decode(rsa.jwk()["n"].as_str().unwrap()).unwrap();
    let secrets = [modulus, rsa.jwk().to_string().into_bytes(), rsa.jwk_named("r1").to_string().into_bytes()];
    for secret in secrets {
        let input = signing_input(r#"{"alg":"HS256","kid":"r1"}"#, &payload().to_string());
        let tag = hmac_sha256(&secret, input.as_bytes());
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
        let own = VerificationKey::shared_secret(&secret).unwrap();
        assert!(
            VerifiedJwt::verify_with_secret(&Jws::parse(&token).unwrap(), &own).is_ok(),
            "a sound forgery"
        );
        assert_eq!(error(&token, &keys), VerificationError::NoKey(NoKey::WrongAlgorithm));
    }
    let secret = VerificationKey::shared_secret(SECRET.as_bytes()).unwrap();
    let signed = rsa.token(Some("r1"), &payload());
    let refused = VerifiedJwt::verify_with_secret(&Jws::parse(&signed).unwrap(), &secret);
    assert_eq!(refused.unwrap_err().error, VerificationError::NoKey(NoKey::NoneFits));
}

fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    use hmac::{KeyInit as _, Mac as _};
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

#[test]
fn val_04_ecdsa_signatures_are_two_numbers_in_range_and_nothing_else() {
    /// The order of P-256.
    const ORDER: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let signer = Signer::new(Algorithm::Es256);
    let keys = key_set(&[signer.jwk_named("e1")]);
    let token = signer.token(Some("e1"), &payload());
    assert!(verify(&token, &keys).is_ok());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let valid = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let order: Vec<u8> =
        (0..32).map(|byte| u8::from_str_radix(&ORDER[2 * byte..2 * byte + 2], 16).unwrap()).collect();
    let (r, s) = valid.split_at(32);
    let der = p256::ecdsa::DerSignature::from(p256::ecdsa::Signature::from_slice(&valid).unwrap());
    for signature in [
        vec![0; 64],
        URL_SAFE_NO_PAD.decode("MAYCAQACAQA").unwrap(),
        [r, &order].concat(),
        [&order, s].concat(),
        [r, &[0; 32]].concat(),
        [&[0; 32], s].concat(),
        [&[0xff; 32], s].concat(),
        valid[..63].to_vec(),
        [&valid[..], &[0]].concat(),
        [&[0], &valid[..]].concat(),
        [&[0], r, &[0], s].concat(),
        der.as_bytes().to_vec(),
        Vec::new(),
    ] {
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
        assert_eq!(error(&token, &keys), VerificationError::Signature, "{signature:02x?}");
    }
}

#[test]
fn rsa_signatures_are_as_long_as_the_modulus_and_below_it() {
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let signer = Signer::new(algorithm);
        let keys = key_set(&[signer.jwk()]);
        let token = signer.token(None, &payload());
        let (input, signature) = token.rsplit_once('.').unwrap();
        let valid = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let modulus = URL_SAFE_NO_PAD.decode(signer.jwk()["n"].as_str().unwrap()).unwrap();
        let mut signatures = vec![
            [&[0], &valid[..]].concat(),
            valid[..255].to_vec(),
            [&valid[..], &[0]].concat(),
            modulus.clone(),
            vec![0xff; 256],
            vec![0; 256],
            Vec::new(),
        ];
        signatures.extend(sum(&valid, &modulus));
        for signature in signatures {
            let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(&signature));
            assert_eq!(error(&token, &keys), VerificationError::Signature);
        }
    }
}

/// The same residue once more, where it still has as many bytes.
fn sum(one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut digits: Vec<u8> = one
        .iter()
        .zip(other)
        .rev()
        .map(|(one, other)| {
            let digit = u16::from(*one) + u16::from(*other) + carry;
            carry = digit >> 8;
            digit.to_le_bytes()[0]
        })
        .collect();
    digits.reverse();
    (carry == 0).then_some(digits)
}

/// Issuer-wide rules as Keycloak and Entra need them: both types.
fn check(header_type: Option<&str>, changes: &Value) -> Result<(), AccessTokenRefused> {
    let signer = Signer::new(Algorithm::Hs256);
    let mut header = json!({"alg": "HS256"});
    if let Some(header_type) = header_type {
        header["typ"] = json!(header_type);
    }
    let mut payload = payload();
    for (name, value) in changes.as_object().unwrap() {
        payload[name] = value.clone();
    }
    let jwt = signer.verify(&signer.compact(&header.to_string(), &payload.to_string())).unwrap();
    let rules = AccessTokenRules {
        claims: ClaimRules {
            issuers_allowed: &[ISSUER.to_owned()],
            issuers_elsewhere: &[],
            audiences: Some(&[AUDIENCE.to_owned()]),
            audience_claim: "aud",
            resource: AUDIENCE,
            kind: ExpectedKind::AccessToken,
            leeway: Duration::ZERO,
            presence: Presence::Optional,
        },
        token_types: &["at+jwt".to_owned(), "JWT".to_owned()],
        is_only_proof: true,
    };
    rules.check(&jwt, UnixTime::from_seconds(NOW))
}

#[test]
fn val_14_an_id_token_is_not_an_access_token() {
    let id_token = json!({"aud": "client-1", "nonce": "n1", "at_hash": "x"});
    let mismatch = Err(AccessTokenRefused::Claims(ClaimsRefused::AudienceMismatch));
    let wrong_kind = |wrong| Err(AccessTokenRefused::Claims(ClaimsRefused::WrongKind(wrong)));
    let stated = |claim, kind| wrong_kind(WrongKind::Stated(claim, kind));
    let at_hash = wrong_kind(WrongKind::IdTokenHash("at_hash"));
    let nonce = wrong_kind(WrongKind::Nonce);
    for (header_type, changes, expected) in [
        (Some("JWT"), &id_token, at_hash.clone()),
        (None, &id_token, at_hash.clone()),
        (Some("at+jwt"), &id_token, mismatch.clone()),
        (Some("JWT"), &json!({"aud": "client-1"}), mismatch.clone()),
        (Some("JWT"), &json!({"aud": "client-1", "nonce": "n1"}), nonce.clone()),
        (Some("JWT"), &json!({"nonce": "n1"}), nonce),
        (Some("JWT"), &json!({"nonce": "n1", "scope": "a"}), Ok(())),
        (Some("JWT"), &json!({"aud": "client-1", "nonce": "n1", "typ": "Bearer"}), mismatch.clone()),
        (Some("JWT"), &json!({"at_hash": "x"}), at_hash.clone()),
        (Some("JWT"), &json!({"c_hash": "x"}), wrong_kind(WrongKind::IdTokenHash("c_hash"))),
        (Some("JWT"), &json!({"typ": "ID"}), stated("typ", "id")),
        (Some("at+jwt"), &json!({"typ": "ID"}), stated("typ", "id")),
        (Some("JWT"), &json!({"typ": "Refresh"}), stated("typ", "refresh")),
        (Some("JWT"), &json!({"typ": "Offline"}), stated("typ", "offline")),
        (Some("at+jwt"), &json!({"token_use": "id"}), stated("token_use", "id")),
        (Some("JWT"), &json!({"token_use": "id"}), wrong_kind(WrongKind::OtherUse("token_use"))),
        (Some("JWT"), &json!({"typ": "Bearer"}), Ok(())),
        (Some("at+jwt"), &json!({}), Ok(())),
        (Some("AT+JWT"), &json!({}), Ok(())),
        (Some("application/at+jwt"), &json!({}), Ok(())),
        (Some("application/AT+JWT"), &json!({}), Ok(())),
        (Some("Application/jwt"), &json!({}), Ok(())),
        (Some("application/JWT"), &json!({"at_hash": "x"}), at_hash),
        (None, &json!({}), Ok(())),
        (Some(""), &json!({}), Err(AccessTokenRefused::TokenType)),
        (Some("logout+jwt"), &json!({}), Err(AccessTokenRefused::TokenType)),
        (Some("text/at+jwt"), &json!({}), Err(AccessTokenRefused::TokenType)),
        (Some("application/x/at+jwt"), &json!({}), Err(AccessTokenRefused::TokenType)),
    ] {
        assert_eq!(check(header_type, changes), expected, "{header_type:?} {changes}");
    }
}

#[test]
fn val_06_a_signed_token_without_issuer_or_expiry_is_refused_whatever_the_rules_say() {
    let signer = Signer::new(Algorithm::Hs256);
    for (member, expected) in [("iss", ClaimsRefused::IssuerMissing), ("exp", ClaimsRefused::ExpiryMissing)] {
        let mut payload = payload();
        payload.as_object_mut().unwrap().remove(member);
        let jwt = signer.verify(&signer.token(None, &payload)).unwrap();
        let rules = AccessTokenRules {
            claims: ClaimRules {
                issuers_allowed: &[ISSUER.to_owned()],
                issuers_elsewhere: &[],
                audiences: None,
                audience_claim: "aud",
                resource: AUDIENCE,
                kind: ExpectedKind::AccessToken,
                leeway: Duration::ZERO,
                presence: Presence::Optional,
            },
            token_types: &["JWT".to_owned()],
            is_only_proof: true,
        };
        let refused = rules.check(&jwt, UnixTime::from_seconds(NOW));
        assert_eq!(refused, Err(AccessTokenRefused::Claims(expected)));
    }
}

#[test]
fn val_16_a_signed_payload_that_is_no_object() {
    let signer = Signer::new(Algorithm::EdDsa);
    let keys = key_set(&[signer.jwk()]);
    for payload in
        ["", "null", "[]", "\"x\"", r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":2}}"#, "{}{}", "{\"a\":1e309}"]
    {
        let token = signer.compact(r#"{"alg":"EdDSA"}"#, payload);
        assert!(matches!(error(&token, &keys), VerificationError::Payload(_)), "{payload}");
    }
}

#[test]
fn val_18_a_kid_is_compared_and_nothing_else() {
    let signer = Signer::new(Algorithm::EdDsa);
    let keys = key_set(&[signer.jwk_named("r1")]);
    let long = "x".repeat(20_000);
    for kid in ["../../etc/passwd", "k' OR '1'='1", "r1\r\nlevel=error forged", "R1", "r1 ", "", &long] {
        let token = signer.token(Some(kid), &payload());
        assert_eq!(error(&token, &keys), VerificationError::NoKey(NoKey::UnknownKeyId));
    }
}

#[test]
fn jwk_01_a_key_of_an_unknown_type_leaves_the_others() {
    let signer = Signer::new(Algorithm::Rs256);
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq1", "pub": "AA"});
    let keys = [unknown, signer.jwk_named("r1"), json!({"kty": "OKP", "crv": "Ed448", "x": "AA"}), json!(7)];
    assert!(verify(&signer.token(Some("r1"), &payload()), &key_set(&keys)).is_ok());
    assert_eq!(left_out(&keys), [(Unusable::Malformed, 1), (Unusable::Unsupported, 2)]);
}

#[test]
fn jwk_03_keys_for_other_purposes_do_not_verify() {
    let signer = Signer::new(Algorithm::Rs256);
    let other = Signer::rsa(Algorithm::Rs256, "other_rsa");
    let with = |members: Value| {
        let mut jwk = other.jwk_named("enc1");
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    };
    for (members, reason) in [
        (json!({"use": "enc", "alg": "RSA-OAEP"}), Unusable::NotForVerification),
        (json!({"use": "enc"}), Unusable::NotForVerification),
        (json!({"key_ops": ["encrypt"]}), Unusable::NotForVerification),
        (json!({"key_ops": [""]}), Unusable::NotForVerification),
        (json!({"key_ops": [[]]}), Unusable::NotForVerification),
        (json!({"key_ops": [null]}), Unusable::NotForVerification),
        (json!({"key_ops": {}}), Unusable::Malformed),
        (json!({"key_ops": ""}), Unusable::Malformed),
        (json!({"key_ops": "verify"}), Unusable::Malformed),
        (json!({"use": "enc", "key_ops": []}), Unusable::NotForVerification),
        (json!({"use": 7}), Unusable::Malformed),
        (json!({"alg": "RSA-OAEP"}), Unusable::Unsupported),
        (json!({"alg": "none"}), Unusable::Unsupported),
        (json!({"alg": "ES256"}), Unusable::Malformed),
        (json!({"alg": "HS256"}), Unusable::Malformed),
    ] {
        let mut signing = signer.jwk_named("r1");
        signing["use"] = json!("sig");
        let listed = [with(members.clone()), signing];
        let keys = key_set(&listed);
        assert_eq!(left_out(&listed), [(reason, 1)], "{members}");
        assert!(verify(&signer.token(Some("r1"), &payload()), &keys).is_ok());
        let refused = error(&other.token(Some("enc1"), &payload()), &keys);
        assert_eq!(refused, VerificationError::NoKey(NoKey::UnknownKeyId), "{members}");
        assert_eq!(error(&other.token(None, &payload()), &keys), VerificationError::Signature);
    }
    let both = with(json!({"use": "sig", "key_ops": ["sign", "verify"], "alg": "RS256"}));
    assert!(verify(&other.token(Some("enc1"), &payload()), &key_set(&[both])).is_ok());
}

#[test]
fn jwk_04_a_published_secret_is_no_secret() {
    let published = json!({"kty": "oct", "kid": "h1", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    let token = Signer::new(Algorithm::Hs256).token(Some("h1"), &payload());
    let keys = key_set(std::slice::from_ref(&published));
    assert_eq!(error(&token, &keys), VerificationError::NoKey(NoKey::UnknownKeyId));
    assert_eq!(left_out(&[published]), [(Unusable::Symmetric, 1)]);
}

#[test]
fn a_published_private_key_is_not_trusted() {
    for name in ["rsa", "p256", "p521", "ed25519"] {
        assert_eq!(left_out(&[published_key(name)]), [(Unusable::Private, 1)], "{name}");
    }
}

#[test]
fn jwk_06_a_token_without_kid_tries_a_few_keys() {
    let signer = Signer::new(Algorithm::Rs256);
    let other = Signer::rsa(Algorithm::Rs256, "other_rsa").jwk();
    let token = signer.token(None, &payload());
    let fits = signer.jwk_named("r1");
    let unfit = Signer::new(Algorithm::Es256).jwk();
    assert!(verify(&token, &key_set(std::slice::from_ref(&fits))).is_ok());
    assert!(verify(&token, &key_set(&[other.clone(), fits.clone(), other.clone()])).is_ok());
    let mut many = vec![unfit.clone(); 40];
    many.extend(vec![other.clone(); 15]);
    many.push(fits.clone());
    assert!(verify(&token, &key_set(&many)).is_ok(), "keys of another type do not count");
    let mut too_late = vec![other; 39];
    too_late.push(fits);
    assert_eq!(error(&token, &key_set(&too_late)), VerificationError::Signature);
    assert_eq!(error(&token, &key_set(&[unfit])), VerificationError::NoKey(NoKey::NoneFits));
}

#[test]
fn jwk_07_a_named_key_is_the_only_one_tried() {
    let (first, second) = (Signer::new(Algorithm::Rs256), Signer::rsa(Algorithm::Rs256, "other_rsa"));
    let keys = key_set(&[first.jwk_named("r1"), second.jwk_named("r2"), second.jwk()]);
    assert_eq!(error(&second.token(Some("r1"), &payload()), &keys), VerificationError::Signature);
    assert!(verify(&second.token(Some("r2"), &payload()), &keys).is_ok());
}

#[test]
fn a_key_without_kid_serves_a_token_that_names_no_other() {
    let (first, second) = (Signer::new(Algorithm::Rs256), Signer::rsa(Algorithm::Rs256, "other_rsa"));
    let keys = key_set(&[first.jwk_named("r1"), second.jwk()]);
    for kid in ["r2", ""] {
        assert!(verify(&second.token(Some(kid), &payload()), &keys).is_ok(), "{kid}");
        let unknown = VerificationError::NoKey(NoKey::UnknownKeyId);
        assert_eq!(error(&first.token(Some(kid), &payload()), &keys), unknown, "{kid}");
    }
    assert_eq!(error(&second.token(Some("r1"), &payload()), &keys), VerificationError::Signature);
}

#[test]
fn keys_that_share_a_kid_are_told_apart_by_type() {
    let (rsa, point) = (Signer::new(Algorithm::Rs256), Signer::new(Algorithm::Es256));
    let keys = key_set(&[rsa.jwk_named("k"), point.jwk_named("k")]);
    assert!(verify(&rsa.token(Some("k"), &payload()), &keys).is_ok());
    assert!(verify(&point.token(Some("k"), &payload()), &keys).is_ok());
}

#[test]
fn jwk_08_an_unknown_kid_is_told_from_a_wrong_signature() {
    let signer = Signer::rsa(Algorithm::Rs256, "other_rsa");
    let token = signer.token(Some("r2"), &payload());
    let before = key_set(&[Signer::new(Algorithm::Rs256).jwk_named("r1")]);
    assert_eq!(error(&token, &before), VerificationError::NoKey(NoKey::UnknownKeyId));
    let after = key_set(&[Signer::new(Algorithm::Rs256).jwk_named("r1"), signer.jwk_named("r2")]);
    assert!(verify(&token, &after).is_ok());
}

#[test]
fn jwk_10_alg_binds_where_it_is_there() {
    let pkcs1 = Signer::new(Algorithm::Rs256);
    let pss = Signer::new(Algorithm::Ps256);
    let unbound = key_set(&[pkcs1.jwk_named("r1")]);
    assert!(verify(&pkcs1.token(Some("r1"), &payload()), &unbound).is_ok());
    assert!(verify(&pss.token(Some("r1"), &payload()), &unbound).is_ok());
    let points = Signer::new(Algorithm::Es256).token(Some("r1"), &payload());
    assert_eq!(error(&points, &unbound), VerificationError::NoKey(NoKey::WrongAlgorithm));
    assert!(Jws::parse(&pkcs1.compact(r#"{"alg":"RS1","kid":"r1"}"#, "{}")).is_err());
    let mut bound = pkcs1.jwk_named("r1");
    bound["alg"] = json!("RS256");
    let bound = key_set(&[bound]);
    assert!(verify(&pkcs1.token(Some("r1"), &payload()), &bound).is_ok());
    let refused = error(&pss.token(Some("r1"), &payload()), &bound);
    assert_eq!(refused, VerificationError::NoKey(NoKey::WrongAlgorithm));
    let named = json!({"alg": "Ed25519"});
    let edwards = Signer::new(Algorithm::EdDsa);
    let mut key = edwards.jwk();
    key["alg"] = named["alg"].clone();
    assert!(verify(&edwards.token(None, &payload()), &key_set(&[key])).is_ok());
}

/// An odd number of exactly so many bits; it is not checked that it is a product of two primes.
fn modulus(bits: usize) -> String {
    let mut bytes = vec![0x5a; bits.div_ceil(8)];
    bytes[0] = 0xff >> (8 * bytes.len() - bits);
    *bytes.last_mut().unwrap() |= 1;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn jwk_11_moduli_and_exponents() {
    let key = |bits, exponent: &[u8]| json!({"kty": "RSA", "n": modulus(bits), "e": URL_SAFE_NO_PAD.encode(exponent)});
    let common = [1, 0, 1];
    for bits in [512, 1024, 2028, 2047, 8193, 8200, 16384] {
        assert_eq!(left_out(&[key(bits, &common)]), [(Unusable::ModulusSize, 1)], "{bits}");
    }
    for bits in [2048, 2049, 2056, 2060, 3072, 4096, 8191, 8192] {
        assert_eq!(left_out(&[key(bits, &common)]), [], "{bits}");
    }
    for exponent in [&[1][..], &[2], &[0], &[], &[1, 0, 0], &[255; 8], &[1; 9], &[2, 0, 0, 0, 1]] {
        assert_eq!(left_out(&[key(2048, exponent)]), [(Unusable::Exponent, 1)], "{exponent:?}");
    }
    for exponent in [&[3][..], &[17], &common, &[0, 1, 0, 1]] {
        assert_eq!(left_out(&[key(2048, exponent)]), [], "{exponent:?}");
    }
    let mut even = URL_SAFE_NO_PAD.decode(modulus(2048)).unwrap();
    *even.last_mut().unwrap() &= 0xfe;
    let even = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(even), "e": "AQAB"});
    assert_eq!(left_out(&[even]), [(Unusable::Invalid, 1)]);
}

#[test]
fn a_modulus_with_a_leading_zero_is_the_same_modulus() {
    let signer = Signer::new(Algorithm::Rs256);
    let mut jwk = signer.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    jwk["n"] = json!(URL_SAFE_NO_PAD.encode([&[0], &modulus[..]].concat()));
    assert!(verify(&signer.token(None, &payload()), &key_set(&[jwk])).is_ok());
}

#[test]
fn points_are_on_their_curve() {
    for (algorithm, length) in [(Algorithm::Es256, 32), (Algorithm::Es384, 48), (Algorithm::Es512, 66)] {
        let good = Signer::new(algorithm).jwk();
        let with = |name: &str, bytes: &[u8]| {
            let mut jwk = good.clone();
            jwk[name] = json!(URL_SAFE_NO_PAD.encode(bytes));
            jwk
        };
        let mut y = URL_SAFE_NO_PAD.decode(good["y"].as_str().unwrap()).unwrap();
        y[length - 1] ^= 1;
        let long = vec![0; length + 1];
        let bad = [with("y", &y), with("x", &[0]), with("x", &long), with("x", &vec![0xff; length])];
        assert_eq!(left_out(&bad), [(Unusable::Invalid, 4)], "{algorithm}");
        assert_eq!(left_out(std::slice::from_ref(&good)), []);
        let mut elsewhere = good.clone();
        elsewhere["crv"] = json!("secp256k1");
        assert_eq!(left_out(&[elsewhere]), [(Unusable::Unsupported, 1)]);
        let mut swapped = good;
        swapped["crv"] = json!(if length == 32 { "P-384" } else { "P-256" });
        assert_eq!(left_out(&[swapped]), [(Unusable::Invalid, 1)]);
    }
}

#[test]
fn ed25519_points_have_one_spelling_and_no_small_order() {
    let count = |y: &[u8]| {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(y)});
        left_out(&[key])
    };
    let small = |y: u8| {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes
    };
    // The same number and the prime 2^255 - 19.
    let plus_prime = |y: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + y, 0x7f);
        bytes
    };
    let mut points = 0;
    for y in 0..19 {
        points += usize::from(count(&small(y)).is_empty());
        assert_eq!(count(&plus_prime(y)), [(Unusable::Invalid, 1)], "{y}");
    }
    assert!(points > 3, "some are points when spelled as they should be");
    for y in [0, 1] {
        assert_eq!(count(&small(y)), [(Unusable::Invalid, 1)], "{y} is of small order");
    }
    assert_eq!(count(&[7; 31]), [(Unusable::Invalid, 1)]);
}

#[test]
fn a_parameter_that_is_null_is_not_there() {
    let signer = Signer::new(Algorithm::Rs256);
    let mut jwk = signer.jwk();
    for name in ["kid", "alg", "use", "key_ops", "crv", "d", "oth", "x5c"] {
        jwk[name] = json!(null);
    }
    assert!(verify(&signer.token(None, &payload()), &key_set(&[jwk.clone()])).is_ok());
    jwk["n"] = json!(null);
    assert_eq!(left_out(&[jwk]), [(Unusable::Malformed, 1)]);
}

#[test]
fn broken_keys_are_left_out_one_by_one() {
    let good = Signer::new(Algorithm::EdDsa).jwk();
    let mut bad_kid = good.clone();
    bad_kid["kid"] = json!(7);
    let mut padded = good.clone();
    padded["x"] = json!(format!("{}=", good["x"].as_str().unwrap()));
    let listed = [
        json!(null),
        json!([]),
        json!({}),
        json!({"kty": 7}),
        json!({"kty": "RSA"}),
        json!({"kty": "RSA", "n": 7, "e": "AQAB"}),
        json!({"kty": "EC", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA"}),
        bad_kid,
        padded,
        good,
    ];
    assert_eq!(left_out(&listed), [(Unusable::Malformed, 10)]);
    assert_eq!(key_set(&listed).len(), 1);
}

#[test]
fn some_of_the_keys_that_are_left_out_are_named() {
    let named = |kid: Value| json!({"kty": "AKP", "kid": kid});
    let mut listed: Vec<_> = (0..20).map(|number| named(json!(format!("pq{number}")))).collect();
    listed.insert(0, json!({"kty": "RSA", "kid": "short"}));
    listed.insert(1, named(json!(7)));
    let keys = key_set(&listed);
    let named: Vec<_> =
        keys.left_out().iter().map(|it| (it.reason, it.count, it.key_ids.join(" "))).collect();
    assert_eq!(
        named,
        [
            (Unusable::Malformed, 2, "short".to_owned()),
            (Unusable::Unsupported, 20, "pq0 pq1 pq2 pq3 pq4 pq5 pq6".to_owned()),
        ]
    );
}

#[test]
fn jwk_14_what_is_not_a_set() {
    for body in [
        "",
        "<html>",
        "null",
        "[]",
        "{\"keys\":[]",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[{\"a\":1,\"a\":1}]}",
    ] {
        assert!(matches!(JwkSet::parse(body.as_bytes()), Err(JwkSetError::Json(_))), "{body}");
    }
    for body in ["{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, r#"{"keys":"x"}"#, r#"{"Keys":[]}"#] {
        assert_eq!(JwkSet::parse(body.as_bytes()).err(), Some(JwkSetError::NoKeys), "{body}");
    }
    assert!(JwkSet::parse(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    for (bytes, fitting) in [
        (31, &[][..]),
        (32, &[Algorithm::Hs256]),
        (47, &[Algorithm::Hs256]),
        (48, &[Algorithm::Hs256, Algorithm::Hs384]),
        (64, &[Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512]),
    ] {
        let key = VerificationKey::shared_secret(&vec![b'x'; bytes]);
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let fits = key.as_ref().is_ok_and(|key| key.fits(algorithm));
            assert_eq!(fits, fitting.contains(&algorithm), "{bytes} bytes, {algorithm}");
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let key = VerificationKey::shared_secret(SECRET.as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "VerificationKey(Secret)");
}
