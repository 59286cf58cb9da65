//! Whatever one byte of a valid token is changed to, no other claims come out.

use proptest::prelude::*;
use serde_json::{Value, json};
use token_exchange::token::claims::ClaimsSet;
use token_exchange_harness::signing::{ALGORITHMS, Signer};

/// A signer and a token of its own, for each algorithm.
struct Issued {
    signer: Signer,
    token: String,
    claims: ClaimsSet,
}

thread_local! {
    static ISSUED: Vec<Issued> = ALGORITHMS.iter().map(|algorithm| issue(Signer::new(*algorithm))).collect();
}

fn issue(signer: Signer) -> Issued {
    let payload =
        json!({"iss": "https://as.example.com/", "sub": "u1", "exp": 1_800_000_600, "scope": "a b"});
    let token = signer.token(None, &payload);
    let Value::Object(members) = payload else { panic!("not an object") };
    Issued { signer, token, claims: ClaimsSet::from_members(members) }
}

/// Changes one byte, which the rest of the filter keeps within visible ASCII.
fn mutate(token: &str, position: usize, byte: u8) -> String {
    let mut bytes = token.as_bytes().to_vec();
    bytes[position] = byte;
    String::from_utf8(bytes).unwrap()
}

fn holds(issued: &Issued, token: &str) -> bool {
    match issued.signer.verify(token) {
        Some(jwt) => *jwt.claims() == issued.claims,
        None => true,
    }
}

#[test]
fn each_token_is_valid_before_it_is_changed() {
    ISSUED.with(|all| {
        for issued in all {
            let verified = issued.signer.verify(&issued.token).map(|jwt| jwt.into_claims());
            assert_eq!(verified.as_ref(), Some(&issued.claims), "{}", issued.token);
        }
    });
}

/// Every position of the cheapest token, every byte.
#[test]
fn no_byte_at_any_position_of_an_hmac_token() {
    let issued = issue(Signer::new(token_exchange::jose::alg::Algorithm::Hs256));
    for position in 0..issued.token.len() {
        for byte in 0x21..0x7f {
            let token = mutate(&issued.token, position, byte);
            let unchanged = token == issued.token;
            assert_eq!(issued.signer.verify(&token).is_some(), unchanged, "{position} {byte}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_byte_changed(algorithm in 0..ALGORITHMS.len(), at: prop::sample::Index, byte in 0x21..0x7f_u8) {
        ISSUED.with(|all| {
            let issued = &all[algorithm];
            let token = mutate(&issued.token, at.index(issued.token.len()), byte);
            prop_assert!(holds(issued, &token), "{}", token);
            Ok(())
        })?;
    }

    #[test]
    fn any_text_in_place_of_a_part(algorithm in 0..ALGORITHMS.len(), part in 0..3_usize, text in "[A-Za-z0-9_.-]{0,40}") {
        ISSUED.with(|all| {
            let issued = &all[algorithm];
            let mut parts: Vec<&str> = issued.token.split('.').collect();
            parts[part] = &text;
            prop_assert!(holds(issued, &parts.join(".")));
            Ok(())
        })?;
    }
}
