//! OPERATOR: what the operator wrote, read and checked once, at load.
//!
//! Everything runs one way. [`fields`] is the table of every field there is. `read` holds the JSON
//! text against that table and gives back the effective configuration: defaults filled in, secrets
//! resolved. `written` is that configuration as Rust types, and `check` turns it into the
//! [`crate::policy::Policy`] the rest of the filter works with. Mistakes are collected all along,
//! so an operator sees all of them at once.

mod check;
mod defaults;
mod diagnostics;
pub mod fields;
pub mod form;
mod read;
pub mod table;
#[cfg(test)]
mod testing;
mod written;

use crate::diagnostic::{Diagnostic, DiagnosticKind};
use crate::digest::DigestBuilder;
use crate::policy::Policy;
use read::Reader;
use serde_json::{Map, Value};
use written::Config;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the filter does.
    pub policy: Policy,
    /// What an operator should review in it.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and checks a configuration, the JSON `text` of one object. `environment` gives the value
/// of a process environment variable, for `{vault://env/NAME}`.
///
/// # Errors
/// Every mistake there is, each with a JSON pointer to the place and a sentence that says what to
/// write. There is always at least one.
pub fn load(text: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<Diagnostic>> {
    let written =
        parse(text).map_err(|message| vec![Diagnostic::error(DiagnosticKind::NotAnObject, "", message)])?;
    let mut reader = Reader::new(environment);
    let effective = Value::Object(reader.object(fields::FIELDS, written, ""));
    let mut diagnostics = reader.finish();
    let digest = DigestBuilder::new("configuration").field(effective.to_string().as_bytes()).finish();
    let config = serde_json::from_value::<Config>(effective).ok();
    let policy = config.and_then(|config| check::check(&config, digest, &mut diagnostics));
    let warnings = diagnostics.into_warnings()?;
    match policy {
        Some(policy) => Ok(Loaded { policy, warnings }),
        // The table of fields and the types behind it would have to disagree, which tests rule out.
        None => {
            let message = "the filter cannot use this configuration";
            Err(vec![Diagnostic::error(DiagnosticKind::NotAnObject, "", message)])
        }
    }
}

fn parse(text: &[u8]) -> Result<Map<String, Value>, String> {
    if text.trim_ascii().is_empty() {
        return Err("the configuration is empty: write a JSON object with at least resource \
                    and authorization_servers"
            .to_owned());
    }
    match crate::json::parse(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(format!(
            "the configuration must be a JSON object, {{...}}; this is {}",
            read::name_of(&other)
        )),
        Err(error) => Err(format!("the configuration is not JSON that can be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::fields::FIELDS;
    use super::table::{Field, FieldType};
    use super::testing::{example, loads, mistaken, policy, with};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn the_example_is_accepted_as_it_stands() {
        let loaded = loads(&example()).unwrap();
        assert_eq!(loaded.warnings, []);
        assert_eq!(loaded.policy.resource.identifier, "https://api.example.com/mcp");
    }

    #[test]
    fn what_is_not_a_json_object_is_refused_as_a_whole() {
        for (text, expected) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("{", "line 1 column 1"),
            ("{\"resource\":}", "line 1 column 13"),
            ("{\n\"a\":1,\n\"a\":1}", "duplicate member at line 3"),
            ("null", "this is null"),
            ("[]", "this is a list"),
            ("\"x\"", "this is text"),
            ("resource: https://api.example.com", "not JSON"),
            ("{\"resource\":\"\u{1}\"}", "control character"),
        ] {
            let errors = load(text.as_bytes(), &|_| None).unwrap_err();
            assert_eq!(errors.len(), 1, "{text}");
            assert_eq!(errors[0].pointer, "");
            assert!(errors[0].message.contains(expected), "{text}: {}", errors[0]);
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let changes = [
            ("/resource", json!("api.example.com")),
            ("/authorization_servers", json!([])),
            ("/passthrough_credentials", json!(false)),
            ("/ssl_verify", json!(false)),
            ("/timeout", json!("10s")),
            ("/client_id", json!(null)),
            ("/retries", json!(3)),
            ("/token_exchange/client_secret", json!("{vault://env/unset}")),
            ("/token_exchange/request/scope", json!("mcp:read")),
            ("/token_exchange/request/actor_token_header", json!("Host")),
            ("/token_exchange/cache/ttl", json!(0)),
        ];
        let mut expected: Vec<_> = changes.iter().map(|(pointer, _)| *pointer).collect();
        expected.sort_unstable();
        assert_eq!(mistaken(&changes), expected);
        let errors = load(b"{}", &|_| None).unwrap_err();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/resource", "/authorization_servers"]);
    }

    #[test]
    fn configurations_that_differ_have_different_digests() {
        let digest = |changes: &[(&str, Value)]| *policy(changes).digest.as_bytes();
        let mut digests = BTreeSet::from([digest(&[])]);
        for (pointer, value) in [
            ("/client_secret", json!("other")),
            ("/client_secret", json!("{vault://env/gateway-secret}")),
            ("/token_exchange/client_secret", json!("other")),
            ("/token_exchange/request/scopes", json!(["mcp:write"])),
            ("/token_exchange/request/scopes", json!(["mcp:read", "mcp:write"])),
            ("/token_exchange/request/audience", json!(["mcp:read"])),
            ("/realm", json!("a")),
            ("/args", json!({"a": "b"})),
            ("/headers", json!({"a": "b"})),
            ("/jwt_claims_leeway", json!(1)),
            ("/callout_targets", json!({"a:1": "b"})),
        ] {
            assert!(digests.insert(digest(&[(pointer, value)])), "{pointer}");
        }
        assert_eq!(digest(&[("/timeout", json!(10_000)), ("/keepalive", json!(true))]), digest(&[]));
        assert_eq!(digest(&[("/client_secret", json!("a-secret\n"))]), digest(&[]));
    }

    /// Pointers to every place for a text that must not be shown.
    const PRIVATE: [&str; 14] = [
        "/args/a",
        "/client_jwk",
        "/client_secret",
        "/headers/a",
        "/http_proxy",
        "/http_proxy_authorization",
        "/https_proxy_authorization",
        "/jwt_secret",
        "/proxy_config",
        "/proxy_config/auth_password",
        "/tls_client_auth_key",
        "/token_exchange/client_secret",
        "/token_exchange/request/actor_token",
        "/introspection_endpoint",
    ];

    #[test]
    fn no_secret_is_ever_shown() {
        for pointer in PRIVATE {
            for secret in [
                json!("hunter2"),
                json!("hunter2\n"),
                json!("https://hunter2@a.example.com/"),
                json!(["hunter2"]),
                json!({"hunter": "hunter2"}),
                json!("\u{1}hunter2"),
                json!("{hunter2"),
            ] {
                let shown = match loads(&with(&[(pointer, secret.clone())])) {
                    Ok(loaded) => format!("{loaded:?}"),
                    Err(errors) => format!("{errors:?}"),
                };
                assert!(!shown.contains("hunter2"), "{pointer}: {secret}: {shown}");
            }
        }
    }

    /// Pointers to every field of the table; those within a list in its first entry.
    fn pointers(fields: &[Field], at: &str) -> Vec<String> {
        let within = |field: &Field| {
            let pointer = format!("{at}/{}", field.name);
            let inner = match field.kind {
                FieldType::Object(inner) => pointers(inner, &pointer),
                FieldType::Objects(inner) => pointers(inner, &format!("{pointer}/0")),
                _ => Vec::new(),
            };
            [vec![pointer], inner].concat()
        };
        fields.iter().flat_map(within).collect()
    }

    /// Writes `value` at `pointer`, with an object or a list wherever one is missing on the way.
    fn write(config: &mut Value, pointer: &str, value: Value) {
        let mut place = config;
        for name in pointer.split('/').skip(1) {
            if let Ok(index) = name.parse::<usize>() {
                if place.get(index).is_none() {
                    *place = json!([{}]);
                }
                place = &mut place[index];
            } else {
                if !place.is_object() {
                    *place = json!({});
                }
                place = &mut place[name];
            }
        }
        *place = value;
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[ -~]{0,12}",
            "https?://[a-z.:@/#?\\[\\]0-9%-]{0,16}",
            "\\{vault://[a-zA-Z/_-]{0,16}\\}?",
            "urn:[a-z:]{0,8}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (0_u64..20_000).prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z:0-9/~-]{0,10}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!load(&bytes, &|_| None).unwrap_err().is_empty());
        }

        #[test]
        fn any_value_in_any_field_loads_or_names_the_place(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..4),
            environment in any::<Option<String>>(),
        ) {
            let pointers = pointers(FIELDS, "");
            let mut config = example();
            for (index, value) in changes {
                write(&mut config, index.get::<String>(&pointers), value);
            }
            if let Err(errors) = load(config.to_string().as_bytes(), &|_| environment.clone()) {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.pointer.starts_with('/'), "{error} in {config}");
                    let line = error.to_string();
                    prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
                    let parent = error.pointer.rsplit_once('/').map(|(parent, _)| parent).unwrap_or_default();
                    let place = config.pointer(parent).filter(|place| !place.is_null());
                    prop_assert!(place.is_some() || parent.starts_with("/token_exchange"), "{error}");
                }
            }
        }
    }
}
