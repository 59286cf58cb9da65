//! Requests with signed tokens on a virtual clock: which proof, whose keys, what happens when keys
//! change or their server is away.

use serde_json::{Value, json};
use token_exchange::http::{CalloutFailure, CalloutOutcome};
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::signing::{SECRET, Signer};
use token_exchange_harness::story::{
    EMPTIES_HEADERS, Ending, REMOVES_HEADERS, START, Story, active, answer, failed, issued, merge, request,
    with_token,
};

pub(super) const ISSUER: &str = "https://as.example.com/realms/demo";
pub(super) const AUDIENCE: &str = "https://api.example.com/mcp";

/// A configuration that validates by signature and removes the token, so that a story is about
/// the proof alone.
pub(super) fn config(patch: &Value) -> Value {
    let mut config = json!({
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "jwks_endpoint": "https://as.example.com/jwks",
        "passthrough_credentials": true
    });
    merge(&mut config, patch);
    config
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "u1", "aud": AUDIENCE, "exp": START + 600})
}

fn claims_with(patch: &Value) -> Value {
    let mut claims = claims();
    merge(&mut claims, patch);
    claims
}

fn signer() -> Signer {
    Signer::new(Algorithm::EdDsa)
}

fn other_signer() -> Signer {
    Signer::new(Algorithm::Es256)
}

fn token(kid: &str) -> String {
    signer().token(Some(kid), &claims())
}

fn jwks(keys: &[Value]) -> CalloutOutcome {
    answer(200, json!({"keys": keys}))
}

fn assert_forwarded(ending: &Ending) {
    assert_eq!(ending.status(), None, "{ending:?}");
}

fn assert_refused(ending: &Ending) {
    assert_eq!(
        (ending.status(), ending.challenge_error().as_deref()),
        (Some(401), Some("invalid_token")),
        "{ending:?}"
    );
}

#[test]
fn a_signed_token_is_verified_with_fetched_keys_and_then_remembered() {
    let mut story = Story::new(&config(&json!({})));
    let ending = story.run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]);
    assert_eq!(ending.upstream("authorization"), [format!("Bearer {}", token("k1"))]);
    let fetch = &story.sent[0];
    assert_eq!((fetch.url.as_str(), fetch.body.as_str()), ("https://as.example.com/jwks", ""));
    assert_eq!(fetch.header("accept"), Some("application/jwk-set+json, application/json"));
    assert_forwarded(&story.run(with_token(&token("k1")), &[]));
    let second = signer().token(Some("k1"), &claims_with(&json!({"sub": "u2"})));
    assert_forwarded(&story.run(with_token(&second), &[]));
    assert_refused(&story.at(600.0).run(with_token(&token("k1")), &[]));
}

#[test]
fn a_signed_token_is_exchanged_like_any_other() {
    let exchange = json!({"token_exchange": {
        "enabled": true, "token_endpoint": "https://as.example.com/token", "client_id": "gw", "client_secret": "s4"
    }});
    let mut story = Story::new(&config(&exchange));
    let outcomes = [jwks(&[signer().jwk_named("k1")]), answer(200, issued())];
    let ending = story.run(with_token(&token("k1")), &outcomes);
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
    assert_forwarded(&story.run(with_token(&token("k1")), &[]));
    assert_eq!(story.sent.len(), 2);
}

