//! 401 `invalid_token`: nothing is forwarded or exchanged, and the next good token is.

use super::forgery::{
    der, encrypted, header_with, mac_of, no_signature, payload_with, pem, stray_bits,
    subject_public_key_info, tampered, unsigned, with_signature,
};
use super::issuer::{Server, assert_exchanged, assert_invalid, assert_untold, signed};
use super::minting::{Draft, ISSUER, Key};
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::story::{START, Story};

const FAR: u64 = 4_102_444_800;

fn assert_refused(name: &str, published: &[&Key], config: &Value, token: &str) {
    let server = Server::publishing(published.iter().map(|key| key.published()));
    let mut story = Story::new(&signed(config));
    assert_invalid(&server.run(&mut story, token), token, name);
    let good = Draft::new(published[0]).claims(&json!({"sub": "bob"})).sign();
    assert_exchanged(&server.run(&mut story, &good), name);
    assert_eq!(story.calls_to("/token"), 1, "{name}");
    assert_eq!(story.calls_to("/introspect") + story.calls_to("/.well-known"), 0, "{name}");
    assert_untold(&story, token, name);
}

#[test]
fn algorithms_that_the_key_is_not_for() {
    let rsa = Key::new("k1", Algorithm::Rs256);
    let pss = Key::new("k1", Algorithm::Ps256);
    let draft = Draft::new(&rsa);
    let of = |alg: Value| draft.clone().header(&json!({"alg": alg})).sign();
    let jwk = rsa.published().to_string();
    for (name, token) in [
        ("unsigned", unsigned(&draft, "none")),
        ("unsigned, mixed case", unsigned(&draft, "nOnE")),
        ("unsigned, but signed", of(json!("none"))),
        ("no algorithm", of(Value::Null)),
        ("algorithm in lower case", of(json!("rs256"))),
        ("algorithm is a list", of(json!(["RS256"]))),
        ("MAC of the PEM text", mac_of(&draft, &pem(&rsa))),
        ("MAC of the DER bytes", mac_of(&draft, &subject_public_key_info(&rsa))),
        ("MAC of the JWK", mac_of(&draft, jwk.as_bytes())),
        ("algorithm beside the key's", Draft::new(&pss).sign()),
        ("flipped", with_signature(&draft, |signature| [&[signature[0] ^ 1], &signature[1..]].concat())),
        ("no signature", no_signature(&draft)),
        ("encrypted", encrypted(&json!({"alg": "RSA-OAEP", "enc": "A256GCM", "typ": "at+jwt"}))),
        ("nested", encrypted(&json!({"alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT"}))),
    ] {
        assert_refused(name, &[&rsa], &json!({}), &token);
    }
}

#[test]
fn signatures_of_other_lengths() {
    for (name, algorithm, change) in [
        ("zero", Algorithm::EdDsa, (|signature| vec![0; signature.len()]) as fn(Vec<u8>) -> Vec<u8>),
        ("zero", Algorithm::Es256, |signature| vec![0; signature.len()]),
        ("DER", Algorithm::Es256, der),
        ("short", Algorithm::Es512, |signature| signature[..signature.len() - 1].to_vec()),
        ("long", Algorithm::Ps512, |signature| [&signature[..], &[0]].concat()),
    ] {
        let key = Key::new("k1", algorithm);
        let token = with_signature(&Draft::new(&key), change);
        assert_refused(&format!("{name}, {algorithm}"), &[&key], &json!({}), &token);
    }
}

