//! What `token-exchange-lint` says of files, field by field, and what it makes of Kong's own plugin.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test that fails panics")]

use base64::Engine as _;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use token_exchange::config::fields::FIELDS;
use token_exchange::config::table::{Field, FieldType, Origin, Support};
use token_exchange_harness::story::{base_config, merge};
use token_exchange_lint::{self as lint, Checked, Converted, Verdict};

fn no_environment(_: &str) -> Option<String> {
    None
}

fn check(text: &str) -> Vec<Checked> {
    lint::check(text, &no_environment).unwrap()
}

/// What is said of one place: verdict and pointer of each line.
fn verdicts(findings: &Checked) -> Vec<(Verdict, &str)> {
    findings.lines.iter().map(|line| (line.verdict, line.pointer.as_str())).collect()
}

/// The verdict on the field at `pointer`.
fn verdict(findings: &Checked, pointer: &str) -> Verdict {
    let mut of_it = findings.lines.iter().filter(|line| line.pointer == pointer);
    of_it.next().unwrap_or_else(|| panic!("nothing is said of {pointer}: {findings:?}")).verdict
}

fn with(name: &str, value: Value) -> Value {
    let mut config = base_config();
    config[name] = value;
    config
}

/// A file for decK with the plugin on a service.
fn plugin(config: &Value) -> String {
    json!({
        "_format_version": "3.0",
        "services": [{"name": "mcp", "url": "http://mcp:1", "plugins": [
            {"name": "ai-mcp-oauth2", "config": config}
        ]}]
    })
    .to_string()
}

fn convert(config: &Value) -> Converted {
    let mut converted = lint::convert(&plugin(config), &no_environment).unwrap();
    assert_eq!(converted.len(), 1);
    converted.remove(0)
}

/// The configuration within a filter chain.
fn config_of(converted: &Converted) -> Map<String, Value> {
    let chain: Value = serde_saphyr::from_str(&converted.chain).unwrap();
    let filter = &chain["filter_chains"][0]["filters"][0];
    assert_eq!(filter["name"], "token_exchange");
    filter["config"].as_object().unwrap().clone()
}

#[test]
fn a_configuration_is_judged_field_by_field() {
    let findings = check(&base_config().to_string());
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].is_fatal(), "{findings:?}");
    let of_exchange = verdict(&findings[0], "/token_exchange/token_endpoint");
    assert_eq!(of_exchange, Verdict::Supported);
    for (name, value, expected) in [
        ("ssl_verify", json!(true), Verdict::Host),
        ("ssl_verify", json!(false), Verdict::Refused),
        ("max_request_body_size", json!(8192), Verdict::Host),
        ("client_auth", json!("private_key_jwt"), Verdict::Refused),
        ("client_auth", json!("password"), Verdict::Mistake),
        ("timeout", json!("10s"), Verdict::Mistake),
        ("resourse", json!("x"), Verdict::Mistake),
        ("client_secret", json!("{vault://env/secret}"), Verdict::Unknown),
        ("client_secret", json!("{vault://hcv/secret}"), Verdict::Mistake),
        ("client_secret", json!("${{ env \"DECK_SECRET\" }}"), Verdict::Unknown),
        ("timeout", json!("${{ env \"DECK_TIMEOUT\" | toInt }}"), Verdict::Unknown),
        ("authorization_servers", json!(["${{ env \"DECK_SERVER\" }}"]), Verdict::Unknown),
    ] {
        let findings = check(&with(name, value.clone()).to_string());
        assert_eq!(verdict(&findings[0], &format!("/{name}")), expected, "{name} {value}: {findings:?}");
        assert_eq!(findings[0].is_fatal(), expected.is_fatal(), "{name} {value}: {findings:?}");
    }
    let missing = check(r#"{"resource": "https://api.example.com"}"#);
    assert_eq!(verdict(&missing[0], "/authorization_servers"), Verdict::Mistake);
    let warned = check(&with("insecure_relaxed_audience_validation", json!(true)).to_string());
    assert!(warned[0].lines.iter().any(|line| line.verdict == Verdict::Warning));
}

