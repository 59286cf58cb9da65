//! What is cached, and which workers share it.

use serde_json::{Value, json};
use token_exchange::http::{CalloutFailure, CalloutOutcome};
use token_exchange_harness::story::{
    START, Story, active, answer, base_config, config_with, failed, issued, merge, with_token,
};

#[test]
fn workers_share_what_they_remember() {
    let mut first = Story::new(&base_config());
    first.run_well(with_token("T"));
    let mut second = Story::new(&base_config());
    second.store = first.store.clone();
    assert_eq!(second.run(with_token("T"), &[]).upstream("authorization"), ["Bearer X1"]);
    let used = second.store.used.get();
    second.run(with_token("T"), &[]);
    assert_eq!(second.store.used.get(), used, "once found, it is in the worker's own memory");

    let mut other = Story::new(&config_with(&json!({"token_exchange": {"request": {"audience": ["b"]}}})));
    other.store = first.store.clone();
    other.run_well(with_token("T"));
    assert_eq!(other.sent.len(), 2, "HST-09: another configuration shares nothing");
}

#[test]
fn sec_06_what_another_worker_was_told_of_an_issuer_with_its_own_proof_is_refused() {
    const ELSEWHERE: &str = "https://a.example.com";
    let config = config_with(&json!({
        "authorization_servers": ["https://as.example.com/realms/demo", ELSEWHERE],
        "token_validation": "auto",
        "issuers": [{"issuer": ELSEWHERE, "jwks_endpoint": "https://a.example.com/jwks"}]
    }));
    let mut told = active();
    told["iss"] = json!(ELSEWHERE);
    let mut first = Story::new(&config);
    assert_eq!(first.run(with_token("T"), &[answer(200, told)]).status(), Some(401));
    let mut second = Story::new(&config);
    second.store = first.store.clone();
    let ending = second.run(with_token("T"), &[]);
    assert_eq!((ending.status(), ending.challenge_error().as_deref()), (Some(401), Some("invalid_token")));
    let expected = "a token was refused: iss has an entry in issuers, and this introspection endpoint does not vouch for it";
    for story in [&first, &second] {
        assert!(story.log.iter().any(|(_, line)| line == expected), "{:?}", story.log);
    }
}

#[test]
fn cac_01_whatever_changes_what_is_asked_has_its_own_token() {
    let routes = [
        json!({"request": {"audience": ["a"], "scopes": ["r"]}}),
        json!({"request": {"audience": ["a"], "scopes": ["w"]}}),
        json!({"request": {"audience": ["b"], "scopes": ["r"]}}),
        json!({"token_endpoint": "https://as2.example.com/token", "request": {"audience": ["a"], "scopes": ["r"]}}),
        json!({"client_id": "gw2", "request": {"audience": ["a"], "scopes": ["r"]}}),
        json!({"request": {"audience": ["a"], "scopes": ["r"], "resource": "https://tools.example.com"}}),
        json!({"request": {"audience": ["a r"]}}),
        json!({"request": {"audience": ["a", "r"]}}),
        json!({"request": {"scopes": ["a", "r"]}}),
    ];
    let store = Story::new(&base_config()).store;
    let visit = |route: &Value, outcomes: &[CalloutOutcome]| {
        let mut story = Story::new(&config_with(&json!({ "token_exchange": route })));
        story.store = store.clone();
        story.run(with_token("T"), outcomes).upstream("authorization")
    };
    for (number, route) in routes.iter().enumerate() {
        let mut answered = issued();
        answered["access_token"] = json!(format!("X{number}"));
        let sent = visit(route, &[answer(200, active()), answer(200, answered)]);
        assert_eq!(sent, [format!("Bearer X{number}")], "{route}");
    }
    for (number, route) in routes.iter().enumerate() {
        assert_eq!(visit(route, &[]), [format!("Bearer X{number}")], "{route}");
    }
}

#[test]
fn cac_07_the_time_of_one_route_is_not_that_of_another() {
    let route = |ttl: u64| {
        config_with(&json!({"token_exchange": {"cache": {"ttl": ttl}}, "introspection_cache_ttl": ttl}))
    };
    let mut answered = issued();
    answered.as_object_mut().unwrap().remove("expires_in");
    let outcomes = [answer(200, active()), answer(200, answered)];
    let mut long = Story::new(&route(600));
    long.run(with_token("T"), &outcomes);
    let mut short = Story::new(&route(20));
    short.store = long.store.clone();
    short.at(30.0).run(with_token("T"), &outcomes);
    assert_eq!(short.sent.len(), 2, "it asks for itself");
    short.at(60.0).run(with_token("T"), &outcomes);
    assert_eq!(short.sent.len(), 4, "and keeps what it got for its own time");
    long.at(60.0).run(with_token("T"), &[]);
}

