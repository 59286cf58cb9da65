//! What holds for every request, every answer and every order of them.

use proptest::prelude::*;
use serde_json::{Value, json};
use token_exchange::http::{CalloutFailure, CalloutOutcome, RequestHead};
use token_exchange_harness::copies::{encoded, has_copy};
use token_exchange_harness::fuzzed::refused_tokens;
use token_exchange_harness::story::{
    self, EMPTIES_HEADERS, Ending, REMOVES_HEADERS, Story, active, answer, config_with, failed, issued,
    request_bytes,
};

const SUBJECT: &str = "subject-token-0123456789";
const ISSUED: &str = "issued-token-9876543210";

fn configs() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({"cache_introspection": false, "token_exchange": {"cache": {"enabled": false}}}),
        json!({"passthrough_credentials": false, "token_exchange": null}),
        json!({"scopes_required": ["a"], "claim_to_header": [{"claim": "sub", "header": "x-user"}]}),
        json!({"token_exchange": {"request": {
            "actor_token_source": "header", "actor_token_header": "x-actor", "actor_token_optional": true
        }}}),
    ])
}

fn header() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "authorization",
        "Authorization",
        "x-user",
        "X_User",
        "x-actor",
        "x-other",
        "cookie",
        "proxy_authorization",
        "via",
        "connection",
    ]);
    let value = prop_oneof![
        Just(format!("Bearer {SUBJECT}").into_bytes()),
        Just(SUBJECT.as_bytes().to_vec()),
        (0..4_usize, "[ -~]{0,4}").prop_map(|(times, text)| format!(
            "{text}{}{text}",
            encoded(SUBJECT, times)
        )
        .into_bytes()),
        Just(b"upgrade, authorization, x-user".to_vec()),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    (name.prop_map(|name| name.as_bytes().to_vec()), value)
}

fn requests() -> impl Strategy<Value = RequestHead> {
    let method = prop::sample::select(vec!["GET", "POST", "OPTIONS", "\u{fffd}"]);
    let target = prop_oneof![
        Just("/mcp".to_owned()),
        "[ -~]{0,30}",
        (0..4_usize, "[/?;=&a-z.]{0,6}")
            .prop_map(|(times, text)| format!("/{text}{}", encoded(SUBJECT, times))),
    ];
    let authorized = (b"authorization".to_vec(), format!("Bearer {SUBJECT}").into_bytes());
    let headers = (prop::bool::weighted(0.8), prop::collection::vec(header(), 0..5)).prop_map(
        move |(bearer, mut list)| {
            if bearer {
                list.insert(0, authorized.clone());
            }
            list
        },
    );
    (method, target, headers).prop_map(|(method, target, headers)| request_bytes(method, &target, headers))
}

fn failures() -> impl Strategy<Value = CalloutOutcome> {
    use CalloutFailure::{Broken, NotSent, TimedOut, TooLarge, UnknownTarget, Unreachable};
    prop_oneof![
        prop::sample::select(vec![Unreachable, TimedOut, Broken, TooLarge, UnknownTarget, NotSent])
            .prop_map(failed),
        (100_u16..600, "[ -~]{0,60}")
            .prop_filter("not an answer to use", |(status, _)| *status != 200)
            .prop_map(|(status, body)| answer(status, body)),
        "[ -~]{0,60}".prop_map(|body| answer(200, body)),
    ]
}

fn outcomes() -> impl Strategy<Value = CalloutOutcome> {
    let mut token = issued();
    token["access_token"] = json!(ISSUED);
    let mut claims = active();
    claims["scope"] = json!("a");
    prop_oneof![3 => Just(answer(200, claims)), 3 => Just(answer(200, token)), 2 => failures()]
}

/// Runs one request with outcomes taken in turn, for as many callouts as it makes.
fn run(story: &mut Story, request: RequestHead, outcomes: &[CalloutOutcome]) -> Ending {
    let mut outcomes = outcomes.iter().cycle();
    let mut ending = story.begin(request);
    for _ in 0..8 {
        if let Some(ending) = ending {
            return ending;
        }
        ending = story.resume(outcomes.next().unwrap());
    }
    ending.expect("no more than eight callouts")
}

