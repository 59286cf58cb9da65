//! What is let through: every algorithm, and what a check could be thought to refuse.

use super::issuer::{Server, assert_exchanged, assert_untold, signed};
use super::minting::{AUDIENCE, Draft, Key};
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::story::{START, Story, request};

#[test]
fn a_token_of_each_algorithm_is_exchanged_and_verified_once() {
    for (algorithm, members) in [
        (Algorithm::Rs256, json!({})),
        (Algorithm::Rs384, json!({"alg": null})),
        (Algorithm::Rs512, json!({})),
        (Algorithm::Ps256, json!({"alg": null, "use": null})),
        (Algorithm::Ps384, json!({})),
        (Algorithm::Ps512, json!({})),
        (Algorithm::Es256, json!({})),
        (Algorithm::Es384, json!({"key_ops": ["verify"], "use": null})),
        (Algorithm::Es512, json!({})),
        (Algorithm::EdDsa, json!({})),
        (Algorithm::EdDsa, json!({"alg": "Ed25519"})),
    ] {
        let key = Key::new("k1", algorithm);
        let server = Server::publishing([key.published_with(&members)]);
        let token = Draft::new(&key).sign();
        let mut story = Story::new(&signed(&json!({})));
        let what = format!("{algorithm} {members}");
        for _ in 0..2 {
            assert_exchanged(&server.run(&mut story, &token), &what);
        }
        let [keys, exchange] = &story.sent[..] else { panic!("{what}: {:?}", story.sent) };
        assert_eq!((keys.url.as_str(), keys.body.as_str()), ("https://as.example.com/jwks", ""), "{what}");
        assert_eq!(
            (keys.header("accept"), keys.header("authorization")),
            (Some("application/jwk-set+json, application/json"), None),
            "{what}"
        );
        assert!(exchange.body.contains(&format!("subject_token={token}&")), "{what}");
        assert_untold(&story, &token, &what);
    }
}

#[test]
fn ed25519_is_a_name_of_eddsa() {
    let key = Key::new("k1", Algorithm::EdDsa).called("Ed25519");
    let server = Server::publishing([key.published_with(&json!({"alg": "EdDSA"}))]);
    assert_exchanged(&server.run(&mut Story::new(&signed(&json!({}))), &Draft::new(&key).sign()), "Ed25519");
}

#[test]
fn what_a_check_could_be_thought_to_refuse() {
    let key = Key::new("k1", Algorithm::Es256);
    let brought = json!({"jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/c", "x5c": ["MIIB"]});
    let relaxed = json!({"insecure_relaxed_audience_validation": true});
    let by_client = json!({"audience_claim": "client_id", "audience_required": ["agent"]});
    for (name, header, claims, config) in [
        ("type JWT", json!({"typ": "JWT"}), json!({}), json!({})),
        ("no type", json!({"typ": null}), json!({}), json!({})),
        ("type in full", json!({"typ": "application/AT+JWT"}), json!({}), json!({})),
        ("no key ID", json!({"kid": null}), json!({}), json!({})),
        ("audiences", json!({}), json!({"aud": ["https://other.example.com", AUDIENCE]}), json!({})),
        ("another audience", json!({}), json!({"aud": "app-1"}), json!({"audience_required": ["app-1"]})),
        ("client as audience", json!({}), json!({"aud": null}), by_client),
        ("any audience", json!({}), json!({"aud": "app-1"}), relaxed),
        ("float dates", json!({}), json!({"exp": 4_102_444_800.5, "nbf": 1.5, "iat": 1.25}), json!({})),
        ("far future", json!({}), json!({"exp": 9_007_199_254_740_991_u64}), json!({})),
        ("issued in the future", json!({}), json!({"iat": 4_102_444_800_u64}), json!({})),
        (
            "expired within the leeway",
            json!({}),
            json!({"exp": START - 10}),
            json!({"jwt_claims_leeway": 60}),
        ),
        ("nonce and our audience", json!({"typ": "JWT"}), json!({"nonce": "n"}), json!({})),
        ("token brings a key", brought, json!({}), json!({})),
    ] {
        let token = Draft::new(&key).header(&header).claims(&claims).sign();
        let mut story = Story::new(&signed(&config));
        assert_exchanged(&Server::publishing([key.published()]).run(&mut story, &token), name);
        assert_untold(&story, &token, name);
    }
    let rsa = Key::new("k1", Algorithm::Rs256);
    let members = json!({"key_ops": ["verify"], "use": null, "alg": null});
    let server = Server::publishing([rsa.published_with(&members)]);
    assert_exchanged(&server.run(&mut Story::new(&signed(&json!({}))), &Draft::new(&rsa).sign()), "key_ops");
}

#[test]
fn a_missing_scope_is_403_and_the_challenge_names_all_that_are_needed() {
    let key = Key::new("k1", Algorithm::Es256);
    let config = signed(&json!({
        "scopes_required": ["mcp:read mcp:call"], "scope_implies": {"admin": ["mcp:call", "mcp:read"]}
    }));
    for (name, claims, is_enough) in [
        ("missing", json!({"scope": "mcp:read"}), false),
        ("there", json!({"scope": "mcp:call other mcp:read"}), true),
        ("list", json!({"scope": null, "scp": ["mcp:read", "mcp:call"]}), true),
        ("implied", json!({"scope": "admin"}), true),
    ] {
        let token = Draft::new(&key).claims(&claims).sign();
        let ending = Server::publishing([key.published()]).run(&mut Story::new(&config), &token);
        if is_enough {
            assert_exchanged(&ending, name);
            continue;
        }
        assert_eq!(ending.status(), Some(403), "{name}");
        let challenge = ending.answer_header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
        assert!(challenge.contains(r#"scope="mcp:read mcp:call""#), "{challenge}");
    }
}

#[test]
fn the_protected_resource_metadata_needs_no_token_and_no_keys() {
    let mut story = Story::new(&signed(&json!({})));
    let ending = story.begin(request("GET", "/.well-known/oauth-protected-resource/mcp", &[])).unwrap();
    assert_eq!(ending.status(), Some(200));
    let body: Value = serde_json::from_str(&ending.response().body).unwrap();
    assert_eq!(body["resource"], AUDIENCE);
    assert_eq!(body["authorization_servers"], json!(["https://as.example.com/realms/demo"]));
    let ending = story.begin(request("GET", "/mcp", &[])).unwrap();
    assert_eq!(ending.status(), Some(401));
    assert!(ending.answer_header("www-authenticate").unwrap().starts_with("Bearer resource_metadata=\""));
    assert!(story.sent.is_empty());
}
