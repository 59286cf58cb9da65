//! The filter in an `EnvoyExtensionPolicy` of Envoy Gateway's.

use super::entry::{AnotherFilter, Entry, EntryKind, Variable, Wasm, config_of, is_ours};
use super::envoy::clusters::Clusters;
use super::fail_open;
use super::protobuf::{at, items, text};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The entries at `pointer`, if `value` is such a policy.
pub(crate) fn entries<'a>(
    pointer: &str,
    value: &'a Value,
    clusters: &Rc<Clusters<'a>>,
) -> Vec<Result<Entry<'a>, AnotherFilter>> {
    let spec = value.get("spec").filter(|_| text(value, &["kind"]) == Some("EnvoyExtensionPolicy"));
    let extensions = spec.map_or(&[][..], |spec| items(spec, "wasm")).iter().enumerate();
    let entry = |(index, wasm): (usize, &'a Value)| {
        let names: [&[&str]; 4] =
            [&["name"], &["rootID"], &["code", "image", "url"], &["code", "http", "url"]];
        let mut names = names.into_iter().filter_map(|path| text(wasm, path));
        if !names.any(is_ours) && !text(value, &["metadata", "name"]).is_some_and(is_ours) {
            return Err(AnotherFilter);
        }
        let passed = at(wasm, &["env"]).map_or(&[][..], |env| items(env, "host_keys"));
        let passed = passed.iter().filter_map(Value::as_str);
        let environment: BTreeMap<_, _> = passed.map(|name| (name, Variable::OfGateway)).collect();
        Ok(Entry {
            place: format!("{pointer}/spec/wasm/{index}"),
            kind: EntryKind::Wasm,
            config: config(wasm),
            remarks: fail_open::of_envoy_gateway(wasm),
            wasm: Some(Wasm { environment, clusters: Rc::clone(clusters) }),
            entry: wasm,
            owner: None,
            is_for_consumer: false,
        })
    };
    extensions.map(entry).collect()
}

/// The configuration, which the filter gets as JSON.
fn config(wasm: &Value) -> Result<Map<String, Value>, String> {
    match wasm.get("config") {
        Some(Value::String(_)) => {
            Err("the filter gets this as JSON text within quotes: write an object".to_owned())
        }
        config => config_of(config),
    }
}