#[test]
fn what_a_signed_token_must_say() {
    for (patch, accepted) in [
        (json!({}), true),
        (json!({"aud": ["x", AUDIENCE]}), true),
        (json!({"aud": "account"}), false),
        (json!({"aud": null}), false),
        (json!({"iss": null}), false),
        (json!({"iss": format!("{ISSUER}/")}), false),
        (json!({"exp": null}), false),
        (json!({"exp": START}), false),
        (json!({"exp": "1800000600"}), false),
        (json!({"nbf": START + 1}), false),
        (json!({"at_hash": "x"}), false),
        (json!({"typ": "Refresh"}), false),
    ] {
        let mut story = Story::new(&config(
            &json!({"jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]}}),
        ));
        let ending = story.run(with_token(&signer().token(Some("k1"), &claims_with(&patch))), &[]);
        assert_eq!(ending.status(), (!accepted).then_some(401), "{patch}");
    }
}

#[test]
fn a_nonce_makes_no_id_token_of_what_says_it_is_an_access_token() {
    let keycloaks = json!({"aud": "account", "nonce": "n"});
    for (patch, accepted) in [
        (json!({}), false),
        (json!({"typ": "ID"}), false),
        (json!({"typ": "Bearer"}), true),
        (json!({"typ": "Bearer", "at_hash": "x"}), false),
    ] {
        let mut claims = claims_with(&keycloaks);
        merge(&mut claims, &patch);
        let relaxed = json!({
            "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]},
            "insecure_relaxed_audience_validation": true
        });
        let ending = Story::new(&config(&relaxed)).run(with_token(&signer().token(Some("k1"), &claims)), &[]);
        assert_eq!(ending.status(), (!accepted).then_some(401), "{patch}");
    }
}

#[test]
fn f2_22_a_token_whose_sub_is_null_names_no_user() {
    let mapped = config(&json!({
        "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]},
        "claim_to_header": [{"claim": "sub", "header": "X-User-Id"}]
    }));
    for host in [REMOVES_HEADERS, EMPTIES_HEADERS] {
        for (patch, arrives) in [
            (r#""sub":null,"typ":"Bearer","azp":"rs-test""#, None),
            (r#""sub":null,"nbf":null,"iat":null,"cnf":null,"nonce":null,"at_hash":null"#, None),
            (r#""sub":"""#, Some("")),
            (r#""sub":"u1""#, Some("u1")),
        ] {
            let payload = format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{},{patch}}}"#, START + 600);
            let token = signer().compact(r#"{"alg":"EdDSA","kid":"k1"}"#, &payload);
            let authorization = format!("Bearer {token}");
            let request = request("GET", "/", &[("authorization", &authorization), ("x-user-id", "admin")]);
            let upstream = Story::on(&mapped, host).run(request, &[]).upstream("x-user-id");
            assert!(!upstream.contains(&"admin".to_owned()), "{patch}");
            let said: Vec<_> = upstream.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
            assert_eq!(said, arrives.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>(), "{patch}");
        }
    }
}

#[test]
fn what_must_be_there_is_missed_where_it_is_null() {
    for (name, refused) in [("iss", true), ("aud", true), ("exp", true), ("nbf", false), ("iat", false)] {
        let mut said = claims();
        said[name] = Value::Null;
        let mut story = Story::new(&config(
            &json!({"jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]}}),
        ));
        let ending = story.run(with_token(&signer().token(Some("k1"), &said)), &[]);
        assert_eq!(ending.status(), refused.then_some(401), "{name}");
    }
}

#[test]
fn val_16_malformed_tokens_are_refused_without_a_call() {
    let mut story = Story::new(&config(&json!({})));
    for token in [
        "abc",
        "a.b",
        "..",
        "a.b.c.d.e",
        "eyJhbGciOiJSUzI1NiJ9..x",
        ".e30.",
        "W10.e30.AA",
        "bnVsbA.bnVsbA.AA",
    ] {
        assert_refused(&story.run(with_token(token), &[]));
    }
    assert!(story.sent.is_empty());
}

#[test]
fn jwk_08_an_unknown_key_causes_one_fetch_and_the_request_waits_for_it() {
    let mut story = Story::new(&config(&json!({})));
    story.run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]);
    let both = [signer().jwk_named("k1"), other_signer().jwk_named("k2")];
    let rotated = other_signer().token(Some("k2"), &claims());
    assert_forwarded(&story.at(120.0).run(with_token(&rotated), &[jwks(&both)]));
    assert_eq!(story.calls_to("/jwks"), 2);
    for number in 0..20 {
        let forged = other_signer().token(Some(&format!("forged-{number}")), &claims());
        assert_refused(&story.run(with_token(&forged), &[]));
    }
    assert_eq!(story.calls_to("/jwks"), 2, "a flood causes no fetch within the cool-down");
    let forged = other_signer().token(Some("forged"), &claims());
    assert_refused(&story.at(150.1).run(with_token(&forged), &[jwks(&both)]));
}

#[test]
fn no_token_is_refused_while_a_fetch_is_undecided() {
    let mut story = Story::on(&config(&json!({})), EMPTIES_HEADERS);
    story.run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]);
    let rotated = other_signer().token(Some("k2"), &claims());
    assert!(story.begin(with_token(&rotated)).is_none());
    let waiting = story.set_aside();
    let bad = other_signer().token(Some("k1"), &claims());
    for token in [&rotated, &bad, &other_signer().token(None, &claims())] {
        let another = story.run(with_token(token), &[]);
        assert_eq!((another.status(), another.answer_header("retry-after")), (Some(503), Some("1")));
    }
    let good = signer().token(Some("k1"), &claims_with(&json!({"sub": "u2"})));
    assert_forwarded(&story.run(with_token(&good), &[]));
    assert_eq!(story.calls_to("/jwks"), 2);
    let set = jwks(&[other_signer().jwk_named("k2"), signer().jwk_named("k1")]);
    assert_forwarded(&story.return_to(waiting).resume(&set).expect("an ending"));
    assert_forwarded(&story.run(with_token(&rotated), &[]));
    for token in [&other_signer().token(Some("k3"), &claims()), &bad] {
        assert_refused(&story.run(with_token(token), &[]));
    }
    assert_eq!(story.calls_to("/jwks"), 2);
}

#[test]
fn jwk_14_an_outage_is_never_the_clients_fault() {
    let outages = [
        (answer(500, ""), 503),
        (failed(CalloutFailure::TimedOut), 504),
        (failed(CalloutFailure::Unreachable), 503),
        (answer(200, "<html>"), 502),
        (answer(301, ""), 502),
        (failed(CalloutFailure::TooLarge), 502),
        (answer(200, json!({"keys": "none"})), 502),
    ];
    for (outage, status) in outages {
        let mut story = Story::new(&config(&json!({})));
        let ending = story.run(with_token(&token("k1")), std::slice::from_ref(&outage));
        assert_eq!(
            (ending.status(), ending.answer_header("www-authenticate")),
            (Some(status), None),
            "{outage:?}"
        );
        let ending = story.at(4.9).run(with_token(&token("k1")), &[]);
        assert_eq!(
            (ending.status(), ending.answer_header("retry-after")),
            (Some(503), Some("1")),
            "{outage:?}"
        );
        assert_forwarded(&story.at(5.0).run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]));

        let mut story = Story::new(&config(&json!({})));
        story.run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]);
        let later =
            |seconds: u64| signer().token(Some("k1"), &claims_with(&json!({"exp": START + seconds + 600})));
        let ten_minutes_stale = 3600 + 600;
        let fresh = later(ten_minutes_stale);
        assert_forwarded(&story.at(4200.0).run(with_token(&fresh), std::slice::from_ref(&outage)));
        assert_forwarded(&story.run(with_token(&later(ten_minutes_stale + 1)), &[]));
        let unknown = other_signer().token(Some("k2"), &claims_with(&json!({"exp": START + 9000})));
        let ending = story.run(with_token(&unknown), std::slice::from_ref(&outage));
        assert_eq!(ending.status(), Some(503), "an unknown key might exist");
        assert_eq!(story.run(with_token(&unknown), &[]).status(), Some(503));
    }
}

