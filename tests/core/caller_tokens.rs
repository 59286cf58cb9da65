//! The caller's tokens go upstream under no name: neither in the target, nor in another header field, nor in
//! trailers, nor in the place of an issued token. The ids are those of field reports.

use serde_json::{Value, json};
use token_exchange::policy::host::HostTraits;
use token_exchange_harness::story::{
    self, EMPTIES_HEADERS, Ending, REMOVES_HEADERS, Story, active, answer, base_config, config_with, issued,
    merge, request,
};

/// A token with every kind of character that one may have.
const TOKEN: &str = "caller-token.0123456789/ab+cd~_==";
const ACTOR: &str = "actor-token.0123456789";
const HOSTS: [HostTraits; 2] = [REMOVES_HEADERS, EMPTIES_HEADERS];

/// Every byte, percent-encoded.
fn every_byte(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What cannot stand in a parameter, percent-encoded.
fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
}

fn with_actor() -> Value {
    json!({
        "claim_to_header": [{"claim": "sub", "header": "x-user-id"}],
        "token_exchange": {"request": {"actor_token_source": "header", "actor_token_header": "x-actor"}}
    })
}

/// How a request with these fields ends, beside which it has a Bearer token.
fn ending(host: HostTraits, patch: &Value, token: &str, target: &str, fields: &[(&str, &str)]) -> Ending {
    let authorization = format!("Bearer {token}");
    let fields: Vec<_> = [("authorization", authorization.as_str())].iter().chain(fields).copied().collect();
    Story::on(&config_with(patch), host).run_well(request("POST", target, &fields))
}

/// How a request ends that is refused before any callout.
fn refusal(host: HostTraits, patch: &Value, token: &str, target: &str, fields: &[(&str, &str)]) -> String {
    let authorization = format!("Bearer {token}");
    let fields: Vec<_> = [("authorization", authorization.as_str())].iter().chain(fields).copied().collect();
    let mut story = Story::on(&config_with(patch), host);
    let label = format!("{target} {fields:?}");
    let ending = story.begin(request("POST", target, &fields)).unwrap_or_else(|| panic!("{label} goes on"));
    assert_eq!(ending.status(), Some(400), "{label}: {ending:?}");
    assert_eq!(ending.challenge_error().as_deref(), Some("invalid_request"), "{label}");
    assert!(!ending.response().body.contains(token), "{label}");
    ending.response().body.clone()
}

#[test]
fn sec_02_a_copy_of_the_token_in_the_target() {
    let (once, all) = (encoded(TOKEN), every_byte(TOKEN));
    let (twice, thrice) = (encoded(&all), encoded(&encoded(&all)));
    let half = format!("{}{}", &TOKEN[..5], encoded(&TOKEN[5..]));
    for target in [
        format!("/{TOKEN}"),
        format!("/mcp/{TOKEN}"),
        format!("/mcp;access_token={TOKEN}"),
        format!("/mcp?next=/cb/{TOKEN}"),
        format!("/mcp?p=bearer.{TOKEN}"),
        format!("/mcp?p={TOKEN}.sig"),
        format!("/mcp?{TOKEN}=1"),
        format!("/mcp/x{TOKEN}x"),
        format!("/mcp/{once}"),
        format!("/mcp/{all}"),
        format!("/mcp?p={all}"),
        format!("/mcp?p={twice}"),
        format!("/mcp?p={thrice}"),
        format!("/mcp/{half}"),
        format!("/mcp?p={}", once.replace("%2F", "%2f")),
        format!("*{TOKEN}"),
    ] {
        for host in HOSTS {
            refusal(host, &json!({}), TOKEN, &target, &[]);
            refusal(
                host,
                &json!({"token_exchange": {"enabled": false}, "passthrough_credentials": false}),
                TOKEN,
                &target,
                &[],
            );
        }
    }
    for target in [
        format!("/mcp/{}", &TOKEN[1..]),
        format!("/mcp/{}", &TOKEN[..TOKEN.len() - 1]),
        format!("/mcp?p={}", TOKEN.to_uppercase()),
        // A fourth decoding is not looked into.
        format!("/mcp?p={}", encoded(&thrice)),
        // A plus sign is no blank, and no blank is one.
        format!("/mcp?p={}", TOKEN.replace('+', "%20")),
        "/mcp?p=%&q=%zz%4".to_owned(),
    ] {
        for host in HOSTS {
            assert_eq!(
                ending(host, &json!({}), TOKEN, &target, &[]).upstream("authorization"),
                ["Bearer X1"],
                "{target}"
            );
        }
    }
}

