//! An authorization server that publishes keys, introspects and issues tokens, and requests that meet it.

use super::minting::{AUDIENCE, ISSUER};
use serde_json::{Value, json};
use token_exchange::http::CalloutOutcome;
use token_exchange_harness::story::{Ending, START, Sent, Story, active, answer, issued, merge, with_token};

/// Validates by signature and exchanges.
pub(crate) fn signed(patch: &Value) -> Value {
    let mut config = json!({
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "jwks_endpoint": "https://as.example.com/jwks",
        "passthrough_credentials": true,
        "token_exchange": {
            "enabled": true, "token_endpoint": "https://as.example.com/token",
            "client_id": "exchange-client", "client_secret": "s4"
        }
    });
    merge(&mut config, patch);
    config
}

/// The same, and it can introspect.
pub(crate) fn signed_or_introspected(patch: &Value) -> Value {
    let mut config = signed(&json!({
        "introspection_endpoint": "https://as.example.com/introspect",
        "client_id": "gw", "client_secret": "s3", "token_validation": "auto"
    }));
    merge(&mut config, patch);
    config
}

/// What the authorization server has to say.
pub(crate) struct Server {
    pub(crate) keys: Vec<Value>,
    /// What introspection tells of any token.
    pub(crate) introspection: Value,
}

impl Server {
    pub(crate) fn publishing(keys: impl IntoIterator<Item = Value>) -> Server {
        Server { keys: keys.into_iter().collect(), introspection: active() }
    }

    /// Changes what introspection tells; null takes a member out.
    pub(crate) fn introspecting(mut self, patch: &Value) -> Server {
        let known = json!({"sub": "alice", "iss": ISSUER, "exp": START + 300, "scope": "mcp:read mcp:write"});
        merge(&mut self.introspection, &known);
        merge(&mut self.introspection, patch);
        self
    }

    fn answer(&self, sent: &Sent) -> CalloutOutcome {
        match sent.url.rsplit_once('/').unwrap().1 {
            "jwks" => answer(200, json!({"keys": self.keys})),
            "introspect" => answer(200, &self.introspection),
            "token" => answer(200, issued()),
            other => panic!("no endpoint is called {other}"),
        }
    }

    /// Runs a request with this token to its end.
    pub(crate) fn run(&self, story: &mut Story, token: &str) -> Ending {
        let mut ending = story.begin(with_token(token));
        while ending.is_none() {
            let outcome = self.answer(story.sent.last().unwrap());
            ending = story.resume(&outcome);
        }
        ending.unwrap()
    }

    /// Runs two requests with one token, as what is remembered has to be judged as well.
    pub(crate) fn judges_twice(&self, story: &mut Story, token: &str, is_good: bool, what: &str) {
        for _ in 0..2 {
            let ending = self.run(story, token);
            if is_good {
                assert_exchanged(&ending, what);
            } else {
                assert_invalid(&ending, token, what);
            }
        }
    }
}

/// The request was let through, with the token issued for it.
pub(crate) fn assert_exchanged(ending: &Ending, what: &str) {
    assert_eq!(ending.status(), None, "{what}: {ending:?}");
    assert_eq!(ending.upstream("authorization"), ["Bearer X1"], "{what}");
}

/// 401 with a challenge that says `invalid_token` and where the metadata is, and nothing of the token.
pub(crate) fn assert_invalid(ending: &Ending, token: &str, what: &str) {
    assert_eq!(ending.status(), Some(401), "{what}: {ending:?}");
    let challenge = ending.answer_header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_token\", "), "{what}: {challenge}");
    assert!(
        challenge.contains("resource_metadata=\"https://api.example.com/") && challenge.ends_with('"'),
        "{what}: {challenge}"
    );
    assert_eq!(ending.answer_header("content-type"), Some("application/json"), "{what}");
    let body = &ending.response().body;
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["error"], "invalid_token", "{what}: {body}");
    assert!(!format!("{:?}", ending.response()).contains(token), "{what}: the answer has the token in it");
}

/// No log line has the token in it.
pub(crate) fn assert_untold(story: &Story, token: &str, what: &str) {
    assert!(!story.log.iter().any(|(_, line)| line.contains(token)), "{what}: the log has the token in it");
}
