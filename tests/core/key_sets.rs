//! Key sets as issuers publish them: how they are written, and how they change while the filter uses them.

use super::signed_tokens::{AUDIENCE, ISSUER, config};
use serde_json::{Value, json};
use token_exchange::http::{CalloutFailure, CalloutOutcome};
use token_exchange::jose::alg::Algorithm;
use token_exchange::jose::jwk::JwkSet;
use token_exchange_harness::repository;
use token_exchange_harness::signing::Signer;
use token_exchange_harness::story::{
    EMPTIES_HEADERS, Ending, REMOVES_HEADERS, START, Sent, Story, Waiting, answer, failed, with_token,
};

fn claims(sub: &str) -> Value {
    json!({"iss": ISSUER, "sub": sub, "aud": AUDIENCE, "exp": START + 90_000})
}

fn r1() -> Signer {
    Signer::new(Algorithm::Rs256)
}

fn r2() -> Signer {
    Signer::rsa(Algorithm::Rs256, "other_rsa")
}

fn jwks(keys: &[Value]) -> CalloutOutcome {
    answer(200, json!({ "keys": keys }))
}

fn with(jwk: Value, members: &Value) -> Value {
    let mut jwk = jwk;
    jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    jwk
}

/// How a request with this token ends where the set is fetched for it.
fn first(keys: &[Value], token: &str) -> (Ending, Story) {
    let mut story = Story::new(&config(&json!({})));
    let ending = story.run(with_token(token), &[jwks(keys)]);
    (ending, story)
}

fn logs(story: &Story, part: &str) -> bool {
    story.log.iter().any(|(_, line)| line.contains(part))
}