#[test]
fn sec_02_a_copy_of_the_token_in_what_else_controls_the_request() {
    let head = |method: &str, routing: &[&str]| {
        let mut head = request(method, "/mcp", &[("authorization", "Bearer deadbeef.deadbeef")]);
        head.routing = routing.iter().map(|value| value.as_bytes().to_vec()).collect();
        head
    };
    for (method, routing) in [
        ("deadbeef.deadbeef", ["https", "api.example.com"]),
        ("POST", ["https", "deadbeef.deadbeef.example.com"]),
        ("POST", ["x-deadbeef.deadbeef", "api.example.com"]),
    ] {
        let mut story = Story::new(&base_config());
        let ending = story.begin(head(method, &routing)).expect("refused at once");
        assert_eq!(ending.status(), Some(400), "{method} {routing:?}");
    }
    Story::new(&base_config()).run_well(head("POST", &["https", "deadbeef.example.com"])).upstream("host");
}

#[test]
fn sec_02_the_actors_token_and_short_ones() {
    for host in HOSTS {
        refusal(host, &with_actor(), TOKEN, &format!("/mcp/{ACTOR}.x"), &[("x-actor", ACTOR)]);
        refusal(host, &json!({}), "abc", "/mcp?p=abc&q=1", &[]);
        refusal(host, &json!({}), "abc", "/mcp?p=%22a%62c%22", &[]);
        refusal(host, &json!({}), "abcdefghijklmnop", "/mcp/xabcdefghijklmnopx", &[]);
        for (token, actor, target) in [
            ("abc", ACTOR, "/mcp/abc/abcd?x-abc=abc1&y=.abc&abc=1"),
            ("abcdefghijklmno", ACTOR, "/mcp/xabcdefghijklmno"),
            (TOKEN, "v1", "/v1/mcp/v1.2"),
        ] {
            let ending = ending(host, &with_actor(), token, target, &[("x-actor", actor)]);
            assert_eq!(ending.upstream("authorization"), ["Bearer X1"], "{target}");
        }
    }
}

#[test]
fn a_token_that_is_passed_on_may_occur_anywhere() {
    let patch = json!({"token_exchange": {"enabled": false}, "passthrough_credentials": true});
    for host in HOSTS {
        let ending =
            ending(host, &patch, TOKEN, &format!("/mcp/{TOKEN}"), &[("x-copy", TOKEN), ("via", TOKEN)]);
        assert_eq!(ending.upstream("authorization"), [format!("Bearer {TOKEN}")]);
        assert_eq!(ending.upstream("x-copy"), [TOKEN]);
        assert_eq!(ending.upstream("via"), [TOKEN]);
    }
}

