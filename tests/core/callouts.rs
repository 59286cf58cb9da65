//! Callouts and what servers answer, as servers of users are: what a request says of itself, which answers can be
//! read, when to come back.

use serde_json::{Value, json};
use token_exchange::http::{CalloutOutcome, RequestHead};
use token_exchange::jose::alg::Algorithm;
use token_exchange::report::Level;
use token_exchange_harness::signing::Signer;
use token_exchange_harness::story::{
    Ending, Story, active, answer, answer_with, base_config, config_with, issued, merge, request, with_token,
};

const ISSUER: &str = "https://as.example.com/realms/demo";
const RESOURCE: &str = "https://api.example.com/mcp";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER_PARENT: &str = "00-11111111111111111111111111111111-2222222222222222-00";

fn signer() -> Signer {
    Signer::new(Algorithm::EdDsa)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "u1", "aud": RESOURCE, "exp": 1_800_000_600})
}

fn token() -> String {
    signer().token(Some("k1"), &claims())
}

fn jwks() -> Value {
    json!({"keys": [signer().jwk_named("k1")]})
}

/// Keys are discovered, the token is introspected as well, and exchanged: a configuration that asks every endpoint.
fn asks_everything(patch: &Value) -> Value {
    let mut config = config_with(&json!({"token_validation": "both"}));
    merge(&mut config, patch);
    config
}

/// What each endpoint answers to it, in the order of the callouts.
fn answers() -> [Value; 4] {
    let metadata = json!({"issuer": ISSUER, "jwks_uri": "https://as.example.com/jwks"});
    let introspection = json!({"active": true, "sub": "u1", "aud": RESOURCE, "exp": 1_800_000_600});
    [metadata, jwks(), introspection, issued()]
}

fn good_outcomes() -> Vec<CalloutOutcome> {
    answers().iter().map(|body| answer(200, body)).collect()
}

fn traced(token: &str, lines: &[&str]) -> RequestHead {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(lines.iter().map(|line| ("traceparent", *line)));
    headers.extend([("tracestate", "vendor=1"), ("baggage", "user=alice")]);
    request("POST", "/mcp", &headers)
}

/// The values of a header field in each callout.
fn sent(story: &Story, name: &str) -> Vec<Vec<String>> {
    let of = |sent: &token_exchange_harness::story::Sent| {
        sent.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    };
    story.sent.iter().map(of).collect()
}

fn each_once(value: &str, times: usize) -> Vec<Vec<String>> {
    vec![vec![value.to_owned()]; times]
}

fn assert_forwarded(ending: &Ending) {
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
}

#[test]
fn f2_02_the_media_type_of_a_key_set_is_asked_for() {
    let mut story = Story::new(&asks_everything(&json!({})));
    assert_forwarded(&story.run(with_token(&token()), &good_outcomes()));
    let accepted: Vec<_> = sent(&story, "accept").concat();
    let json = "application/json";
    assert_eq!(accepted, [json, "application/jwk-set+json, application/json", json, json]);
}

#[test]
fn f2_03_each_callout_names_the_filter() {
    let name = concat!("token-exchange/", env!("CARGO_PKG_VERSION"));
    let mut story = Story::new(&asks_everything(&json!({})));
    assert_forwarded(&story.run(with_token(&token()), &good_outcomes()));
    assert_eq!(sent(&story, "user-agent"), each_once(name, 4));
    assert_eq!(sent(&story, "accept-encoding"), each_once("identity", 4));
}

#[test]
fn f2_03_a_configured_name_wins_where_it_is_configured() {
    let name = concat!("token-exchange/", env!("CARGO_PKG_VERSION"));
    let headers = json!({"User-AGENT": "gateway/1.0", "TraceParent": OTHER_PARENT});
    let mut story = Story::new(&asks_everything(&json!({"headers": headers})));
    assert_forwarded(&story.run(traced(&token(), &[PARENT]), &good_outcomes()));
    assert_eq!(sent(&story, "user-agent").concat(), [name, name, "gateway/1.0", name]);
    assert_eq!(sent(&story, "traceparent").concat(), [PARENT, PARENT, OTHER_PARENT, PARENT]);
}

