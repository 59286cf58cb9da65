//! The filter in resources of Istio's: `WasmPlugin` and `TrafficExtension`.

pub(crate) mod destination_rule;
pub(crate) mod patch;

use super::entry::{AnotherFilter, Entry, EntryKind, Variable, Wasm, config_of, is_ours};
use super::envoy::clusters::Clusters;
use super::protobuf::{Enum, field, items, text};
use super::{Line, Verdict, fail_open};
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// `istio.type.v1beta1.WorkloadMode`.
const MODE: Enum = Enum(&[("UNDEFINED", 0), ("CLIENT", 1), ("SERVER", 2), ("CLIENT_AND_SERVER", 3)]);

/// `istio.extensions.v1alpha1.EnvValueSource`.
const SOURCE: Enum = Enum(&[("INLINE", 0), ("HOST", 1)]);

/// The entry at `pointer`, if `value` is a resource with a Wasm filter.
pub(crate) fn entry<'a>(
    pointer: &str,
    value: &'a Value,
    clusters: &Rc<Clusters<'a>>,
) -> Option<Result<Entry<'a>, AnotherFilter>> {
    let spec = value.get("spec")?;
    let plugin = match text(value, &["kind"])? {
        "WasmPlugin" => spec,
        "TrafficExtension" => field(spec, "wasm")?,
        _ => return None,
    };
    let names = [text(plugin, &["url"]), text(plugin, &["plugin_name"]), text(value, &["metadata", "name"])];
    if !names.into_iter().flatten().any(is_ours) {
        return Some(Err(AnotherFilter));
    }
    let mut remarks = fail_open::of_istio(plugin);
    remarks.extend(of_match(spec));
    Some(Ok(Entry {
        place: pointer.to_owned(),
        kind: EntryKind::Wasm,
        config: config_of(field(plugin, "plugin_config")),
        remarks,
        wasm: Some(Wasm { environment: environment(plugin), clusters: Rc::clone(clusters) }),
        entry: value,
        owner: None,
        is_for_consumer: false,
    }))
}

/// Istio takes the value that is written, unless it is to be the host's.
fn environment(plugin: &Value) -> BTreeMap<&str, Variable<'_>> {
    let mut environment = BTreeMap::new();
    let variables = field(plugin, "vm_config").map_or(&[][..], |config| items(config, "env"));
    for variable in variables {
        let Some(name) = text(variable, &["name"]) else { continue };
        let value = if SOURCE.is(variable, "value_from", "HOST") {
            Variable::OfGateway
        } else {
            Variable::Written(text(variable, &["value"]).unwrap_or_default())
        };
        environment.entry(name).or_insert(value);
    }
    environment
}

/// Which traffic the filter sees. A gateway's is all `CLIENT`, a sidecar's that comes in is `SERVER`.
fn of_match(spec: &Value) -> Option<Line> {
    let selectors = items(spec, "match");
    let targets = items(spec, "target_refs").iter().chain(field(spec, "target_ref"));
    let mut kinds = targets.filter_map(|target| text(target, &["kind"])).peekable();
    let is_for_gateways =
        kinds.peek().is_some() && kinds.all(|kind| matches!(kind, "Gateway" | "GatewayClass"));
    let is_client = |selector: &Value| MODE.is(selector, "mode", "CLIENT");
    if selectors.is_empty() || is_for_gateways || !selectors.iter().all(is_client) {
        return None;
    }
    let why = "with CLIENT a sidecar's incoming requests bypass the filter: leave match out, or write SERVER; CLIENT is \
               for gateways";
    Some(Line::new(Verdict::Warning, "match", why))
}