#[test]
fn forms_that_are_not_a_signed_token() {
    let key = Key::new("k1", Algorithm::Es256);
    let draft = Draft::new(&key);
    let of = |patch: Value| draft.clone().header(&patch).sign();
    let (header, payload) = (draft.header.to_string(), draft.claims.to_string());
    let good = draft.sign();
    for (name, token) in [
        ("unknown algorithm", of(json!({"alg": "ES256K"}))),
        ("algorithm of another type of key", of(json!({"alg": "RS256"}))),
        ("MAC of the PEM text", mac_of(&draft, &pem(&key))),
        ("critical extension", of(json!({"crit": ["x-bind"], "x-bind": "t"}))),
        ("critical extensions, none", of(json!({"crit": []}))),
        ("critical extension b64", of(json!({"crit": ["b64"], "b64": false}))),
        ("unencoded payload", of(json!({"b64": false}))),
        ("tampered", tampered(&draft)),
        ("stray bits", stray_bits(&draft)),
        ("padded", format!("{good}==")),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{good}.AA")),
        ("header is a list", draft.compact(&format!("[{header}]"), &payload)),
        ("payload is a list", draft.compact(&header, &format!("[{payload}]"))),
        ("payload is text", draft.compact(&header, "sub=alice")),
        ("repeated algorithm", header_with(&draft, r#""alg":"none""#)),
        ("repeated claim", payload_with(&draft, r#""sub":"root""#)),
        ("repeated claim, escaped", payload_with(&draft, r#""\u0073ub":"root""#)),
        ("repeated deep within", payload_with(&draft, r#""act":{"sub":"a","sub":"b"}"#)),
        ("not signed at all", "alice-9Jw2mZ0nqk1xYpTfVb7cRd4s".to_owned()),
    ] {
        assert_refused(name, &[&key], &json!({}), &token);
    }
}

#[test]
fn keys_that_are_not_the_one_named() {
    let (first, second) = (Key::new("k1", Algorithm::Es256), Key::p256("k2", [2; 32]));
    let hidden = Key::p256("hidden", [3; 32]);
    let own = |key, patch: Value| Draft::new(key).header(&patch).sign();
    let mut rows = vec![
        ("key that the token brings", own(&hidden, json!({"jwk": hidden.published()}))),
        ("key that is not published", own(&hidden, json!({"kid": "k1"}))),
        ("key ID of another key", own(&first, json!({"kid": "k2"}))),
    ];
    let long = "x".repeat(8000);
    for (name, key_id) in [
        ("unknown", json!("unknown")),
        ("path", json!("../../etc/passwd")),
        ("SQL", json!("k' OR '1'='1")),
        ("log line", json!("k1\r\nlevel=error forged")),
        ("URL", json!("https://evil.example.net/k")),
        ("long", json!(long)),
        ("empty", json!("")),
        ("number", json!(1)),
    ] {
        rows.push((name, own(&first, json!({"kid": key_id}))));
    }
    for (name, token) in rows {
        assert_refused(name, &[&first, &second], &json!({}), &token);
    }
}

#[test]
fn tokens_of_another_kind() {
    let key = Key::new("k1", Algorithm::Es256);
    for (name, header, claims) in [
        ("type of an ID token", json!({"typ": "id+jwt"}), json!({})),
        ("type is a number", json!({"typ": 1}), json!({})),
        ("type not allowed", json!({"typ": "secevent+jwt"}), json!({})),
        ("ID token", json!({"typ": "JWT"}), json!({"at_hash": "x"})),
        ("ID token of the hybrid flow", json!({"typ": "JWT"}), json!({"c_hash": "x"})),
        ("ID token by its nonce", json!({"typ": "JWT"}), json!({"nonce": "n", "aud": "agent"})),
        ("ID token by its own word", json!({"typ": "JWT"}), json!({"typ": "ID"})),
        ("refresh token by its own word", json!({"typ": "JWT"}), json!({"typ": "Refresh"})),
    ] {
        let token = Draft::new(&key).header(&header).claims(&claims).sign();
        assert_refused(name, &[&key], &json!({}), &token);
    }
}

#[test]
fn claims_that_break_a_rule() {
    let key = Key::new("k1", Algorithm::Es256);
    let leeway = json!({"jwt_claims_leeway": 60});
    let upper_case = ISSUER.replace("as.example", "AS.example");
    for (name, claims) in [
        ("wrong audience", json!({"aud": "https://other.example.com"})),
        ("audience with a slash", json!({"aud": "https://api.example.com/mcp/"})),
        ("no audience", json!({"aud": null})),
        ("audience in a list in a list", json!({"aud": [["https://api.example.com/mcp"]]})),
        ("wrong issuer", json!({"iss": "https://other.example.com"})),
        ("issuer with a slash", json!({"iss": format!("{ISSUER}/")})),
        ("issuer in upper case", json!({"iss": upper_case})),
        ("no issuer", json!({"iss": null})),
        ("issuer in a list", json!({"iss": [ISSUER]})),
        ("expired", json!({"exp": START - 10})),
        ("no expiry", json!({"exp": null})),
        ("expiry is text", json!({"exp": FAR.to_string()})),
        ("expiry is true", json!({"exp": true})),
        ("expiry too large", json!({"exp": u64::MAX})),
        ("expiry negative", json!({"exp": -1})),
        ("not yet valid", json!({"nbf": FAR})),
        ("not before is text", json!({"nbf": "1"})),
        ("bound to a certificate", json!({"cnf": {"x5t#S256": "x"}})),
        ("bound to a key", json!({"cnf": {"jkt": "x"}})),
    ] {
        assert_refused(name, &[&key], &json!({}), &Draft::new(&key).claims(&claims).sign());
    }
    let late = Draft::new(&key).claims(&json!({"exp": START - 90})).sign();
    assert_refused("expired beyond the leeway", &[&key], &leeway, &late);
}
