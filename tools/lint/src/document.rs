//! Files, and the configurations in them.

use super::entry::{Entry, EntryKind};
use super::{envoy, kong};
use serde_json::{Map, Value};
use token_exchange::json;
use token_exchange::text::pointer_to;

/// Reads JSON or YAML, one document or several. An error shows nothing of the text, which may hold
/// secrets.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('{') {
        return match json::parse(text.as_bytes()) {
            Ok(value) => Ok(vec![value]),
            Err(error) => Err(format!("this is not JSON that can be read: {error}")),
        };
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| format!("this is neither JSON nor YAML that can be read: {error}"))?;
    let documents: Vec<_> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() { Err("there is nothing in it".to_owned()) } else { Ok(documents) }
}

/// Every configuration of the filter, or of Kong's own plugin.
pub(crate) fn entries(documents: &[Value]) -> Result<Vec<Entry<'_>>, String> {
    let mut entries = Vec::new();
    let mut other_filters = 0_usize;
    for (index, document) in documents.iter().enumerate() {
        let before = if documents.len() > 1 {
            format!("document {}, ", index.saturating_add(1))
        } else {
            String::new()
        };
        let mut found = Vec::new();
        walk(document, "", &mut |pointer, value| {
            found.extend(kong::entries(document, pointer, value));
            match envoy::entry(document, pointer, value) {
                Some(Ok(entry)) => found.push(entry),
                Some(Err(envoy::AnotherFilter)) => other_filters = other_filters.saturating_add(1),
                None => {}
            }
        });
        if let Value::Object(members) = document
            && found.is_empty()
            && is_bare(members)
        {
            let config = Ok(members.clone());
            found.push(Entry {
                place: String::new(),
                kind: EntryKind::Bare,
                config,
                remarks: Vec::new(),
                wasm: None,
                entry: document,
                owner: None,
                is_for_consumer: false,
            });
        }
        entries.extend(
            found.into_iter().map(|entry| Entry { place: format!("{before}{}", entry.place), ..entry }),
        );
    }
    if !entries.is_empty() {
        Ok(entries)
    } else if other_filters > 0 {
        Err("there are Wasm filters, but none whose name, root_id or code says token_exchange".to_owned())
    } else {
        Err("there is no configuration of token_exchange in it".to_owned())
    }
}

/// Whether a document without a known frame is meant as a configuration: it has a field of one.
fn is_bare(members: &Map<String, Value>) -> bool {
    let is_frame =
        ["_format_version", "services", "routes", "plugins", "filter_chains", "static_resources", "kind"];
    !is_frame.iter().any(|name| members.contains_key(*name))
}

/// Calls `visit` for every value with the pointer to it.
fn walk<'a>(value: &'a Value, at: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{index}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                walk(member, &pointer_to(at, name), visit);
            }
        }
        _ => {}
    }
}