#[test]
fn sec_03_a_copy_of_the_token_in_another_header() {
    let (all, thrice) = (every_byte(TOKEN), encoded(&encoded(&every_byte(TOKEN))));
    let fields = [
        ("cookie", format!("a=1; t=s%3A{}.sig", encoded(TOKEN))),
        ("sec-websocket-protocol", format!("realtime, openai-insecure-api-key.{TOKEN}")),
        ("referer", format!("https://a.example/cb/{TOKEN}")),
        ("x-auth", format!("token-{TOKEN}")),
        ("x-json", json!({"t": TOKEN}).to_string()),
        ("x-encoded", all),
        ("x-encoded-thrice", thrice),
        ("x_forwarded_for", TOKEN.to_owned()),
        ("traceparent", TOKEN.to_owned()),
        ("authorization2", TOKEN.to_owned()),
        ("x-odd", format!("\u{ff}{TOKEN}\u{ff}")),
    ];
    for (name, value) in &fields {
        let ending = |host| ending(host, &json!({}), TOKEN, "/mcp", &[(name, value), ("x-other", "stays")]);
        let (removed, emptied) = (ending(REMOVES_HEADERS), ending(EMPTIES_HEADERS));
        assert!(removed.upstream(name).is_empty(), "{name}: {value}");
        assert_eq!(emptied.upstream(name), [""], "{name}: {value}");
        for ending in [removed, emptied] {
            assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
            assert_eq!(ending.upstream("x-other"), ["stays"]);
        }
    }
    for value in [&TOKEN[1..], &TOKEN.to_uppercase(), &encoded(&fields[6].1), "%", "%4", ""] {
        for host in HOSTS {
            assert_eq!(
                ending(host, &json!({}), TOKEN, "/mcp", &[("x-auth", value)]).upstream("x-auth"),
                [value]
            );
        }
    }
    // A gateway that empties a field reaches its first line alone.
    let lines = [("cookie", "a=1"), ("cookie", TOKEN)];
    assert!(ending(REMOVES_HEADERS, &json!({}), TOKEN, "/mcp", &lines).upstream("cookie").is_empty());
    refusal(EMPTIES_HEADERS, &json!({}), TOKEN, "/mcp", &lines);
}

#[test]
fn sec_03_a_copy_of_the_actors_token_and_of_one_in_a_name() {
    let fields = [("x-actor", ACTOR), ("X_Actor", "another"), ("x-copy", &format!("a.{ACTOR}.b")[..])];
    let removed = ending(REMOVES_HEADERS, &with_actor(), TOKEN, "/mcp", &fields);
    let emptied = ending(EMPTIES_HEADERS, &with_actor(), TOKEN, "/mcp", &fields);
    for name in ["x-actor", "x_actor", "x-copy"] {
        assert!(removed.upstream(name).is_empty(), "{name}");
        assert_eq!(emptied.upstream(name), [""], "{name}");
    }
    let named = [("x-deadbeefdeadbeef01", "1")];
    let ending = ending(REMOVES_HEADERS, &json!({}), "DeadBeefDeadBeef01", "/mcp", &named);
    assert!(ending.upstream("x-deadbeefdeadbeef01").is_empty());
    refusal(EMPTIES_HEADERS, &json!({}), "DeadBeefDeadBeef01", "/mcp", &named);
}

#[test]
fn credentials_beside_the_first_are_taken_off() {
    for name in ["proxy-authorization", "Proxy_Authorization", "PROXY-AUTHORIZATION"] {
        let ending = |host| ending(host, &json!({}), TOKEN, "/mcp", &[(name, "Basic eDp5")]);
        let name = name.to_lowercase();
        assert!(ending(REMOVES_HEADERS).upstream(&name).is_empty(), "{name}");
        assert_eq!(ending(EMPTIES_HEADERS).upstream(&name), [""], "{name}");
    }
}

#[test]
fn sec_04_a_copy_of_the_token_in_a_field_that_the_gateway_writes() {
    let names = [
        "x-forwarded-for",
        "X-Forwarded-Proto",
        "x-forwarded-client-cert",
        "via",
        "x-request-id",
        "forwarded",
        "x-envoy-original-path",
        "x-real-ip",
        "x-kong-request-id",
        // These say how the message is framed and routed.
        "host",
        "connection",
        "te",
        "upgrade",
        "expect",
        "content-length",
        "transfer-encoding",
        "trailer",
        "keep-alive",
    ];
    for name in names {
        for host in HOSTS {
            for value in
                [TOKEN, &format!("for=\"{TOKEN}\""), &every_byte(TOKEN), &encoded(&every_byte(TOKEN))]
            {
                refusal(host, &json!({}), TOKEN, "/mcp", &[(name, value)]);
            }
            let ending = ending(host, &json!({}), TOKEN, "/mcp", &[(name, "203.0.113.7")]);
            assert_eq!(ending.upstream(&name.to_lowercase()), ["203.0.113.7"], "{name}");
        }
    }
}

