//! Whole requests on a virtual clock: the order of calls, the endings, what is cached.

use serde_json::json;
use token_exchange::http::CalloutFailure;
use token_exchange_harness::story::{
    self, EMPTIES_HEADERS, REMOVES_HEADERS, Story, active, answer, answer_with, base_config, config_with,
    failed, issued, merge, request, with_token,
};

const CHALLENGE: &str =
    "Bearer resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/mcp\"";

#[test]
fn a_token_is_validated_exchanged_and_replaced() {
    let mut story = Story::new(&base_config());
    let ending = story.run(with_token("T"), &[answer(200, active()), answer(200, issued())]);
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
    let [introspection, exchange] = story.sent.as_slice() else { panic!("{:?}", story.sent) };
    assert_eq!(introspection.url, "https://as.example.com/introspect");
    assert_eq!(introspection.header("authorization"), Some("Basic Z3c6czM="));
    assert_eq!(introspection.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(introspection.header("accept"), Some("application/json"));
    assert_eq!(introspection.header("accept-encoding"), Some("identity"));
    assert_eq!(introspection.body, "token=T&token_type_hint=access_token");
    assert_eq!(exchange.url, "https://as.example.com/token");
    assert_eq!(
        exchange.body,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=T\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
         &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
    );
}

#[test]
fn a_second_request_makes_no_call() {
    let mut story = Story::new(&base_config());
    story.run_well(with_token("T"));
    let ending = story.run(with_token("T"), &[]);
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
    assert_eq!(story.sent.len(), 2);
}

#[test]
fn without_credentials_the_challenge_names_no_error() {
    let mut story = Story::new(&base_config());
    let ending = story.run(request("GET", "/mcp", &[]), &[]);
    assert_eq!(ending.status(), Some(401));
    assert_eq!(ending.answer_header("www-authenticate"), Some(CHALLENGE));
    assert_eq!(
        ending.response().body,
        r#"{"error":"unauthorized","error_description":"The access token is missing."}"#
    );
}

#[test]
fn every_failure_of_a_callout_has_its_ending() {
    use CalloutFailure::{Broken, NotSent, TimedOut, TooLarge, UnknownTarget, Unreachable};
    let outcomes = [
        (failed(Unreachable), 503),
        (failed(TimedOut), 504),
        (failed(Broken), 502),
        (failed(TooLarge), 502),
        (failed(UnknownTarget), 502),
        (failed(NotSent), 502),
        (answer(500, ""), 503),
        (answer(503, "<html>"), 503),
        (answer(504, ""), 504),
        (answer(429, ""), 503),
        (answer(302, ""), 502),
        (answer(204, ""), 502),
        (answer(100, ""), 502),
        (answer(201, active()), 502),
        (answer(404, ""), 502),
        (answer(401, r#"{"error":"invalid_client"}"#), 502),
        (answer(200, ""), 502),
        (answer(200, "<html>"), 502),
        (answer(200, "null"), 502),
        (answer(200, "[]"), 502),
        (answer(200, "{\"active\":tr"), 502),
        (answer(200, r#"{"active":true,"active":true}"#), 502),
    ];
    for (outcome, status) in &outcomes {
        let mut story = Story::new(&base_config());
        let ending = story.run(with_token("T"), std::slice::from_ref(outcome));
        assert_eq!(ending.status(), Some(*status), "introspection: {outcome:?}");
        assert_eq!(ending.answer_header("www-authenticate"), None, "{outcome:?}");
        assert_eq!(ending.answer_header("retry-after").is_some(), *status == 503, "{outcome:?}");

        let mut story = Story::new(&base_config());
        let ending = story.run(with_token("T"), &[answer(200, active()), outcome.clone()]);
        assert_eq!(ending.status(), Some(*status), "exchange: {outcome:?}");
        // The failure is not cached: the next request is made anew and succeeds (CAC-09).
        let ending = story.run(with_token("T"), &[answer(200, issued())]);
        assert_eq!(ending.upstream("authorization"), ["Bearer X1"], "{outcome:?}");
    }
}

#[test]
fn retry_after_of_the_server_is_passed_on() {
    let mut story = Story::new(&base_config());
    let busy = answer_with(429, &[("Retry-After", "17")], "");
    let ending = story.run(with_token("T"), &[busy]);
    assert_eq!(ending.answer_header("retry-after"), Some("17"));
}

#[test]
fn an_answer_after_its_time_is_a_timeout_whatever_it_says() {
    let config = config_with(&json!({"timeout": 2000}));
    let mut story = Story::new(&config);
    story.begin(with_token("T"));
    assert_eq!(story.sent[0].timeout.as_millis(), 2000);
    let ending = story.at(2.001).resume(&answer(200, active()));
    assert_eq!(ending.expect("an ending").status(), Some(504));
    let mut story = Story::new(&config);
    story.begin(with_token("T"));
    assert!(story.at(2.0).resume(&answer(200, active())).is_none(), "just in time");
}

#[test]
fn a_callout_that_fails_after_its_time_is_a_timeout() {
    for failure in [CalloutFailure::Unreachable, CalloutFailure::Broken] {
        let mut story = Story::new(&config_with(&json!({"timeout": 2000})));
        story.begin(with_token("T"));
        let ending = story.at(2.001).resume(&failed(failure));
        assert_eq!(ending.expect("an ending").status(), Some(504), "{failure:?}");
    }
}

#[test]
fn the_deadline_bounds_all_callouts_together() {
    let config = config_with(&json!({"timeout": 2000, "request_deadline": 3000}));
    let mut story = Story::new(&config);
    story.begin(with_token("T"));
    assert!(story.at(1.5).resume(&answer(200, active())).is_none());
    assert_eq!(story.sent[1].timeout.as_millis(), 1500, "what is left of the deadline");
    let ending = story.at(3.1).resume(&answer(200, issued()));
    assert_eq!(ending.expect("an ending").status(), Some(504));
}

#[test]
fn a_deadline_that_is_used_up_makes_no_further_call() {
    let config = config_with(&json!({"timeout": 2000, "request_deadline": 2000}));
    let mut story = Story::new(&config);
    story.begin(with_token("T"));
    let ending = story.at(2.0).resume(&answer(200, active()));
    assert_eq!(ending.expect("an ending").status(), Some(504));
    assert_eq!(story.sent.len(), 1);
}

#[test]
fn without_an_exchange_the_token_goes_or_stays_as_configured() {
    let removed = config_with(&json!({"passthrough_credentials": false, "token_exchange": null}));
    let ending = Story::new(&removed).run(with_token("T"), &[answer(200, active())]);
    assert_eq!(ending.upstream("authorization"), [""; 0]);
    let ending = Story::on(&removed, EMPTIES_HEADERS).run(with_token("T"), &[answer(200, active())]);
    assert_eq!(ending.upstream("authorization"), [""]);
    let passed = config_with(&json!({"token_exchange": null}));
    let ending = Story::new(&passed).run(with_token("T"), &[answer(200, active())]);
    assert_eq!(ending.upstream("authorization"), ["Bearer T"]);
}

#[test]
fn a_claim_header_of_the_client_never_gets_through() {
    let config = config_with(&json!({"claim_to_header": [
        {"claim": "sub", "header": "X-User-Id"},
        {"claim": "email", "header": "X-Email"}
    ]}));
    let forged = [
        ("authorization", "Bearer T"),
        ("x-user-id", "root"),
        ("X_User_Id", "root"),
        ("x-email", "root@example.com"),
        ("x-other", "kept"),
    ];
    let outcomes = [answer(200, active()), answer(200, issued())];
    let ending = Story::new(&config).run(request("GET", "/mcp", &forged), &outcomes);
    assert_eq!(ending.upstream("x-user-id"), ["u1"]);
    for absent in ["x_user_id", "x-email"] {
        assert_eq!(ending.upstream(absent), [""; 0], "{absent}");
    }
    assert_eq!(ending.upstream("x-other"), ["kept"]);
    let ending = Story::on(&config, EMPTIES_HEADERS).run(request("GET", "/mcp", &forged), &outcomes);
    assert_eq!(ending.upstream("x-user-id"), ["u1"]);
    for emptied in ["x_user_id", "x-email"] {
        assert_eq!(ending.upstream(emptied), [""], "{emptied}");
    }
    let repeated = [("authorization", "Bearer T"), ("x-user-id", "a"), ("x-user-id", "root")];
    let ending = Story::on(&config, EMPTIES_HEADERS).run(request("GET", "/mcp", &repeated), &[]);
    assert_eq!(ending.status(), Some(400), "a second line cannot be taken off there");
    let ending = Story::new(&config).run(request("GET", "/mcp", &repeated), &outcomes);
    assert_eq!(ending.upstream("x-user-id"), ["u1"]);
}

#[test]
fn more_header_lines_than_the_gateway_lists_are_refused() {
    for (host, lines, refused) in
        [(EMPTIES_HEADERS, 90, None), (EMPTIES_HEADERS, 91, Some(431)), (REMOVES_HEADERS, 9_999, None)]
    {
        let mut head = with_token("T");
        head.header_lines = lines;
        assert_eq!(Story::on(&base_config(), host).run_well(head).status(), refused, "{lines}");
    }
}

#[test]
fn the_metadata_document_needs_no_token() {
    for (config, host, path, url) in [
        (
            base_config(),
            story::REMOVES_HEADERS,
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource/mcp",
        ),
        (
            base_config(),
            EMPTIES_HEADERS,
            "/mcp/.well-known/oauth-protected-resource",
            "/mcp/.well-known/oauth-protected-resource",
        ),
        (config_with(&json!({"metadata_endpoint": "/meta"})), EMPTIES_HEADERS, "/meta", "/meta"),
    ] {
        let mut story = Story::on(&config, host);
        let challenge = story.run(request("GET", "/mcp", &[]), &[]);
        let expected = format!("Bearer resource_metadata=\"https://api.example.com{url}\"");
        assert_eq!(challenge.answer_header("www-authenticate"), Some(expected.as_str()));
        let document = story.run(request("GET", path, &[("authorization", "Bearer T")]), &[]);
        assert_eq!(document.status(), Some(200));
        assert_eq!(document.answer_header("content-type"), Some("application/json"));
        assert_eq!(document.answer_header("access-control-allow-origin"), Some("*"));
        assert!(document.response().body.contains(r#""resource":"https://api.example.com/mcp""#));
        let head = story.run(request("HEAD", &format!("{path}?x=1"), &[]), &[]);
        // The gateway leaves the body of an answer to HEAD out.
        assert_eq!((head.status(), &head.response().body), (Some(200), &document.response().body));
        let preflight = story.run(request("OPTIONS", path, &[("origin", "https://app.example.com")]), &[]);
        assert_eq!(preflight.status(), Some(204));
        assert_eq!(preflight.answer_header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
        let post = story.run(request("POST", path, &[]), &[]);
        assert_eq!((post.status(), post.answer_header("allow")), (Some(405), Some("GET, HEAD, OPTIONS")));
    }
    let mut story = Story::new(&base_config());
    for path in [
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource",
        "/mcp/x/.well-known/oauth-protected-resource",
    ] {
        assert_eq!(story.run(request("GET", path, &[]), &[]).status(), Some(401), "{path}");
    }
}

#[test]
fn an_issued_token_is_served_until_shortly_before_its_end() {
    let mut story = Story::new(&base_config());
    story.run(with_token("T"), &[answer(200, active()), answer(200, issued())]);
    let claims = json!({"active": true, "aud": "https://api.example.com/mcp", "exp": story::START + 6000});
    story.at(284.9).run(with_token("T"), &[answer(200, &claims)]);
    assert_eq!(story.calls_to("/token"), 1);
    story.at(285.0).run(with_token("T"), &[answer(200, issued())]);
    assert_eq!(story.calls_to("/token"), 2);
}

#[test]
fn an_active_refresh_token_is_no_access_token() {
    for said in [
        json!({"token_use": "refresh_token"}),
        json!({"token_usage": "refresh_token"}),
        json!({"token_type": "refresh_token"}),
        json!({"typ": "Refresh", "token_type": "Bearer"}),
    ] {
        let mut story = Story::new(&base_config());
        let mut body = active();
        merge(&mut body, &said);
        let ending = story.run(with_token("T"), &[answer(200, body)]);
        assert_eq!(
            (ending.status(), ending.challenge_error().as_deref()),
            (Some(401), Some("invalid_token")),
            "{said}"
        );
    }
}

#[test]
fn a_refusal_is_remembered_for_seconds() {
    let mut story = Story::new(&base_config());
    let inactive = answer(200, json!({"active": false}));
    assert_eq!(story.run(with_token("T"), &[inactive]).status(), Some(401));
    assert_eq!(story.at(4.9).run(with_token("T"), &[]).challenge_error().as_deref(), Some("invalid_token"));
    let ending = story.at(5.0).run(with_token("T"), &[answer(200, active()), answer(200, issued())]);
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
}

#[test]
fn a_configured_actor_that_is_refused_is_the_operators_to_mend() {
    let patch = json!({"token_exchange": {"request": {"actor_token_source": "config", "actor_token": "A0"}}});
    // The second is what Keycloak answers to a subject token that it does not take.
    for error in ["invalid_request", "invalid_token"] {
        let outcomes = [answer(200, active()), answer(400, json!({"error": error}))];
        let mut story = Story::new(&config_with(&patch));
        assert_eq!(story.run(with_token("T"), &outcomes).status(), Some(502), "{error}");
        assert!(story.sent[1].body.contains("&actor_token=A0&actor_token_type="));
        let ending = Story::new(&base_config()).run(with_token("T"), &outcomes);
        assert_eq!(ending.status(), Some(401), "{error}");
        assert_eq!(ending.challenge_error().as_deref(), Some("invalid_token"), "{error}");
    }
    let of_the_filter = answer(401, json!({"error": "invalid_token"}));
    let ending = Story::new(&base_config()).run(with_token("T"), &[answer(200, active()), of_the_filter]);
    assert_eq!(ending.status(), Some(502));
}

#[test]
fn the_validated_token_may_be_its_own_actor() {
    let patch = json!({"token_exchange": {"request": {"actor_token_source": "header", "actor_token_header": "Authorization"}}});
    let mut story = Story::new(&config_with(&patch));
    let ending = story.run_well(with_token("T"));
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
    assert!(story.sent[1].body.contains("&actor_token=T&actor_token_type="));
}

#[test]
fn the_subject_token_goes_upstream_under_no_name() {
    let headers = [
        ("authorization", "Bearer tok-1"),
        ("x-forwarded-access-token", "tok-1"),
        ("cookie", "session=1; token=tok-1"),
        ("proxy-authorization", "Basic x"),
        ("x-note", "tok-12"),
    ];
    let ending = Story::new(&base_config()).run_well(request("GET", "/mcp", &headers));
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
    for absent in ["x-forwarded-access-token", "cookie", "proxy-authorization"] {
        assert_eq!(ending.upstream(absent), [""; 0], "{absent}");
    }
    assert_eq!(ending.upstream("x-note"), ["tok-12"]);
    for target in ["/mcp?token=tok-1", "/mcp?a=1&id_token=tok%2D1"] {
        let ending = Story::new(&base_config()).run(request("GET", target, &headers), &[]);
        assert_eq!(ending.status(), Some(400), "{target}");
        assert_eq!(ending.challenge_error().as_deref(), Some("invalid_request"), "{target}");
    }
    let ending = Story::new(&base_config()).run_well(request("GET", "/mcp?note=tok-12", &headers));
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
}

#[test]
fn nothing_secret_is_logged() {
    let mut story = Story::new(&base_config());
    story.run(with_token("tok-1"), &[answer(200, active()), answer(200, issued())]);
    let prose = json!({"error": "invalid_grant", "error_description": "bad\r\nlevel=error forged"});
    story.run(with_token("tok-2"), &[answer(200, active()), answer(400, prose)]);
    let log = format!("{:?}", story.log);
    assert!(log.contains("invalid_grant"), "{log}");
    for secret in ["tok-1", "tok-2", "X1", "s3", "s4", "Z3c6czM="] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(story.log.iter().all(|(_, line)| !line.contains('\n')), "{log}");
}
