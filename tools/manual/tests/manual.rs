//! What operators read and what Kong checks with is what the filter does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test that fails panics")]

use jsonschema::Validator;
use serde_json::{Value, json};
use std::path::Path;
use token_exchange::config;
use token_exchange::config::fields::FIELDS;
use token_exchange::config::table::{Field, FieldType};
use token_exchange::diagnostic::Diagnostic;
use token_exchange_harness::story::{base_config, merge};
use token_exchange_harness::{kong_examples, repository};
use token_exchange_manual::{reference, schema};

/// Compares a file of the repository with what it should be, or writes it where UPDATE is set.
fn is_committed(file: &str, expected: &str) {
    let path = repository(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == expected, "{file} is not what the table of fields says: run `make docs`");
}

#[test]
fn the_schema_is_the_committed_one() {
    let meta = serde_json::to_string_pretty(&schema::meta()).unwrap();
    is_committed("kong/token_exchange.meta.json", &format!("{meta}\n"));
}

#[test]
fn the_reference_is_the_committed_one() {
    is_committed("docs/reference.md", &reference::page());
}

fn validator() -> Validator {
    jsonschema::draft4::new(&schema::schema()).expect("a schema of draft 4")
}

/// Where the schema is not met, as JSON pointers.
fn refused(validator: &Validator, config: &Value) -> Vec<String> {
    validator.iter_errors(config).map(|error| error.instance_path().to_string()).collect()
}

fn mistakes(config: &Value) -> Vec<Diagnostic> {
    config::load(config.to_string().as_bytes(), &|_| None).err().unwrap_or_default()
}

/// Whether a mistake is one of shape, which a schema can see, and not one of meaning.
fn is_of_shape(mistake: &Diagnostic) -> bool {
    ["; this is", "this field is required", "there is no field of this name"]
        .iter()
        .any(|words| mistake.message.contains(words))
}

/// Holds the two against each other: what the filter takes the schema takes, and what is misshapen
/// both refuse at the same place.
fn agree(label: &str, validator: &Validator, config: &Value) {
    let (mistakes, refused) = (mistakes(config), refused(validator, config));
    let near = |one: &str, other: &str| one.starts_with(other) || other.starts_with(one);
    for pointer in &refused {
        assert!(
            mistakes.iter().any(|mistake| near(&mistake.pointer, pointer)),
            "{label}: the schema refuses {pointer:?}, and the filter finds {mistakes:?}"
        );
    }
    for mistake in mistakes.iter().filter(|mistake| is_of_shape(mistake)) {
        assert!(
            refused.iter().any(|pointer| near(&mistake.pointer, pointer)),
            "{label}: the filter finds {mistake}, and the schema refuses {refused:?}"
        );
    }
}

#[test]
fn the_schema_and_the_filter_agree_on_every_field_case() {
    let validator = validator();
    let folder = repository("tests/cases");
    let (mut taken, mut not_taken) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let case: Value = serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for run in case["runs"].as_array().unwrap() {
            let mut config = match run["config_text"].as_str().map(serde_json::from_str) {
                Some(Err(_)) => continue,
                Some(Ok(config)) => config,
                None => base_config(),
            };
            for patch in [&case["config"], &run["config"]].into_iter().filter(|patch| !patch.is_null()) {
                merge(&mut config, patch);
            }
            agree(&format!("{} {}", case["id"], run["name"]), &validator, &config);
            if mistakes(&config).is_empty() { taken += 1 } else { not_taken += 1 }
        }
    }
    assert!(taken > 40 && not_taken > 2, "{taken} {not_taken}");
}

/// Every configuration that a scenario of the gateway suite starts from.
#[test]
fn the_schema_and_the_filter_agree_on_every_scenario() {
    let folder = repository("tests/gateway/scenarios");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        serde_saphyr::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    let bases = read(&folder.join("configs.yaml"));
    let validator = validator();
    let (mut taken, mut not_taken) = (0, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        for scenario in read(&path).as_array().into_iter().flatten() {
            let chosen = &scenario["config"];
            let rows = scenario["for_each"].as_array().cloned().unwrap_or_default();
            let own = rows.iter().map(|row| &row["config"]).chain([&chosen["merge"]]);
            for patch in own.filter(|patch| patch.is_object() || patch.is_null()) {
                let Some(base) = chosen["use"].as_str() else { continue };
                let mut config = bases[base].clone();
                if !patch.is_null() {
                    merge(&mut config, patch);
                }
                fill_in(&mut config);
                agree(&format!("{} {}", scenario["id"], patch), &validator, &config);
                if mistakes(&config).is_empty() { taken += 1 } else { not_taken += 1 }
            }
        }
    }
    assert!(taken > 80, "{taken} {not_taken}");
}

