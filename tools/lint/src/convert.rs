//! From an entry of Kong's plugin `ai-mcp-oauth2` to a filter chain, with the guard beside it.

use super::document;
use super::entry::{Entry, EntryKind};
use super::kong::around::{self, Beside};
use super::kong::{self, FILTER};
use super::{Line, Verdict, fields, unknown};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::{LitString, SingleQuoted};
use token_exchange::config::fields::FIELDS;
use token_exchange::config::table::{Field, FieldType, Support};

/// A filter chain made of a plugin entry.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Where the plugin entry stands in its file.
    pub place: String,
    /// The filter chain, as YAML for the service or route that has the plugin, and the guard where it has none.
    pub chain: String,
    /// What changes, and what the new configuration is like.
    pub lines: Vec<Line>,
}

impl Converted {
    /// Whether anything of the entry could not be carried over.
    pub fn is_fatal(&self) -> bool {
        self.lines.iter().any(|line| line.verdict.is_fatal())
    }
}

/// Differences that no field shows.
const DIFFERENCES: [&str; 4] = [
    "the filter runs after the request phase of every plugin of the service and route, whatever their priority: \
     plugins that use what ai-mcp-oauth2 found out (rate limits or acl by consumer) find nothing",
    "a filter on the service and one on the route both run, where a plugin on the route replaces the one on the \
     service",
    "the URL of the metadata document in a challenge is made of resource alone, not of Host or X-Forwarded-*",
    "credentials are not read from Kong's vaults but the one of the environment, {vault://env/NAME}, for variables \
     that nginx_main_env names",
];

/// Makes a filter chain of every entry of `ai-mcp-oauth2` in a file.
///
/// What the gateway does itself is left out. A field that the filter refuses, and without which more
/// requests might pass, is kept: the gateway then refuses the chain until the operator has decided.
///
/// # Errors
/// Why there is nothing to convert, in one sentence.
pub fn convert(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<Converted>, String> {
    let documents = document::parse(text)?;
    let beside = around::beside(&documents);
    let beside = |entry: &Entry<'_>| beside.get(&entry.place).copied().unwrap_or(Beside::Nothing);
    let converted: Vec<_> = document::contents(&documents)?
        .entries
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::AiMcpOauth2)
        .map(|entry| convert_entry(beside(&entry), entry, environment))
        .collect::<Result<_, _>>()?;
    if converted.is_empty() {
        return Err("there is no plugin ai-mcp-oauth2 in it".to_owned());
    }
    Ok(converted)
}

fn convert_entry(
    beside: Beside,
    entry: Entry<'_>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Converted, String> {
    let place = entry.place;
    let config = entry.config.map_err(|sentence| format!("{place}: {sentence}"))?;
    let judgement = fields::judge(&config, &unknown::or_stand_in(environment));
    let mut lines: Vec<_> = judgement.lines.into_iter().map(of_the_entry).collect();
    lines.extend(judgement.policy.iter().flat_map(kong::impossible));
    lines.extend(entry_lines(entry.entry, entry.owner, entry.is_for_consumer));
    lines.extend(DIFFERENCES.map(|text| Line::new(Verdict::Warning, "", text)));
    lines.extend(guard_line(beside).map(|text| Line::new(Verdict::Warning, "", text)));
    let member = |name: &str| entry.entry.get(name).filter(|value| !value.is_null());
    let is_off = member("enabled").filter(|enabled| **enabled == Value::Bool(false));
    let guard = Guard {
        name: around::POST_FUNCTION,
        service: member("service"),
        route: member("route"),
        enabled: is_off,
        tags: member("tags"),
        config: Functions { access: [LitString(around::guard())] },
    };
    let is_written = beside == Beside::Nothing && member("plugin").is_none();
    let fragment = Fragment {
        plugins: is_written.then_some([guard]),
        filter_chains: [Chain {
            service: member("service"),
            route: member("route"),
            enabled: is_off,
            tags: member("tags"),
            filters: [Filter { name: FILTER, config: Ordered { fields: FIELDS, members: &config } }],
        }],
    };
    let chain = serde_saphyr::to_string(&fragment)
        .map_err(|error| format!("{place}: this cannot be written as YAML: {error}"))?;
    Ok(Converted { place, chain, lines })
}

/// A line of the report, in the words for a field of the entry.
fn of_the_entry(line: Line) -> Line {
    let name = line.pointer.trim_start_matches('/');
    let Some(field) = FIELDS.iter().find(|field| field.name == name) else { return line };
    let text = match line.verdict {
        Verdict::Host => format!("left out: {}", line.text),
        Verdict::Refused if is_left_out(field) => format!("left out, and not replaced: {}", line.text),
        Verdict::Refused => {
            format!("kept, so that the gateway refuses it until you have decided: {}", line.text)
        }
        _ => return line,
    };
    Line { text, ..line }
}

/// Whether the chain goes without the field: it is about connections, which are the gateway's, and
/// nothing more is let through without it.
fn is_left_out(field: &Field) -> bool {
    let is_of_consumers = field.name.starts_with("consumer") || field.name == "credential_claim";
    matches!(field.support, Support::HostProvides(_)) && !is_of_consumers
}