#[test]
fn stale_keys_serve_for_a_day_and_no_longer() {
    let mut story = Story::new(&config(&json!({})));
    story.run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]);
    let later =
        |seconds: u64| signer().token(Some("k1"), &claims_with(&json!({"exp": START + seconds + 600})));
    let down = [failed(CalloutFailure::Unreachable)];
    let end = 3600 + 86_400;
    assert_forwarded(&story.at(89_999.0).run(with_token(&later(end)), &down));
    assert_eq!(story.at(90_000.0 + 5.0).run(with_token(&later(end + 10)), &down).status(), Some(503));
}

#[test]
fn keys_are_renewed_by_one_request_while_the_others_use_them() {
    let mut story = Story::new(&config(&json!({})));
    let set = [jwks(&[signer().jwk_named("k1")])];
    story.run(with_token(&token("k1")), &set);
    let fresh = |sub: u64| {
        signer().token(Some("k1"), &claims_with(&json!({"sub": sub.to_string(), "exp": START + 9000})))
    };
    story.at(3239.0).run(with_token(&fresh(1)), &[]);
    assert_forwarded(&story.at(3240.0).run(with_token(&fresh(1)), &[]));
    assert_eq!(story.calls_to("/jwks"), 1, "a token that is verified already asks for no keys");
    assert!(story.at(3240.0).begin(with_token(&fresh(2))).is_none(), "one fetches");
    let renewing = story.set_aside();
    assert_forwarded(&story.run(with_token(&fresh(3)), &[]));
    assert_forwarded(&story.return_to(renewing).resume(&set[0]).expect("an ending"));
    assert_eq!(story.calls_to("/jwks"), 2);
}

