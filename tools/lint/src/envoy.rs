//! The filter in files for Envoy and Istio.

use super::entry::{Entry, EntryKind, Wasm, config_of};
use super::fields;
use super::unknown;
use super::{Line, Verdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use token_exchange::http::Endpoint;
use token_exchange::policy::Policy;
use token_exchange::policy::issuers::KeySource;

/// A Wasm filter that is not this one.
pub(crate) struct AnotherFilter;

/// The entry at `pointer` of a `document`, if that is a Wasm filter.
pub(crate) fn entry<'a>(
    document: &'a Value,
    pointer: &str,
    value: &'a Value,
) -> Option<Result<Entry<'a>, AnotherFilter>> {
    let (plugin, config) = if value.get("kind").and_then(Value::as_str) == Some("WasmPlugin") {
        let spec = value.get("spec")?;
        (spec, config_of(spec.get("pluginConfig")))
    } else {
        let plugin = typed(value)?.get("config")?;
        (plugin, envoy_config(plugin.get("configuration")))
    };
    if !is_ours(plugin) {
        return Some(Err(AnotherFilter));
    }
    Some(Ok(Entry {
        place: pointer.to_owned(),
        kind: EntryKind::Wasm,
        config,
        remarks: remarks(plugin),
        wasm: Some(Wasm { plugin, clusters: clusters(document) }),
        entry: value,
        owner: None,
        is_for_consumer: false,
    }))
}

/// The Wasm filter that `value` is the typed configuration of.
fn typed(value: &Value) -> Option<&Value> {
    const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
    let is = |name: &str, wanted: &str| {
        value.get(name).and_then(Value::as_str).is_some_and(|found| found.ends_with(wanted))
    };
    if is("@type", WASM) {
        Some(value)
    } else if is("@type", "TypedStruct") && is("type_url", WASM) {
        value.get("value")
    } else {
        None
    }
}

/// The configuration within a `StringValue`, or a `BytesValue`, which is base64 in a file. Envoy hands a
/// filter the text of these; a `Struct` arrives in protobuf's own encoding.
fn envoy_config(configuration: Option<&Value>) -> Result<Map<String, Value>, String> {
    let configuration =
        configuration.ok_or("there is no configuration: write a StringValue with JSON in it")?;
    let is_bytes =
        configuration.get("@type").and_then(Value::as_str).is_some_and(|it| it.ends_with(".BytesValue"));
    match configuration.get("value") {
        Some(Value::String(text)) if is_bytes => {
            let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = decoded.ok_or("the value of the BytesValue is not base64 of text")?;
            config_of(Some(&Value::from(text)))
        }
        Some(text @ Value::String(_)) => config_of(Some(text)),
        Some(_) => {
            Err("Envoy does not hand this to the filter as JSON: write a StringValue with JSON in it"
                .to_owned())
        }
        None => Err("the configuration has no value: write a StringValue with JSON in it".to_owned()),
    }
}

/// The names of all clusters, where they are all in this document.
fn clusters(document: &Value) -> Option<Vec<&str>> {
    if document.pointer("/dynamic_resources/cds_config").is_some() {
        return None;
    }
    let clusters = document.pointer("/static_resources/clusters")?.as_array()?;
    Some(clusters.iter().filter_map(|cluster| cluster.get("name")?.as_str()).collect())
}

/// Whether a name that the operator gave, or the code's, is this filter's.
fn is_ours(plugin: &Value) -> bool {
    let names = [
        "/name",
        "/root_id",
        "/vm_config/code/local/filename",
        "/vm_config/code/remote/http_uri/uri",
        "/url",
        "/pluginName",
    ];
    let says = |text: &str| text.contains("token_exchange") || text.contains("token-exchange");
    names.iter().any(|name| plugin.pointer(name).and_then(Value::as_str).is_some_and(says))
}

fn remarks(plugin: &Value) -> Vec<Line> {
    const OPEN: &str = "take this out: a filter that fails open lets every request pass when it fails";
    let mut remarks = Vec::new();
    if plugin.get("fail_open").and_then(Value::as_bool) == Some(true) {
        remarks.push(Line::new(Verdict::Mistake, "fail_open", OPEN));
    }
    for name in ["failure_policy", "failStrategy"] {
        if plugin.get(name).and_then(Value::as_str) == Some("FAIL_OPEN") {
            remarks.push(Line::new(Verdict::Mistake, name, OPEN));
        }
    }
    remarks
}

/// Judges the filter's configuration in Envoy's own environment.
pub(crate) fn judge(
    wasm: &Wasm<'_>,
    config: &Map<String, Value>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<Line> {
    let variables = wasm.plugin.pointer("/vm_config/environment_variables");
    let istios = wasm.plugin.pointer("/vmConfig/env").and_then(Value::as_array);
    let lookup = |name: &str| {
        let written = variables.and_then(|variables| variables.pointer(&format!("/key_values/{name}")));
        let passed = variables.and_then(|variables| variables.get("host_env_keys")).and_then(Value::as_array);
        let istio = istios
            .into_iter()
            .flatten()
            .find(|variable| variable.get("name").and_then(Value::as_str) == Some(name));
        // Istio takes the value that is written, unless it is to be the host's.
        let inline = istio
            .filter(|it| it.get("valueFrom").and_then(Value::as_str) != Some("HOST"))
            .and_then(|it| it.get("value"));
        match written.or(inline).and_then(Value::as_str) {
            Some(value) => Some(value.to_owned()),
            None if istio.is_some()
                || passed.is_some_and(|passed| passed.iter().any(|passed| passed == name)) =>
            {
                environment(name).or_else(|| Some(unknown::stand_in(name)))
            }
            None => None,
        }
    };
    let judgement = fields::judge(config, &lookup);
    let mut lines = judgement.lines;
    if let Some(policy) = &judgement.policy {
        lines.extend(called(policy).into_iter().map(|cluster| match &wasm.clusters {
            Some(clusters) if !clusters.contains(&cluster.as_str()) => {
                let text =
                    format!("there is no cluster {cluster}: define it, or name another in callout_targets");
                Line::new(Verdict::Mistake, "", text)
            }
            _ => Line::new(Verdict::Host, "", format!("the cluster {cluster} is called")),
        }));
    }
    lines
}

/// The clusters that the filter calls, as far as they are known before a request.
fn called(policy: &Policy) -> BTreeSet<String> {
    let cluster = |endpoint: &Endpoint| endpoint.cluster.clone().unwrap_or_else(|| endpoint.authority());
    endpoints(policy).into_iter().map(cluster).collect()
}

/// Every endpoint that is known before a request.
fn endpoints(policy: &Policy) -> Vec<&Endpoint> {
    let validation = &policy.validation;
    let introspections = validation.introspections().map(|introspection| &introspection.endpoint);
    let sources = validation.issuers.iter().filter_map(|issuer| issuer.proof.keys());
    let keys = sources.flat_map(|source| match source {
        KeySource::Endpoint(endpoint) => std::slice::from_ref(endpoint).iter(),
        KeySource::Discovered(endpoints) => endpoints.iter(),
        KeySource::Static(_) | KeySource::Secret(_) => [].iter(),
    });
    let legs = policy.upstream_credential.legs().iter().map(|leg| &leg.endpoint);
    introspections.chain(keys).chain(legs).collect()
}