#[test]
fn a_known_variable_is_read() {
    let config = with("client_secret", json!("${{ env \"DECK_SECRET\" }}")).to_string();
    let known = lint::check(&config, &|name| (name == "DECK_SECRET").then(String::new)).unwrap();
    assert_eq!(verdict(&known[0], "/client_secret"), Verdict::Mistake, "it is empty");
}

#[test]
fn nothing_private_is_said() {
    for secret in [json!("hunter2"), json!(["hunter2"]), json!({"keys": "hunter2"}), json!("hunter2\u{1}")] {
        for name in ["client_secret", "client_jwk", "jwt_secret", "args", "headers", "http_proxy"] {
            let findings = format!("{:?}", check(&with(name, secret.clone()).to_string()));
            assert!(!findings.contains("hunter2"), "{name} {secret}: {findings}");
        }
    }
    for text in ["{\"client_secret\": hunter2}", "client_secret: [hunter2\n", "a: b\nb: 'hunter2"] {
        let error = lint::check(text, &no_environment).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_line_cannot_be_forged() {
    let findings = check(&with("a\nmistake  /b", json!(1)).to_string());
    for line in &findings[0].lines {
        assert_eq!(line.to_string().lines().count(), 1);
    }
}

#[test]
fn files_for_kong_are_searched() {
    let yaml = r#"
_format_version: "3.0"
services:
- name: mcp
  url: http://127.0.0.1:1
  filter_chains:
  - filters:
    - name: another
      config: x
    - name: token_exchange
      config: &config
        resource: ${{ env "DECK_RESOURCE" }}
        authorization_servers: [https://as.example.com]
  routes:
  - name: r
    paths: [/]
    plugins:
    - name: token_exchange
      config: *config
plugins:
- name: ai-request-transformer
- name: token_exchange
  config:
    <<: *config
    timeout: 0
filter_chains:
- route: {name: r}
  filters:
  - name: token_exchange
    config: '{"resource": "https://api.example.com"}'
"#;
    let findings = check(yaml);
    let places: Vec<_> = findings.iter().map(|findings| findings.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "/filter_chains/0/filters/0",
            "/plugins/1",
            "/services/0/filter_chains/0/filters/1",
            "/services/0/routes/0/plugins/0",
            ""
        ]
    );
    assert_eq!(
        verdicts(&findings[0]),
        [
            (Verdict::Warning, ""),
            (Verdict::Supported, "/resource"),
            (Verdict::Mistake, "/authorization_servers")
        ]
    );
    assert_eq!(findings[1].lines[0].verdict, Verdict::Mistake, "Kong has no global filters");
    assert_eq!(verdict(&findings[1], "/timeout"), Verdict::Mistake);
    for findings in &findings[2..4] {
        assert_eq!(
            verdicts(findings),
            [(Verdict::Unknown, "/resource"), (Verdict::Supported, "/authorization_servers")]
        );
    }
    let unguarded = [
        "/filter_chains/0/filters/0",
        "/services/0/filter_chains/0/filters/1",
        "/services/0/routes/0/plugins/0",
    ];
    let around = |findings: &Checked| {
        let mut lines: Vec<_> =
            verdicts(findings).into_iter().map(|(verdict, at)| (verdict, at.to_owned())).collect();
        lines.sort_by_key(|(_, at)| at.clone());
        lines
    };
    let warned = |at: &str| (Verdict::Warning, at.to_owned());
    let [chain, service, route] = unguarded.map(warned);
    assert_eq!(around(&findings[4]), [chain.clone(), warned("/plugins/0"), service.clone(), route.clone()]);
    let no_buffers = yaml.replace("ai-request-transformer\n", "ai-request-transformer\n  enabled: false\n");
    assert_eq!(around(&check(&no_buffers)[4]), [chain, service, route]);
}

#[test]
fn a_filter_that_kong_does_not_run_is_a_warning() {
    let yaml = |chain: &str, filter: &str, plugin: &str| {
        format!(
            "
_format_version: '3.0'
services:
- name: mcp
  filter_chains:
  - {chain}
    filters:
    - name: token_exchange
      {filter}
      config: &config
        resource: https://api.example.com/mcp
        authorization_servers: [https://as.example.com]
  plugins:
  - name: token_exchange
    {plugin}
    config: *config
"
        )
    };
    let warnings = |chain: &str, filter: &str, plugin: &str| {
        let findings = check(&yaml(chain, filter, plugin)).into_iter().take(2);
        let of_it = findings.flat_map(|findings| findings.lines);
        of_it.filter(|line| line.verdict == Verdict::Warning).map(|line| line.text).collect::<Vec<_>>()
    };
    for (chain, filter, plugin) in [
        ("enabled: false", "enabled: true", "enabled: true"),
        ("enabled: true", "enabled: false", "enabled: true"),
        ("enabled: true", "enabled: true", "enabled: false"),
    ] {
        let warnings = warnings(chain, filter, plugin);
        assert!(warnings.len() == 1 && warnings[0].contains("enabled is false"), "{warnings:?}");
    }
    assert_eq!(warnings("enabled: true", "enabled: true", "enabled: true"), Vec::<String>::new());
}

#[test]
fn a_reference_where_no_text_is_meant_is_a_mistake() {
    for (pointer, expected) in [
        ("/client_secret", Verdict::Unknown),
        ("/scopes_required", Verdict::Mistake),
        ("/scopes_required/0", Verdict::Unknown),
        ("/token_exchange/request/resource", Verdict::Unknown),
        ("/args/a~1b", Verdict::Supported),
        ("/scope_implies/a/0", Verdict::Supported),
        ("/issuers/0/issuer", Verdict::Unknown),
        ("/jwks", Verdict::Unknown),
        ("/cache_introspection", Verdict::Mistake),
        ("/timeout", Verdict::Mistake),
        ("/client_auth", Verdict::Mistake),
        ("/cache", Verdict::Mistake),
        ("/token_exchange/cache/enabled", Verdict::Mistake),
        ("/ssl_verify", Verdict::Refused),
        ("/http_proxy", Verdict::Refused),
    ] {
        let mut config = base_config();
        let place = pointer.trim_start_matches('/').split('/');
        let patch = place.rev().fold(json!("{vault://env/not-known}"), |value, name| match name {
            "0" => json!([value]),
            name => json!({name.replace("~1", "/"): value}),
        });
        merge(&mut config, &patch);
        let findings = &check(&config.to_string())[0];
        let field =
            findings.lines.iter().find(|line| pointer.starts_with(&line.pointer) && !line.pointer.is_empty());
        assert_eq!(field.map(|line| line.verdict), Some(expected), "{pointer}: {findings:?}");
        let placeholder = config.to_string().replace("{vault://env/not-known}", r#"${{ env \"DECK_A\" }}"#);
        assert!(!check(&placeholder)[0].is_fatal(), "{pointer}");
    }
    let nameless = with("client_secret", json!("{vault://env/}"));
    assert_eq!(verdict(&check(&nameless.to_string())[0], "/client_secret"), Verdict::Mistake);
}

#[test]
fn a_configuration_that_plugins_share_is_read() {
    let yaml = "
_format_version: '3.0'
_plugin_configs:
  common:
    resource: https://api.example.com/mcp
    authorization_servers: [https://as.example.com]
    timeout: 0
    headers: {X-A: common, X-B: common}
services:
- name: mcp
  plugins:
  - name: ai-mcp-oauth2
    _config: common
    config: {timeout: 500, headers: {X-A: own}}
  - name: token_exchange
    _config: common
";
    let findings = check(yaml);
    assert_eq!(verdict(&findings[0], "/timeout"), Verdict::Supported);
    assert_eq!(verdict(&findings[1], "/timeout"), Verdict::Mistake);
    let converted = lint::convert(yaml, &no_environment).unwrap();
    assert_eq!(config_of(&converted[0])["timeout"], json!(500));
    assert_eq!(config_of(&converted[0])["headers"], json!({"X-A": "own", "X-B": "common"}));
    assert_eq!(config_of(&converted[0])["resource"], json!("https://api.example.com/mcp"));
}

#[test]
fn a_plugin_of_consumers_is_refused() {
    for list in ["consumers", "consumer_groups"] {
        let yaml = |plugin: &str| {
            format!(
                "
_format_version: '3.0'
services: [{{name: mcp}}]
{list}:
- name: a
  plugins:
  - name: {plugin}
    service: mcp
    config:
      resource: https://api.example.com/mcp
      authorization_servers: [https://as.example.com]
"
            )
        };
        let findings = check(&yaml("token_exchange"));
        let line = &findings[0].lines[0];
        assert!(line.verdict == Verdict::Mistake && line.text.contains("no filters for consumers"), "{line}");
        let converted = lint::convert(&yaml("ai-mcp-oauth2"), &no_environment).unwrap();
        assert!(converted[0].is_fatal(), "{converted:?}");
    }
}

#[test]
fn files_for_envoy_are_searched() {
    let yaml = r#"
static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          http_filters:
          - name: other
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config: {name: other}
          - name: token_exchange
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: token_exchange
                failure_policy: FAIL_CLOSED
                vm_config:
                  environment_variables:
                    key_values: {SECRET: s3}
                    host_env_keys: [OTHER_SECRET]
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: |
                    {"resource": "https://api.example.com/mcp",
                     "authorization_servers": ["https://as.example.com"],
                     "introspection_endpoint": "https://as.example.com/introspect",
                     "client_id": "gw", "client_secret": "{vault://env/secret}",
                     "callout_targets": {"as.example.com:443": "as"}}
  clusters:
  - name: as
"#;
    let findings = check(yaml);
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].is_fatal(), "{findings:?}");
    assert!(findings[0].lines.iter().any(|line| line.text == "the cluster as is called"));
    for (from, to, expected) in [
        ("FAIL_CLOSED", "FAIL_OPEN", "fails open"),
        ("failure_policy: FAIL_CLOSED", "fail_open: true", "fails open"),
        ("key_values: {SECRET: s3}", "key_values: {}", "the environment variable SECRET is not set"),
        ("env/secret", "env/other-secret", "not known here: OTHER_SECRET"),
        ("- name: as", "- name: bs", "there is no cluster as"),
        ("\"client_id\"", "\"require_guard\": true, \"client_id\"", "only Kong has a guard"),
        (": \"as\"}}", ": \"as\"}", "not JSON"),
        ("value: |", "text: |", "has no value"),
        (
            "StringValue\n                  value: |",
            "Struct\n                  value:",
            "write a StringValue",
        ),
    ] {
        let changed = yaml.replace(from, to);
        assert_ne!(changed, yaml);
        let findings = check(&changed);
        let line = findings[0].lines.iter().find(|line| line.text.contains(expected));
        let line = line.unwrap_or_else(|| panic!("{to}: {findings:?}"));
        assert_eq!(line.verdict.is_fatal(), expected != "not known here: OTHER_SECRET", "{line}");
    }
    let (front, text) = yaml.split_once("StringValue").unwrap();
    let (text, behind) = text.split_once("value: |").unwrap().1.split_once("\n  clusters").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.encode(text);
    let encoded = format!("{front}BytesValue\n                  value: {bytes}\n  clusters{behind}");
    assert!(!check(&encoded)[0].is_fatal());
    let others = yaml
        .replace("name: token_exchange\n                failure", "name: another\n                failure");
    assert!(lint::check(&others, &no_environment).unwrap_err().contains("none whose name"));
}

#[test]
fn files_for_istio_are_searched() {
    let yaml = r#"
apiVersion: v1
kind: Service
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
spec:
  url: oci://registry.example.com/token-exchange:1
  failStrategy: FAIL_OPEN
  vmConfig: {env: [{name: SECRET, valueFrom: HOST}]}
  pluginConfig:
    resource: https://api.example.com/mcp
    authorization_servers: [https://as.example.com]
    client_secret: "{vault://env/secret}"
"#;
    let findings = check(yaml);
    assert_eq!(findings[0].place, "document 2, ");
    assert_eq!(verdict(&findings[0], "failStrategy"), Verdict::Mistake);
    assert_eq!(verdict(&findings[0], "/client_secret"), Verdict::Unknown);
    for (value, expected) in [("s3", Verdict::Supported), ("''", Verdict::Mistake)] {
        let inline = yaml.replace("valueFrom: HOST", &format!("valueFrom: INLINE, value: {value}"));
        assert_eq!(verdict(&check(&inline)[0], "/client_secret"), expected, "{value}");
    }
}

#[test]
fn files_without_a_configuration_are_told() {
    for (text, expected) in [
        ("", "nothing in it"),
        ("# a comment\n", "nothing in it"),
        ("[1]", "no configuration"),
        ("_format_version: '3.0'\nservices: []\n", "no configuration"),
        ("{", "not JSON"),
        ("a: [", "neither JSON nor YAML"),
        ("a: 1\na: 2\n", "duplicate"),
    ] {
        let error = lint::check(text, &no_environment).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

/// What Kong documents for each field of the plugin: a value that is not its default.
fn another_value(pointer: &str) -> Value {
    match pointer {
        "/resource" => json!("https://other.example.com/mcp"),
        "/authorization_servers" => json!(["https://other.example.com"]),
        "/metadata_endpoint" => json!("/about"),
        "/scopes_supported" => json!(["a"]),
        "/introspection_endpoint" | "/mtls_introspection_endpoint" => json!("https://as.example.com/other"),
        "/introspection_format" => json!("string"),
        "/client_id" | "/client_secret" | "/token_exchange/client_id" | "/token_exchange/client_secret" => {
            json!("other")
        }
        "/client_jwk" => json!({"kty": "EC"}),
        "/client_auth" | "/token_exchange/client_auth" => json!("client_secret_post"),
        "/client_alg" => json!("ES256"),
        "/args" | "/headers" => json!({"X-Other": "other"}),
        "/jwks_endpoint" => json!("https://as.example.com/keys"),
        "/metadata_discovery_endpoint" => json!("https://as.example.com/.well-known/openid-configuration"),
        "/claim_to_header" => json!([{"claim": "sub", "header": "X-User-Id"}]),
        "/upstream_headers" => json!([{"path": ["a", "b"], "header": "X-A"}]),
        "/consumer_claim" | "/consumer_groups_claim" | "/credential_claim" => json!(["email"]),
        "/consumer_by" => json!(["id"]),
        "/http_version" => json!(1.0),
        "/proxy_config" => json!({"http_proxy_host": "proxy.example.com"}),
        "/token_exchange/token_endpoint" => json!("https://other.example.com/token"),
        "/token_exchange/request/subject_token_type"
        | "/token_exchange/request/requested_token_type"
        | "/token_exchange/request/actor_token_type" => json!("urn:ietf:params:oauth:token-type:jwt"),
        "/token_exchange/request/actor_token_source" => json!("none"),
        "/token_exchange/request/resource" => json!("https://upstream.example.com"),
        "/token_exchange/request/audience" | "/token_exchange/request/scopes" => json!(["other"]),
        _ => json!("other"),
    }
}

/// The pointers to Kong's fields, with each field.
fn kongs_fields() -> Vec<(String, &'static Field)> {
    fn walk(fields: &'static [Field], at: &str, found: &mut Vec<(String, &'static Field)>) {
        for field in fields.iter().filter(|field| field.origin == Origin::Kong) {
            let pointer = format!("{at}/{}", field.name);
            match field.kind {
                FieldType::Object(inner) if field.support == Support::Honoured => {
                    walk(inner, &pointer, found);
                }
                _ => found.push((pointer, field)),
            }
        }
    }
    let mut found = Vec::new();
    walk(FIELDS, "", &mut found);
    assert_eq!(found.len(), 61, "the fields of Kong's plugin");
    found
}

fn value_for(pointer: &str, field: &Field) -> Value {
    match (field.kind, field.default.to_json()) {
        (FieldType::Boolean, default) => json!(default != json!(true)),
        (FieldType::Integer { .. }, _) => json!(77),
        _ => another_value(pointer),
    }
}

fn write(config: &mut Value, pointer: &str, value: Value) {
    let mut place = config;
    for name in pointer.split('/').skip(1) {
        if !place[name].is_object() && !place[name].is_null() {
            place[name] = json!(null);
        }
        place = &mut place[name];
    }
    *place = value;
}

#[test]
fn every_field_of_kongs_plugin_is_carried_over_or_told() {
    for (pointer, field) in kongs_fields() {
        let mut config = base_config();
        write(&mut config, &pointer, value_for(&pointer, field));
        let converted = convert(&config);
        let line = converted.lines.iter().find(|line| line.pointer.starts_with(&pointer));
        let line = line.unwrap_or_else(|| panic!("nothing is said of {pointer}: {:?}", converted.lines));
        let kept = Value::Object(config_of(&converted)).pointer(&pointer).cloned();
        let is_of_consumers = field.name.starts_with("consumer") || field.name == "credential_claim";
        match field.support {
            Support::HostProvides(_) if field.waived_by == Some(field.name) => {
                assert_eq!((line.verdict, kept), (Verdict::Host, None), "{pointer}: {line}");
                assert!(line.text.starts_with("left out"), "{line}");
            }
            Support::HostProvides(_) if !is_of_consumers => {
                assert_eq!((line.verdict, kept), (Verdict::Refused, None), "{pointer}: {line}");
                assert!(line.text.starts_with("left out"), "{line}");
            }
            Support::HostProvides(_) | Support::NotSupportedYet => {
                assert_eq!(line.verdict, Verdict::Refused, "{pointer}: {line}");
                assert!(line.text.starts_with("kept") && kept.is_some(), "{pointer}: {line}");
            }
            Support::Honoured => {
                let value = value_for(&pointer, field);
                assert_eq!(kept, Some(value), "{pointer}: {line}");
            }
        }
    }
}

#[test]
fn consumers_that_no_token_needs_are_left_out() {
    let mut config = base_config();
    for (name, value) in [
        ("consumer_claim", json!(["sub"])),
        ("consumer_by", json!(["username"])),
        ("consumer_optional", json!(true)),
        ("consumer_groups_claim", json!(["groups"])),
        ("consumer_groups_optional", json!(true)),
        ("credential_claim", json!(["email"])),
    ] {
        config[name] = value;
    }
    let converted = convert(&config);
    assert!(!converted.is_fatal(), "{:?}", converted.lines);
    let kept = config_of(&converted);
    assert!(!kept.keys().any(|name| name.starts_with("consumer") || name == "credential_claim"), "{kept:?}");
    let is_warned = |pointer: &str| {
        converted.lines.iter().any(|line| line.verdict == Verdict::Warning && line.pointer == pointer)
    };
    assert!(is_warned("/consumer_claim") && is_warned("/consumer_groups_claim"), "{:?}", converted.lines);
    config["consumer_groups_optional"] = json!(false);
    let converted = convert(&config);
    assert!(converted.is_fatal() && config_of(&converted).contains_key("consumer_groups_claim"));
}

#[test]
fn what_holds_by_default_is_left_out_without_a_complaint() {
    let mut config = base_config();
    for (pointer, field) in kongs_fields() {
        if config.pointer(&pointer).is_none_or(Value::is_null) {
            write(&mut config, &pointer, field.default.to_json());
        }
    }
    let converted = convert(&config);
    assert!(!converted.is_fatal(), "{:?}", converted.lines);
    let result = config_of(&converted);
    for (pointer, field) in kongs_fields() {
        if field.support != Support::Honoured {
            assert!(!result.contains_key(field.name), "{pointer}");
        }
    }
    let digest = |config: &Value| {
        let loaded = token_exchange::config::load(config.to_string().as_bytes(), &no_environment);
        *loaded.unwrap().policy.digest.as_bytes()
    };
    assert_eq!(digest(&Value::Object(result)), digest(&base_config()), "it means the same");
}

#[test]
fn what_kongs_host_cannot_do_is_refused_there() {
    let config = with("client_auth", json!("tls_client_auth"));
    assert!(!check(&config.to_string())[0].is_fatal(), "Envoy can");
    assert!(check(&plugin(&config))[0].is_fatal());
    assert!(convert(&config).is_fatal());
}

#[test]
fn what_stands_around_the_plugin_is_told() {
    let yaml = r#"
_format_version: "3.0"
plugins:
- name: ai-mcp-oauth2
  enabled: false
  tags: [a]
  consumer: c
  protocols: [https]
  service: {name: mcp}
  config: &config
    resource: ${{ env "DECK_RESOURCE" }}
    authorization_servers: [https://as.example.com, '${{ env "DECK_SERVER" }}']
    headers: { X-A: '${{ env "DECK_A" }}' }
    timeout: ${{ env "DECK_TIMEOUT" | toInt }}
- name: ai-mcp-oauth2
  config: *config
services:
- name: mcp
  filter_chains: []
  plugins:
  - name: ai-mcp-oauth2
    config: *config
"#;
    let converted = lint::convert(yaml, &no_environment).unwrap();
    let [on_service, global, nested] = converted.as_slice() else { panic!("{converted:?}") };
    let chain: Value = serde_saphyr::from_str(&on_service.chain).unwrap();
    let chain = &chain["filter_chains"][0];
    assert_eq!((&chain["service"], &chain["enabled"]), (&json!({"name": "mcp"}), &json!(false)));
    assert_eq!(chain["tags"], json!(["a"]));
    for line in [
        "resource: '${{ env \"DECK_RESOURCE\" }}'\n",
        "- '${{ env \"DECK_SERVER\" }}'\n",
        "X-A: '${{ env \"DECK_A\" }}'\n",
        "timeout: ${{ env \"DECK_TIMEOUT\" | toInt }}\n",
    ] {
        assert!(on_service.chain.contains(line), "{}", on_service.chain);
    }
    let says = |converted: &Converted, text: &str, verdict: Verdict| {
        converted.lines.iter().any(|line| line.verdict == verdict && line.text.contains(text))
    };
    assert!(says(on_service, "for every caller", Verdict::Refused));
    assert!(says(on_service, "has no such field", Verdict::Warning));
    assert!(says(global, "belongs to a service or a route", Verdict::Refused) && global.is_fatal());
    assert!(says(nested, "put the filter at its head", Verdict::Warning) && !nested.is_fatal());
    assert!(
        lint::convert(&base_config().to_string(), &no_environment).unwrap_err().contains("ai-mcp-oauth2")
    );
    assert!(check(yaml)[0].lines[0].text.contains("--convert"));
}

/// Runs the program with `input` and gives its exit status and what it wrote.
fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_token-exchange-lint"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_status_tells_a_pipeline_what_to_do() {
    let (status, output, errors) = run(&["-"], &base_config().to_string());
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(output.starts_with("-\n  supported  /resource\n"), "{output}");
    let (status, output, _) = run(&["-q", "-"], &base_config().to_string());
    assert_eq!((status, output.as_str()), (0, ""), "nothing is to be done");
    let (status, output, _) = run(&["--quiet", "-"], &with("timeout", json!("10s")).to_string());
    assert_eq!(status, 1);
    assert!(output.starts_with("-\n  mistake    /timeout: write a whole number"), "{output}");
    let (status, chain, told) = run(&["--convert", "-"], &plugin(&base_config()));
    assert_eq!(status, 0, "{told}");
    assert!(chain.contains("- name: token_exchange") && told.contains("supported  /resource"), "{told}");
    let (status, _, _) = run(&["--convert", "-"], &plugin(&with("ssl_verify", json!(false))));
    assert_eq!(status, 1);
    let plugin = |line: &str| {
        format!(
            "kind: WasmPlugin\nspec:\n  url: oci://r.example.com/token-exchange:1\n  {line}\n  pluginConfig:\n    \
             resource: https://a.example.com\n    authorization_servers: [https://as.example.com]\n"
        )
    };
    for (line, expected) in [
        ("failStrategy: FAIL_OPEN", 1),
        ("fail_strategy: 1", 1),
        ("failStrategy: FAIL_CLOSE", 0),
        ("match: [{mode: CLIENT}]", 0),
    ] {
        let (status, output, errors) = run(&["--quiet", "-"], &plugin(line));
        assert_eq!((status, errors.as_str()), (expected, ""), "{output}");
        assert_eq!(output.contains("warning    match"), line.starts_with("match"), "{output}");
    }
    for (arguments, input) in [
        (&[][..], ""),
        (&["--colour", "-"][..], "{}"),
        (&["no such file"][..], ""),
        (&["-"][..], "["),
        (&["-"][..], ""),
    ] {
        let (status, output, errors) = run(arguments, input);
        assert_eq!((status, output.as_str()), (2, ""), "{arguments:?}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
    assert_eq!(run(&["--help"], "").0, 0);
    assert_eq!(run(&["-V"], "").1, format!("token-exchange-lint {}\n", env!("CARGO_PKG_VERSION")));
}