#[test]
fn f2_04_a_coded_answer_is_unusable_and_the_log_names_the_coding() {
    let endpoints = ["metadata endpoint", "JWKS endpoint", "introspection endpoint", "token endpoint"];
    let from_place = json!({"metadata_discovery_endpoint": "https://as.example.com/openid-configuration"});
    for (index, endpoint) in endpoints.iter().enumerate() {
        for (lines, named) in [
            (&["gzip"][..], "\"gzip\""),
            (&["br"], "\"br\""),
            (&["GZIP"], "\"GZIP\""),
            (&["identity, zstd"], "\"zstd\""),
            (&["", "identity", "deflate"], "\"deflate\""),
            (&["identity;q=1"], "\"identity;q=1\""),
            (&["none"], "\"none\""),
        ] {
            let mut story = Story::new(&asks_everything(&from_place));
            let mut outcomes = good_outcomes();
            outcomes.truncate(index + 1);
            let headers: Vec<_> = lines.iter().map(|line| ("Content-Encoding", *line)).collect();
            outcomes[index] = answer_with(200, &headers, &answers()[index]);
            let ending = story.run(with_token(&token()), &outcomes);
            assert_eq!(ending.status(), Some(502), "{endpoint} {lines:?}");
            let line = format!(
                "the response of the {endpoint} has the content coding {named}, although the request asked for none"
            );
            assert!(story.log.contains(&(Level::Warn, line)), "{:?}", story.log);
        }
    }
}

#[test]
fn f2_04_identity_is_no_coding() {
    for lines in [&["identity"][..], &["Identity"], &[""], &[" , identity ,"], &["identity", "IDENTITY"]] {
        let headers: Vec<_> = lines.iter().map(|line| ("content-encoding", *line)).collect();
        let outcomes: Vec<_> = answers().iter().map(|body| answer_with(200, &headers, body)).collect();
        let mut story = Story::new(&asks_everything(&json!({})));
        assert_forwarded(&story.run(with_token(&token()), &outcomes));
    }
}

#[test]
fn f2_04_the_status_of_a_coded_answer_comes_first() {
    let coded = |status| answer_with(status, &[("content-encoding", "gzip"), ("retry-after", "9")], "\u{1f}");
    for (status, ending) in
        [(503, 503), (429, 503), (504, 504), (500, 503), (302, 502), (401, 502), (400, 502)]
    {
        for before in [vec![], vec![answer(200, active())]] {
            let mut story = Story::new(&base_config());
            let outcomes = [before, vec![coded(status)]].concat();
            let introspects = outcomes.len() == 1;
            let ended = story.run(with_token("T"), &outcomes);
            assert_eq!(ended.status(), Some(ending), "{status}");
            let names_coding = story.log.iter().any(|(_, line)| line.contains("content coding"));
            // Only an answer whose body is looked at has a coding in the way.
            assert_eq!(
                names_coding,
                !introspects && matches!(status, 400 | 401),
                "{status}: {:?}",
                story.log
            );
        }
    }
    let mut story = Story::new(&base_config());
    story.run(with_token("T"), &[coded(401)]);
    assert!(story.log.iter().any(|(_, line)| line.contains("check client_id, client_secret")));
}

#[test]
fn f2_04_a_coding_that_repeats_a_secret_is_not_logged() {
    let secret = "a-rather-secret-word";
    let long = "x".repeat(5000);
    for coding in [secret, "s3", "gzip\u{1b}[2K\u{85}", &long] {
        let mut story = Story::new(&base_config());
        let coded = answer_with(200, &[("content-encoding", coding)], active());
        assert_eq!(story.run(with_token(secret), &[coded]).status(), Some(502));
        for (_, line) in &story.log {
            assert!(!line.contains(secret) && !line.contains("\"s3\"") && line.len() < 300, "{line}");
            assert!(
                line.chars().all(|character| character == ' ' || character.is_ascii_graphic()),
                "{line:?}"
            );
        }
    }
}

