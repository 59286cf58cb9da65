//! What is checked: a configuration, and where it stands in a file.

use super::envoy::clusters::Clusters;
use super::{Line, unknown};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::rc::Rc;
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
    /// What a filter of Envoy's is given beside its configuration.
    pub(crate) wasm: Option<Wasm<'a>>,
    /// The entry as it stands in the file.
    pub(crate) entry: &'a Value,
    /// The service or route that has it, where it stands within one.
    pub(crate) owner: Option<&'a Value>,
    /// Whether it stands within a consumer or a group of consumers.
    pub(crate) is_for_consumer: bool,
}

/// A Wasm filter that is not this one.
pub(crate) struct AnotherFilter;

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
    /// A filter of Envoy, Istio or Envoy Gateway.
    Wasm,
    /// A part, or one whose configuration is, of which the rest stands elsewhere.
    Patch,
}

/// What a filter of Envoy's is given beside its configuration.
pub(crate) struct Wasm<'a> {
    /// The environment of its virtual machine; of several variables of a name the first counts.
    pub(crate) environment: BTreeMap<&'a str, Variable<'a>>,
    /// The clusters that callouts may go to.
    pub(crate) clusters: Rc<Clusters<'a>>,
}

/// A variable in the environment of a virtual machine.
#[derive(Clone, Copy)]
pub(crate) enum Variable<'a> {
    /// Its value stands in the file.
    Written(&'a str),
    /// It has the value of the gateway's own variable.
    OfGateway,
}

impl Wasm<'_> {
    /// The value of the variable `name`, a stand-in where only the gateway knows it.
    pub(crate) fn variable(&self, name: &str, of_gateway: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match self.environment.get(name)? {
            Variable::Written(value) => Some((*value).to_owned()),
            Variable::OfGateway => of_gateway(name).or_else(|| Some(unknown::stand_in(name))),
        }
    }
}

/// Whether a name that the operator gave, or the address of the code, is this filter's.
pub(crate) fn is_ours(name: &str) -> bool {
    name.contains("token_exchange") || name.contains("token-exchange")
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