#[test]
fn sec_01_trailers_follow_the_rules_of_headers() {
    let copy = format!("a{TOKEN}b");
    let trailers = [
        ("authorization", "Bearer x"),
        ("Authorization", "Bearer y"),
        ("proxy_authorization", "Basic eDp5"),
        ("x-user-id", "root"),
        ("x_user_id", "root"),
        ("X-User_Id", "root"),
        ("x-actor", "someone"),
        ("x-copy", TOKEN),
        ("x-part", &copy),
        ("x-of-the-actor", ACTOR),
        ("x-forwarded-for", TOKEN),
        ("x-encoded", &every_byte(TOKEN)),
        ("grpc-status", "0"),
        ("x-user", "alice"),
        ("x-checksum", "1"),
        ("x-checksum", "2"),
    ];
    let go_on = [("grpc-status", "0"), ("x-user", "alice"), ("x-checksum", "1"), ("x-checksum", "2")];
    let go_on = go_on.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut story = Story::new(&config_with(&with_actor()));
    let authorization = format!("Bearer {TOKEN}");
    let fields = [("authorization", authorization.as_str()), ("x-actor", ACTOR)];
    assert!(story.begin(request("POST", "/mcp", &fields)).is_none());
    assert_eq!(story.trailers(&trailers), go_on, "while introspection is asked");
    assert!(story.resume(&answer(200, active())).is_none());
    assert_eq!(story.trailers(&trailers), go_on, "while the token endpoint is asked");
    story.resume(&answer(200, issued())).expect("the end").upstream("authorization");
    assert_eq!(story.trailers(&trailers), go_on, "behind a request that was forwarded");
    assert_eq!(story.trailers(&[]), []);
}

#[test]
fn sec_01_where_the_token_is_passed_on_a_second_one_is_not() {
    let patch = json!({"token_exchange": {"enabled": false}, "claim_to_header": [{"claim": "sub", "header": "x-user-id"}]});
    let mut story = Story::new(&config_with(&patch));
    story.run_well(story::with_token(TOKEN)).upstream("authorization");
    let trailers = [("authorization", "Bearer x"), ("X_User_Id", "root"), ("x-copy", TOKEN)];
    assert_eq!(story.trailers(&trailers), [("x-copy".to_owned(), TOKEN.to_owned())]);
}

#[test]
fn sec_05_a_token_that_was_presented_is_not_issued() {
    let configured =
        json!({"token_exchange": {"request": {"actor_token_source": "config", "actor_token": ACTOR}}});
    for (patch, echoed) in
        [(with_actor(), TOKEN), (with_actor(), ACTOR), (configured, ACTOR), (json!({}), TOKEN)]
    {
        let mut story = Story::new(&config_with(&patch));
        let authorization = format!("Bearer {TOKEN}");
        let fields = [("authorization", authorization.as_str()), ("x-actor", ACTOR)];
        let mut response = issued();
        merge(&mut response, &json!({"access_token": echoed}));
        let ending =
            story.run(request("POST", "/mcp", &fields), &[answer(200, active()), answer(200, &response)]);
        assert_eq!(ending.status(), Some(502), "{ending:?}");
        assert!(
            story.log.iter().any(|(_, line)| line.contains("repeats a token that it was sent")),
            "{:?}",
            story.log
        );
        assert!(story.log.iter().all(|(_, line)| !line.contains(echoed)), "{:?}", story.log);
        // Nothing is remembered: the next request asks again, and a new token is one.
        merge(&mut response, &json!({"access_token": format!("{echoed}x")}));
        let ending = story.run(request("POST", "/mcp", &fields), &[answer(200, &response)]);
        assert_eq!(ending.upstream("authorization"), [format!("Bearer {echoed}x")]);
    }
}

#[test]
fn sec_04_a_token_that_is_the_name_of_a_gateways_field_erases_none() {
    let names = [
        "x-forwarded-client-cert",
        "x-forwarded-for",
        "x-request-id",
        "via",
        "content-length",
        "x-consumer-id",
    ];
    for name in names {
        for host in HOSTS {
            let fields = [("x-actor", name), (name, "1")];
            assert_eq!(ending(host, &with_actor(), TOKEN, "/mcp", &fields).upstream(name), ["1"], "{name}");
        }
    }
}