#[test]
fn f2_04_a_coded_answer_wakes_no_request_to_ask_again() {
    let mut story = Story::new(&base_config());
    story.begin(with_token("T"));
    story.resume(&answer(200, active()));
    let coded = answer_with(200, &[("content-encoding", "gzip")], issued());
    let ending = story.resume_joined(&coded).expect("an ending");
    assert_eq!(ending.status(), Some(502));
}

#[test]
fn f2_17_the_query_of_a_discovery_url_is_sent() {
    let place =
        "https://as.example.com/tid/v2.0/.well-known/openid-configuration?appid=6731de76-14a6&p=B2C_1";
    let config = config_with(&json!({
        "introspection_endpoint": null, "metadata_discovery_endpoint": place, "token_validation": "jwt"
    }));
    let mut story = Story::new(&config);
    let [mut metadata, keys, _, exchanged] = answers();
    metadata["jwks_uri"] = json!("https://as.example.com/discovery/keys?appid=6731de76-14a6");
    let outcomes = [metadata, keys, exchanged].map(|body| answer(200, body));
    assert_forwarded(&story.run(with_token(&token()), &outcomes));
    assert_eq!(story.sent[0].url, place);
    assert_eq!(story.sent[1].url, "https://as.example.com/discovery/keys?appid=6731de76-14a6");
}

/// A configuration with the keys at hand, so that a story is about the token alone.
fn with_keys(patch: &Value) -> Value {
    let mut config = config_with(&json!({"introspection_endpoint": null, "jwks": jwks()}));
    merge(&mut config, patch);
    config
}

