//! Field cases: failures that were reported of gateways and libraries, as data.
//!
//! Each file of `tests/cases` is one case, named by its id. Its runs are independent; the steps of
//! a run share one filter. What a step leaves unsaid is as in [`story`]: a server that finds the
//! token active and issues `X1`.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use token_exchange::config;
use token_exchange::http::{CalloutFailure, CalloutOutcome, RequestHead};
use token_exchange_harness::repository;
use token_exchange_harness::story::{self, Ending, Story, active, base_config, issued, merge};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(rename = "title")]
    _title: String,
    /// A merge patch for the base configuration.
    #[serde(default)]
    config: Value,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    #[serde(default)]
    name: String,
    /// A merge patch for the case's configuration.
    #[serde(default)]
    config: Value,
    /// The whole text of a configuration, where it is not the base with a patch.
    config_text: Option<String>,
    /// Pointers of the mistakes that the configuration has; then there are no steps.
    mistakes: Option<Vec<String>>,
    #[serde(default)]
    gateway: Gateway,
    #[serde(default)]
    steps: Vec<Step>,
    /// How often each endpoint was called in the whole run.
    #[serde(default)]
    calls: BTreeMap<String, usize>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Gateway {
    #[default]
    RemovesHeaders,
    EmptiesHeaders,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default)]
    at: f64,
    /// The Authorization field, for short.
    authorization: Option<String>,
    #[serde(default = "get")]
    method: String,
    #[serde(default = "mcp")]
    target: String,
    #[serde(default)]
    headers: Vec<(String, Bytes)>,
    /// What the introspection endpoint answers; `null` where it must not be called.
    introspection: Option<Told>,
    /// What the token endpoint answers.
    exchange: Option<Told>,
    expect: Expect,
}

fn get() -> String {
    "GET".to_owned()
}

fn mcp() -> String {
    "/mcp".to_owned()
}

/// A header value as text, or as bytes where it is none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Raw(Vec<u8>),
}

/// A JSON answer with status 200 as a merge patch of the usual one, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Failure { failure: String },
    Whole { status: u16, body: Value },
    Json { json: Value },
    Patch { patch: Value },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The filter's answer; absent where the request is forwarded.
    status: Option<u16>,
    /// `error` of the challenge; `null` where there must be none.
    #[serde(default)]
    error: Option<String>,
    /// The whole challenge.
    challenge: Option<String>,
    /// Parts of the challenge.
    #[serde(default)]
    challenge_has: Vec<String>,
    /// Header fields that the upstream receives.
    #[serde(default)]
    upstream: BTreeMap<String, Vec<String>>,
    /// What each endpoint was sent in this step.
    #[serde(default)]
    sent: BTreeMap<String, ExpectSent>,
    /// Header fields of the filter's answer that must be there.
    #[serde(default)]
    answer_has: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectSent {
    body: Option<String>,
    #[serde(default)]
    body_has: Vec<String>,
    #[serde(default)]
    body_lacks: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
}

#[test]
fn field_cases() {
    let folder = repository("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 40, "the cases are found");
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let case: Case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(case.id.as_str()));
        for run in &case.runs {
            play(&case, run);
        }
    }
}

fn play(case: &Case, run: &Run) {
    let label = format!("{} {}", case.id, run.name);
    let mut config = base_config();
    for patch in [&case.config, &run.config].into_iter().filter(|patch| !patch.is_null()) {
        merge(&mut config, patch);
    }
    if let Some(expected) = &run.mistakes {
        let text = run.config_text.clone().unwrap_or_else(|| config.to_string());
        let mistakes = config::load(text.as_bytes(), &|_| None).expect_err(&label);
        let pointers: Vec<_> = mistakes.iter().map(|mistake| &mistake.pointer).collect();
        assert_eq!(pointers, expected.iter().collect::<Vec<_>>(), "{label}: {mistakes:?}");
        return;
    }
    let host = match run.gateway {
        Gateway::RemovesHeaders => story::REMOVES_HEADERS,
        Gateway::EmptiesHeaders => story::EMPTIES_HEADERS,
    };
    let mut story = Story::on(&config, host);
    for (number, step) in run.steps.iter().enumerate() {
        let label = format!("{label}, step {number}");
        let before = story.sent.len();
        let ending = take_step(&mut story, step);
        check(&label, &step.expect, &ending);
        for (endpoint, expected) in &step.expect.sent {
            let sent = story.sent[before..]
                .iter()
                .find(|sent| sent.url.contains(endpoint))
                .unwrap_or_else(|| panic!("{label}: {endpoint} was not called"));
            check_sent(&label, expected, sent);
        }
    }
    for (endpoint, times) in &run.calls {
        assert_eq!(story.calls_to(endpoint), *times, "{label}: calls to {endpoint}");
    }
    assert!(!run.steps.is_empty(), "{label}: nothing happens");
}

