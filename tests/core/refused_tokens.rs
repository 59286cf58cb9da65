//! What tokens cost that are refused: those that are repeated, and floods of those that are not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use token_exchange::http::{CalloutFailure, CalloutOutcome};
use token_exchange::jose::alg::Algorithm;
use token_exchange::report::Level;
use token_exchange_harness::signing::{SECRET, Signer, signing_input};
use token_exchange_harness::story::{Ending, START, Story, answer, failed, merge, with_token};

const ISSUER: &str = "https://as.example.com";
const AUDIENCE: &str = "https://api.example.com/mcp";
const BUDGET_NOTE: &str = "verifying refused tokens has used up refused_verification_budget";

/// Four keys are tried on each token, which costs 16.6 ms. The budget holds 25 by default, and so allows for
/// the second.
const ADMITTED: usize = 2;

fn config(patch: &Value) -> Value {
    let mut config = json!({
        "resource": AUDIENCE, "authorization_servers": [ISSUER], "passthrough_credentials": true,
        "jwks": {"keys": vec![p521().jwk(); 4]}
    });
    merge(&mut config, patch);
    config
}

fn fetching(patch: &Value) -> Value {
    let mut fetching = json!({"jwks": null, "jwks_endpoint": "https://as.example.com/jwks"});
    merge(&mut fetching, patch);
    config(&fetching)
}

fn p521() -> Signer {
    Signer::new(Algorithm::Es512)
}

fn claims(number: usize) -> Value {
    json!({"iss": ISSUER, "sub": format!("u{number}"), "aud": AUDIENCE, "exp": START + 100_000})
}

fn good(number: usize) -> String {
    p521().token(None, &claims(number))
}

/// A token with a signature that is well formed and that no key has made.
fn forged(algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
    let mut header = json!({"alg": algorithm.as_str()});
    merge(&mut header, &kid.map_or(json!({}), |kid| json!({"kid": kid})));
    let bytes = match algorithm {
        Algorithm::Rs256 => 256,
        Algorithm::Es512 => 132,
        _ => 64,
    };
    let signature = URL_SAFE_NO_PAD.encode(vec![1; bytes]);
    format!("{}.{signature}", signing_input(&header.to_string(), &claims.to_string()))
}

fn bad(number: usize) -> String {
    forged(Algorithm::Es512, None, &claims(number))
}

fn jwks(keys: &[Value]) -> CalloutOutcome {
    answer(200, json!({ "keys": keys }))
}

fn status(story: &mut Story, token: &str) -> Option<u16> {
    story.run(with_token(token), &[]).status()
}

/// Whether it is answered that the worker has no time for this token.
fn is_put_off(ending: &Ending) -> bool {
    ending.status() == Some(503) && ending.response().body.contains("busy verifying")
}

/// Spends what is left of the budget, with tokens from this number on.
fn exhaust(story: &mut Story, from: usize) {
    exhaust_where(story, from, &[]);
}

/// The same, where the issuer publishes these keys and the first token has them fetched anew.
fn exhaust_where(story: &mut Story, from: usize, published: &[CalloutOutcome]) {
    let first = story.run(with_token(&bad(from)), published);
    let spent = (from + 1..from + 100).any(|number| status(story, &bad(number)) == Some(503));
    assert!(spent || first.status() == Some(503), "the budget has an end");
}

#[test]
fn sec_08_a_bad_signature_is_verified_once() {
    let mut story = Story::new(&config(&json!({})));
    let first = story.run(with_token(&bad(0)), &[]);
    let lines = story.log.len();
    for _ in 0..1000 {
        let again = story.run(with_token(&bad(0)), &[]);
        assert_eq!(format!("{again:?}"), format!("{first:?}"));
    }
    assert!(story.log.chunks(lines).all(|chunk| chunk == &story.log[..lines]), "each has the same lines");
    assert!(story.log[0].1.contains("the signature is not valid"), "{:?}", story.log[0]);
    let others = (1..ADMITTED).map(|number| status(&mut story, &bad(number)));
    assert!(
        others.collect::<Vec<_>>().iter().all(|it| *it == Some(401)),
        "the repetitions have cost nothing"
    );
    assert_eq!(status(&mut story, &bad(ADMITTED)), Some(503));
    assert_eq!(status(&mut story, &bad(0)), Some(401), "known bad ones are answered as before");
}

