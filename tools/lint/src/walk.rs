//! Every value of a file, with its place.

use serde_json::Value;
use token_exchange::text::pointer_to;

/// Calls `visit` for every value with the pointer to it.
pub(crate) fn walk<'a>(value: &'a Value, at: &str, visit: &mut impl FnMut(&str, &'a Value)) {
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

/// What stands before the pointers into one of several documents.
pub(crate) fn place_before(documents: &[Value], index: usize) -> String {
    if documents.len() > 1 { format!("document {}, ", index.saturating_add(1)) } else { String::new() }
}