#[test]
fn a_token_is_not_remembered_beyond_the_keys_that_vouched_for_it() {
    let long =
        |sub: &str| signer().token(Some("k1"), &claims_with(&json!({"sub": sub, "exp": START + 90_000})));
    let ours = [jwks(&[signer().jwk_named("k1")])];
    let theirs = [jwks(&[other_signer().jwk_named("k2")])];
    let rotated = other_signer().token(Some("k2"), &claims_with(&json!({"exp": START + 90_000})));

    let mut story = Story::new(&config(&json!({})));
    assert_forwarded(&story.run(with_token(&long("u1")), &ours));
    assert_forwarded(&story.at(60.0).run(with_token(&rotated), &theirs));
    assert_refused(&story.at(90.1).run(with_token(&long("u1")), &theirs));

    let mut story = Story::new(&config(&json!({"jwks_max_stale": 0})));
    assert_forwarded(&story.run(with_token(&long("u1")), &ours));
    assert_forwarded(&story.at(3000.0).run(with_token(&long("u2")), &[]));
    let down = [failed(CalloutFailure::Unreachable)];
    assert_eq!(story.at(3600.0).run(with_token(&long("u2")), &down).status(), Some(503));
    assert_refused(&story.at(3605.0).run(with_token(&long("u2")), &theirs));
}

#[test]
fn auto_sends_tokens_of_known_issuers_to_the_keys_and_all_others_to_introspection() {
    let patch = json!({
        "token_validation": "auto", "introspection_endpoint": "https://as.example.com/introspect",
        "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]}
    });
    let mut story = Story::new(&config(&patch));
    assert_forwarded(&story.run(with_token(&token("k1")), &[]));
    assert_forwarded(&story.run(with_token("opaque"), &[answer(200, active())]));
    let foreign = signer().token(Some("k1"), &claims_with(&json!({"iss": "https://other.example.com"})));
    assert_refused(&story.run(with_token(&foreign), &[answer(200, json!({"active": false}))]));
    let forged = other_signer().token(Some("k1"), &claims());
    assert_refused(&story.run(with_token(&forged), &[]));
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", token("k1").split('.').nth(1).unwrap());
    assert_refused(&story.run(with_token(&unsigned), &[]));
    assert_eq!(story.sent.len(), 2, "a token that fails as a signed one is not tried elsewhere");
}

#[test]
fn both_proofs_must_agree_and_the_narrower_holds() {
    let patch = json!({
        "token_validation": "both", "introspection_endpoint": "https://as.example.com/introspect",
        "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]},
        "scopes_required": ["read"]
    });
    let config = config(&patch);
    let claims = claims_with(&json!({"scope": "read write"}));
    let token = signer().token(Some("k1"), &claims);
    let said = |patch: &Value| {
        let mut body = json!({"active": true, "sub": "u1", "scope": "read"});
        merge(&mut body, patch);
        answer(200, body)
    };
    for (patch, status) in [
        (json!({}), None),
        (json!({"iss": ISSUER}), None),
        (json!({"aud": AUDIENCE}), None),
        (json!({"aud": "other"}), Some(401)),
        (json!({"sub": "u2"}), Some(401)),
        (json!({"iss": "https://other.example.com"}), Some(401)),
        (json!({"active": false}), Some(401)),
        (json!({"exp": START}), Some(401)),
        (json!({"scope": "write"}), Some(403)),
        (json!({"scope": null}), Some(403)),
    ] {
        let mut story = Story::new(&config);
        assert_eq!(story.run(with_token(&token), &[said(&patch)]).status(), status, "{patch}");
    }
    let mut story = Story::new(&config);
    assert_forwarded(&story.run(with_token(&token), &[said(&json!({"exp": START + 30}))]));
    assert_forwarded(&story.at(29.0).run(with_token(&token), &[]));
    assert_refused(&story.at(30.0).run(with_token(&token), &[said(&json!({"active": false}))]));
    assert_refused(&story.run(with_token("opaque"), &[]));
    let forged = other_signer().token(Some("k1"), &claims);
    assert_refused(&story.run(with_token(&forged), &[]));
    assert_eq!(story.calls_to("introspect"), 2);
}

