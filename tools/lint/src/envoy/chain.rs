//! What bypasses the filter although it stands in a chain: what has it switched off, and chains without
//! it.

use super::super::entry::is_ours;
use super::super::istio::patch;
use super::super::protobuf::{self, field, is_on, items, text};
use super::super::walk::walk;
use super::super::{Line, Verdict};
use serde_json::Value;
use std::collections::BTreeSet;
use token_exchange::text::pointer_to;

/// The names of the filters in chains that are this one, wherever in a file they stand.
pub(crate) fn names(documents: &[Value]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for document in documents {
        walk(document, "", &mut |_, value| {
            names.extend(text(value, &["name"]).filter(|_| is_this_filter(value)));
        });
    }
    names
}

/// What is to be said of a `document` around the filter, which has one of these `names` in its chain.
pub(crate) fn around(document: &Value, names: &BTreeSet<&str>) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(document, "", &mut |pointer, value| {
        if is_this_filter(value) || patch::is_patch_of_ours(document, pointer) {
            lines.extend(of_filter(pointer, value));
        }
        lines.extend(of_upgrades(pointer, value));
        lines.extend(of_routes(pointer, value, names));
    });
    lines
}

/// Whether `value` is an `HttpFilter` with this filter in it.
pub(crate) fn is_this_filter(value: &Value) -> bool {
    let holds = |any: &Value| super::plugin(any).is_some_and(super::is_this);
    let discovered = field(value, "config_discovery");
    let is_named = || text(value, &["name"]).is_some_and(is_ours);
    field(value, "typed_config").is_some_and(holds)
        || discovered.is_some_and(|it| field(it, "default_config").is_some_and(holds) || is_named())
}

fn of_filter(pointer: &str, filter: &Value) -> Vec<Line> {
    const DISABLED: &str = "the filter is off for every route that does not enable it, new ones included: take this \
                            out";
    const OPTIONAL: &str =
        "an Envoy without Wasm leaves the filter out and lets every request pass: take this out";
    let mut lines = Vec::new();
    for (name, why) in [("disabled", DISABLED), ("is_optional", OPTIONAL)] {
        let on = protobuf::written(filter, name).into_iter().filter(|field| is_on(field.value));
        lines.extend(on.map(|field| warning(&pointer_to(pointer, &field.name), why)));
    }
    lines
}

/// Upgraded connections, such as those of WebSocket, can have a chain of their own.
fn of_upgrades(pointer: &str, manager: &Value) -> Vec<Line> {
    if !items(manager, "http_filters").iter().any(is_this_filter) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for upgrades in protobuf::written(manager, "upgrade_configs") {
        for (index, upgrade) in upgrades.value.as_array().into_iter().flatten().enumerate() {
            let filters = items(upgrade, "filters");
            if !filters.is_empty() && !filters.iter().any(is_this_filter) {
                let kind = text(upgrade, &["upgrade_type"]).unwrap_or_default();
                let why = format!(
                    "upgrades {kind} bypass the filter: put it at the head of this chain, or take the chain out, so \
                     that http_filters holds for them"
                );
                let pointer = pointer_to(pointer, &upgrades.name);
                lines.push(warning(&format!("{pointer}/{index}/filters"), why));
            }
        }
    }
    lines
}

/// Routes, virtual hosts, weighted clusters and whole tables of routes can switch a filter off.
fn of_routes(pointer: &str, value: &Value, names: &BTreeSet<&str>) -> Vec<Line> {
    const WHY: &str =
        "the filter is off here: take this out, and give what is to be public a listener of its own";
    let mut lines = Vec::new();
    for filters in protobuf::written(value, "typed_per_filter_config") {
        for (name, any) in filters.value.as_object().into_iter().flatten() {
            let config = protobuf::unpack(any, "envoy.config.route.v3.FilterConfig");
            let is_off = config.is_some_and(|config| field(config, "disabled").is_some_and(is_on));
            if is_off && (is_ours(name) || names.contains(name.as_str())) {
                let pointer = pointer_to(&pointer_to(pointer, &filters.name), name);
                lines.push(warning(&format!("{pointer}/disabled"), WHY));
            }
        }
    }
    lines
}

fn warning(pointer: &str, why: impl Into<String>) -> Line {
    Line::new(Verdict::Warning, pointer, why)
}
