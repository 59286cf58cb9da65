//! The filter in files for Kong: a declaration for decK, bodies and answers of its Admin API and Konnect's, objects for
//! its ingress controller, Terraform's state.

pub(crate) mod around;
mod declaration;
mod ingress;

use super::entry::{Entry, EntryKind, config_of};
use super::{Line, Verdict};
use serde_json::{Map, Value};
use token_exchange::policy::Policy;
use token_exchange::policy::host::HostTraits;

/// The filter's name in Kong.
pub(crate) const FILTER: &str = "token_exchange";

/// Kong's own plugin with the same fields.
const AI_MCP_OAUTH2: &str = "ai-mcp-oauth2";

/// The lists of those whom a plugin within one is for.
const CONSUMERS: [&str; 2] = ["consumers", "consumer_groups"];

/// The type of resource that Kong's providers for Terraform have for its own plugin, after their own names.
const TERRAFORM_TYPE: &str = "_plugin_ai_mcp_oauth2";

/// The entries at `pointer` of a `document`: those of a list of plugins or filters, or one that stands by itself.
pub(crate) fn entries<'a>(document: &'a Value, pointer: &str, value: &'a Value) -> Vec<Entry<'a>> {
    if let Some(list) = list(document, pointer) {
        let items = value.as_array().into_iter().flatten().enumerate();
        return items.filter_map(|(index, item)| listed(list, document, pointer, index, item)).collect();
    }
    alone(document, pointer, value).into_iter().collect()
}

/// A list that may have the filter in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    /// Plugins, each on what has the list, or on what it names.
    Plugins,
    /// Plugins without a word about what they are on.
    PluginsAlone,
    /// The filters of a filter chain.
    Filters,
}

fn list(document: &Value, pointer: &str) -> Option<List> {
    if pointer.ends_with("/filters") {
        let is_of_admin_api = pointer.starts_with("/data/") || pointer == "/filters";
        (pointer.contains("filter_chains") || is_of_admin_api).then_some(List::Filters)
    } else if pointer.ends_with("/plugins") || pointer == "/data" {
        Some(List::Plugins)
    } else {
        (pointer.is_empty() && document.is_array()).then_some(List::PluginsAlone)
    }
}

fn listed<'a>(
    list: List,
    document: &'a Value,
    pointer: &str,
    index: usize,
    item: &'a Value,
) -> Option<Entry<'a>> {
    let kind = match item.get("name").and_then(Value::as_str)? {
        // Envoy has lists of filters, too.
        FILTER if list == List::Filters && item.get("typed_config").is_none() => EntryKind::Filter,
        FILTER if list != List::Filters => EntryKind::Plugin,
        AI_MCP_OAUTH2 if list != List::Filters => EntryKind::AiMcpOauth2,
        _ => return None,
    };
    let owner = pointer.rsplit_once('/').map_or("", |(owner, _)| owner);
    let is_for_consumer = owner.rsplit('/').nth(1).is_some_and(|list| CONSUMERS.contains(&list));
    let owner = document.pointer(owner).filter(|_| !owner.is_empty() && !is_for_consumer);
    let knows_owner = list != List::PluginsAlone;
    Some(Entry {
        place: format!("{pointer}/{index}"),
        kind,
        config: if list == List::Filters {
            config_of(item.get("config"))
        } else {
            plugin_config(document, item)
        },
        remarks: remarks(kind, item, owner, is_for_consumer, knows_owner),
        wasm: None,
        entry: item,
        owner,
        is_for_consumer,
    })
}