#[test]
fn cac_11_shared_data_has_no_token_in_its_keys_or_its_entries() {
    let mut config = base_config();
    config["client_secret"] = json!("secret-of-the-gateway");
    config["token_exchange"]["client_secret"] = json!("secret-of-the-exchange");
    let mut story = Story::new(&config);
    story.run_well(with_token("tok-of-the-client"));
    let entries = story.store.entries();
    assert_eq!(entries.len(), 2, "an introspection and an issued token");
    for (slot, bytes) in entries {
        let seen = format!("{slot:?} {}", String::from_utf8_lossy(&bytes));
        for secret in ["tok-of-the-client", "secret-of-the-gateway", "secret-of-the-exchange"] {
            assert!(!seen.contains(secret), "{secret} in {seen}");
        }
    }
}

#[test]
fn sec_10_nothing_in_the_shared_data_can_be_read_by_another_filter() {
    let (claims, mut answered) =
        (json!({"email": "alice@example.com", "groups": ["admins-of-the-vault"]}), issued());
    answered["access_token"] = json!("the-issued-token-of-alice");
    let mut introspected = active();
    merge(&mut introspected, &claims);
    let mut story = Story::new(&base_config());
    story.run(with_token("tok-of-the-client"), &[answer(200, &introspected), answer(200, &answered)]);
    let entries = story.store.entries();
    assert_eq!(entries.len(), 2, "an introspection and an issued token");
    let readable = ["the-issued-token", "alice", "example.com", "admins-of", "active", "\"sub\"", "https://"];
    for (slot, bytes) in entries {
        let seen = format!("{slot:?} {}", String::from_utf8_lossy(&bytes));
        for part in readable {
            assert!(!seen.contains(part), "{part} in {seen}");
        }
    }
}

#[test]
fn the_same_written_twice_does_not_look_the_same() {
    let mut first = Story::new(&base_config());
    first.run_well(with_token("T"));
    let before = first.store.entries();
    let mut second = Story::new(&base_config());
    second.entropy.used = 1000;
    second.run_well(with_token("T"));
    let after = second.store.entries();
    assert_eq!((before.len(), after.len()), (2, 2));
    for ((slot, one), (same, other)) in before.into_iter().zip(after) {
        assert_eq!(slot, same);
        assert_ne!(one, other);
    }
}

#[test]
fn without_random_bytes_nothing_is_shared_and_the_worker_caches_for_itself() {
    let mut story = Story::new(&base_config());
    story.entropy.unavailable = true;
    for token in ["T", "U", "T", "U"] {
        story.run_well(with_token(token));
    }
    assert_eq!(story.sent.len(), 4, "each token is introspected and exchanged once");
    assert!(story.store.entries().is_empty());
    let lines = story.log.iter().filter(|(_, line)| line.starts_with("shared cache not written to"));
    assert_eq!(lines.count(), 1, "{:?}", story.log);

    story.entropy.unavailable = false;
    story.run_well(with_token("V"));
    assert_eq!(story.store.entries().len(), 2, "it shares as soon as it can");
}

/// Requests with these tokens, whose introspection and exchange bring `lifetime` seconds.
fn visits(story: &mut Story, tokens: impl IntoIterator<Item = String>, lifetime: u64) {
    for token in tokens {
        let mut introspected = active();
        merge(&mut introspected, &json!({"exp": START + lifetime, "sub": token, "detail": "d".repeat(300)}));
        let mut answered = issued();
        merge(
            &mut answered,
            &json!({"expires_in": lifetime, "access_token": format!("{token}{}", "x".repeat(1000))}),
        );
        let mut ending = story.begin(with_token(&token));
        while ending.is_none() {
            let asked = story.sent.last().expect("a callout").url.clone();
            let body = if asked.contains("introspect") { &introspected } else { &answered };
            ending = story.resume(&answer(200, body));
        }
        assert_eq!(ending.expect("an ending").status(), None);
    }
}

/// Without shared data, which would hide what the worker itself forgets.
fn own_tier_of(max_bytes: usize) -> Story {
    let cache = json!({"shared": "off", "max_bytes": max_bytes});
    let exchange = json!({"cache": {"ttl": 86_400}});
    let patch = json!({"cache": cache, "introspection_cache_ttl": 86_400, "token_exchange": exchange});
    Story::new(&config_with(&patch))
}

#[test]
fn sec_09_long_lived_entries_of_one_client_leave_others_their_memory() {
    let mut story = own_tier_of(1_048_576);
    visits(&mut story, (0..1300).map(|number| format!("flood-{number}")), 86_400);
    story.sent.clear();
    visits(&mut story, (0..40).map(|number| format!("user-{}", number % 2)), 300);
    assert_eq!((story.calls_to("introspect"), story.calls_to("/token")), (2, 2));
}

#[test]
fn a_flood_that_goes_on_leaves_others_their_memory() {
    let mut story = own_tier_of(1_048_576);
    visits(&mut story, (0..1300).map(|number| format!("flood-{number}")), 86_400);
    story.sent.clear();
    for round in 0..40 {
        visits(&mut story, (0..2).map(|number| format!("user-{number}")), 300);
        visits(&mut story, (0..30).map(|number| format!("more-{round}-{number}")), 86_400);
    }
    assert_eq!((story.calls_to("introspect"), story.calls_to("/token")), (2 + 1200, 2 + 1200));
}