/// Puts something in place of what the gateway suite knows only when its servers run.
fn fill_in(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("${endpoint") => *text = "http://127.0.0.1:1/x".to_owned(),
        Value::String(text) if text.starts_with("${resource") => {
            *text = "https://api.example.com/mcp".to_owned()
        }
        Value::String(text) if text.starts_with("${secret") => *text = "s3".to_owned(),
        Value::Array(items) => items.iter_mut().for_each(fill_in),
        Value::Object(members) => members.values_mut().for_each(fill_in),
        _ => {}
    }
}

/// Writes `value` at `pointer`, with an object or a list wherever one is missing on the way.
fn write(config: &mut Value, pointer: &str, value: Value) {
    let mut place = config;
    for name in pointer.split('/').skip(1) {
        place = match name.parse::<usize>() {
            Ok(index) => {
                if place.get(index).is_none() {
                    *place = json!([{}]);
                }
                &mut place[index]
            }
            Err(_) => {
                if !place.is_object() {
                    *place = json!({});
                }
                &mut place[name]
            }
        };
    }
    *place = value;
}

/// Calls `visit` with every field of the table and the pointer to it; those within a list in its
/// first entry.
fn walk(fields: &[Field], at: &str, visit: &mut impl FnMut(&str, &Field)) {
    for field in fields {
        let pointer = format!("{at}/{}", field.name);
        visit(&pointer, field);
        match field.kind {
            FieldType::Object(inner) => walk(inner, &pointer, visit),
            FieldType::Objects(inner) => walk(inner, &format!("{pointer}/0"), visit),
            _ => {}
        }
    }
}

/// Values of every kind, some right for some field.
fn values() -> Vec<Value> {
    let texts = [
        "",
        "a",
        "a b",
        " a",
        "a\n",
        "a\u{7f}",
        "\u{e9}",
        "\"",
        "/a",
        "a/b",
        "a:1",
        "urn:a:b",
        "a@b",
        "jwt",
        "none",
        "header",
        "https://a.example.com",
        "HTTPS://a.example.com:8443/b?c=d",
        "https://a.example.com/#b",
        "https://u:p@a.example.com/",
        "https:///a",
        "https://a.example.com/ b",
        "ftp://a.example.com",
        "{vault://env/a}",
        "{vault://hcv/a}",
        "Bearer a",
        "{\"keys\":[]}",
    ];
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.1),
        json!(1.5),
        json!(3600),
        json!(1_048_576),
        json!(u64::MAX),
        json!(["a"]),
        json!(["a", "a b"]),
        json!([""]),
        json!([1]),
        json!([null]),
        json!([{}]),
        json!(["https://a.example.com"]),
        json!(["custom_id", "username"]),
        json!({"a": "b"}),
        json!({"a": 1}),
        json!({"a": ["b"]}),
        json!({"a b": "c"}),
        json!({"a": []}),
        json!({"": "a"}),
        json!({"a:1": "b"}),
        json!({"kty": "a"}),
        json!({"kty": 1}),
        json!({"keys": []}),
        json!({"keys": [1]}),
        json!([{"claim": "a", "header": "X-A"}]),
        json!([{"path": ["a"], "header": "X A"}]),
        json!([{"issuer": "https://as.example.com/realms/demo"}]),
    ];
    texts.into_iter().map(Value::from).chain(others).collect()
}

#[test]
fn the_schema_and_the_filter_agree_on_every_kind_of_value_in_every_field() {
    let validator = validator();
    let (mut count, mut refusals) = (0, 0);
    walk(FIELDS, "", &mut |pointer, _| {
        for value in values() {
            let mut config = base_config();
            write(&mut config, pointer, value.clone());
            agree(&format!("{pointer} {value}"), &validator, &config);
            count += 1;
            refusals += usize::from(!refused(&validator, &config).is_empty());
        }
    });
    assert!(count > 5000 && refusals > count / 2, "{count} {refusals}");
}