#[test]
fn f2_01_an_empty_list_says_nothing_of_a_key() {
    let key = r1().jwk_named("r1");
    let token = r1().token(Some("r1"), &claims("u1"));
    for members in [
        json!({"use": "sig", "key_ops": [], "oth": [], "x5c": []}),
        json!({"oth": []}),
        json!({"key_ops": []}),
        json!({"x5c": []}),
        json!({"key_ops": ["verify"], "oth": [], "d": null, "x5t": null, "x5u": null, "k": null}),
    ] {
        let (ending, story) = first(&[with(key.clone(), &members)], &token);
        assert_eq!(ending.status(), None, "{members}");
        assert!(!logs(&story, "left out"), "{members}");
    }
    for members in [
        json!({"oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]}),
        json!({"oth": [[]]}),
        json!({"oth": [null]}),
        json!({"oth": {}}),
        json!({"d": "AQ"}),
        json!({"p": "AQ"}),
        json!({"qi": ""}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": [""]}),
        json!({"key_ops": ""}),
        json!({"key_ops": {}}),
        json!({"use": "enc", "key_ops": []}),
        json!({"use": ""}),
        json!({"n": []}),
        json!({"kty": []}),
    ] {
        let (ending, story) = first(&[with(key.clone(), &members)], &token);
        assert_eq!(ending.status(), Some(502), "{members}");
        assert!(logs(&story, r#"("r1")"#), "{members}: {:?}", story.log);
    }
}

#[test]
fn f2_05_each_of_five_keys_without_a_name_is_tried() {
    let signers: Vec<_> = (1..=5).map(|seed| Signer::ed25519([seed; 32])).collect();
    let listed: Vec<_> = signers
        .iter()
        .map(|signer| with(signer.jwk(), &json!({"alg": "EdDSA", "key_ops": ["verify"]})))
        .collect();
    for signer in &signers {
        for kid in [None, Some("")] {
            let (ending, _) = first(&listed, &signer.token(kid, &claims("u1")));
            assert_eq!(ending.status(), None, "{kid:?}");
        }
    }
    let stranger = Signer::ed25519([6; 32]);
    for kid in [None, Some("")] {
        assert_eq!(first(&listed, &stranger.token(kid, &claims("u1"))).0.status(), Some(401), "{kid:?}");
    }
}

#[test]
fn f2_09_a_set_of_several_hundred_keys_is_used_whole() {
    let signer = |number: u16| {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        Signer::ed25519(seed)
    };
    let named = |number: u16| signer(number).jwk_named(&format!("tenant-{number}"));
    let listed: Vec<_> = (1..=300).map(named).collect();
    let mut story = Story::new(&config(&json!({})));
    let set = jwks(&listed);
    for (place, number) in [1, 100, 101, 300].into_iter().enumerate() {
        let token = signer(number).token(Some(&format!("tenant-{number}")), &claims("u1"));
        let outcomes = if place == 0 { std::slice::from_ref(&set) } else { &[] };
        assert_eq!(story.run(with_token(&token), outcomes).status(), None, "{number}");
    }
    let misnamed = signer(300).token(Some("tenant-299"), &claims("u1"));
    assert_eq!(first(&listed, &misnamed).0.status(), Some(401), "a token is held to the key that it names");
    // Without a name, as many are tried as are for any token.
    assert_eq!(first(&listed, &signer(16).token(None, &claims("u1"))).0.status(), None);
    assert_eq!(first(&listed, &signer(17).token(None, &claims("u1"))).0.status(), Some(401));
}

#[test]
fn f2_10_an_operation_of_the_issuers_own_is_no_leave_to_verify() {
    let token = r1().token(Some("r1"), &claims("u1"));
    for (members, status) in [
        (json!({"use": "sig", "key_ops": ["connect"]}), Some(502)),
        (json!({"key_ops": "connect"}), Some(502)),
        (json!({"key_ops": ["verify", "connect"]}), None),
        (json!({"key_ops": ["connect", 7, "verify"]}), None),
        (json!({"key_ops": ["VERIFY"]}), Some(502)),
    ] {
        let (ending, story) = first(&[with(r1().jwk_named("r1"), &members)], &token);
        assert_eq!(ending.status(), status, "{members}");
        assert_eq!(logs(&story, r#"left out: 1 "#), status.is_some(), "{members}: {:?}", story.log);
    }
}

#[test]
fn f2_11_a_coordinate_of_another_length_costs_that_key_alone() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let point = Signer::new(Algorithm::Es256);
    let good = point.jwk_named("e1");
    let octets = |name: &str| URL_SAFE_NO_PAD.decode(good[name].as_str().unwrap()).unwrap();
    let encoded = |octets: &[u8]| json!(URL_SAFE_NO_PAD.encode(octets));
    let (x, y) = (octets("x"), octets("y"));
    let (long_x, long_y) = ([&[0], &x[..]].concat(), [&[0], &y[..]].concat());
    for members in [
        json!({"x": encoded(&long_x), "y": encoded(&long_y)}),
        json!({"x": encoded(&long_x)}),
        json!({"x": encoded(&x[1..])}),
        json!({"y": encoded(&y[..31])}),
        json!({"x": ""}),
    ] {
        let listed = [with(good.clone(), &members), r1().jwk_named("r1")];
        let by_the_other = r1().token(Some("r1"), &claims("u1"));
        let (ending, mut story) = first(&listed, &by_the_other);
        assert_eq!(ending.status(), None, "{members}");
        assert!(logs(&story, r#"1 keys fetched; left out: 1 not a valid public key ("e1")"#), "{members}");
        let by_the_point = point.token(Some("e1"), &claims("u1"));
        assert_eq!(story.run(with_token(&by_the_point), &[jwks(&listed)]).status(), Some(401), "{members}");
    }
}

#[test]
fn f2_14_members_that_say_nothing_here_and_one_key_under_two_algorithms() {
    let unknown = json!({
        "crv": "", "x5t": "AA", "x5t#S256": "AA", "x5u": "https://as.example.com/x5u", "ext": true, "factors": null
    });
    let pss = Signer::new(Algorithm::Ps256);
    let p384 = Signer::new(Algorithm::Es384);
    let listed = [
        with(r2().jwk_named("enc"), &json!({"use": "enc", "alg": "RSA-OAEP-256"})),
        with(with(r1().jwk_named("r1"), &unknown), &json!({"alg": "PS256", "use": "sig"})),
        with(with(r1().jwk_named("r1"), &unknown), &json!({"alg": "RS256", "use": "sig"})),
        p384.jwk_named("e1"),
    ];
    for (token, status) in [
        (pss.token(Some("r1"), &claims("u1")), None),
        (r1().token(Some("r1"), &claims("u1")), None),
        (p384.token(Some("e1"), &claims("u1")), None),
        (pss.token(None, &claims("u1")), None),
        (r2().token(Some("enc"), &claims("u1")), Some(401)),
        (r2().token(None, &claims("u1")), Some(401)),
    ] {
        assert_eq!(first(&listed, &token).0.status(), status, "{token}");
    }
}

#[test]
fn a_curve_says_nothing_of_an_rsa_key() {
    let token = r1().token(Some("r1"), &claims("u1"));
    for curve in [json!(""), json!("P-256"), json!(7), json!({}), json!(["P-256"])] {
        let listed = [with(r1().jwk_named("r1"), &json!({"crv": curve}))];
        assert_eq!(first(&listed, &token).0.status(), None, "{curve}");
    }
    let point = Signer::new(Algorithm::Es256);
    for curve in [json!(""), json!(7), json!(null)] {
        let listed = [with(point.jwk_named("e1"), &json!({"crv": curve}))];
        assert_eq!(first(&listed, &point.token(Some("e1"), &claims("u1"))).0.status(), Some(502), "{curve}");
    }
}

#[test]
fn a_set_that_cannot_be_read_is_not_said_to_be_no_object() {
    let token = r1().token(Some("r1"), &claims("u1"));
    for body in [
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"RSA","name":"\ud83d"}]}"#,
        r#"{"keys":[{"kty":"RSA","exp":1e309}]}"#,
        "[]",
        "<html>",
    ] {
        let mut story = Story::new(&config(&json!({})));
        assert_eq!(story.run(with_token(&token), &[answer(200, body)]).status(), Some(502), "{body}");
        let line = "the response of the JWKS endpoint cannot be read as a JSON object";
        assert!(logs(&story, line), "{body}: {:?}", story.log);
    }
}

/// Lets requests that wait for their callouts end, one callout of each in turn. Where callouts are shared, the
/// first to ask a question makes the callout, and the others are given what it brought.
fn end_all(
    story: &mut Story,
    mut waiting: Vec<(Waiting, Sent)>,
    joins: bool,
    answers: impl Fn(&Sent) -> CalloutOutcome,
) -> Vec<Ending> {
    let mut endings = Vec::new();
    while !waiting.is_empty() {
        let mut flown = Vec::new();
        for (request, sent) in std::mem::take(&mut waiting) {
            let (outcome, flight) = (answers(&sent), sent.flight.expect("a question that others ask"));
            let story = story.return_to(request);
            let joined = joins && flown.contains(&flight);
            flown.push(flight);
            match if joined { story.resume_joined(&outcome) } else { story.resume(&outcome) } {
                Some(ending) => endings.push(ending),
                None => waiting.push((story.set_aside(), story.sent.last().unwrap().clone())),
            }
        }
    }
    endings
}

/// Requests that arrive at once: those that wait, and how the others ended.
fn begin_all(story: &mut Story, tokens: &[String]) -> (Vec<(Waiting, Sent)>, Vec<Ending>) {
    let (mut waiting, mut endings) = (Vec::new(), Vec::new());
    for token in tokens {
        match story.begin(with_token(token)) {
            Some(ending) => endings.push(ending),
            None => waiting.push((story.set_aside(), story.sent.last().unwrap().clone())),
        }
    }
    (waiting, endings)
}

/// How many requests arrive at once.
const AT_ONCE: usize = 50;

fn good_tokens() -> Vec<String> {
    (0..AT_ONCE).map(|number| r1().token(Some("r1"), &claims(&format!("u{number}")))).collect()
}

#[test]
fn requests_that_look_for_the_metadata_at_once_look_at_each_url_in_turn() {
    let metadata = || answer(200, json!({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/jwks"}));
    let answers = |sent: &Sent| match sent.url.as_str() {
        url if url.contains("oauth-authorization-server") => answer(404, ""),
        url if url.contains("openid-configuration") => metadata(),
        _ => jwks(&[r1().jwk_named("r1")]),
    };
    for host in [REMOVES_HEADERS, EMPTIES_HEADERS] {
        let mut story = Story::on(&config(&json!({"jwks_endpoint": null})), host);
        let (waiting, _) = begin_all(&mut story, &good_tokens());
        assert_eq!(waiting.len(), AT_ONCE);
        let endings = end_all(&mut story, waiting, host.joins_callouts, answers);
        assert!(endings.iter().all(|ending| ending.status().is_none()), "{host:?}: {endings:?}");
    }
}

#[test]
fn a_request_goes_on_with_the_metadata_that_another_has_found() {
    let mut story = Story::on(&config(&json!({"jwks_endpoint": null})), EMPTIES_HEADERS);
    let (mut waiting, _) = begin_all(&mut story, &good_tokens());
    let metadata = answer(200, json!({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/jwks"}));
    let (first, _) = waiting.remove(0);
    assert!(story.return_to(first).resume(&metadata).is_none());
    let first = story.set_aside();
    let (second, _) = waiting.remove(0);
    // Its own callout fails, which is of no account.
    assert!(story.return_to(second).resume(&failed(CalloutFailure::Unreachable)).is_none());
    assert_eq!(story.sent.last().unwrap().url, "https://keys.example.com/jwks");
    let second = story.set_aside();
    let ending = story.return_to(first).resume(&jwks(&[r1().jwk_named("r1")]));
    assert_eq!(ending.expect("an ending").status(), None);
    // By now there are keys, too: the others ask for none.
    for (request, _) in waiting {
        let ending = story.return_to(request).resume(&failed(CalloutFailure::Unreachable));
        assert_eq!(ending.expect("an ending").status(), None);
    }
    let ending = story.return_to(second).resume(&failed(CalloutFailure::Broken));
    assert_eq!(ending.expect("an ending").status(), None, "nor does its own failure matter");
    assert_eq!((story.calls_to("/.well-known/"), story.calls_to("/jwks")), (AT_ONCE, 2));
}

#[test]
fn without_keys_each_request_fetches_them_for_itself() {
    let answers = |_: &Sent| jwks(&[r1().jwk_named("r1")]);
    let mut story = Story::on(&config(&json!({})), EMPTIES_HEADERS);
    let tokens: Vec<_> =
        (0..70).map(|number| r1().token(Some("r1"), &claims(&format!("u{number}")))).collect();
    let (waiting, turned_away) = begin_all(&mut story, &tokens);
    assert_eq!((waiting.len(), turned_away.len()), (64, 6));
    for ending in turned_away {
        assert_eq!((ending.status(), ending.answer_header("retry-after")), (Some(503), Some("1")));
    }
    let endings = end_all(&mut story, waiting, false, answers);
    assert!(endings.iter().all(|ending| ending.status().is_none()), "{endings:?}");
    assert_eq!(story.run(with_token(&tokens[69]), &[]).status(), None);
    assert_eq!(story.calls_to("/jwks"), 64);

    // Where one can wake another they ask the same, and none is turned away.
    let mut story = Story::new(&config(&json!({})));
    let (waiting, turned_away) = begin_all(&mut story, &tokens);
    assert!(turned_away.is_empty());
    let endings = end_all(&mut story, waiting, true, answers);
    assert!(endings.iter().all(|ending| ending.status().is_none()), "{endings:?}");
}

#[test]
fn once_keys_are_there_a_flood_makes_one_fetch_in_a_cool_down() {
    let set = [jwks(&[r1().jwk_named("r1")])];
    for host in [REMOVES_HEADERS, EMPTIES_HEADERS] {
        let joins = host.joins_callouts;
        let mut story = Story::on(&config(&json!({"refused_verification_budget": 100})), host);
        story.run(with_token(&r1().token(Some("r1"), &claims("u1"))), &set);
        for cooldown in 0..3 {
            story.at(100.0 * f64::from(cooldown));
            let tokens: Vec<_> = (0..30)
                .map(|number| match number % 3 {
                    0 => r2().token(Some(&format!("unknown-{number}")), &claims("u1")),
                    1 => r2().token(Some("r1"), &claims(&format!("u{number}"))),
                    _ => Signer::new(Algorithm::Es256).token(None, &claims(&format!("u{number}"))),
                })
                .collect();
            let (waiting, turned_away) = begin_all(&mut story, &tokens);
            assert!(turned_away.iter().all(|ending| ending.status() == Some(503)), "undecided");
            assert_eq!(waiting.len(), if joins { 30 - turned_away.len() } else { 1 });
            // Meanwhile good tokens that are new to the worker pass.
            let good = r1().token(Some("r1"), &claims(&format!("good-{cooldown}")));
            assert_eq!(story.run(with_token(&good), &[]).status(), None);
            for ending in end_all(&mut story, waiting, joins, |_| set[0].clone()) {
                assert_eq!(ending.status(), Some(401));
            }
            for token in &tokens {
                let status = story.run(with_token(token), &[]).status();
                assert!(matches!(status, Some(401 | 503)), "{status:?}");
            }
        }
        let flights = story.calls_to("/jwks");
        assert!(joins || flights == 4, "{flights}");
    }
}

#[test]
fn a_request_that_leaves_neither_counts_as_a_fetch_nor_has_one_made() {
    let mut story = Story::on(&config(&json!({})), EMPTIES_HEADERS);
    for _ in 0..10 {
        let (waiting, turned_away) = begin_all(&mut story, &good_tokens());
        assert!(turned_away.is_empty());
        drop(waiting);
    }
    let set = [jwks(&[r1().jwk_named("r1")])];
    assert_eq!(story.run(with_token(&good_tokens()[0]), &set).status(), None);
    let fetches = story.calls_to("/jwks");
    for host in [EMPTIES_HEADERS, REMOVES_HEADERS] {
        let mut story = Story::on(&config(&json!({})), host);
        story.run(with_token(&good_tokens()[0]), &set);
        let rotated = r2().token(Some("r2"), &claims("u1"));
        assert!(story.begin(with_token(&rotated)).is_none());
        drop(story.set_aside());
        for _ in 0..10 {
            let ending = story.at(1.0).run(with_token(&rotated), &[]);
            assert_eq!((ending.status(), ending.answer_header("retry-after")), (Some(503), Some("5")));
        }
        let both = [jwks(&[r1().jwk_named("r1"), r2().jwk_named("r2")])];
        assert_eq!(story.at(30.0).run(with_token(&rotated), &both).status(), None);
        assert_eq!(story.calls_to("/jwks"), 3);
    }
    assert_eq!(fetches, 501);
}

#[test]
fn what_a_fetch_brings_serves_others_where_its_request_has_left() {
    let known = [jwks(&[r1().jwk_named("r1")])];
    let both = jwks(&[r1().jwk_named("r1"), r2().jwk_named("r2")]);
    let mut story = Story::new(&config(&json!({})));
    story.run(with_token(&good_tokens()[0]), &known);
    assert!(story.begin(with_token(&r2().token(Some("unknown"), &claims("u1")))).is_none());
    let left = story.set_aside();
    story.at(1.0).ends_without(left, &both);
    assert_eq!(story.run(with_token(&r2().token(Some("r2"), &claims("u1"))), &[]).status(), None);
    assert_eq!(story.run(with_token(&r2().token(Some("other"), &claims("u1"))), &[]).status(), Some(401));
    assert_eq!(story.calls_to("/jwks"), 2);

    let mut story = Story::new(&config(&json!({"jwks_endpoint": null})));
    assert!(story.begin(with_token(&good_tokens()[0])).is_none());
    let left = story.set_aside();
    let metadata = answer(200, json!({"issuer": ISSUER, "jwks_uri": "https://keys.example.com/jwks"}));
    story.ends_without(left, &metadata);
    assert_eq!(story.calls_to("keys.example.com"), 0, "nothing follows");
    assert_eq!(story.run(with_token(&good_tokens()[0]), &known).status(), None);
}

#[test]
fn what_an_issuer_published_before_counts_no_more() {
    let (old, new) = (jwks(&[r1().jwk_named("r1")]), jwks(&[r2().jwk_named("r2")]));
    for (newer, ends) in [(new.clone(), None), (jwks(&[]), Some(502))] {
        let mut story = Story::on(&config(&json!({})), EMPTIES_HEADERS);
        let tokens = [r1().token(Some("r1"), &claims("u1")), r2().token(Some("r2"), &claims("u1"))];
        let (mut waiting, _) = begin_all(&mut story, &tokens);
        let (second, first) = (waiting.pop().unwrap().0, waiting.pop().unwrap().0);
        assert_eq!(story.return_to(second).resume(&newer).expect("an ending").status(), ends);
        let ending = story.return_to(first).resume(&old).expect("an ending");
        assert_eq!(ending.status(), Some(if ends.is_none() { 401 } else { 503 }), "{ending:?}");
        assert_eq!(story.run(with_token(&tokens[1]), &[]).status(), ends.map(|_| 503));
    }
}

#[test]
fn f2_08_where_neither_keys_nor_tokens_have_names_a_new_key_is_found() {
    let first = [r1().jwk()];
    let by = |signer: &Signer, kid| signer.token(kid, &claims("u1"));
    let es256 = Signer::new(Algorithm::Es256);
    for (old, new, token) in [
        (first.to_vec(), vec![r1().jwk(), r2().jwk()], by(&r2(), None)),
        (first.to_vec(), vec![r1().jwk(), es256.jwk()], by(&es256, None)),
        (first.to_vec(), vec![r2().jwk()], by(&r2(), Some(""))),
        (vec![r1().jwk_named("k")], vec![r2().jwk_named("k")], by(&r2(), Some("k"))),
        (vec![r1().jwk_named("k")], vec![es256.jwk_named("k")], by(&es256, Some("k"))),
        (vec![r1().jwk_named("k")], vec![r1().jwk_named("k"), r2().jwk()], by(&r2(), None)),
    ] {
        for host in [REMOVES_HEADERS, EMPTIES_HEADERS] {
            let mut story = Story::on(&config(&json!({})), host);
            story.run(with_token(&r1().token(None, &claims("u1"))), &[jwks(&old)]);
            assert_eq!(story.at(60.0).run(with_token(&token), &[jwks(&new)]).status(), None);
            assert_eq!(story.calls_to("/jwks"), 2);
            // The cool-down holds for whatever misses next.
            let forged = Signer::ed25519([9; 32]).token(None, &claims("u1"));
            assert_eq!(story.at(89.0).run(with_token(&forged), &[]).status(), Some(401));
            assert_eq!(story.at(90.0).run(with_token(&forged), &[jwks(&new)]).status(), Some(401));
        }
    }
}

#[test]
fn f2_15_an_issuer_that_withdraws_its_keys_is_taken_at_its_word() {
    let token = r1().token(Some("r1"), &claims("u1"));
    let known = [jwks(&[r1().jwk_named("r1")])];
    let pq = json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq1", "pub": "AA"});
    for (later, status, next) in [
        (jwks(&[r2().jwk_named("r2")]), Some(401), Some(401)),
        (jwks(&[]), Some(502), Some(503)),
        (jwks(&[pq]), Some(502), Some(503)),
        (answer(200, r#" {"keys":[]} "#), Some(502), Some(503)),
        (answer(200, json!({"keys": null})), None, None),
        (answer(200, json!({"keys": {}})), None, None),
        (answer(200, "{}"), None, None),
        (answer(200, ""), None, None),
        (answer(204, ""), None, None),
        (answer(201, json!({"keys": []})), None, None),
        (answer(404, json!({"keys": []})), None, None),
        (answer(503, ""), None, None),
        (failed(CalloutFailure::Unreachable), None, None),
    ] {
        for host in [REMOVES_HEADERS, EMPTIES_HEADERS] {
            let mut story = Story::on(&config(&json!({"jwks_cache_ttl": 1})), host);
            assert_eq!(story.run(with_token(&token), &known).status(), None);
            let ending = story.at(1.0).run(with_token(&token), std::slice::from_ref(&later));
            assert_eq!(ending.status(), status, "{later:?}");
            let again = r1().token(Some("r1"), &claims("u2"));
            let ending = if next == Some(401) {
                story.run(with_token(&again), std::slice::from_ref(&later))
            } else {
                story.run(with_token(&again), &[])
            };
            assert_eq!(ending.status(), next, "{later:?}");
            assert_eq!(
                story.at(1.5).run(with_token(&token), &[]).status(),
                next,
                "what was cached counts no more"
            );
            // Keys that are published again are fetched again.
            let back = story.at(6.0).begin(with_token(&token));
            let back = back.or_else(|| story.resume(&known[0]));
            assert_eq!(back.expect("an ending").status(), None);
        }
    }
}

#[test]
fn the_fuzzers_seeds_of_sets_as_servers_write_them_are_used() {
    for (name, usable, left_out) in [
        ("empty-lists", 3, 0),
        ("five-unnamed", 5, 0),
        ("several-hundred", 300, 0),
        ("own-operation", 1, 1),
        ("octet-too-many", 1, 2),
        ("one-key-two-algorithms", 2, 1),
    ] {
        let bytes = std::fs::read(repository("fuzz/corpus/jwk").join(name)).unwrap();
        let set = JwkSet::parse(&bytes).unwrap();
        let counted: usize = set.left_out().iter().map(|left_out| left_out.count).sum();
        assert_eq!((set.len(), counted), (usable, left_out), "{name}");
    }
}
