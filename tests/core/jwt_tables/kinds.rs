//! SEC-07: which tokens of an issuer are access tokens, and which are something else that it has signed.

use super::issuer::{
    Server, assert_exchanged, assert_invalid, assert_untold, signed, signed_or_introspected,
};
use super::minting::{AUDIENCE, Draft, ISSUER, Key};
use serde_json::{Value, json};
use token_exchange::jose::alg::Algorithm;
use token_exchange_harness::story::{START, Story, merge};

const CLIENT: &str = "client-1";

/// A JWT with exactly these claims, beside those that every token has. The header's type is absent for null.
fn token(key: &Key, header_type: &Value, claims: &Value) -> String {
    let mut draft = Draft::new(key).header(&json!({"typ": header_type}));
    draft.claims = json!({"iss": ISSUER, "sub": "alice", "aud": CLIENT, "iat": START, "exp": START + 300});
    draft.claims(claims).sign()
}

/// Runs a request with the token; the reason for a refusal that the log has, where there is one.
fn run(config: &Value, key: &Key, token: &str, is_good: bool, what: &str) -> String {
    let mut story = Story::new(config);
    let ending = Server::publishing([key.published()]).run(&mut story, token);
    if is_good {
        assert_exchanged(&ending, what);
    } else {
        assert_invalid(&ending, token, what);
        assert_eq!(story.calls_to("/token"), 0, "{what}");
    }
    assert_untold(&story, token, what);
    let mut reasons = story.log.iter().filter_map(|(_, line)| line.strip_prefix("a token was refused: "));
    reasons.next().unwrap_or_default().to_owned()
}

fn clients_audience() -> Value {
    signed(&json!({"audience_required": [CLIENT]}))
}

#[test]
fn sec_07_what_an_issuer_signs_for_its_client_is_no_access_token() {
    let key = Key::new("k1", Algorithm::Es256);
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for (name, claims, reason) in [
        ("ID token", json!({}), "nothing shows that it is an access token"),
        (
            "ID token of Entra",
            json!({"azp": "x", "roles": ["admin"]}),
            "nothing shows that it is an access token",
        ),
        ("ID token with nonce", json!({"nonce": "n"}), "an ID token, not an access token: it has nonce"),
        (
            "ID token with at_hash",
            json!({"at_hash": "x"}),
            "an ID token, not an access token: it has at_hash",
        ),
        (
            "ID token with c_hash",
            json!({"c_hash": "x", "scope": "a"}),
            "an ID token, not an access token: it has c_hash",
        ),
        (
            "ID token with s_hash",
            json!({"s_hash": "x", "scope": "a"}),
            "an ID token, not an access token: it has s_hash",
        ),
        ("ID token of Keycloak", json!({"typ": "ID", "scope": "a"}), "typ is id"),
        (
            "ID token of Cognito",
            json!({"token_use": "id"}),
            "the issuer marks it as another kind of token by token_use",
        ),
        ("refresh token", json!({"typ": "Refresh", "scope": "a"}), "typ is refresh"),
        ("logout token", json!({"events": logout, "sid": "s", "sub": null}), "it has events"),
        ("logout token with a scope", json!({"events": logout, "scope": "a"}), "it has events"),
        ("logout token of Keycloak", json!({"typ": "Logout"}), "typ is logout"),
        (
            "JARM response",
            json!({"code": "c", "state": "s", "sub": null}),
            "an authorization response, not a token: it has code",
        ),
        (
            "JARM error",
            json!({"error": "access_denied", "sub": null}),
            "an authorization response, not a token: it has error",
        ),
        (
            "JARM response with a token",
            json!({"access_token": "t", "token_type": "Bearer", "scope": "a", "sub": null}),
            "an authorization response, not a token: it has access_token",
        ),
        (
            "introspection response",
            json!({"token_introspection": {"active": true}}),
            "it has token_introspection",
        ),
    ] {
        for header_type in [Value::Null, json!("JWT"), json!("application/jwt")] {
            let token = token(&key, &header_type, &claims);
            let found = run(&clients_audience(), &key, &token, false, name);
            assert!(found.contains(reason), "{name}: {found}");
        }
    }
    for (name, claims) in [
        ("scope", json!({"scope": "mcp:read"})),
        ("client_id", json!({"client_id": "agent"})),
        ("nonce and scope", json!({"scope": "mcp:read", "nonce": "n"})),
        ("typ Bearer", json!({"typ": "Bearer"})),
    ] {
        for header_type in [Value::Null, json!("JWT")] {
            run(&clients_audience(), &key, &token(&key, &header_type, &claims), true, name);
        }
    }
    run(
        &clients_audience(),
        &key,
        &token(&key, &json!("at+jwt"), &json!({})),
        true,
        "at+jwt says it by itself",
    );
}

