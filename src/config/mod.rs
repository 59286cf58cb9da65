//! OPERATOR: what the operator wrote, read and checked once, at load.
//!
//! The road is one way. [`fields`] is the table of every field there is. [`read`] holds the JSON
//! text against that table and gives back the effective configuration: defaults filled in, secrets
//! resolved. [`written`] is that configuration as Rust types, and [`check`] turns it into the
//! [`policy::Policy`] the rest of the filter works with. Mistakes are collected on the whole road,
//! so an operator sees all of them at once.

mod check;
mod check_client;
mod check_exchange;
mod check_headers;
pub mod error;
pub mod fields;
mod fields_exchange;
mod fields_issuers;
pub mod form;
pub mod policy;
mod read;
mod secrets;
mod suggest;
pub mod table;
#[cfg(test)]
mod testing;
mod written;

pub use error::ConfigError;

use crate::cache::digest::DigestBuilder;
use error::Mistakes;
use policy::Policy;
use read::Reader;
use serde_json::{Map, Value};
use written::Config;

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the filter does.
    pub policy: Policy,
    /// What an operator should know about it, one sentence each.
    pub warnings: Vec<String>,
}

/// Reads and checks a configuration, the JSON `text` of one object. `environment` tells the value
/// of a process environment variable, for `{vault://env/NAME}`.
///
/// # Errors
/// Every mistake there is, each with a JSON pointer to the place and a sentence that says what to
/// write. There is always at least one.
pub fn load(text: &[u8], environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<ConfigError>> {
    let written = parse(text).map_err(|message| vec![ConfigError::new("", message)])?;
    let mut reader = Reader::new(environment);
    let effective = Value::Object(reader.object(fields::FIELDS, written, ""));
    let (mut mistakes, mut warnings) = reader.finish();
    let digest = DigestBuilder::new("configuration").field(effective.to_string().as_bytes()).finish();
    let policy = match serde_json::from_value::<Config>(effective) {
        Ok(config) => check::check(&config, digest, &mut mistakes, &mut warnings),
        Err(_) => None,
    };
    match policy {
        Some(policy) if mistakes.is_empty() => Ok(Loaded { policy, warnings }),
        _ => Err(refused(mistakes)),
    }
}

fn parse(text: &[u8]) -> Result<Map<String, Value>, String> {
    if text.trim_ascii().is_empty() {
        return Err("the configuration is empty: write a JSON object with at least resource, \
                    authorization_servers and introspection_endpoint"
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

/// A refusal always names a mistake: one without would tell the operator nothing.
fn refused(mistakes: Mistakes) -> Vec<ConfigError> {
    let mut errors = mistakes.into_errors();
    if errors.is_empty() {
        errors.push(ConfigError::new("", "the filter cannot use this configuration and does not know why"));
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::testing::{example, loads};
    use super::*;

    #[test]
    fn the_example_is_accepted_as_it_stands() {
        let loaded = loads(&example()).unwrap();
        assert_eq!(loaded.warnings, Vec::<String>::new());
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
}
