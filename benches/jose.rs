//! What verifying a token costs over the bare operation of the crate that does it.
//!
//! `bare` is the crate's own verification over the same bytes with a prepared key; `verify` is the
//! filter's: it takes the token apart, finds the key, verifies, and reads the claims; `cold` reads
//! the key material as well. A table that holds them to their limits ends the run.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark may panic"
)]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a benchmark may panic")]
#![allow(clippy::print_stdout, reason = "a benchmark says what it measured")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::Criterion;
use serde_json::{Value, json};
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};
use token_exchange::jose::alg::{Algorithm, KeyType};
use token_exchange::jose::jwk::JwkSet;
use token_exchange::jose::jws::Jws;
use token_exchange::jose::key::VerificationKey;
use token_exchange::token::jwt::VerifiedJwt;
use token_exchange_harness::bare::{bare, decode};
use token_exchange_harness::signing::{ALGORITHMS, SECRET, Signer};

/// How much longer than the bare operation RSA and ECDSA may take.
const MAX_RATIO: f64 = 1.15;

/// How much longer the other algorithms may take, whose bare operation is short, in microseconds.
const MAX_ABOVE: f64 = 25.0;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let measured: Vec<_> =
        ALGORITHMS.into_iter().map(|algorithm| measure(&mut criterion, algorithm)).collect();
    criterion.final_summary();
    compare(&measured);
}

/// Claims of about a kilobyte, as issuers send them.
fn payload() -> Value {
    json!({
        "iss": "https://as.example.com/realms/demo", "sub": "f:0b9c6a4e-4a8f-4b52-9f0e-8d5ad9d0ffb2:alice",
        "aud": ["https://api.example.com/mcp", "account"], "exp": 1_800_000_600, "iat": 1_800_000_000,
        "jti": "7e1c0f5a-8f43-4f4c-8a52-2f9a3f4c1b77", "client_id": "agent", "scope": "openid profile mcp:read",
        "realm_access": {"roles": vec!["offline_access", "uma_authorization", "default-roles-demo"]},
        "groups": (0..24).map(|number| format!("/department/team-{number:02}")).collect::<Vec<_>>(),
    })
}

/// The three ways to verify one token.
struct Ways {
    algorithm: Algorithm,
    bare: Box<dyn Fn()>,
    verify: Box<dyn Fn()>,
    cold: Box<dyn Fn()>,
}

fn measure(criterion: &mut Criterion, algorithm: Algorithm) -> Ways {
    let ways = Ways::new(algorithm);
    let mut group = criterion.benchmark_group(algorithm.as_str());
    group.bench_function("bare", |bencher| bencher.iter(&ways.bare));
    group.bench_function("verify", |bencher| bencher.iter(&ways.verify));
    group.bench_function("cold", |bencher| bencher.iter(&ways.cold));
    drop(group);
    ways
}

impl Ways {
    fn new(algorithm: Algorithm) -> Ways {
        let signer = Signer::new(algorithm);
        let token: Rc<str> = signer.token(Some("k1"), &payload()).into();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let jwk = match signer.jwk() {
            Value::Null => json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}),
            jwk => jwk,
        };
        let bare = bare(algorithm, &jwk, &decode(signature));
        let input = input.to_owned();
        let bare = Box::new(move || assert!(bare(black_box(input.as_bytes()))));
        let again = Rc::clone(&token);
        if signer.jwk().is_null() {
            let secret = || VerificationKey::shared_secret(SECRET.as_bytes()).unwrap();
            let prepared = secret();
            return Ways {
                algorithm,
                bare,
                verify: Box::new(move || verify_with_secret(&token, &prepared)),
                cold: Box::new(move || verify_with_secret(&again, &secret())),
            };
        }
        let keys = json!({"keys": [signer.jwk_named("k1")]}).to_string();
        let read = move || JwkSet::parse(keys.as_bytes()).unwrap();
        let prepared = read();
        Ways {
            algorithm,
            bare,
            verify: Box::new(move || verify(&token, &prepared)),
            cold: Box::new(move || verify(&again, &read())),
        }
    }
}

fn verify(token: &str, keys: &JwkSet) {
    black_box(VerifiedJwt::verify(&Jws::parse(black_box(token)).unwrap(), keys).unwrap());
}

fn verify_with_secret(token: &str, secret: &VerificationKey) {
    black_box(VerifiedJwt::verify_with_secret(&Jws::parse(black_box(token)).unwrap(), secret).unwrap());
}

/// Measures the ways of each algorithm in turns, so that whatever else the machine does falls on all
/// of them alike, and holds the quickest of each to the limits.
fn compare(measured: &[Ways]) {
    println!(
        "{:<8}{:>12}{:>12}{:>10}{:>12}{:>12}",
        "", "bare us", "verify us", "ratio", "above us", "cold us"
    );
    for Ways { algorithm, bare, verify, cold } in measured {
        let [bare, verify, cold] = quickest([bare, verify, cold]);
        let (ratio, above) = (verify / bare, verify - bare);
        println!("{:<8}{bare:>12.1}{verify:>12.1}{ratio:>10.3}{above:>12.1}{cold:>12.1}", algorithm.as_str());
        match algorithm.key_type() {
            KeyType::Secret | KeyType::Ed25519 => assert!(above <= MAX_ABOVE, "{algorithm} is too slow"),
            _ => assert!(ratio <= MAX_RATIO, "{algorithm} is too slow"),
        }
    }
}

/// The least time that a call of each took, in microseconds.
fn quickest(ways: [&dyn Fn(); 3]) -> [f64; 3] {
    const ROUNDS: u32 = 300;
    const CALLS: u32 = 4;
    let mut least = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (way, least) in ways.iter().zip(&mut least) {
            let start = Instant::now();
            for _ in 0..CALLS {
                way();
            }
            *least = least.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
        }
    }
    least
}