fn assert_no_secret_is_shown(story: &Story, ending: &Ending) {
    let log = format!("{:?}", story.log);
    for secret in [SUBJECT, ISSUED, "s3", "s4"] {
        assert!(!log.contains(secret), "{secret} in {log}");
        if let Ending::Answered(response) = ending {
            assert!(!format!("{response:?}").contains(secret), "{secret} in {response:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A request is forwarded only with a token that was found active and, where tokens are
    /// exchanged, never with the caller's own, under any name.
    #[test]
    fn the_callers_token_never_gets_through(
        config in configs(),
        keeps in any::<bool>(),
        trailers in prop::collection::vec(header(), 0..5),
        steps in prop::collection::vec((requests(), prop::collection::vec(outcomes(), 1..4), 0.0..400.0_f64), 1..5),
    ) {
        let config = config_with(&config);
        let host = if keeps { EMPTIES_HEADERS } else { REMOVES_HEADERS };
        let mut story = Story::on(&config, host);
        let mut now = 0.0;
        for (request, outcomes, wait) in steps {
            now += wait;
            story.at(now);
            let before = story.sent.len();
            let target = request.target.clone();
            let ending = run(&mut story, request, &outcomes);
            prop_assert!(story.sent.len() - before <= 2, "at most an introspection and an exchange");
            assert_no_secret_is_shown(&story, &ending);
            let Ending::Forwarded(headers) = &ending else { continue };
            prop_assert!(story.sent.iter().any(|sent| sent.url.contains("introspect")));
            prop_assert!(!has_copy(&target, SUBJECT), "{}", String::from_utf8_lossy(&target));
            for (name, value) in headers {
                prop_assert!(!has_copy(value, SUBJECT), "{name}: {}", String::from_utf8_lossy(value));
            }
            for (name, value) in story.trailers_bytes(trailers.clone()) {
                let name = String::from_utf8_lossy(&name).replace('_', "-");
                prop_assert!(!has_copy(&value, SUBJECT), "{name}: {}", String::from_utf8_lossy(&value));
                prop_assert!(!["authorization", "proxy-authorization"].contains(&name.as_str()), "{name}");
                prop_assert!(name != "x-user" || config["claim_to_header"].is_null(), "{name}");
            }
            let exchanged = config["token_exchange"]["enabled"] == json!(true);
            let authorization = ending.upstream("authorization");
            let expected = format!("Bearer {ISSUED}");
            if exchanged {
                prop_assert_eq!(authorization, [expected]);
            } else {
                prop_assert!(authorization.iter().all(String::is_empty));
            }
        }
    }

    /// Failing answers never let a request through, whatever they are and in whatever order.
    #[test]
    fn failures_alone_never_forward(
        request in requests(),
        outcomes in prop::collection::vec(failures(), 1..4),
        config in configs(),
    ) {
        let mut story = Story::new(&config_with(&config));
        prop_assert!(matches!(run(&mut story, request, &outcomes), Ending::Answered(_)));
    }

    /// The same inputs have the same outputs.
    #[test]
    fn nothing_but_the_inputs_decides(request in requests(), outcomes in prop::collection::vec(outcomes(), 1..4)) {
        let play = || {
            let mut story = Story::new(&config_with(&json!({})));
            format!("{:?} {:?}", run(&mut story, request.clone(), &outcomes), story.sent)
        };
        prop_assert_eq!(play(), play());
    }

    /// An issued token is served for no longer than the subject token lives.
    #[test]
    fn an_issued_token_never_outlives_its_subject(
        lives in 1_u64..2000,
        expires_in in prop::option::of(-10_i64..5000),
        later in 0.0..3000.0_f64,
    ) {
        let mut claims = active();
        claims["exp"] = json!(story::START + lives);
        let mut token = issued();
        token["expires_in"] = json!(expires_in);
        let mut story = Story::new(&config_with(&json!({"introspection_cache_ttl": 100_000})));
        let request = || story::with_token(SUBJECT);
        run(&mut story, request(), &[answer(200, &claims), answer(200, &token)]);
        story.at(later);
        let exchanges = story.calls_to("/token");
        let ending = run(&mut story, request(), &[answer(200, &claims), answer(200, &token)]);
        let served_from_memory = matches!(ending, Ending::Forwarded(_)) && story.calls_to("/token") == exchanges;
        if served_from_memory {
            prop_assert!(later < lives as f64);
            prop_assert!(later < expires_in.map_or(3600.0, |seconds| seconds as f64));
        }
        prop_assert!(later < lives as f64 || matches!(ending, Ending::Answered(_)));
    }
}

// Signatures take their time, and a run has many.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// A token is refused only where the keys at hand do not verify it, whatever was refused before.
    #[test]
    fn a_remembered_refusal_is_never_of_a_token_that_the_keys_verify(
        steps in prop::collection::vec(any::<u8>(), 2..128),
    ) {
        refused_tokens::refused_tokens(&steps);
    }
}