#[test]
fn f2_23_a_payload_with_half_a_character_cannot_be_read_and_its_signature_is_not_blamed() {
    for cut in
        [r#""name":"Zo\u00eb \ud83d""#, r#""name":"\ude00""#, r#""\ud83d":1"#, r#""a":{"b":["\udbff"]}"#]
    {
        let payload = claims().to_string().replacen('{', &format!("{{{cut},"), 1);
        let header = r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#;
        let both = json!({"token_validation": "auto", "introspection_endpoint": "https://as.example.com/introspect"});
        for config in [with_keys(&json!({})), with_keys(&both)] {
            let mut story = Story::new(&config);
            let ending = story.run(with_token(&signer().compact(header, &payload)), &[]);
            assert_eq!(ending.status(), Some(401), "{cut}");
            assert_eq!(ending.challenge_error().as_deref(), Some("invalid_token"));
            assert!(
                ending.response().body.contains("The access token's payload cannot be read."),
                "{ending:?}"
            );
            let line = "a token was refused: the payload cannot be read as a JSON object";
            assert!(story.log.contains(&(Level::Info, line.to_owned())), "{:?}", story.log);
            assert!(story.log.iter().all(|(_, line)| !line.contains("signature")), "{:?}", story.log);
        }
    }
    let other = Signer::new(Algorithm::Es256).compact(r#"{"alg":"ES256","kid":"k1"}"#, r#"{"a":"\ud83d"}"#);
    let ending = Story::new(&with_keys(&json!({}))).run(with_token(&other), &[]);
    assert!(ending.response().body.contains("signature is not valid"), "what is not signed is not looked at");
}

#[test]
fn f2_23_a_header_with_half_a_character_cannot_be_read() {
    let token = signer().compact(r#"{"alg":"EdDSA","kid":"\ud83d"}"#, &claims().to_string());
    let mut story = Story::new(&with_keys(&json!({})));
    let ending = story.run(with_token(&token), &[]);
    assert!(ending.response().body.contains("The access token is malformed."), "{ending:?}");
    assert!(story.log.iter().any(|(_, line)| line.contains("the header cannot be read as a JSON object")));
}

#[test]
fn f2_23_an_answer_with_half_a_character_cannot_be_read() {
    let cut = |body: &Value| body.to_string().replacen('{', r#"{"name":"Zo\u00eb \ud83d","#, 1);
    let from_place = json!({"metadata_discovery_endpoint": "https://as.example.com/openid-configuration"});
    for (index, endpoint) in [(0, "metadata endpoint"), (2, "introspection endpoint"), (3, "token endpoint")]
    {
        let mut outcomes = good_outcomes();
        outcomes.truncate(index + 1);
        outcomes[index] = answer(200, cut(&answers()[index]));
        let mut story = Story::new(&asks_everything(&from_place));
        assert_eq!(story.run(with_token(&token()), &outcomes).status(), Some(502), "{endpoint}");
        let says = |line: &str| line.contains(endpoint) && line.contains("cannot be read as a JSON object");
        assert!(story.log.iter().any(|(_, line)| says(line)), "{:?}", story.log);
    }
}

#[test]
fn a_jwt_without_exp_says_so_to_the_client() {
    for (patch, says) in [
        (json!({"exp": null}), "The access token has no exp claim."),
        (json!({"exp": 1_800_000_000}), "The access token has expired."),
        (json!({"exp": "1800000600"}), "The access token has a claim that cannot be read."),
    ] {
        let mut claims = claims();
        merge(&mut claims, &patch);
        let token = signer().token(Some("k1"), &claims);
        let ending = Story::new(&with_keys(&json!({}))).run(with_token(&token), &[]);
        assert_eq!(ending.status(), Some(401), "{patch}");
        let challenge = ending.answer_header("www-authenticate").unwrap();
        assert!(challenge.contains(&format!("error_description=\"{says}\"")), "{challenge}");
    }
}

#[test]
fn f2_24_v1_and_v2_tokens_of_one_application() {
    let (v1, v2) = ("https://sts.windows.net/TID/", "https://login.microsoftonline.com/TID/v2.0");
    let config = with_keys(&json!({
        "authorization_servers": [v2],
        "issuers_allowed": [v2, v1],
        "audience_required": ["APP", "api://APP"],
        "scopes_required": ["mcp.read"]
    }));
    for (issuer, patch, status) in [
        (v1, json!({"aud": "api://APP", "scp": "mcp.read", "ver": "1.0", "appid": "cli"}), None),
        (v2, json!({"aud": "APP", "scp": "other mcp.read", "ver": "2.0", "azp": "cli"}), None),
        (v2, json!({"aud": "GRAPH", "scp": "mcp.read"}), Some(401)),
        (v2, json!({"aud": "app", "scp": "mcp.read"}), Some(401)),
        (v1, json!({"aud": "api://app", "scp": "mcp.read"}), Some(401)),
        (v2, json!({"aud": "APP", "scp": "other\tmcp.read"}), Some(403)),
        (v2, json!({"aud": "APP", "scp": "mcp.read\u{a0}other"}), Some(403)),
    ] {
        let mut claims = claims();
        merge(&mut claims, &json!({"iss": issuer}));
        merge(&mut claims, &patch);
        let outcomes = if status.is_none() { vec![answer(200, issued())] } else { Vec::new() };
        let token = signer().token(Some("k1"), &claims);
        let ending = Story::new(&config).run(with_token(&token), &outcomes);
        assert_eq!(ending.status(), status, "{patch}");
    }
}

#[test]
fn f2_26_an_origin_with_and_without_its_slash_is_one_audience() {
    let origins = ["https://api.example.com", "https://api.example.com/", "HTTPS://API.Example.com"];
    let paths = ["https://api.example.com/mcp", "https://api.EXAMPLE.com/mcp"];
    let own = |audience: &str| {
        let entry = json!({
            "issuer": ISSUER, "introspection_endpoint": "https://as.example.com/introspect", "audiences": [audience]
        });
        json!({"issuers": [entry], "authorization_servers": [ISSUER]})
    };
    for same in [&origins[..], &paths] {
        for ours in same {
            let elsewhere = "https://elsewhere.example.com/mcp";
            let resource = json!({"resource": ours.to_lowercase()});
            let required = json!({"resource": elsewhere, "audience_required": [ours]});
            let mut of_issuer = own(ours);
            merge(&mut of_issuer, &json!({"resource": elsewhere}));
            for (config, names_resource) in [(resource, true), (required, false), (of_issuer, false)] {
                for theirs in origins.iter().chain(&paths).copied().chain(["https://api.example.com:443"]) {
                    let mut body = active();
                    merge(&mut body, &json!({"aud": theirs, "scope": "a"}));
                    let token = signer().token(Some("k1"), &claims());
                    let mut story = Story::new(&config_with(&config));
                    story.begin(with_token(&token));
                    let ending = story.resume(&answer(200, body));
                    let accepted = same.contains(&theirs);
                    assert_eq!(ending.is_none(), accepted, "{ours} {theirs} {names_resource}: {ending:?}");
                    if let Some(ending) = ending {
                        assert_eq!(ending.challenge_error().as_deref(), Some("invalid_token"));
                    }
                }
            }
        }
    }
}

#[test]
fn f2_27_created_is_success_at_a_token_endpoint_alone() {
    for status in [201, 202, 203, 204, 206] {
        let mut story = Story::new(&base_config());
        let ending = story.run(with_token("T"), &[answer(200, active()), answer(status, issued())]);
        assert_eq!(ending.status(), (status != 201).then_some(502), "{status}");
        let ending = Story::new(&base_config()).run(with_token("T"), &[answer(status, active())]);
        assert_eq!(ending.status(), Some(502), "{status} at introspection");
    }
    let mut story = Story::new(&base_config());
    story.run(with_token("T"), &[answer(200, active()), answer(201, issued())]);
    assert_forwarded(&story.run(with_token("T"), &[]));
    for (body, status) in [
        (json!({}), 502),
        (json!({"error": "invalid_grant"}), 401),
        (json!({"error": "invalid_target"}), 502),
        (json!({"access_token": "X1", "token_type": "DPoP"}), 502),
    ] {
        let outcomes = [answer(200, active()), answer(201, &body)];
        let ending = Story::new(&base_config()).run(with_token("T"), &outcomes);
        assert_eq!(ending.status(), Some(status), "{body}");
    }
    let mut once = issued();
    merge(&mut once, &json!({"expires_in": 0}));
    let mut story = Story::new(&base_config());
    story.begin(with_token("T"));
    story.resume(&answer(200, active()));
    assert!(story.resume_joined(&answer(201, &once)).is_none(), "a token for one use is another request's");
    assert_forwarded(&story.resume(&answer(201, &once)).expect("an ending"));
}

#[test]
fn f2_28_when_to_come_back() {
    // The clock stands at Fri, 15 Jan 2027 08:00:00 GMT.
    for (value, expected) in [
        ("30", "30"),
        ("Fri, 15 Jan 2027 08:01:30 GMT", "90"),
        ("Fri, 15 Jan 2027 07:00:00 GMT", "1"),
        ("Fri, 15 Jan 2027 10:00:00 GMT", "3600"),
        ("soon", "5"),
        ("1.5", "5"),
        ("7200", "3600"),
        ("9999999999999999999999999999999999999999", "3600"),
    ] {
        for status in [429, 503] {
            for before in [vec![], vec![answer(200, active())]] {
                let busy = answer_with(status, &[("retry-after", value)], "");
                let outcomes = [before, vec![busy]].concat();
                let ending = Story::new(&base_config()).run(with_token("T"), &outcomes);
                assert_eq!(ending.status(), Some(503));
                assert_eq!(ending.answer_header("retry-after"), Some(expected), "{value}");
            }
        }
    }
}

#[test]
fn f2_28_an_error_that_passes_says_when_to_come_back_as_well() {
    for error in ["temporarily_unavailable", "server_error"] {
        for status in [200, 201, 400] {
            for (lines, expected) in [
                (&[("retry-after", "30")][..], "30"),
                (&[("retry-after", "Fri, 15 Jan 2027 08:01:30 GMT")], "90"),
                (&[("retry-after", "7200")], "3600"),
                (&[("retry-after", "soon")], "5"),
                (&[], "5"),
            ] {
                let refused = answer_with(status, lines, json!({"error": error}));
                let ending =
                    Story::new(&base_config()).run(with_token("T"), &[answer(200, active()), refused]);
                assert_eq!(ending.status(), Some(503), "{error} {status}");
                assert_eq!(ending.answer_header("retry-after"), Some(expected), "{error} {status}");
            }
        }
    }
}

#[test]
fn a_callout_carries_the_traceparent_of_the_request_that_makes_it() {
    let mut story = Story::new(&asks_everything(&json!({})));
    assert_forwarded(&story.run(traced(&token(), &[PARENT]), &good_outcomes()));
    assert_eq!(sent(&story, "traceparent"), each_once(PARENT, 4));
    for name in ["tracestate", "baggage"] {
        assert_eq!(sent(&story, name).concat(), Vec::<String>::new(), "{name}");
    }
    let ending = story.run(traced("T2", &[OTHER_PARENT]), &[]);
    assert_eq!(ending.status(), Some(401), "no callout");
}

#[test]
fn what_is_no_traceparent_of_version_00_goes_nowhere() {
    let upper = PARENT.to_uppercase();
    let with_more = PARENT.replacen("00-", "01-", 1) + "-more";
    for lines in [
        &[][..],
        &[PARENT, PARENT],
        &[PARENT, ""],
        &["", PARENT],
        &[&upper],
        &[&with_more],
        &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
    ] {
        let mut story = Story::new(&asks_everything(&json!({})));
        let ending = story.run(traced(&token(), lines), &good_outcomes());
        assert_forwarded(&ending);
        assert_eq!(sent(&story, "traceparent").concat(), Vec::<String>::new(), "{lines:?}");
        assert_eq!(ending.upstream("traceparent"), lines, "what the upstream gets is no concern of it");
    }
}

#[test]
fn a_traceparent_that_repeats_a_token_goes_nowhere() {
    let opaque = "0af7651916cd43dd8448eb211c80319c";
    for config in [base_config(), config_with(&json!({"token_exchange": null}))] {
        let mut story = Story::new(&config);
        let ending = story.begin(traced(opaque, &[PARENT]));
        assert!(ending.is_none());
        assert_eq!(sent(&story, "traceparent").concat(), Vec::<String>::new());
        assert!(story.sent[0].header("user-agent").is_some());
    }
    let sets = json!({"claim_to_header": [{"claim": "trace", "header": "Traceparent"}]});
    let mut story = Story::new(&config_with(&sets));
    story.begin(traced("T", &[PARENT]));
    assert_eq!(sent(&story, "traceparent").concat(), Vec::<String>::new(), "only the filter sets that field");
}

/// How often the token endpoint is called for requests at these times, with a token of this answer and subject.
fn exchanges(cache: &Value, introspected: &Value, exchanged: &Value, times: &[f64]) -> usize {
    let config =
        config_with(&json!({"token_exchange": {"cache": cache}, "introspection_cache_ttl": 1_000_000}));
    let (mut subject, mut body) = (active(), issued());
    merge(&mut subject, introspected);
    merge(&mut body, exchanged);
    let mut story = Story::new(&config);
    for time in times {
        let mut ending = story.at(*time).begin(with_token("T"));
        while ending.is_none() {
            let introspects = story.sent.last().unwrap().url.contains("introspect");
            ending = story.resume(&answer(200, if introspects { &subject } else { &body }));
        }
        assert_forwarded(&ending.unwrap());
    }
    story.calls_to("/token")
}

#[test]
fn the_ttl_is_used_whole_and_the_margin_is_for_stated_ends() {
    use base64::Engine as _;
    let jwt = |seconds: u64| {
        let payload = json!({"exp": 1_800_000_000 + seconds}).to_string();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
        json!({"access_token": format!("e30.{payload}.c2ln"), "expires_in": null})
    };
    let (ten, day) = (json!({"ttl": 10}), json!({"ttl": 86_400}));
    let unstated = json!({"expires_in": null});
    for (cache, subject, exchanged, times, calls) in [
        (&ten, json!({}), unstated.clone(), &[0.0, 9.999][..], 1),
        (&ten, json!({}), unstated.clone(), &[0.0, 10.0], 2),
        (&json!({"ttl": 1, "expiry_margin": 590}), json!({}), unstated.clone(), &[0.0, 0.999], 1),
        (&json!({"ttl": 172_800}), json!({"exp": null}), unstated.clone(), &[0.0, 172_799.0], 1),
        // Never past the subject token. A stated end has the margin, whoever states it.
        (&ten, json!({"exp": 1_800_000_025}), unstated.clone(), &[0.0, 9.999], 1),
        (&day, json!({"exp": 1_800_000_020}), unstated.clone(), &[0.0, 4.999], 1),
        (&day, json!({"exp": 1_800_000_020}), unstated.clone(), &[0.0, 5.0], 2),
        (&ten, json!({"exp": 1_800_000_015}), unstated.clone(), &[0.0, 0.001], 2),
        (&ten, json!({}), json!({"expires_in": 60}), &[0.0, 44.999], 1),
        (&ten, json!({}), json!({"expires_in": 60}), &[0.0, 45.0], 2),
        (&ten, json!({}), json!({"expires_in": 15}), &[0.0, 0.001], 2),
        (&json!({"expiry_margin": 0}), json!({}), json!({"expires_in": 15}), &[0.0, 14.999], 1),
        (&json!({}), json!({"exp": null}), json!({"expires_in": 1_000_000}), &[0.0, 86_384.0], 1),
        (&json!({}), json!({"exp": null}), json!({"expires_in": 1_000_000}), &[0.0, 86_385.0], 2),
    ] {
        assert_eq!(
            exchanges(cache, &subject, &exchanged, times),
            calls,
            "{cache} {subject} {exchanged} {times:?}"
        );
    }
    let story = |times: &[f64]| {
        let config = config_with(&json!({"token_exchange": {"cache": {"ttl": 3600}}}));
        let mut body = issued();
        merge(&mut body, &jwt(60));
        let mut story = Story::new(&config);
        for time in times {
            let mut ending = story.at(*time).begin(with_token("T"));
            while ending.is_none() {
                let introspects = story.sent.last().unwrap().url.contains("introspect");
                ending = story.resume(&answer(200, if introspects { active() } else { body.clone() }));
            }
        }
        story.calls_to("/token")
    };
    assert_eq!((story(&[0.0, 44.999]), story(&[0.0, 45.0])), (1, 2), "the issued token's own exp");
}

#[test]
fn an_issued_token_is_not_used_beyond_its_subject_whatever_the_ttl() {
    let mut story = Story::new(&config_with(&json!({"token_exchange": {"cache": {"ttl": 3600}}})));
    let (mut subject, mut body) = (active(), issued());
    merge(&mut subject, &json!({"exp": 1_800_000_020}));
    merge(&mut body, &json!({"expires_in": null}));
    assert_forwarded(&story.run(with_token("T"), &[answer(200, &subject), answer(200, &body)]));
    assert_forwarded(&story.at(4.0).run(with_token("T"), &[]));
    assert_forwarded(&story.at(19.0).run(with_token("T"), &[answer(200, &body)]));
    let ending = story.at(20.0).run(with_token("T"), &[answer(200, &subject)]);
    assert_eq!(ending.status(), Some(401));
}
