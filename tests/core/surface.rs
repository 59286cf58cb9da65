//! What is part of the core's surface and no configuration asks for: the body of a request, plans of more
//! than one leg, and what is kept of a forwarded request.

use serde_json::{Value, json};
use token_exchange::flow::step::BodyFailure;
use token_exchange::http::ByteLimit;
use token_exchange::policy::host::HostTraits;
use token_exchange::policy::plan::{Leg, Plan, TokenSource, TypedSource, UpstreamCredential};
use token_exchange_harness::story::{
    EMPTIES_HEADERS, REMOVES_HEADERS, Story, active, answer, base_config, config_with, issued, with_token,
};

const LIMIT: ByteLimit = ByteLimit(100);

fn reads_bodies(host: HostTraits) -> Story {
    Story::with_policy(&base_config(), host, |policy| policy.body_limit = Some(LIMIT))
}

#[test]
fn the_body_is_asked_for_once_the_token_is_validated() {
    let mut story = reads_bodies(REMOVES_HEADERS);
    assert!(story.begin(with_token("T")).is_none());
    assert_eq!((story.sent.len(), story.body_limit), (1, None), "the introspection comes first");
    assert!(story.resume(&answer(200, active())).is_none());
    assert_eq!((story.sent.len(), story.body_limit), (1, Some(LIMIT)), "then the body, and no callout");
    assert!(story.resume_with_body(Ok(b"{}")).is_none(), "then the exchange");
    let ending = story.resume(&answer(200, issued())).expect("an ending");
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"]);
}

#[test]
fn a_body_that_cannot_be_had_ends_the_request() {
    for (failure, status) in
        [(BodyFailure::TooLarge, 413), (BodyFailure::LengthRequired, 411), (BodyFailure::Unreadable, 500)]
    {
        let mut story = reads_bodies(EMPTIES_HEADERS);
        story.begin(with_token("T"));
        story.resume(&answer(200, active()));
        let ending = story.resume_with_body(Err(failure)).expect("an ending");
        assert_eq!(ending.status(), Some(status));
        assert_eq!(story.calls_to("/token"), 0);
    }
}

#[test]
fn an_answer_to_another_question_lets_nothing_through() {
    let mut story = reads_bodies(REMOVES_HEADERS);
    story.begin(with_token("T"));
    let ending = story.resume_with_body(Ok(b"{}")).expect("an ending");
    assert_eq!(ending.status(), Some(500), "a body where an introspection response is awaited");
    let mut story = reads_bodies(REMOVES_HEADERS);
    story.begin(with_token("T"));
    story.resume(&answer(200, active()));
    let ending = story.resume(&answer(200, issued())).expect("an ending");
    assert_eq!(ending.status(), Some(500), "a response where the body is awaited");
}

/// A plan in which the token of the first leg is exchanged for that of the second.
fn two_legs(config: &Value) -> Story {
    Story::with_policy(config, REMOVES_HEADERS, |policy| {
        let [leg] = policy.upstream_credential.legs() else { panic!("one leg") };
        let first = leg.clone();
        let mut plan = Plan::new(first.clone());
        plan.then(|before| Leg {
            subject: TypedSource { source: TokenSource::Leg(before), ..first.subject.clone() },
            ..first
        });
        policy.upstream_credential = UpstreamCredential::Issued(plan);
    })
}

fn issues(token: &str) -> Value {
    let mut response = issued();
    response["access_token"] = json!(token);
    response
}

#[test]
fn each_leg_is_asked_with_what_the_one_before_it_issued() {
    let mut story = two_legs(&base_config());
    let outcomes = [answer(200, active()), answer(200, issues("L1")), answer(200, issues("L2"))];
    assert_eq!(story.run(with_token("T"), &outcomes).upstream("authorization"), ["Bearer L2"]);
    assert!(story.sent[1].body.contains("&subject_token=T&"), "{}", story.sent[1].body);
    assert!(story.sent[2].body.contains("&subject_token=L1&"), "{}", story.sent[2].body);
    assert_eq!(story.run(with_token("T"), &[]).upstream("authorization"), ["Bearer L2"]);
    assert_eq!(story.sent.len(), 3, "both are cached, each for itself");
}

#[test]
fn a_leg_that_is_refused_ends_the_request() {
    let mut story = two_legs(&base_config());
    let refused = answer(400, json!({"error": "invalid_target"}));
    let ending = story.run(with_token("T"), &[answer(200, active()), answer(200, issues("L1")), refused]);
    assert_eq!(ending.status(), Some(502));
}

#[test]
fn a_receipt_names_the_cached_token_that_was_sent() {
    let mut story = Story::new(&base_config());
    let mut sent_with = |token: &str| {
        story.run_well(with_token(token));
        story.issued_token
    };
    let first = sent_with("T");
    assert!(first.is_some());
    assert_eq!(sent_with("T"), first, "from the cache");
    assert_ne!(sent_with("U"), first);
    for uncached in
        [json!({"token_exchange": {"cache": {"enabled": false}}}), json!({"token_exchange": null})]
    {
        let mut story = Story::new(&config_with(&uncached));
        story.run_well(with_token("T"));
        assert_eq!(story.issued_token, None, "{uncached}");
    }
}

#[test]
fn the_most_callouts_follow_from_the_policy() {
    let most = |patch: Value| Story::new(&config_with(&patch)).most_callouts();
    assert_eq!(most(json!({})), 3, "introspection, exchange, and once more for a token for one use");
    assert_eq!(most(json!({"token_exchange": {"cache": {"enabled": false}}})), 2);
    assert_eq!(most(json!({"token_exchange": {"enabled": false}})), 1);
    assert_eq!(most(json!({"token_validation": "both"})), 6, "two URLs of metadata and the keys before them");
    assert_eq!(most(json!({"token_validation": "jwt"})), 5);
    assert_eq!(most(json!({"token_validation": "jwt", "jwks_endpoint": "https://as.example.com/jwks"})), 3);
    assert_eq!(two_legs(&base_config()).most_callouts(), 5);
}
