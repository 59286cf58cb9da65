//! The filter in files for Kong and decK.

use super::entry::{Entry, EntryKind, config_of};
use super::{Line, Verdict};
use serde_json::{Map, Value};
use token_exchange::policy::Policy;
use token_exchange::policy::host::HostTraits;

/// The filter's name in Kong.
pub(crate) const FILTER: &str = "token_exchange";

/// Kong's own plugin with the same fields.
const AI_MCP_OAUTH2: &str = "ai-mcp-oauth2";

/// Plugins of Kong's that turn on buffered proxying: Kong then calls the upstream before any filter
/// runs.
const BUFFERING: [&str; 4] =
    ["ai-proxy", "ai-proxy-advanced", "ai-request-transformer", "ai-response-transformer"];

/// The lists of those whom a plugin within one is for.
const CONSUMERS: [&str; 2] = ["consumers", "consumer_groups"];

/// The entries at `pointer`, if that is a list of plugins or filters of a `document` for Kong.
pub(crate) fn entries<'a>(document: &'a Value, pointer: &str, value: &'a Value) -> Vec<Entry<'a>> {
    let is_plugins = pointer.ends_with("/plugins");
    let is_filters = pointer.ends_with("/filters") && pointer.contains("filter_chains");
    let Some(items) = value.as_array().filter(|_| is_plugins || is_filters) else { return Vec::new() };
    let mut entries = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let kind = match item.get("name").and_then(Value::as_str) {
            Some(FILTER) if is_filters => EntryKind::Filter,
            Some(FILTER) => EntryKind::Plugin,
            Some(AI_MCP_OAUTH2) if is_plugins => EntryKind::AiMcpOauth2,
            _ => continue,
        };
        let owner = pointer.rsplit_once('/').map_or("", |(owner, _)| owner);
        let is_for_consumer = owner.rsplit('/').nth(1).is_some_and(|list| CONSUMERS.contains(&list));
        let owner = document.pointer(owner).filter(|_| !owner.is_empty() && !is_for_consumer);
        entries.push(Entry {
            place: format!("{pointer}/{index}"),
            kind,
            config: if is_plugins { plugin_config(document, item) } else { config_of(item.get("config")) },
            remarks: remarks(kind, item, owner, is_for_consumer),
            wasm: None,
            entry: item,
            owner,
            is_for_consumer,
        });
    }
    entries
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

fn remarks(kind: EntryKind, item: &Value, owner: Option<&Value>, is_for_consumer: bool) -> Vec<Line> {
    let has = |name: &str| item.get(name).is_some_and(|value| !value.is_null());
    let mut remarks = Vec::new();
    if kind == EntryKind::AiMcpOauth2 {
        let text = "this is the entry of Kong's own plugin; --convert makes a filter chain of it";
        remarks.push(Line::new(Verdict::Warning, "", text));
    }
    if kind == EntryKind::Plugin && owner.is_none() && !has("service") && !has("route") {
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

/// What a document for Kong should have, or not have, around the filter.
pub(crate) fn around(document: &Value) -> Vec<Line> {
    let mut plugins = Vec::new();
    collect_plugins(document, "", &mut plugins);
    let is_ours = document.get("_format_version").is_some() && document.to_string().contains(FILTER);
    if !is_ours {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for (pointer, plugin) in &plugins {
        let name = plugin.get("name").and_then(Value::as_str).unwrap_or_default();
        if BUFFERING.contains(&name) && is_enabled(plugin) {
            let text = format!(
                "{name} turns on buffered proxying, and Kong then calls the upstream before any filter runs"
            );
            lines.push(Line::new(Verdict::Warning, pointer, text));
        }
    }
    let guards = plugins
        .iter()
        .any(|(_, plugin)| is_enabled(plugin) && plugin.to_string().contains("buffered_proxying"));
    if !guards {
        let text = "no plugin guards against buffered proxying, which lets requests pass the filter by: add the global \
                    post-function plugin of the documentation";
        lines.push(Line::new(Verdict::Warning, "/plugins", text));
    }
    lines
}

fn is_enabled(plugin: &Value) -> bool {
    plugin.get("enabled") != Some(&Value::Bool(false))
}

fn collect_plugins<'a>(value: &'a Value, at: &str, plugins: &mut Vec<(String, &'a Value)>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        for (index, item) in member.as_array().into_iter().flatten().enumerate() {
            let pointer = format!("{at}/{name}/{index}");
            if name == "plugins" {
                plugins.push((pointer, item));
            } else {
                collect_plugins(item, &pointer, plugins);
            }
        }
    }
}
