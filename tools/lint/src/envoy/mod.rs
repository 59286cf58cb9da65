//! The filter in files for Envoy, and wherever else a part of Envoy's configuration stands.

pub(crate) mod chain;
pub(crate) mod clusters;
mod tls;

use super::entry::{AnotherFilter, Entry, EntryKind, Variable, Wasm, config_of, is_ours};
use super::istio::patch;
use super::protobuf::{self, at, items, text};
use super::{Line, Verdict, fail_open, fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clusters::Clusters;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;
use token_exchange::http::{Endpoint, Scheme};
use token_exchange::policy::Policy;
use token_exchange::policy::host::HostTraits;
use token_exchange::policy::issuers::KeySource;

/// The entry at `pointer` of a `document`, if that is a Wasm filter of Envoy's.
pub(crate) fn entry<'a>(
    document: &'a Value,
    pointer: &str,
    value: &'a Value,
    clusters: &Rc<Clusters<'a>>,
) -> Option<Result<Entry<'a>, AnotherFilter>> {
    let plugin = plugin(value)?;
    let is_patch = protobuf::field(plugin, "configuration").is_none() && at(plugin, &["vm_config"]).is_none();
    let is_patched =
        is_patch && (is_within_ours(document, pointer) || patch::patches_ours(document, pointer));
    if !is_this(plugin) && !is_patched {
        return Some(Err(AnotherFilter));
    }
    Some(Ok(Entry {
        place: pointer.to_owned(),
        kind: if is_patch { EntryKind::Patch } else { EntryKind::Wasm },
        config: config(protobuf::field(plugin, "configuration")),
        remarks: fail_open::of_envoy(plugin),
        wasm: Some(Wasm { environment: environment(plugin), clusters: Rc::clone(clusters) }),
        entry: value,
        owner: None,
        is_for_consumer: false,
    }))
}

/// The `envoy.extensions.wasm.v3.PluginConfig` of a Wasm filter.
fn plugin(any: &Value) -> Option<&Value> {
    protobuf::field(protobuf::unpack(any, "envoy.extensions.filters.http.wasm.v3.Wasm")?, "config")
}

/// Whether one of the names in a plugin is this filter's.
fn is_this(plugin: &Value) -> bool {
    let names: [&[&str]; 4] = [
        &["name"],
        &["root_id"],
        &["vm_config", "code", "local", "filename"],
        &["vm_config", "code", "remote", "http_uri", "uri"],
    ];
    names.into_iter().any(|path| text(plugin, path).is_some_and(is_ours))
}

/// Whether what has the filter at `pointer` for its typed configuration has this filter's name.
fn is_within_ours(document: &Value, pointer: &str) -> bool {
    let outer = pointer.rsplit_once('/').and_then(|(outer, _)| document.pointer(outer));
    outer.is_some_and(|outer| text(outer, &["name"]).is_some_and(is_ours))
}

/// The configuration within a `StringValue`, or a `BytesValue`, which is base64 in a file. Envoy hands a
/// filter the text of these; a `Struct` arrives in protobuf's own encoding.
fn config(configuration: Option<&Value>) -> Result<Map<String, Value>, String> {
    let configuration =
        configuration.ok_or("there is no configuration: write a StringValue with JSON in it")?;
    let is_bytes = text(configuration, &["@type"]).is_some_and(|it| it.ends_with(".BytesValue"));
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

fn environment(plugin: &Value) -> BTreeMap<&str, Variable<'_>> {
    let Some(variables) = at(plugin, &["vm_config", "environment_variables"]) else { return BTreeMap::new() };
    let passed = items(variables, "host_env_keys").iter().filter_map(Value::as_str);
    let mut environment: BTreeMap<_, _> = passed.map(|name| (name, Variable::OfGateway)).collect();
    let written = protobuf::field(variables, "key_values").and_then(Value::as_object);
    for (name, value) in written.into_iter().flatten() {
        environment.extend(value.as_str().map(|value| (name.as_str(), Variable::Written(value))));
    }
    environment
}

/// Judges the filter's configuration in Envoy's own environment.
pub(crate) fn judge(
    wasm: &Wasm<'_>,
    config: &Map<String, Value>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<Line> {
    let judgement = fields::judge(config, &|name| wasm.variable(name, environment));
    let mut lines = judgement.lines;
    let unsupported = judgement.policy.iter().flat_map(|policy| HostTraits::ENVOY.unsupported(policy));
    lines.extend(unsupported.map(|it| Line::new(Verdict::Refused, it.pointer, it.message)));
    let called = judgement.policy.as_ref().map(called).unwrap_or_default();
    for (cluster, encrypted) in called {
        if wasm.clusters.lack(&cluster) {
            let text =
                format!("there is no cluster {cluster}: define it, or name another in callout_targets");
            lines.push(Line::new(Verdict::Mistake, "", text));
        } else {
            lines.push(Line::new(Verdict::Host, "", format!("the cluster {cluster} is called")));
            lines.extend(encrypted.iter().flat_map(|endpoint| wasm.clusters.weaknesses(&cluster, endpoint)));
        }
    }
    lines
}

/// The clusters that the filter calls, as far as they are known before a request, each with the
/// authority of an https endpoint that is reached through it.
fn called(policy: &Policy) -> BTreeMap<String, Option<String>> {
    let mut called: BTreeMap<String, Option<String>> = BTreeMap::new();
    for endpoint in endpoints(policy) {
        let authority = endpoint.authority();
        let cluster = endpoint.cluster.clone().unwrap_or_else(|| authority.clone());
        let encrypted = called.entry(cluster).or_default();
        if endpoint.scheme == Scheme::Https {
            encrypted.get_or_insert(authority);
        }
    }
    called
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