#[test]
fn while_the_budget_is_spent_known_good_tokens_pass_and_others_come_again() {
    let mut story = Story::new(&config(&json!({})));
    assert_eq!(status(&mut story, &good(1)), None);
    exhaust(&mut story, 100);
    let ending = story.run(with_token(&good(2)), &[]);
    assert!(is_put_off(&ending), "{ending:?}");
    assert_eq!(ending.answer_header("retry-after"), Some("1"));
    assert_eq!(ending.answer_header("www-authenticate"), None, "the token may be good");
    assert_eq!(status(&mut story, &good(1)), None);
    assert_eq!(status(&mut story, "not.a.token"), Some(401), "what is never verified needs no budget");
    assert_eq!(status(story.at(1.0), &good(2)), None);
    assert_eq!(status(&mut story, &good(3)), None, "good tokens take nothing from it");
}

#[test]
fn the_budget_is_refilled_as_the_operator_says() {
    for (percent, admitted, after) in [(100, 7, 0.016), (25, ADMITTED, 0.033), (1, 1, 1.56)] {
        let mut story = Story::new(&config(&json!({"refused_verification_budget": percent})));
        let refused = (0..100).take_while(|number| status(&mut story, &bad(*number)) == Some(401)).count();
        assert_eq!(refused, admitted, "{percent}");
        assert_eq!(status(&mut story, &good(1)), Some(503), "{percent}");
        assert_eq!(status(story.at(after), &good(1)), None, "{percent}");
    }
    let mut story = Story::new(&config(&json!({})));
    exhaust(story.at(7200.0), 0);
    assert_eq!(status(story.at(3600.0), &good(1)), Some(503));
    assert_eq!(status(story.at(3601.0), &good(1)), None, "a clock that was set back blocks nothing");
}

#[test]
fn a_flood_fills_no_log_with_warnings() {
    let mut story = Story::new(&config(&json!({"refused_verification_budget": 1})));
    for second in 0..65 {
        story.at(f64::from(second));
        for number in 0..10 {
            status(&mut story, &bad(100 * usize::try_from(second).unwrap() + number));
        }
    }
    let warnings: Vec<_> = story.log.iter().filter(|(level, _)| *level >= Level::Warn).collect();
    assert_eq!(warnings.len(), 2, "one a minute: {warnings:?}");
    assert!(warnings.iter().all(|(_, line)| line.starts_with(BUDGET_NOTE)));
}

#[test]
fn tokens_that_are_refused_for_what_they_say_spend_the_budget_and_are_not_remembered() {
    for (patch, later) in [
        (json!({"nbf": START + 30}), None),
        (json!({"exp": START}), Some(401)),
        (json!({"aud": "other"}), Some(401)),
        (json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), Some(401)),
    ] {
        let mut story = Story::new(&config(&json!({})));
        assert_eq!(status(&mut story, &good(1)), None);
        let mut refused = claims(2);
        merge(&mut refused, &patch);
        let token = p521().token(None, &refused);
        // The first key fits, so that no other is tried.
        for _ in 0..7 {
            assert_eq!(status(&mut story, &token), Some(401), "{patch}");
        }
        assert_eq!(status(&mut story, &token), Some(503), "{patch}");
        assert_eq!(status(&mut story, &good(1)), None);
        assert_eq!(status(story.at(30.0), &token), later, "{patch}");
    }
}