/// An entry that is not in a list: the body of a request to the Admin API, an object for the ingress controller, a
/// resource in Terraform's state.
fn alone<'a>(document: &'a Value, pointer: &str, value: &'a Value) -> Option<Entry<'a>> {
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    let has = |member: &str| value.get(member).is_some_and(|value| !value.is_null());
    let kind_of = |name| match name {
        FILTER => Some(EntryKind::Plugin),
        AI_MCP_OAUTH2 => Some(EntryKind::AiMcpOauth2),
        _ => None,
    };
    let is_body = pointer.is_empty() && (has("config") || has("_config"));
    let (kind, entry) = if ingress::is_plugin(value) {
        (kind_of(text("plugin")?)?, value)
    } else if text("type").is_some_and(|name| name.ends_with(TERRAFORM_TYPE)) && has("values") {
        (EntryKind::AiMcpOauth2, value.get("values")?)
    } else if is_body {
        (kind_of(text("name")?)?, value)
    } else {
        return None;
    };
    let mut remarks = remarks(kind, entry, None, false, false);
    let from_secret = ["configFrom", "configPatches"].into_iter().find(|name| has(name));
    remarks.extend(from_secret.map(|name| {
        let text = "this takes the configuration, or parts of it, out of a Secret, and the linter judges only one that \
                    stands in the file as a whole";
        Line::new(Verdict::Unknown, format!("/{name}"), text)
    }));
    Some(Entry {
        place: pointer.to_owned(),
        kind: if from_secret.is_some() { EntryKind::Patch } else { kind },
        config: plugin_config(document, entry),
        remarks,
        wasm: None,
        entry,
        owner: None,
        is_for_consumer: false,
    })
}

/// The configuration of a plugin, with what decK adds to it from the one that `_config` names.
fn plugin_config(document: &Value, item: &Value) -> Result<Map<String, Value>, String> {
    let named = item.get("_config").and_then(Value::as_str);
    let Some(common) = named.and_then(|name| document.get("_plugin_configs")?.get(name)?.as_object()) else {
        return config_of(item.get("config"));
    };
    let own = item.get("config").filter(|config| !config.is_null());
    let mut config = own.map_or_else(|| Ok(Map::new()), |config| config_of(Some(config)))?;
    merge(&mut config, common);
    Ok(config)
}

/// Adds what `config` does not have, at every depth: what a plugin says itself goes first.
fn merge(config: &mut Map<String, Value>, common: &Map<String, Value>) {
    for (name, value) in common {
        match (config.get_mut(name), value) {
            (None, value) => drop(config.insert(name.clone(), value.clone())),
            (Some(Value::Object(own)), Value::Object(common)) => merge(own, common),
            _ => {}
        }
    }
}

/// What the policy asks for and Kong's Wasm host cannot do.
pub(crate) fn impossible(policy: &Policy) -> impl Iterator<Item = Line> {
    let unsupported = HostTraits::KONG.unsupported(policy).into_iter();
    unsupported.map(|diagnostic| Line::new(Verdict::Refused, diagnostic.pointer, diagnostic.message))
}

fn remarks(
    kind: EntryKind,
    item: &Value,
    owner: Option<&Value>,
    is_for_consumer: bool,
    knows_owner: bool,
) -> Vec<Line> {
    let has = |name: &str| item.get(name).is_some_and(|value| !value.is_null());
    let mut remarks = Vec::new();
    if kind == EntryKind::AiMcpOauth2 {
        let text = "this is the entry of Kong's own plugin; --convert makes a filter chain of it";
        remarks.push(Line::new(Verdict::Warning, "", text));
    }
    if kind == EntryKind::Plugin && knows_owner && owner.is_none() && !has("service") && !has("route") {
        let text = "a filter belongs to a service or a route: Kong refuses it as a global plugin";
        remarks.push(Line::new(Verdict::Mistake, "", text));
    }
    if kind == EntryKind::Plugin && (is_for_consumer || has("consumer") || has("consumer_group")) {
        let text = "Kong has no filters for consumers: take consumer and consumer_group out";
        remarks.push(Line::new(Verdict::Mistake, "", text));
    }
    let is_off = match kind {
        EntryKind::Filter => !is_enabled(item) || owner.is_some_and(|chain| !is_enabled(chain)),
        EntryKind::Plugin => !is_enabled(item),
        _ => false,
    };
    if is_off {
        let text = "enabled is false here, so that Kong does not run the filter and requests pass unchecked";
        remarks.push(Line::new(Verdict::Warning, "", text));
    }
    if kind == EntryKind::Filter && matches!(item.get("config"), Some(Value::String(_))) {
        let text = "with token_exchange.meta.json beside the filter, Kong wants an object here, not text";
        remarks.push(Line::new(Verdict::Warning, "", text));
    }
    remarks
}

/// Whether Kong runs what stands here; its ingress controller has the opposite word.
fn is_enabled(entry: &Value) -> bool {
    entry.get("enabled") != Some(&Value::Bool(false)) && entry.get("disabled") != Some(&Value::Bool(true))
}