#[test]
fn proofs_agree_on_what_only_one_of_them_says() {
    let config = config(&json!({
        "token_validation": "both", "introspection_endpoint": "https://as.example.com/introspect",
        "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]},
        "claim_to_header": [{"claim": "sub", "header": "X-User-Id"}]
    }));
    for (signed, introspected, arrives) in [
        (json!(null), json!("c1"), Some("c1")),
        (json!("u1"), json!(null), Some("u1")),
        (json!("u1"), json!("u1"), Some("u1")),
        (json!("u1"), json!("u2"), None),
        (json!("u1"), json!(["u1"]), None),
    ] {
        let mut claims = claims();
        claims["sub"] = signed.clone();
        let said = answer(200, json!({"active": true, "sub": introspected}));
        let mut story = Story::new(&config);
        let ending = story.run(with_token(&signer().token(Some("k1"), &claims)), &[said]);
        match arrives {
            Some(user) => assert_eq!(ending.upstream("x-user-id"), [user], "{signed} {introspected}"),
            None => assert_refused(&ending),
        }
    }
}

#[test]
fn what_shows_no_possession_is_refused_before_introspection() {
    let patch = json!({
        "token_validation": "both", "introspection_endpoint": "https://as.example.com/introspect",
        "jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]}
    });
    let bound = claims_with(&json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    let token = signer().token(Some("k1"), &bound);
    let mut story = Story::new(&config(&patch));
    for _ in 0..2 {
        assert_refused(&story.run(with_token(&token), &[]));
    }
    assert!(story.sent.is_empty());
}

#[test]
fn what_a_request_has_proven_holds_while_it_asks_for_the_rest() {
    let patch = json!({
        "token_validation": "both", "introspection_endpoint": "https://as.example.com/introspect"
    });
    let mut story = Story::new(&config(&patch));
    let said = [answer(200, json!({"active": true, "sub": "u1", "exp": START + 30}))];
    let outcomes = [jwks(&[signer().jwk_named("k1")]), said[0].clone()];
    assert_forwarded(&story.run(with_token(&token("k1")), &outcomes));
    assert!(story.at(60.0).begin(with_token(&token("k1"))).is_none(), "introspection is asked again");
    let first = story.set_aside();
    let rotated = other_signer().token(Some("k2"), &claims());
    let said = answer(200, json!({"active": true, "sub": "u1"}));
    let outcomes = [jwks(&[other_signer().jwk_named("k2")]), said.clone()];
    assert_forwarded(&story.run(with_token(&rotated), &outcomes));
    // The cached claims are void by now: their key is gone.
    assert_forwarded(&story.return_to(first).resume(&said).expect("an ending"));
}

#[test]
fn two_issuers_with_equal_key_ids_do_not_vouch_for_each_other() {
    let other = "https://other.example.com";
    let patch = json!({
        "authorization_servers": [ISSUER, other], "jwks_endpoint": null,
        "issuers": [
            {"issuer": ISSUER, "jwks_endpoint": "https://as.example.com/jwks"},
            {"issuer": other, "jwks_endpoint": "https://other.example.com/jwks", "audiences": ["urn:api"]}
        ]
    });
    let mut story = Story::new(&config(&patch));
    let ours = [jwks(&[signer().jwk_named("k1")])];
    let theirs = [jwks(&[other_signer().jwk_named("k1")])];
    assert_forwarded(&story.run(with_token(&token("k1")), &ours));
    let foreign = claims_with(&json!({"iss": other, "aud": "urn:api", "scope": "a"}));
    assert_refused(&story.run(with_token(&signer().token(Some("k1"), &foreign)), &theirs));
    assert_forwarded(&story.run(with_token(&other_signer().token(Some("k1"), &foreign)), &[]));
    assert_refused(&story.run(with_token(&other_signer().token(Some("k1"), &claims())), &ours));
    let misdirected = claims_with(&json!({"aud": "urn:api", "scope": "a"}));
    assert_refused(&story.run(with_token(&signer().token(Some("k1"), &misdirected)), &[]));
    let unknown = claims_with(&json!({"iss": "https://third.example.com"}));
    assert_refused(&story.run(with_token(&signer().token(Some("k1"), &unknown)), &[]));
    assert_eq!((story.calls_to("as.example.com/jwks"), story.calls_to("other.example.com/jwks")), (2, 1));
}

#[test]
fn keys_are_discovered_through_the_metadata() {
    let mut story = Story::new(&config(&json!({"jwks_endpoint": null})));
    let metadata = answer(200, json!({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/jwks"}));
    let set = jwks(&[signer().jwk_named("k1")]);
    assert_forwarded(&story.run(with_token(&token("k1")), &[answer(404, ""), metadata.clone(), set.clone()]));
    let urls: Vec<_> = story.sent.iter().map(|sent| sent.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://as.example.com/.well-known/oauth-authorization-server/realms/demo",
            "https://as.example.com/realms/demo/.well-known/openid-configuration",
            "https://keys.example.com/jwks",
        ]
    );
    let fresh = signer().token(Some("k1"), &claims_with(&json!({"exp": START + 9000})));
    assert_forwarded(&story.at(3500.0).run(with_token(&fresh), std::slice::from_ref(&set)));
    assert_eq!(story.sent.len(), 4, "the metadata still holds");

    let mut story = Story::new(&config(&json!({"jwks_endpoint": null})));
    let foreign = answer(
        200,
        json!({"issuer": "https://evil.example.net", "jwks_uri": "https://evil.example.net/jwks"}),
    );
    let ending = story.run(with_token(&token("k1")), &[foreign.clone(), foreign]);
    assert_eq!(ending.status(), Some(502));
    assert_eq!(story.calls_to("evil"), 0);
    let outage = [failed(CalloutFailure::Unreachable)];
    assert_eq!(story.at(5.0).run(with_token(&token("k1")), &outage).status(), Some(503));
    assert_forwarded(&story.at(10.0).run(with_token(&token("k1")), &[metadata, set]));
}

#[test]
fn sec_14_a_discovered_url_on_this_machine_or_in_a_private_network_is_not_called() {
    for (jwks_uri, insecure_http) in [
        ("http://127.0.0.1:8001/services", false),
        ("http://127.0.0.1:8001/services", true),
        ("https://127.0.0.1/services", false),
        ("https://localhost./services", false),
        ("https://169.254.169.254/", false),
        ("https://10.0.0.1/jwks", false),
        ("https://[::ffff:10.0.0.1]/jwks", false),
        ("http://keys.example.com/jwks", true),
    ] {
        let mut story = Story::new(&config(&json!({"jwks_endpoint": null, "insecure_http": insecure_http})));
        let metadata = answer(200, json!({"issuer": ISSUER, "jwks_uri": jwks_uri}));
        let ending = story.run(with_token(&token("k1")), &[metadata.clone(), metadata]);
        assert_eq!(ending.status(), Some(502), "{jwks_uri}");
        assert_eq!(story.calls_to("/.well-known/"), story.sent.len(), "{jwks_uri}: {:?}", story.sent);
        assert!(story.log.iter().any(|(_, line)| line.contains("has a jwks_uri")), "{:?}", story.log);
        assert_eq!(story.run(with_token(&token("k1")), &[]).status(), Some(503), "{jwks_uri}");
    }
}

#[test]
fn cold_requests_that_find_no_metadata_are_never_the_gateways_own_fault() {
    let gone = answer(404, "");
    for host in [EMPTIES_HEADERS, REMOVES_HEADERS] {
        let mut story = Story::on(&config(&json!({"jwks_endpoint": null})), host);
        let most = story.most_callouts();
        let assert_outage = |ending: &Ending| {
            assert!(matches!(ending.status(), Some(502 | 503)), "{host:?}: {ending:?}");
        };
        let mut waiting = Vec::new();
        for _ in 0..5 {
            match story.begin(with_token(&token("k1"))) {
                None => waiting.push(story.set_aside()),
                Some(ending) => assert_outage(&ending),
            }
        }
        assert!(waiting.len() > 3);
        for callouts in 1.. {
            if waiting.is_empty() {
                break;
            }
            assert!(callouts <= most, "{host:?}: {callouts} callouts");
            let mut still = Vec::new();
            for (place, request) in waiting.into_iter().enumerate() {
                let story = story.return_to(request);
                // Where callouts are shared, one of the requests has made it and the others have joined.
                let joined = host.joins_callouts && place > 0;
                match if joined { story.resume_joined(&gone) } else { story.resume(&gone) } {
                    None => still.push(story.set_aside()),
                    Some(ending) => assert_outage(&ending),
                }
            }
            waiting = still;
        }
    }
}

#[test]
fn keys_that_have_moved_are_discovered_anew() {
    let metadata = |url: &str| answer(200, json!({"issuer": ISSUER, "jwks_uri": url}));
    let (old, new) = ("https://as.example.com/old", "https://as.example.com/new");
    let mut story = Story::new(&config(&json!({"jwks_endpoint": null})));
    assert_forwarded(
        &story.run(with_token(&token("k1")), &[metadata(old), jwks(&[signer().jwk_named("k1")])]),
    );
    let rotated = other_signer().token(Some("k2"), &claims());
    let moved = story.at(60.0).run(with_token(&rotated), &[answer(404, "")]);
    assert_eq!(moved.status(), Some(503));
    let both = [signer().jwk_named("k1"), other_signer().jwk_named("k2")];
    assert_forwarded(&story.at(90.0).run(with_token(&rotated), &[metadata(new), jwks(&both)]));
    assert_eq!((story.calls_to("/old"), story.calls_to("/new")), (2, 1));

    let mut story = Story::new(&config(&json!({"jwks_endpoint": null})));
    let outage = [metadata(old), answer(503, "")];
    assert_eq!(story.run(with_token(&token("k1")), &outage).status(), Some(503));
    assert_forwarded(&story.at(5.0).run(with_token(&token("k1")), &[jwks(&[signer().jwk_named("k1")])]));
}

#[test]
fn a_shared_secret_is_the_one_way_to_hmac() {
    let hmac = Signer::new(Algorithm::Hs256);
    let token = hmac.token(None, &claims());
    let secret = config(&json!({"jwks_endpoint": null, "jwt_secret": SECRET}));
    assert_forwarded(&Story::new(&secret).run(with_token(&token), &[]));
    let published = config(&json!({"jwks_endpoint": null, "jwks": {"keys": [signer().jwk_named("k1")]}}));
    assert_refused(&Story::new(&published).run(with_token(&token), &[]));
    assert_refused(&Story::new(&secret).run(with_token(&self::token("k1")), &[]));
}

#[test]
fn waiters_for_the_same_keys_read_them_once() {
    let mut story = Story::new(&config(&json!({})));
    story.begin(with_token(&token("k1")));
    let first = story.set_aside();
    story.begin(with_token(&token("k1")));
    let second = story.set_aside();
    assert!(story.sent[0].flight.is_some() && story.sent[0].flight == story.sent[1].flight);
    let set = jwks(&[signer().jwk_named("k1")]);
    assert_forwarded(&story.return_to(first).resume(&set).expect("an ending"));
    // Not read again: what is handed to a joiner does not matter once the keys are there.
    assert_forwarded(&story.return_to(second).resume_joined(&answer(200, "")).expect("an ending"));
}
