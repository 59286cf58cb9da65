//! What is checked: a configuration, and where it stands in a file.

use super::Line;
use serde_json::{Map, Value};
use token_exchange::json;

/// A configuration in a file.
pub(crate) struct Entry<'a> {
    /// Where it stands: JSON pointer, after the number of the document where there are several.
    pub(crate) place: String,
    /// What kind of entry it is.
    pub(crate) kind: EntryKind,
    /// The configuration, or why there is none.
    pub(crate) config: Result<Map<String, Value>, String>,
    /// What was found about the entry itself.
    pub(crate) remarks: Vec<Line>,
    /// Envoy's configuration of the filter.
    pub(crate) wasm: Option<Wasm<'a>>,
    /// The entry as it stands in the file.
    pub(crate) entry: &'a Value,
    /// The service or route that has it, where it stands within one.
    pub(crate) owner: Option<&'a Value>,
    /// Whether it stands within a consumer or a group of consumers.
    pub(crate) is_for_consumer: bool,
}

/// A kind of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// The configuration by itself.
    Bare,
    /// A filter of a filter chain.
    Filter,
    /// The filter as a plugin.
    Plugin,
    /// Kong's own plugin, whose field names this filter takes.
    AiMcpOauth2,
    /// A filter of Envoy or Istio.
    Wasm,
}

/// Envoy's configuration of the filter.
pub(crate) struct Wasm<'a> {
    /// `envoy.extensions.wasm.v3.PluginConfig`, or the `spec` of Istio's `WasmPlugin`.
    pub(crate) plugin: &'a Value,
    /// Every cluster there is, where the file says it all.
    pub(crate) clusters: Option<Vec<&'a str>>,
}

/// The configuration in `value`: an object, or text that holds one.
pub(crate) fn config_of(value: Option<&Value>) -> Result<Map<String, Value>, String> {
    match value {
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(Value::String(text)) => match json::parse(text.as_bytes()) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Err("the text of the configuration is not a JSON object".to_owned()),
            Err(error) => Err(format!("the text of the configuration is not JSON that can be read: {error}")),
        },
        _ => Err("there is no configuration: write an object".to_owned()),
    }
}
