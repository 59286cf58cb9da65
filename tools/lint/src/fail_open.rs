//! Filters that fail open: once the filter has failed, every request passes unchecked.

use super::protobuf::{self, Enum};
use super::{Line, Verdict};
use serde_json::Value;

/// `envoy.extensions.wasm.v3.FailurePolicy`.
const FAILURE_POLICY: Enum =
    Enum(&[("UNSPECIFIED", 0), ("FAIL_RELOAD", 1), ("FAIL_CLOSED", 2), ("FAIL_OPEN", 3)]);

/// `istio.extensions.v1alpha1.FailStrategy`, whose numbers are others.
const FAIL_STRATEGY: Enum = Enum(&[("FAIL_CLOSE", 0), ("FAIL_OPEN", 1), ("FAIL_RELOAD", 2)]);

const WHY: &str = "a filter that fails open lets every request pass once it has failed";

/// What an Envoy `PluginConfig` says.
pub(crate) fn of_envoy(plugin: &Value) -> Vec<Line> {
    let mut lines = of_switch(plugin, "fail_open");
    lines.extend(of_enum(plugin, "failure_policy", &FAILURE_POLICY, "FAIL_CLOSED"));
    lines
}

/// What Istio's `WasmPlugin` or `WasmConfig` says.
pub(crate) fn of_istio(plugin: &Value) -> Vec<Line> {
    of_enum(plugin, "fail_strategy", &FAIL_STRATEGY, "FAIL_CLOSE")
}

/// What a `wasm` of Envoy Gateway's says.
pub(crate) fn of_envoy_gateway(wasm: &Value) -> Vec<Line> {
    of_switch(wasm, "fail_open")
}

fn of_switch(plugin: &Value, name: &str) -> Vec<Line> {
    let on = protobuf::written(plugin, name).into_iter().filter(|field| protobuf::is_on(field.value));
    on.map(|field| Line::new(Verdict::Mistake, field.name, format!("take this out: {WHY}"))).collect()
}

fn of_enum(plugin: &Value, name: &str, choices: &Enum, closed: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for field in protobuf::written(plugin, name) {
        let why = match choices.name_of(field.value) {
            Some("FAIL_OPEN") => WHY,
            Some(_) => continue,
            None => "there is no such value, and what the gateway makes of it is not known",
        };
        lines.push(Line::new(Verdict::Mistake, field.name, format!("write {closed}: {why}")));
    }
    lines
}