#[test]
fn a_payload_that_is_no_claims_set_costs_what_its_signature_does() {
    let mut story = Story::new(&config(&json!({"refused_verification_budget": 8})));
    let token = p521().compact(r#"{"alg":"ES512"}"#, "[]");
    for expected in [401, 401, 503] {
        assert_eq!(status(&mut story, &token), Some(expected));
    }
}

#[test]
fn a_refusal_by_keys_of_the_configuration_is_remembered_for_a_minute() {
    // With one per cent, a single refusal spends the budget: it holds a millisecond.
    let one = json!({"refused_verification_budget": 1});
    let mut hmac = config(&json!({"jwks": null, "jwt_secret": SECRET}));
    merge(&mut hmac, &one);
    let named =
        config(&json!({"refused_verification_budget": 1, "jwks": {"keys": [p521().jwk_named("k1")]}}));
    let padded = forged(Algorithm::Hs256, None, &json!({"iss": ISSUER, "padding": "x".repeat(11_000)}));
    let mut unnamed = named.clone();
    unnamed["jwks"]["keys"] = json!([p521().jwk_named("k1"), p521().jwk()]);
    for (config, token, times) in [
        (config(&one), bad(1), 1),
        (unnamed, forged(Algorithm::Es512, Some("k2"), &claims(1)), 2),
        (named, forged(Algorithm::Es512, Some("k1"), &claims(1)), 2),
        (hmac, padded, 40),
    ] {
        let mut story = Story::new(&config);
        let mut unverified = 0;
        // Were it verified again, so many times would spend the budget.
        for second in [0.0, 30.0, 59.0] {
            for _ in 0..times {
                unverified += usize::from(status(story.at(second), &token) != Some(401));
            }
        }
        assert_eq!(unverified, 0);
    }
    let mut story = Story::new(&config(&one));
    assert_eq!(status(&mut story, &bad(1)), Some(401));
    assert_eq!(status(story.at(59.9), &bad(1)), Some(401));
    assert_eq!(status(&mut story, &good(1)), None, "it was not verified again");
    assert_eq!(status(story.at(60.0), &bad(1)), Some(401));
    assert_eq!(status(&mut story, &good(2)), Some(503), "it was");
    assert_eq!(status(story.at(30.0), &bad(2)), Some(503), "the clock was set back");
    assert_eq!(status(&mut story, &bad(1)), Some(503), "what was refused later is not remembered yet");
}

#[test]
fn another_set_of_keys_looks_at_a_refused_token_again() {
    let (old, new) = (Signer::new(Algorithm::Rs256), Signer::rsa(Algorithm::Rs256, "other_rsa"));
    let mut story = Story::new(&fetching(&json!({})));
    // The new key signs under the old one's name, as some issuers rotate.
    let token = new.token(Some("k1"), &claims(1));
    story.run(with_token(&old.token(Some("k1"), &claims(2))), &[jwks(&[old.jwk_named("k1")])]);
    let unnamed = new.token(None, &claims(1));
    let bad = forged(Algorithm::Rs256, Some("k1"), &claims(1));
    let before = [jwks(&[old.jwk_named("k1")])];
    assert_eq!(story.run(with_token(&bad), &before).status(), Some(401), "it may be the new key's");
    for _ in 0..2 {
        for token in [&token, &unnamed, &bad] {
            assert_eq!(status(&mut story, token), Some(401));
        }
    }
    let both = [jwks(&[old.jwk_named("k1"), new.jwk_named("k1")])];
    let other = Signer::new(Algorithm::EdDsa).token(Some("k2"), &claims(3));
    assert_eq!(story.at(30.0).run(with_token(&other), &both).status(), Some(401));
    assert_eq!(story.calls_to("/jwks"), 3);
    for (token, expected) in [(&token, None), (&unnamed, None), (&bad, Some(401))] {
        assert_eq!(status(&mut story, token), expected, "looked at again");
    }
}

#[test]
fn a_set_that_is_fetched_again_as_it_was_verifies_nothing_twice() {
    // With one per cent, a single refusal by keys of this kind spends the budget.
    let set = [jwks(&[p521().jwk()])];
    let mut story = Story::new(&fetching(&json!({"refused_verification_budget": 1})));
    assert_eq!(story.run(with_token(&good(1)), &set).status(), None);
    assert_eq!(story.run(with_token(&bad(1)), &set).status(), Some(401), "after the fetch it is known");
    assert_eq!(story.at(30.0).run(with_token(&bad(1)), &set).status(), Some(401));
    assert_eq!(story.calls_to("/jwks"), 3);
    assert_eq!(status(&mut story, &good(1)), None, "nor is what was good");
    assert_eq!(status(story.at(59.9), &bad(1)), Some(401));
    assert_eq!(status(&mut story, &good(2)), None, "the budget was refilled, and is whole");
}

#[test]
fn a_flood_during_an_outage_verifies_nothing_twice() {
    let outage = [failed(CalloutFailure::Unreachable)];
    let mut story = Story::new(&fetching(&json!({"refused_verification_budget": 1})));
    assert_eq!(story.run(with_token(&good(1)), &[jwks(&[p521().jwk()])]).status(), None);
    let ending = story.run(with_token(&bad(1)), &outage);
    assert_eq!((ending.status(), is_put_off(&ending)), (Some(503), false), "there may be another key");
    for _ in 0..100 {
        let ending = story.at(2.0).run(with_token(&bad(1)), &[]);
        assert_eq!((ending.status(), is_put_off(&ending)), (Some(503), false));
        assert_eq!(ending.answer_header("retry-after"), Some("5"));
    }
    assert_eq!(status(&mut story, &good(2)), None, "the budget was refilled, and is whole");
    assert_eq!(story.calls_to("/jwks"), 2);
}

#[test]
fn an_unknown_key_is_remembered_as_long_as_it_causes_no_fetch() {
    let known = Signer::new(Algorithm::EdDsa);
    let set = [jwks(&[known.jwk_named("k1"), p521().jwk()])];
    let mut story = Story::new(&fetching(&json!({"refused_verification_budget": 2})));
    let rotated = Signer::new(Algorithm::Es256).token(Some("k2"), &claims(1));
    // By the fetch that the token itself has waited for: no cool-down runs, and the next asks again.
    assert_eq!(story.run(with_token(&rotated), &set).status(), Some(401));
    assert_eq!(story.at(10.0).run(with_token(&rotated), &set).status(), Some(401));
    for second in 10..40 {
        assert_eq!(status(story.at(f64::from(second)), &rotated), Some(401));
    }
    assert_eq!(story.calls_to("/jwks"), 2, "the cool-down is 30 seconds");
    let mut keys = vec![p521().jwk(); 3];
    keys.push(Signer::new(Algorithm::Es256).jwk_named("k2"));
    let key = [jwks(&keys)];
    assert_eq!(story.at(40.0).run(with_token(&rotated), &key).status(), None);

    // Keys without a name are tried on a token with an unknown one, and cost what they do.
    let dear = forged(Algorithm::Es512, Some("k3"), &claims(1));
    let mut other = keys.clone();
    other.push(known.jwk());
    assert!(
        is_put_off(&story.at(70.0).run(with_token(&dear), &[jwks(&other)])),
        "before the fetch it has cost that much, and the set is another"
    );
    for second in 71..100 {
        assert_eq!(status(story.at(f64::from(second)), &dear), Some(401));
        assert_eq!(status(&mut story, &dear), Some(401), "it was verified once");
    }
    assert_eq!(story.calls_to("/jwks"), 4);
}

#[test]
fn an_outage_is_not_remembered_as_a_refusal() {
    let known = Signer::new(Algorithm::EdDsa);
    let mut story = Story::new(&fetching(&json!({})));
    story.run(with_token(&known.token(Some("k1"), &claims(1))), &[jwks(&[known.jwk_named("k1")])]);
    let rotated = p521().token(Some("k2"), &claims(1));
    let outage = [failed(CalloutFailure::Unreachable)];
    assert_eq!(story.run(with_token(&rotated), &outage).status(), Some(503));
    assert_eq!(status(story.at(29.0), &rotated), Some(503));
    let set = [jwks(&[p521().jwk_named("k2")])];
    assert_eq!(story.at(30.0).run(with_token(&rotated), &set).status(), None);
}

#[test]
fn a_refusal_does_not_outlive_the_set_that_refused() {
    let known = Signer::new(Algorithm::EdDsa);
    let mut story = Story::new(&fetching(&json!({"jwks_cache_ttl": 20})));
    let set = [jwks(&[known.jwk_named("k1")])];
    let bad = forged(Algorithm::EdDsa, Some("k1"), &claims(1));
    assert_eq!(story.run(with_token(&bad), &set).status(), Some(401));
    assert_eq!(story.at(1.0).run(with_token(&bad), &set).status(), Some(401), "by the key that it names");
    assert_eq!(status(story.at(18.9), &bad), Some(401));
    assert_eq!(story.at(21.0).run(with_token(&bad), &set).status(), Some(401), "it is due to be fetched");
    assert_eq!(status(story.at(30.9), &bad), Some(401));
    assert_eq!(story.calls_to("/jwks"), 3);
}

#[test]
fn a_token_that_was_good_is_verified_with_new_keys_whatever_the_flood() {
    let mut story = Story::new(&fetching(&json!({"jwks_cache_ttl": 100})));
    let keys = vec![p521().jwk(); 4];
    assert_eq!(story.run(with_token(&good(1)), &[jwks(&keys)]).status(), None);
    let five = [jwks(&vec![p521().jwk(); 5])];
    let renewing = story.at(95.0).run(with_token(&good(2)), &five);
    assert_eq!(renewing.status(), None);
    exhaust_where(&mut story, 100, &five);
    assert_eq!(status(&mut story, &good(1)), None, "this worker has verified it, with the set before");
    assert_eq!(status(&mut story, &good(3)), Some(503));
    assert_eq!(status(&mut story, &good(1)), None);
}

#[test]
fn a_token_that_was_good_is_known_as_such_past_the_life_of_the_keys_that_verified_it() {
    let mut story = Story::new(&fetching(&json!({"jwks_cache_ttl": 100})));
    let keys = vec![p521().jwk(); 4];
    assert_eq!(story.run(with_token(&good(1)), &[jwks(&keys)]).status(), None);
    assert_eq!(story.at(95.0).run(with_token(&good(2)), &[jwks(&keys)]).status(), None);
    story.at(120.0);
    exhaust_where(&mut story, 100, &[jwks(&keys)]);
    assert_eq!(status(&mut story, &good(1)), None, "the set of its first request has ended");
    assert_eq!(status(&mut story, &good(3)), Some(503));
}

#[test]
fn a_token_within_the_leeway_is_verified_once_as_well() {
    let mut story = Story::new(&config(&json!({"jwt_claims_leeway": 60})));
    let mut late = claims(1);
    late["exp"] = json!(START - 10);
    let token = p521().token(None, &late);
    assert_eq!(status(&mut story, &token), None);
    exhaust(&mut story, 100);
    assert_eq!(status(&mut story, &token), None, "known good");
    assert_eq!(status(story.at(49.0), &token), None);
    assert_eq!(status(story.at(50.0), &token), Some(401));
}

#[test]
fn configurations_share_neither_refusals_nor_budgets() {
    let mut first = Story::new(&config(&json!({})));
    let mut second = Story::new(&config(&json!({"realm": "b", "jwks": {"keys": [p521().jwk()]}})));
    exhaust(&mut first, 0);
    assert_eq!(status(&mut first, &good(1)), Some(503));
    assert_eq!(status(&mut second, &good(1)), None);
}