#[test]
fn a_claim_that_repeats_the_callers_token_sets_no_header() {
    let patch =
        json!({"claim_to_header": [{"claim": "jti", "header": "x-id"}, {"claim": "a", "header": "x-a"}]});
    let mut story = Story::new(&config_with(&patch));
    let mut response = active();
    merge(&mut response, &json!({"jti": TOKEN, "a": {"token": format!("x{TOKEN}")}}));
    let ending = story.run(story::with_token(TOKEN), &[answer(200, response), answer(200, issued())]);
    assert!(ending.upstream("x-id").is_empty() && ending.upstream("x-a").is_empty());
}

#[test]
fn sec_12_connection_is_split_at_whatever_no_name_has() {
    for value in
        ["upgrade,\u{b}authorization", "\"authorization\"", "upgrade;authorization", "upgrade x_user_id"]
    {
        for host in HOSTS {
            refusal(host, &with_actor(), TOKEN, "/mcp", &[("connection", value), ("x-actor", ACTOR)]);
        }
    }
}

#[test]
fn sec_12_connection_names_no_field_that_the_filter_reads_or_sets() {
    for host in HOSTS {
        for value in [
            "upgrade, authorization",
            "upgrade, x-user-id",
            "Authorization",
            "close , X_User_Id",
            "x-actor",
            "keep-alive,\tAUTHORIZATION\t",
            "proxy-authorization",
            ",x_user-id,",
        ] {
            let fields = [("connection", value), ("upgrade", "websocket"), ("x-actor", ACTOR)];
            refusal(host, &with_actor(), TOKEN, "/mcp", &fields);
        }
        let lines = [("connection", "upgrade"), ("connection", "x-user-id"), ("x-actor", ACTOR)];
        refusal(host, &with_actor(), TOKEN, "/mcp", &lines);
        for value in ["upgrade", "keep-alive, upgrade", "close", "x-user, x-user-id2", "x-authorization", ""]
        {
            let fields = [("connection", value), ("x-actor", ACTOR)];
            let ending = ending(host, &with_actor(), TOKEN, "/mcp", &fields);
            assert_eq!(ending.upstream("connection"), [value]);
        }
    }
}

#[test]
fn sec_11_no_log_line_repeats_a_known_secret() {
    let secret = "client secret+1";
    for token in ["caller-toke", "abcdefghijklmnopqrstuvwxyzabcdef", TOKEN] {
        for prose in [
            format!("the token {token} is bad"),
            format!("{token}{token}"),
            format!("x{}x {}", every_byte(token), encoded(&encoded(token))),
            format!("client {secret} / client+secret%2B1 / client%20secret%2b1"),
            "Basic ZXhjaGFuZ2UtY2xpZW50OmNsaWVudCtzZWNyZXQlMkIx".to_owned(),
            format!("actor {ACTOR}"),
        ] {
            let patch = json!({"token_exchange": {"client_secret": secret, "request": {"actor_token_source": "config", "actor_token": ACTOR}}});
            for field in ["error", "error_description"] {
                let mut story = Story::new(&config_with(&patch));
                let mut response = json!({"error": "invalid_request"});
                merge(&mut response, &json!({field: prose}));
                let ending =
                    story.run(story::with_token(token), &[answer(200, active()), answer(400, &response)]);
                assert!(ending.status().is_some());
                let secrets = [
                    token,
                    &every_byte(token),
                    secret,
                    "client+secret",
                    "client%20secret",
                    "ZXhjaGFu",
                    ACTOR,
                ];
                for (_, line) in &story.log {
                    assert!(!secrets.iter().any(|secret| line.contains(secret)), "{prose}: {line}");
                }
                assert!(story.log.iter().any(|(_, line)| line.contains("[...]")), "{prose}: {:?}", story.log);
            }
        }
    }
}
