//! What the tests of this module share.

use super::{Loaded, load};
use crate::diagnostic::Diagnostic;
use serde_json::{Value, json};

/// The example of Kong's documentation, with every part of an exchange.
pub(super) fn example() -> Value {
    json!({
        "resource": "https://api.example.com/mcp",
        "authorization_servers": ["https://auth.example.com"],
        "introspection_endpoint": "https://auth.example.com/oauth2/introspect",
        "client_id": "gateway",
        "client_secret": "a-secret",
        "passthrough_credentials": true,
        "token_exchange": {
            "enabled": true,
            "token_endpoint": "https://exchange.example.com/oauth/token",
            "client_auth": "client_secret_basic",
            "client_id": "exchange-client",
            "client_secret": "a-secret",
            "request": {
                "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "actor_token_source": "header",
                "actor_token_header": "X-Actor-Token",
                "scopes": ["mcp:read"]
            },
            "cache": {"enabled": true, "ttl": 3600}
        }
    })
}

/// The example with `changes`: JSON pointers and what to write there. Members on the way are made.
pub(super) fn with(changes: &[(&str, Value)]) -> Value {
    let mut config = example();
    for (pointer, value) in changes {
        let mut place = &mut config;
        for name in pointer.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            place = place.as_object_mut().unwrap().entry(name).or_insert_with(|| json!({}));
        }
        *place = value.clone();
    }
    config
}

/// The environment of the tests.
pub(super) fn environment(name: &str) -> Option<String> {
    match name {
        "GATEWAY_SECRET" => Some("s3\n".to_owned()),
        "GATEWAY_PLACEHOLDER" => Some("***\n".to_owned()),
        "GATEWAY_EMPTY" => Some(String::new()),
        _ => None,
    }
}

pub(super) fn loads(config: &Value) -> Result<Loaded, Vec<Diagnostic>> {
    load(config.to_string().as_bytes(), &environment)
}

/// The policy of the example with `changes`.
pub(super) fn policy(changes: &[(&str, Value)]) -> crate::policy::Policy {
    loads(&with(changes)).unwrap().policy
}

/// The warnings of the example with `changes`.
pub(super) fn warnings(changes: &[(&str, Value)]) -> Vec<String> {
    loads(&with(changes)).unwrap().warnings.iter().map(ToString::to_string).collect()
}

/// The pointers of the mistakes in the example with `changes`, sorted.
pub(super) fn mistaken(changes: &[(&str, Value)]) -> Vec<String> {
    let mut pointers: Vec<_> =
        loads(&with(changes)).unwrap_err().into_iter().map(|error| error.pointer).collect();
    pointers.sort();
    pointers
}

/// The message of the one mistake in the example with `changes`, which must stand at `pointer`.
pub(super) fn message(changes: &[(&str, Value)], pointer: &str) -> String {
    let errors = loads(&with(changes)).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].pointer, pointer, "{errors:?}");
    errors[0].message.clone()
}

/// What was read, without the pointers and the nulls that the written form has.
pub(super) fn unlocated(effective: Value) -> Value {
    match effective {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, unlocated(value)));
            Value::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(mut items) => match items.as_slice() {
            [Value::String(pointer), _] if pointer.starts_with('/') => unlocated(items.remove(1)),
            _ => items.into_iter().map(unlocated).collect(),
        },
        other => other,
    }
}
