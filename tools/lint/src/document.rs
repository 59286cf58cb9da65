//! Files, and the configurations in them.

use super::entry::{AnotherFilter, Entry, EntryKind};
use super::envoy::clusters::Clusters;
use super::placeholder::Marked;
use super::walk::{place_before, walk};
use super::{Checked, envoy, envoy_gateway, istio, kong};
use serde_json::{Map, Value};
use std::rc::Rc;
use token_exchange::json;

/// Reads JSON or YAML, one document or several. An error shows nothing of the text, which may hold
/// secrets.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, String> {
    if is_terraform(text) {
        let sentence = "this is in Terraform's language, which the linter does not read: give it what `terraform show \
                        -json` writes, or the entry as `deck gateway dump` writes it";
        return Err(sentence.to_owned());
    }
    let documents = documents(text).or_else(|error| match Marked::new(text) {
        Some(marked) => match documents(&marked.text) {
            Ok(documents) => Ok(documents.into_iter().map(|document| marked.restore(document)).collect()),
            Err(error) => Err(format!("{error}, whatever decK puts in place of its placeholders")),
        },
        None => Err(error),
    })?;
    let documents: Vec<_> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() { Err("there is nothing in it".to_owned()) } else { Ok(documents) }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('{') {
        return match json::parse(text.as_bytes()) {
            Ok(value) => Ok(vec![value]),
            Err(error) => Err(format!("this is not JSON that can be read: {error}")),
        };
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| format!("this is neither JSON nor YAML that can be read: {error}"))
}

/// Whether a line opens a block of Terraform's language, much of which YAML would take for one long text.
fn is_terraform(text: &str) -> bool {
    let opens = |line: &str| {
        let is_labelled = ["resource \"", "data \"", "module \"", "provider \"", "variable \""]
            .iter()
            .any(|opening| line.starts_with(opening));
        (is_labelled || line.starts_with("terraform ")) && line.trim_end().ends_with('{')
    };
    text.lines().any(opens)
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
    let mut around_kong = kong::around::around(documents);
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
        let mut lines = around_kong.remove(&index).unwrap_or_default();
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
        Err("there is no configuration of token_exchange in it: the linter reads a configuration by itself (JSON); for \
             Kong a declaration, a list of plugins, an entry as the Admin API and Konnect take and give it, a KongPlugin, \
             and what `terraform show -json` writes; and files for Envoy, Istio and Envoy Gateway"
            .to_owned())
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

/// Whether a document without a known frame is meant as a configuration.
fn is_bare(members: &Map<String, Value>) -> bool {
    const FRAME: [&str; 13] = [
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
        "terraform_version",
        "data",
    ];
    // In Terraform's JSON a resource is an object; here it is a URL.
    let is_terraform = members.get("resource").is_some_and(Value::is_object);
    !is_terraform && !FRAME.iter().any(|name| members.contains_key(*name))
}
