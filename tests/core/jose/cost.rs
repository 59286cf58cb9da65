//! What trying keys costs, and which keys are tried first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jws::Jws;
use token_exchange::jose::key::VerificationKey;
use token_exchange::token::jwt::VerifiedJwt;
use token_exchange_harness::signing::{SECRET, Signer, key_set};

fn token(signer: &Signer, key_id: Option<&str>) -> String {
    signer.token(key_id, &json!({"iss": "a"}))
}

/// In microseconds, without the share of hashing: the tokens are shorter than a KiB.
fn cost(token: &str, keys: &[Value]) -> u64 {
    match VerifiedJwt::verify(&Jws::parse(token).unwrap(), &key_set(keys)) {
        Ok(jwt) => jwt.verification_cost().as_microseconds(),
        Err(unverified) => unverified.cost.as_microseconds(),
    }
}

/// A public key of so many bits, by which nothing is signed.
fn rsa_jwk(bits: usize) -> Value {
    json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8]), "e": "AQAB"})
}

#[test]
fn each_key_that_is_tried_costs_what_its_algorithm_does() {
    for (algorithm, expected) in [
        (Algorithm::Rs256, 412),
        (Algorithm::Ps512, 412),
        (Algorithm::Es256, 778),
        (Algorithm::Es384, 3362),
        (Algorithm::Es512, 4138),
        (Algorithm::EdDsa, 151),
    ] {
        let signer = Signer::new(algorithm);
        let good = token(&signer, None);
        assert_eq!(cost(&good, &[signer.jwk()]), expected, "{algorithm}");
        let forged = format!("{}.AAAA", good.rsplit_once('.').unwrap().0);
        for (keys, tried) in [(1, 1), (4, 4), (16, 16), (17, 16)] {
            assert_eq!(
                cost(&forged, &vec![signer.jwk(); keys]),
                tried * expected,
                "{algorithm}, {keys} keys"
            );
        }
    }
}

#[test]
fn keys_that_are_not_tried_cost_nothing() {
    let signer = Signer::new(Algorithm::Es512);
    let others = [Signer::new(Algorithm::Rs256).jwk(), signer.jwk_named("k1")];
    assert_eq!(cost(&token(&signer, Some("k2")), &others), 0, "it names another");
    assert_eq!(cost(&token(&signer, None), &others[..1]), 0, "none is for its algorithm");
    let secret = VerificationKey::shared_secret(SECRET.as_bytes()).unwrap();
    let unfit = token(&signer, None);
    let refused = VerifiedJwt::verify_with_secret(&Jws::parse(&unfit).unwrap(), &secret).unwrap_err();
    assert_eq!(refused.cost.as_microseconds(), 0);
    let unnamed = [signer.jwk_named("k1"), Signer::new(Algorithm::Es512).jwk()];
    assert_eq!(cost(&token(&signer, Some("k2")), &unnamed), 4138, "a key without a name is tried");
}

#[test]
fn the_cheapest_key_is_tried_first() {
    let signer = Signer::new(Algorithm::Rs256);
    let dear: Vec<_> = [8192, 4096, 3072].map(rsa_jwk).to_vec();
    let keys = [&dear[..], &[signer.jwk()]].concat();
    assert_eq!(cost(&token(&signer, None), &keys), 412);
    let keys = [&vec![rsa_jwk(8192); 40][..], &[signer.jwk()]].concat();
    assert_eq!(cost(&token(&signer, None), &keys), 412, "dear keys keep no cheap one from its turn");
    let other = Signer::rsa(Algorithm::Rs256, "other_rsa");
    assert_eq!(cost(&token(&other, None), &[&dear[..], &[signer.jwk()]].concat()), 412 + 970 + 1784 + 7800);
}
