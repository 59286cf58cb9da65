//! HMAC is for a secret that the operator shares with the issuer, and for nothing else.

use super::issuer::{Server, assert_exchanged, assert_invalid, signed};
use super::minting::{Draft, Key};
use serde_json::json;
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::story::Story;

const BYTES_32: &str = "0123456789abcdef0123456789abcdef";
const BYTES_48: &str = "0123456789abcdef0123456789abcdef0123456789abcdef";
const BYTES_64: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_shared_secret_serves_the_hashes_that_it_is_long_enough_for() {
    for (name, algorithm, secret, configured, is_good) in [
        ("HS256", Algorithm::Hs256, BYTES_32, BYTES_32, true),
        ("HS384", Algorithm::Hs384, BYTES_48, BYTES_48, true),
        ("HS512", Algorithm::Hs512, BYTES_64, BYTES_64, true),
        ("another secret", Algorithm::Hs256, BYTES_32, "ffffffffffffffffffffffffffffffff", false),
        ("too short for HS512", Algorithm::Hs512, BYTES_32, BYTES_32, false),
    ] {
        let key = Key::shared(algorithm, secret);
        assert_judged(name, &Draft::new(&key).sign(), configured, is_good);
    }
    let point = Key::new("k1", Algorithm::Es256);
    assert_judged("another kind of signature", &Draft::new(&point).sign(), BYTES_32, false);
}

fn assert_judged(name: &str, token: &str, configured: &str, is_good: bool) {
    let mut story = Story::new(&signed(&json!({"jwks_endpoint": null, "jwt_secret": configured})));
    let ending = Server::publishing([]).run(&mut story, token);
    if is_good {
        assert_exchanged(&ending, name);
    } else {
        assert_invalid(&ending, token, name);
    }
    assert_eq!(story.calls_to("/jwks"), 0, "{name}");
}