#[test]
fn a_sign_is_asked_for_wherever_the_audience_is_not_the_resource() {
    let key = Key::new("k1", Algorithm::Es256);
    let entry =
        json!([{"issuer": ISSUER, "jwks_endpoint": "https://as.example.com/jwks", "audiences": [CLIENT]}]);
    let relaxed = json!({"insecure_relaxed_audience_validation": true});
    let by_claim = json!({"audience_claim": "azp", "audience_required": ["agent"]});
    for (name, config, claims, needs_sign) in [
        ("resource", json!({}), json!({"aud": AUDIENCE}), false),
        (
            "resource among others",
            json!({"audience_required": [CLIENT]}),
            json!({"aud": [CLIENT, AUDIENCE]}),
            false,
        ),
        ("audience_required", json!({"audience_required": [CLIENT]}), json!({}), true),
        ("audiences of an entry", json!({"jwks_endpoint": null, "issuers": entry}), json!({}), true),
        ("relaxed", relaxed.clone(), json!({}), true),
        ("relaxed, without aud", relaxed.clone(), json!({"aud": null}), true),
        ("relaxed, and resource", relaxed, json!({"aud": AUDIENCE}), false),
        ("another claim", by_claim.clone(), json!({"azp": "agent"}), true),
        ("another claim, and resource", by_claim, json!({"azp": "agent", "aud": AUDIENCE}), true),
        (
            "another claim that names resource",
            json!({"audience_claim": "resource_id"}),
            json!({"resource_id": AUDIENCE}),
            true,
        ),
        (
            "another claim that is a sign itself",
            json!({"audience_claim": "client_id", "audience_required": ["agent"]}),
            json!({"client_id": "agent"}),
            false,
        ),
    ] {
        let config = signed(&config);
        run(&config, &key, &token(&key, &Value::Null, &claims), !needs_sign, name);
        let mut with_sign = claims.clone();
        merge(&mut with_sign, &json!({"scope": "mcp:read"}));
        run(&config, &key, &token(&key, &Value::Null, &with_sign), true, name);
    }
}

#[test]
fn an_introspection_response_needs_no_sign_but_must_not_be_of_another_kind() {
    let key = Key::new("k1", Algorithm::Es256);
    let own = token(&key, &Value::Null, &json!({}));
    let opaque = "alice-9Jw2mZ0nqk1xYpTfVb7cRd4s";
    for (name, told, is_good) in [
        ("nothing", json!({}), true),
        ("events", json!({"events": {}}), false),
        ("hash", json!({"at_hash": "x"}), false),
        ("nonce", json!({"nonce": "n"}), false),
        ("nonce, used as a Bearer token", json!({"nonce": "n", "token_type": "Bearer"}), true),
        ("JARM", json!({"code": "c", "state": "s"}), false),
        ("refresh token", json!({"typ": "Refresh"}), false),
        ("other use", json!({"token_use": "id"}), false),
    ] {
        let mut told = told;
        told["aud"] = json!(CLIENT);
        told["scope"] = Value::Null;
        for (mode, token) in [("auto", opaque), ("introspection", opaque), ("both", own.as_str())] {
            let patch = json!({"token_validation": mode, "audience_required": [CLIENT]});
            let server = Server::publishing([key.published()]).introspecting(&told);
            let mut story = Story::new(&signed_or_introspected(&patch));
            server.judges_twice(&mut story, token, is_good, name);
            assert_eq!(story.calls_to("/introspect"), 1, "{name}: what is remembered is looked at, too");
        }
    }
}