/// What is said of the entry around its configuration.
fn entry_lines(entry: &Value, owner: Option<&Value>, is_for_consumer: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let has = |name: &str| entry.get(name).is_some_and(|value| !value.is_null());
    if has("plugin") {
        let text = "Kong's ingress controller has no filter chains: put the configuration below into the KongPlugin, with \
                    plugin: token_exchange";
        lines.push(Line::new(Verdict::Refused, "", text));
    } else if owner.is_none() && !has("service") && !has("route") {
        let text = "a filter chain belongs to a service or a route: put it into each that the plugin was for";
        lines.push(Line::new(Verdict::Refused, "", text));
    }
    if owner.is_some_and(|owner| owner.get("filter_chains").is_some()) {
        let text = "there is a filter chain here already, and can be only one: put the filter at its head";
        lines.push(Line::new(Verdict::Warning, "", text));
    }
    let members = ["consumer", "consumer_group"].into_iter().filter(|name| has(name));
    for place in members.chain(is_for_consumer.then_some("")) {
        let text = "there are no filter chains for consumers: the filter is for every caller";
        lines.push(Line::new(Verdict::Refused, place, text));
    }
    for name in ["condition", "instance_name", "ordering", "partials", "protocols"] {
        if has(name) {
            lines.push(Line::new(Verdict::Warning, name, "left out: a filter chain has no such field"));
        }
    }
    lines
}

/// What to do about the guard, without which requests pass unchecked where Kong does not run the filter.
fn guard_line(beside: Beside) -> Option<&'static str> {
    match beside {
        Beside::Nothing => Some(
            "where Kong does not run the filter, such as on a node without wasm, requests pass unchecked without the \
             guard, a post-function plugin: put it into the plugins of the same service or route, too",
        ),
        Beside::Guard => None,
        Beside::Function => Some(
            "where Kong does not run the filter, such as on a node without wasm, requests pass unchecked without the \
             guard, and Kong runs one post-function for a request: put the guard of docs/kong.md at the end of the \
             access code of the one that is here",
        ),
        Beside::Grpc => Some(
            "where Kong does not run the filter, such as on a node without wasm, requests pass unchecked without the \
             guard, which for a service over gRPC has to name it: docs/kong.md says how",
        ),
    }
}

#[derive(Serialize)]
struct Fragment<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    plugins: Option<[Guard<'a>; 1]>,
    filter_chains: [Chain<'a>; 1],
}

#[derive(Serialize)]
struct Guard<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Value>,
    config: Functions,
}

#[derive(Serialize)]
struct Functions {
    access: [LitString; 1],
}

#[derive(Serialize)]
struct Chain<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Value>,
    filters: [Filter<'a>; 1],
}

#[derive(Serialize)]
struct Filter<'a> {
    name: &'static str,
    config: Ordered<'a>,
}

/// A configuration in the order of the table of fields, without what is null or left out; what is
/// unknown stands at the end.
struct Ordered<'a> {
    fields: &'static [Field],
    members: &'a Map<String, Value>,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let written = |name: &str| self.members.get(name).filter(|value| !value.is_null());
        for field in self.fields {
            let Some(value) = written(field.name).filter(|value| !goes(field, value, self.members)) else {
                continue;
            };
            match (field.kind, value) {
                (FieldType::Object(fields), Value::Object(members)) => {
                    map.serialize_entry(field.name, &Ordered { fields, members })?;
                }
                (FieldType::Objects(fields), Value::Array(items)) => {
                    map.serialize_entry(field.name, &OrderedList { fields, items })?;
                }
                (kind, value) => map.serialize_entry(field.name, &Written { kind, value })?,
            }
        }
        let is_known = |name: &str| self.fields.iter().any(|field| field.name == name);
        for (name, value) in self.members.iter().filter(|(name, value)| !is_known(name) && !value.is_null()) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A value of a field. decK puts variables in place of the letters of its placeholders before it reads the
/// YAML: where text is meant they are quoted, so that what comes in stays text, and one text.
struct Written<'a> {
    kind: FieldType,
    value: &'a Value,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.kind;
        let is_text = !matches!(kind, FieldType::Boolean | FieldType::Integer { .. } | FieldType::Number);
        match self.value {
            Value::String(text) if is_text && text.contains("${{") && !text.contains(char::is_control) => {
                SingleQuoted(text).serialize(serializer)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(|value| Written { kind, value })),
            Value::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, Written { kind, value })))
            }
            other => other.serialize(serializer),
        }
    }
}

/// Whether a field is left out with this value, beside the others of its object.
fn goes(field: &Field, value: &Value, members: &Map<String, Value>) -> bool {
    let is_waived = field.waived_by.is_some_and(|switch| members.get(switch) == Some(&Value::Bool(true)));
    is_left_out(field) || is_waived || (field.support != Support::Honoured && field.is_default(value))
}

struct OrderedList<'a> {
    fields: &'static [Field],
    items: &'a [Value],
}

impl Serialize for OrderedList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        for item in self.items {
            match item {
                Value::Object(members) => {
                    list.serialize_element(&Ordered { fields: self.fields, members })?;
                }
                other => list.serialize_element(other)?,
            }
        }
        list.end()
    }
}