#[test]
fn the_smallest_memory_there_is_serves_two_users_after_a_flood() {
    let mut story = own_tier_of(65_536);
    visits(&mut story, (0..1300).map(|number| format!("flood-{number}")), 86_400);
    story.sent.clear();
    visits(&mut story, (0..40).map(|number| format!("user-{}", number % 2)), 300);
    assert!(
        story.sent.len() <= 8,
        "{}: no user is without memory after the second request",
        story.sent.len()
    );
}

#[test]
fn refused_tokens_drive_out_no_good_ones() {
    let mut story = own_tier_of(65_536);
    visits(&mut story, ["user".to_owned()], 300);
    for number in 0..1000 {
        let refused =
            story.run(with_token(&format!("bad-{number}")), &[answer(200, json!({"active": false}))]);
        assert_eq!(refused.status(), Some(401));
    }
    story.sent.clear();
    visits(&mut story, ["user".to_owned()], 300);
    assert!(story.sent.is_empty());
    let refused = story.run(with_token("bad-999"), &[]);
    assert_eq!(refused.status(), Some(401), "and the last of them is still known");
}

#[test]
fn hst_04_and_cac_06_a_memory_that_is_off_makes_no_call() {
    for patch in [
        json!({"cache": {"shared": "off"}}),
        json!({"cache_introspection": false, "token_exchange": {"cache": {"enabled": false}}}),
        json!({"client_auth": "none", "client_secret": null, "token_exchange": {"client_auth": "none", "client_secret": null}}),
    ] {
        let mut story = Story::new(&config_with(&patch));
        story.run_well(with_token("T"));
        assert_eq!(story.store.used.get(), 0, "{patch}");
    }
}

#[test]
fn cac_12_requests_with_the_same_question_can_share_its_answer() {
    let mut story = Story::new(&base_config());
    story.begin(with_token("T"));
    let first = story.set_aside();
    story.begin(with_token("T"));
    let second = story.set_aside();
    story.begin(with_token("U"));
    let [a, b, other] = story.sent.as_slice() else { panic!("{:?}", story.sent) };
    assert!(a.flight.is_some() && a.flight == b.flight && a.flight != other.flight);

    assert!(story.return_to(first).resume(&answer(200, active())).is_none());
    let first = story.set_aside();
    assert!(story.return_to(second).resume_joined(&answer(200, active())).is_none());
    let second = story.set_aside();
    let [.., a, b] = story.sent.as_slice() else { panic!("{:?}", story.sent) };
    assert!(a.url.ends_with("/token") && a.flight.is_some() && a.flight == b.flight);

    let ending = story.return_to(first).resume(&answer(200, issued()));
    assert_eq!(ending.expect("an ending").upstream("authorization"), ["Bearer X1"]);
    let ending = story.return_to(second).resume_joined(&answer(200, issued()));
    assert_eq!(ending.expect("an ending").upstream("authorization"), ["Bearer X1"]);
}

#[test]
fn a_token_for_one_use_is_not_shared() {
    let mut once = issued();
    once["expires_in"] = json!(0);
    let mut story = Story::new(&base_config());
    story.run(with_token("T"), &[answer(200, active()), answer(200, &once)]);
    story.begin(with_token("T"));
    assert!(story.resume_joined(&answer(200, &once)).is_none(), "it calls for itself");
    let own = story.sent.last().expect("a callout");
    assert!(own.url.ends_with("/token") && own.flight.is_none());
    once["access_token"] = json!("X2");
    let ending = story.resume(&answer(200, &once)).expect("an ending");
    assert_eq!(ending.upstream("authorization"), ["Bearer X2"]);
}

#[test]
fn a_failure_answers_each_who_waits_for_it() {
    for outcome in [failed(CalloutFailure::Unreachable), answer(400, r#"{"error":"invalid_grant"}"#)] {
        let mut story = Story::new(&base_config());
        story.run_well(with_token("T"));
        story.at(290.0).begin(with_token("T"));
        assert!(story.resume(&answer(200, active())).is_none());
        let first = story.set_aside();
        story.begin(with_token("T"));
        let second = story.resume_joined(&outcome).expect("an ending").status();
        let first = story.return_to(first).resume(&outcome).expect("an ending").status();
        assert_eq!(first, second, "{outcome:?}");
    }
}

#[test]
fn with_nothing_remembered_nothing_is_shared() {
    let patch = json!({"cache_introspection": false, "token_exchange": {"cache": {"enabled": false}}});
    let mut story = Story::new(&config_with(&patch));
    story.run_well(with_token("T"));
    assert!(story.sent.iter().all(|sent| sent.flight.is_none()));
}
