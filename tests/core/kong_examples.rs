//! Kong's example configurations, and some of its users', as the filter takes them.
//!
//! Each file of `tests/kong_examples` has the shape of one that was found, with hosts and secrets of its own: what the
//! filter refuses in it and what it warns of, as JSON pointers, and what has to be written for it to load.

use serde_json::Value;
use std::collections::BTreeSet;
use token_exchange::config;
use token_exchange::diagnostic::Diagnostic;
use token_exchange_harness::kong_examples;
use token_exchange_harness::story::merge;

/// Pointers to the warnings, or to the errors.
fn load(config: &Value) -> Result<Vec<String>, Vec<String>> {
    let pointers = |found: Vec<Diagnostic>| {
        let mut pointers: Vec<_> = found.into_iter().map(|diagnostic| diagnostic.pointer).collect();
        pointers.sort();
        pointers
    };
    match config::load(config.to_string().as_bytes(), &|_| None) {
        Ok(loaded) => Ok(pointers(loaded.warnings)),
        Err(errors) => Err(pointers(errors)),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_example_loads_or_is_refused_with_one_line_for_each_cause() {
    let examples = kong_examples();
    assert_eq!(examples.len(), 39);
    let mut refused = 0;
    for (name, example) in &examples {
        let expected = match example.get("refused") {
            Some(pointers) => Err(texts(pointers)),
            None => Ok(texts(&example["warned"])),
        };
        refused += usize::from(expected.is_err());
        assert_eq!(load(&example["config"]), expected, "{name}");
    }
    assert_eq!(refused, 20);
}

#[test]
fn a_refused_example_loads_once_the_operator_has_decided() {
    let mut fields = BTreeSet::new();
    for (name, example) in kong_examples() {
        let Some(decided) = example.get("loads_with") else { continue };
        let mut config = example["config"].clone();
        merge(&mut config, decided);
        assert!(load(&config).is_ok(), "{name}: {:?}", load(&config));
        for field in decided.as_object().unwrap().keys() {
            fields.insert(field.clone());
            let mut undecided = decided.clone();
            undecided.as_object_mut().unwrap().remove(field);
            let mut config = example["config"].clone();
            merge(&mut config, &undecided);
            assert!(load(&config).is_err(), "{name} without {field}");
        }
    }
    let expected = [
        "consumer_groups_optional",
        "consumer_optional",
        "insecure_http",
        "proxy_config",
        "ssl_verify",
        "tls_client_auth_ssl_verify",
    ];
    assert_eq!(fields.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