/// Kong checks by the schema before the filter sees anything.
#[test]
fn the_schema_takes_each_example_of_kongs_that_loads() {
    let validator = validator();
    let mut taken = 0;
    for (name, example) in kong_examples() {
        agree(&name, &validator, &example["config"]);
        let mut config = example["config"].clone();
        if let Some(decided) = example.get("loads_with") {
            merge(&mut config, decided);
        }
        if mistakes(&config).is_empty() {
            assert_eq!(refused(&validator, &config), Vec::<String>::new(), "{name}");
            taken += 1;
        }
    }
    assert_eq!(taken, 37, "all but those with placeholders");
}

/// What the filter refuses, Kong refuses at once, where the shape of the configuration says it.
#[test]
fn the_schema_refuses_consumers_that_tokens_need() {
    let validator = validator();
    for (changes, is_taken) in [
        (json!({"consumer_claim": ["sub"]}), false),
        (json!({"consumer_claim": ["sub"], "consumer_optional": false}), false),
        (json!({"consumer_claim": ["sub"], "consumer_optional": null}), false),
        (json!({"consumer_claim": ["sub"], "consumer_groups_optional": true}), false),
        (json!({"consumer_by": ["id"]}), false),
        (json!({"consumer_by": ["username"]}), false),
        (json!({"credential_claim": ["email"]}), false),
        (json!({"consumer_groups_claim": ["groups"], "consumer_optional": true}), false),
        (json!({"consumer_claim": "sub", "consumer_optional": true}), false),
        (json!({"consumer_claim": ["sub"], "consumer_optional": "true"}), false),
        (json!({"proxy_config": {"no_proxy": "a.example.com"}}), false),
        (json!({"proxy_config": {"hots": null}}), false),
        (json!({"max_request_body_size": 4096}), false),
        (json!({"consumer_claim": ["sub"], "consumer_by": ["id"], "consumer_optional": true}), true),
        (json!({"consumer_by": ["username", "custom_id"], "credential_claim": ["sub"]}), true),
        (json!({"consumer_groups_claim": ["groups"], "consumer_groups_optional": true}), true),
        (json!({"proxy_config": {"http_proxy_host": null, "proxy_scheme": "http"}}), true),
        (json!({"proxy_config": {}}), true),
        (json!({"max_request_body_size": 0}), true),
        (json!({"max_request_body_size": 8_388_608}), true),
    ] {
        let mut config = base_config();
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
        assert_eq!(refused(&validator, &config).is_empty(), is_taken, "{changes}");
        assert_eq!(mistakes(&config).is_empty(), is_taken, "{changes}: {:?}", mistakes(&config));
    }
}

#[test]
fn the_schema_names_the_place_of_a_mistake() {
    let validator = validator();
    for (pointer, value, expected) in [
        ("/resourse", json!("x"), ""),
        ("/timeout", json!("10s"), "/timeout"),
        ("/ssl_verify", json!(false), "/ssl_verify"),
        ("/authorization_servers", json!(["as"]), "/authorization_servers/0"),
        ("/token_exchange/request/scope", json!("a"), "/token_exchange/request"),
        ("/token_exchange/cache/ttl", json!(0), "/token_exchange/cache/ttl"),
        ("/issuers", json!([{"issuer": "a", "jwks": 7}]), "/issuers/0/jwks"),
    ] {
        let mut config = base_config();
        write(&mut config, pointer, value);
        assert_eq!(refused(&validator, &config), [expected], "{pointer}");
    }
    assert_eq!(refused(&validator, &json!({})).len(), 2);
    assert!(refused(&validator, &base_config()).is_empty());
}

/// Kong's validator repeats a text that does not match its pattern, in its answer and its log.
#[test]
fn no_credential_has_a_pattern() {
    fn subschemas<'a>(schema: &'a Value, pointer: &str) -> &'a Value {
        pointer.split('/').skip(1).fold(schema, |schema, name| match name.parse::<usize>() {
            Ok(_) => &schema["items"],
            Err(_) => &schema["properties"][name],
        })
    }
    let schema = schema::schema();
    let mut count = 0;
    walk(FIELDS, "", &mut |pointer, field| {
        let described = subschemas(&schema, pointer);
        assert!(described["description"].is_string(), "{pointer}");
        if field.is_private() {
            let text = described.to_string();
            let names_only = matches!(field.kind, FieldType::TextMap { .. });
            assert!(names_only || !text.contains("\"pattern\""), "{pointer}: {text}");
            count += 1;
        }
    });
    assert!(count > 10, "{count}");
}