#[test]
fn id_tokens_are_expected_where_they_are_exchanged() {
    let key = Key::new("k1", Algorithm::Es256);
    let exchanged = json!({"token_exchange": {"request": {
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"
    }}});
    let mut patch = json!({"audience_required": [CLIENT]});
    merge(&mut patch, &exchanged);
    let config = signed(&patch);
    let null = Value::Null;
    for (name, header_type, claims, is_good) in [
        ("ID token", &null, json!({}), true),
        ("type JWT", &json!("JWT"), json!({}), true),
        (
            "hashes and nonce",
            &null,
            json!({"at_hash": "x", "c_hash": "x", "s_hash": "x", "nonce": "n"}),
            true,
        ),
        ("ID token of Keycloak", &null, json!({"typ": "ID", "azp": CLIENT}), true),
        ("ID token of Cognito", &null, json!({"token_use": "id"}), true),
        ("several audiences", &null, json!({"aud": ["x", CLIENT]}), true),
        ("type of an access token", &json!("at+jwt"), json!({}), false),
        ("another type", &json!("id+jwt"), json!({}), false),
        ("type of a logout token", &json!("logout+jwt"), json!({}), false),
        ("audience of another client", &null, json!({"aud": "client-2"}), false),
        ("audience of the resource", &null, json!({"aud": AUDIENCE}), false),
        ("no audience", &null, json!({"aud": null}), false),
        ("no subject", &null, json!({"sub": null}), false),
        ("access token", &null, json!({"scope": "a", "client_id": CLIENT}), false),
        ("access token of Keycloak", &null, json!({"typ": "Bearer", "nonce": "n"}), false),
        ("access token of Cognito", &null, json!({"token_use": "access"}), false),
        ("logout token", &null, json!({"events": {}}), false),
        ("logout token of Keycloak", &null, json!({"typ": "Logout"}), false),
        ("JARM", &null, json!({"code": "c", "state": "s"}), false),
        ("JARM without state", &null, json!({"code": "c", "sub": null}), false),
        ("refresh token", &null, json!({"typ": "Refresh"}), false),
    ] {
        run(&config, &key, &token(&key, header_type, &claims), is_good, name);
    }
    let mut story = Story::new(&config);
    let id_token = token(&key, &null, &json!({"nonce": "n"}));
    let server = Server::publishing([key.published()]);
    for _ in 0..2 {
        assert_exchanged(&server.run(&mut story, &id_token), "also where it is remembered");
    }
    assert!(
        story.sent[1].body.contains("subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token")
    );
}

