//! Files, and the configurations in them.

use super::entry::{AnotherFilter, Entry, EntryKind};
use super::envoy::clusters::Clusters;
use super::walk::{place_before, walk};
use super::{Checked, envoy, envoy_gateway, istio, kong};
use serde_json::{Map, Value};
use std::rc::Rc;
use token_exchange::json;

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

/// What a file has of the filter.
pub(crate) struct Contents<'a> {
    /// Every configuration of the filter, or of Kong's own plugin.
    pub(crate) entries: Vec<Entry<'a>>,
    /// What is to be said of what stands around them.
    pub(crate) around: Vec<Checked>,
}

/// Looks for the filter in all documents of a file. An error says why there is nothing to look at.
pub(crate) fn contents(documents: &[Value]) -> Result<Contents<'_>, String> {
    let mut entries = Vec::new();
    let mut around = Vec::new();
    let mut other_filters = 0_usize;
    let names = envoy::chain::names(documents);
    for (index, document) in documents.iter().enumerate() {
        let before = place_before(documents, index);
        let clusters = Rc::new(Clusters::of(documents, document));
        let mut found = Vec::new();
        walk(document, "", &mut |pointer, value| {
            found.extend(kong::entries(document, pointer, value));
            let mut filters = envoy_gateway::entries(pointer, value, &clusters);
            filters.extend(envoy::entry(document, pointer, value, &clusters));
            filters.extend(istio::entry(pointer, value, &clusters));
            for filter in filters {
                match filter {
                    Ok(entry) => found.push(entry),
                    Err(AnotherFilter) => other_filters = other_filters.saturating_add(1),
                }
            }
        });
        if let Value::Object(members) = document
            && found.is_empty()
            && is_bare(members)
        {
            found.push(bare(document, members));
        }
        entries.extend(
            found.into_iter().map(|entry| Entry { place: format!("{before}{}", entry.place), ..entry }),
        );
        let mut lines = kong::around(document);
        lines.extend(envoy::chain::around(document, &names));
        lines.extend(istio::patch::around(document, &envoy::chain::is_this_filter));
        if !lines.is_empty() {
            around.push(Checked { place: before, lines });
        }
    }
    if !entries.is_empty() || !around.is_empty() {
        Ok(Contents { entries, around })
    } else if other_filters > 0 {
        Err("there are Wasm filters, but none whose name, root_id or code says token_exchange".to_owned())
    } else {
        Err("there is no configuration of token_exchange in it".to_owned())
    }
}

/// A document that is a configuration.
fn bare<'a>(document: &'a Value, members: &Map<String, Value>) -> Entry<'a> {
    Entry {
        place: String::new(),
        kind: EntryKind::Bare,
        config: Ok(members.clone()),
        remarks: Vec::new(),
        wasm: None,
        entry: document,
        owner: None,
        is_for_consumer: false,
    }
}

/// Whether a document without a known frame is meant as a configuration: it has a field of one.
fn is_bare(members: &Map<String, Value>) -> bool {
    const FRAME: [&str; 11] = [
        "_format_version",
        "services",
        "routes",
        "plugins",
        "filter_chains",
        "static_resources",
        "staticResources",
        "kind",
        "resources",
        "configs",
        "@type",
    ];
    !FRAME.iter().any(|name| members.contains_key(*name))
}
