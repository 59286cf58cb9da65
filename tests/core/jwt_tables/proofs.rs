//! Which proof a token needs: its signature, the authorization server's word, or both.

use super::forgery::{encrypted, payload_with, unsigned};
use super::issuer::{Server, assert_exchanged, assert_invalid, signed_or_introspected};
use super::minting::{Draft, Key};
use serde_json::json;
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::story::{START, Story};

const OPAQUE: &str = "alice-9Jw2mZ0nqk1xYpTfVb7cRd4s";

#[test]
fn auto_verifies_jwts_of_the_issuer_and_introspects_all_others() {
    let (key, hidden) = (Key::new("k1", Algorithm::Es256), Key::p256("hidden", [3; 32]));
    let draft = Draft::new(&key);
    let elsewhere = json!({"iss": "https://other.example.com"});
    let jwe = encrypted(&json!({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt"}));
    for (name, token, told, is_good, introspections, fetches) in [
        ("signed", draft.sign(), json!({}), true, 0, 1),
        ("opaque", OPAQUE.to_owned(), json!({}), true, 1, 0),
        ("badly signed", Draft::new(&hidden).header(&json!({"kid": "k1"})).sign(), json!({}), false, 0, 1),
        ("unsigned", unsigned(&draft, "none"), json!({}), false, 0, 0),
        ("expired", draft.clone().claims(&json!({"exp": START - 5})).sign(), json!({}), false, 0, 1),
        ("payload repeats a claim", payload_with(&draft, r#""sub":"root""#), json!({}), false, 0, 0),
        ("another issuer", draft.clone().claims(&elsewhere).sign(), elsewhere, false, 1, 0),
        ("encrypted", jwe, json!({}), true, 1, 0),
    ] {
        let server = Server::publishing([key.published()]).introspecting(&told);
        let mut story = Story::new(&signed_or_introspected(&json!({})));
        let ending = server.run(&mut story, &token);
        if is_good {
            assert_exchanged(&ending, name);
        } else {
            assert_invalid(&ending, &token, name);
        }
        assert_eq!(
            (story.calls_to("/introspect"), story.calls_to("/jwks")),
            (introspections, fetches),
            "{name}"
        );
    }
}

#[test]
fn both_proofs_are_asked_for_in_turn_and_must_agree() {
    let (key, hidden) = (Key::new("k1", Algorithm::Es256), Key::p256("hidden", [3; 32]));
    let good = Draft::new(&key).sign();
    let badly_signed = Draft::new(&hidden).header(&json!({"kid": "k1"})).sign();
    for (name, token, told, is_good, calls) in [
        ("agree", &good, json!({}), true, (1, 1)),
        ("no word on issuer and audience", &good, json!({"iss": null, "aud": null}), true, (1, 1)),
        ("inactive", &good, json!({"active": false}), false, (1, 1)),
        ("another subject", &good, json!({"sub": "bob"}), false, (1, 1)),
        ("another issuer", &good, json!({"iss": "https://other.example.com"}), false, (1, 1)),
        ("another audience", &good, json!({"aud": "https://other.example.com"}), false, (1, 1)),
        ("an earlier end", &good, json!({"exp": 1}), false, (2, 1)),
        // The second time, its issuer may have published another key under that name.
        ("badly signed", &badly_signed, json!({}), false, (0, 2)),
    ] {
        let server = Server::publishing([key.published()]).introspecting(&told);
        let mut story = Story::new(&signed_or_introspected(&json!({"token_validation": "both"})));
        server.judges_twice(&mut story, token, is_good, name);
        assert_eq!((story.calls_to("/introspect"), story.calls_to("/jwks")), calls, "{name}");
    }
}

#[test]
fn with_both_an_opaque_token_has_but_one_of_two_proofs() {
    let key = Key::new("k1", Algorithm::Es256);
    let mut story = Story::new(&signed_or_introspected(&json!({"token_validation": "both"})));
    assert_invalid(&Server::publishing([key.published()]).run(&mut story, OPAQUE), OPAQUE, "opaque");
    assert!(story.sent.is_empty());
}

#[test]
fn with_both_the_scopes_are_the_introspected_ones() {
    let key = Key::new("k1", Algorithm::Es256);
    let patch = json!({"token_validation": "both", "scopes_required": ["mcp:write"]});
    let server = Server::publishing([key.published()]).introspecting(&json!({"scope": "mcp:read"}));
    let ending = server.run(&mut Story::new(&signed_or_introspected(&patch)), &Draft::new(&key).sign());
    assert_eq!(ending.status(), Some(403));
    assert!(ending.answer_header("www-authenticate").unwrap().contains(r#"scope="mcp:write""#));
}

#[test]
fn with_jwt_the_introspection_endpoint_is_never_called() {
    let key = Key::new("k1", Algorithm::Es256);
    let server = Server::publishing([key.published()]);
    let mut story = Story::new(&signed_or_introspected(&json!({"token_validation": "jwt"})));
    assert_exchanged(&server.run(&mut story, &Draft::new(&key).sign()), "signed");
    assert_invalid(&server.run(&mut story, OPAQUE), OPAQUE, "opaque");
    assert_eq!((story.calls_to("/introspect"), story.calls_to("/jwks")), (0, 1));
}

#[test]
fn with_introspection_a_jwt_is_a_token_like_any_other() {
    let hidden = Key::p256("hidden", [3; 32]);
    let patch = json!({"token_validation": "introspection", "jwks_endpoint": null});
    let mut story = Story::new(&signed_or_introspected(&patch));
    assert_exchanged(&Server::publishing([]).run(&mut story, &Draft::new(&hidden).sign()), "JWT");
    assert_eq!((story.calls_to("/introspect"), story.calls_to("/jwks")), (1, 0));
}