/// Access tokens as the providers' own documentation shows them, with our issuer, times and audience. Those that
/// name a client or an application rather than a URL have it in `audience_required`.
#[test]
fn access_tokens_of_providers_pass() {
    let key = Key::new("k1", Algorithm::Rs256);
    let application = "6731de76-14a6-49ae-97bc-6eba6914391e";
    let providers = [
        // Keycloak, "Server Administration Guide" and "Securing applications": a user's token, and one that a nonce was
        // copied into, as releases before 25 did.
        (
            "Keycloak",
            json!("JWT"),
            json!({
                "jti": "0d5f6dfe", "typ": "Bearer", "azp": "agent", "auth_time": START, "session_state": "s1", "acr": "1",
                "realm_access": {"roles": ["offline_access"]}, "scope": "openid email profile", "sid": "s1",
                "email_verified": true, "preferred_username": "alice", "aud": ["mcp-server", "account"]
            }),
            json!({"audience_required": ["mcp-server"]}),
        ),
        (
            "Keycloak, lightweight, with a nonce",
            json!("JWT"),
            json!({"typ": "Bearer", "azp": "agent", "nonce": "n", "sid": "s1", "scope": "", "aud": "mcp-server"}),
            json!({"audience_required": ["mcp-server"]}),
        ),
        // Microsoft Entra, "Access token claims reference": v1.0 tokens have appid and appidacr, v2.0 tokens azp and
        // azpacr; scp is for users' tokens alone, roles stand in its place in those of applications.
        (
            "Entra v1.0, user",
            json!("JWT"),
            json!({
                "aud": "api://mcp", "acr": "1", "aio": "x", "amr": ["pwd"], "appid": application, "appidacr": "0",
                "ipaddr": "203.0.113.7", "name": "Alice", "oid": "o", "rh": "x", "scp": "access_as_user", "tid": "t",
                "unique_name": "alice@example.com", "upn": "alice@example.com", "uti": "u", "ver": "1.0"
            }),
            json!({"audience_required": ["api://mcp"]}),
        ),
        (
            "Entra v1.0, application",
            json!("JWT"),
            json!({
                "aud": "api://mcp", "appid": application, "appidacr": "1", "idp": "https://sts.windows.net/t/", "oid": "o",
                "rh": "x", "roles": ["Tools.Call"], "tid": "t", "uti": "u", "ver": "1.0"
            }),
            json!({"audience_required": ["api://mcp"]}),
        ),
        (
            "Entra v2.0, user",
            json!("JWT"),
            json!({
                "aud": application, "azp": "agent", "azpacr": "0", "name": "Alice", "oid": "o",
                "preferred_username": "alice@example.com", "rh": "x", "scp": "access_as_user", "tid": "t", "uti": "u",
                "ver": "2.0"
            }),
            json!({"audience_required": [application]}),
        ),
        (
            "Entra v2.0, application",
            json!("JWT"),
            json!({
                "aud": application, "azp": "agent", "azpacr": "1", "oid": "o", "rh": "x", "roles": ["Tools.Call"],
                "tid": "t", "uti": "u", "ver": "2.0"
            }),
            json!({"audience_required": [application]}),
        ),
        // Okta, "OpenID Connect & OAuth 2.0 API", access token payload: no typ in the header.
        (
            "Okta",
            Value::Null,
            json!({
                "ver": 1, "jti": "AT.x", "aud": "api://default", "cid": "agent", "uid": "00u", "scp": ["openid", "custom"],
                "auth_time": START
            }),
            json!({"audience_required": ["api://default"]}),
        ),
        // Auth0, "Access Token Profiles": the Auth0 profile, of a user and of an application, and that of RFC 9068.
        (
            "Auth0, user",
            json!("JWT"),
            json!({
                "aud": ["https://health.example.com", "https://example.auth0.com/userinfo"], "azp": "agent",
                "scope": "openid profile read:patients"
            }),
            json!({"audience_required": ["https://health.example.com"]}),
        ),
        (
            "Auth0, application without scopes",
            json!("JWT"),
            json!({"sub": "agent@clients", "aud": "https://health.example.com", "azp": "agent", "gty": "client-credentials"}),
            json!({"audience_required": ["https://health.example.com"]}),
        ),
        (
            "Auth0, RFC 9068",
            json!("at+jwt"),
            json!({"aud": "https://health.example.com", "client_id": "agent", "jti": "j", "scope": "openid"}),
            json!({"audience_required": ["https://health.example.com"]}),
        ),
        // Amazon Cognito, "Understanding the access token": no typ in the header and no aud.
        (
            "Cognito",
            Value::Null,
            json!({
                "aud": null, "device_key": "d", "cognito:groups": ["testers"], "version": 2, "client_id": "xxxxexample",
                "origin_jti": "o", "event_id": "e", "token_use": "access", "scope": "openid", "auth_time": START, "jti": "j",
                "username": "alice"
            }),
            json!({"audience_claim": "client_id", "audience_required": ["xxxxexample"]}),
        ),
        // ZITADEL, "Claims", and its library's access token claims: the audience is made of clients and projects.
        (
            "ZITADEL",
            json!("JWT"),
            json!({"aud": ["69234237810729019", "69234237810729234"], "client_id": "69234237810729234", "nbf": START, "jti": "j"}),
            json!({"audience_required": ["69234237810729019"]}),
        ),
    ];
    for (name, header_type, claims, config) in providers {
        run(&signed(&config), &key, &token(&key, &header_type, &claims), true, name);
        // What names the resource itself passes all the more.
        let mut named = claims;
        merge(&mut named, &json!({"aud": AUDIENCE}));
        run(&signed(&json!({})), &key, &token(&key, &header_type, &named), true, name);
    }
}

/// Dex gives out its ID token as the access token, too ("Tokens" in its documentation): nothing tells them apart but
/// the answer of its introspection endpoint.
#[test]
fn access_tokens_of_dex_need_introspection() {
    let key = Key::new("k1", Algorithm::Rs256);
    let token =
        token(&key, &Value::Null, &json!({"at_hash": "x", "nonce": "n", "email": "alice@example.com"}));
    let config = json!({"audience_required": [CLIENT]});
    let reason = run(&signed(&config), &key, &token, false, "signature");
    assert!(reason.contains("it has at_hash"), "{reason}");
    let mut introspected = json!({"token_validation": "introspection", "jwks_endpoint": null});
    merge(&mut introspected, &config);
    let told = json!({
        "client_id": CLIENT, "aud": CLIENT, "username": "alice", "token_type": "Bearer", "token_use": "access_token", "scope": null
    });
    let server = Server::publishing([]).introspecting(&told);
    assert_exchanged(
        &server.run(&mut Story::new(&signed_or_introspected(&introspected)), &token),
        "introspection",
    );
}