fn take_step(story: &mut Story, step: &Step) -> Ending {
    story.at(step.at);
    let mut ending = story.begin(request_of(step));
    while ending.is_none() {
        let introspects = story.sent.last().expect("a callout").url.contains("introspect");
        let (told, usual) =
            if introspects { (&step.introspection, active()) } else { (&step.exchange, issued()) };
        ending = story.resume(&outcome(told.as_ref(), usual));
    }
    ending.expect("the loop ends with one")
}

fn request_of(step: &Step) -> RequestHead {
    let bytes = |value: &Bytes| match value {
        Bytes::Text(text) => text.as_bytes().to_vec(),
        Bytes::Raw(raw) => raw.clone(),
    };
    let mut headers: Vec<_> =
        step.headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), bytes(value))).collect();
    if let Some(authorization) = &step.authorization {
        headers.push((b"authorization".to_vec(), authorization.as_bytes().to_vec()));
    }
    story::request_bytes(&step.method, &step.target, headers)
}

fn outcome(told: Option<&Told>, usual: Value) -> CalloutOutcome {
    match told {
        None => story::answer(200, usual),
        Some(Told::Json { json }) => story::answer(200, json),
        Some(Told::Patch { patch }) => {
            let mut body = usual;
            merge(&mut body, patch);
            story::answer(200, body)
        }
        Some(Told::Whole { status, body: Value::String(text) }) => story::answer(*status, text),
        Some(Told::Whole { status, body }) => story::answer(*status, body),
        Some(Told::Failure { failure }) => story::failed(match failure.as_str() {
            "unreachable" => CalloutFailure::Unreachable,
            "timed_out" => CalloutFailure::TimedOut,
            "broken" => CalloutFailure::Broken,
            "too_large" => CalloutFailure::TooLarge,
            other => panic!("no such failure: {other}"),
        }),
    }
}

fn check(label: &str, expect: &Expect, ending: &Ending) {
    assert_eq!(ending.status(), expect.status, "{label}: {ending:?}");
    for (name, values) in &expect.upstream {
        assert_eq!(&ending.upstream(name), values, "{label}: {name}");
    }
    if expect.status.is_none() {
        return;
    }
    assert_eq!(ending.challenge_error(), expect.error, "{label}: {ending:?}");
    let challenge = ending.answer_header("www-authenticate").unwrap_or_default();
    if let Some(expected) = &expect.challenge {
        assert_eq!(challenge, expected, "{label}");
    }
    for part in &expect.challenge_has {
        assert!(challenge.contains(part), "{label}: {part} in {challenge}");
    }
    for name in &expect.answer_has {
        assert!(ending.answer_header(name).is_some(), "{label}: {name}");
    }
}

fn check_sent(label: &str, expected: &ExpectSent, sent: &story::Sent) {
    if let Some(body) = &expected.body {
        assert_eq!(&sent.body, body, "{label}");
    }
    for part in &expected.body_has {
        assert!(sent.body.contains(part), "{label}: {part} in {}", sent.body);
    }
    for part in &expected.body_lacks {
        assert!(!sent.body.contains(part), "{label}: {part} in {}", sent.body);
    }
    for (name, value) in &expected.headers {
        assert_eq!(sent.header(name), value.as_deref(), "{label}: {name}");
    }
}

/// A case that no run could fail is not a case.
#[test]
fn a_wrong_expectation_fails() {
    let case: Case = serde_json::from_value(json!({
        "id": "X", "title": "", "runs": [{"steps": [{"authorization": "Bearer T", "expect": {"status": 401}}]}]
    }))
    .unwrap();
    assert!(std::panic::catch_unwind(|| play(&case, &case.runs[0])).is_err());
}
