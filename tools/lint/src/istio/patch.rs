//! Patches of Istio's `EnvoyFilter` that are for the filter.

use super::super::entry::is_ours;
use super::super::protobuf::{Enum, at, field, text};
use super::super::walk::walk;
use super::super::{Line, Verdict};
use serde_json::Value;

/// `istio.networking.v1alpha3.EnvoyFilter.Patch.Operation`.
const OPERATION: Enum = Enum(&[
    ("INVALID", 0),
    ("MERGE", 1),
    ("ADD", 2),
    ("REMOVE", 3),
    ("INSERT_BEFORE", 4),
    ("INSERT_AFTER", 5),
    ("INSERT_FIRST", 6),
    ("REPLACE", 7),
    ("MERGE_AND_REPLACE_LIST", 8),
]);

/// `istio.networking.v1alpha3.EnvoyFilter.PatchContext`.
const CONTEXT: Enum =
    Enum(&[("ANY", 0), ("SIDECAR_INBOUND", 1), ("SIDECAR_OUTBOUND", 2), ("GATEWAY", 3), ("WAYPOINT", 4)]);

/// `istio.networking.v1alpha3.EnvoyFilter.ApplyTo`, as far as it is looked at.
const APPLY_TO: Enum = Enum(&[("HTTP_FILTER", 4), ("CLUSTER", 8)]);

/// What is to be said of a `document` with patches of the filter.
pub(crate) fn around(document: &Value, is_this_filter: &dyn Fn(&Value) -> bool) -> Vec<Line> {
    let mut lines = Vec::new();
    walk(document, "", &mut |pointer, value| {
        let Some(patch) = as_patch(pointer, value) else { return };
        let filter = at(patch, &["patch", "value"]).filter(|filter| is_this_filter(filter));
        let is_gone = match operation(patch) {
            Some("REMOVE") => true,
            Some("REPLACE") => filter.is_none(),
            _ => false,
        };
        if is_gone && selects_ours(patch) {
            let why =
                "this takes the filter out of the chain, and requests pass unchecked: take the patch out";
            lines.push(Line::new(Verdict::Warning, format!("{pointer}/patch"), why));
        }
        let context = field(patch, "match").is_some_and(|it| CONTEXT.is(it, "context", "SIDECAR_OUTBOUND"));
        if context && filter.is_some() && APPLY_TO.is(patch, "apply_to", "HTTP_FILTER") {
            let why = "with SIDECAR_OUTBOUND a sidecar's incoming requests bypass the filter: write SIDECAR_INBOUND, \
                       or GATEWAY for a gateway";
            lines.push(Line::new(Verdict::Warning, format!("{pointer}/match/context"), why));
        }
    });
    lines
}

/// The patch that `value` is, an item of `configPatches`.
fn as_patch<'a>(pointer: &str, value: &'a Value) -> Option<&'a Value> {
    let (list, index) = pointer.rsplit_once('/')?;
    let is_list = list.ends_with("/configPatches") || list.ends_with("/config_patches");
    (is_list && index.bytes().all(|byte| byte.is_ascii_digit())).then_some(value)
}

/// Whether a patch is for a filter of this one's name.
fn selects_ours(patch: &Value) -> bool {
    let filters: [&[&str]; 2] = [
        &["match", "listener", "filter_chain", "filter", "sub_filter", "name"],
        &["match", "waypoint", "filter", "sub_filter", "name"],
    ];
    let is_named = filters.into_iter().any(|path| text(patch, path).is_some_and(is_ours));
    is_named && APPLY_TO.is(patch, "apply_to", "HTTP_FILTER")
}

fn operation(patch: &Value) -> Option<&'static str> {
    at(patch, &["patch", "operation"]).and_then(|operation| OPERATION.name_of(operation))
}

/// Whether a patch changes this filter, and leaves in place what it does not name.
fn merges_into_ours(patch: &Value) -> bool {
    matches!(operation(patch), Some("MERGE" | "MERGE_AND_REPLACE_LIST")) && selects_ours(patch)
}

/// The patch around what stands at `pointer`, and the rest of the pointer.
fn patch_around<'a, 'p>(document: &'a Value, pointer: &'p str) -> Option<(&'a Value, &'p str)> {
    let (at, _) = pointer.match_indices("/patch/value").next()?;
    let (patch, rest) = pointer.split_at_checked(at)?;
    Some((as_patch(patch, document.pointer(patch)?)?, rest.strip_prefix("/patch/value")?))
}

/// Whether what stands at `pointer` is merged into this filter.
pub(crate) fn patches_ours(document: &Value, pointer: &str) -> bool {
    patch_around(document, pointer).is_some_and(|(patch, _)| merges_into_ours(patch))
}

/// Whether what stands at `pointer` is the value of a patch that is merged into this filter.
pub(crate) fn is_patch_of_ours(document: &Value, pointer: &str) -> bool {
    patch_around(document, pointer).is_some_and(|(patch, rest)| rest.is_empty() && merges_into_ours(patch))
}

/// Whether what stands at `pointer` is a cluster that a patch adds.
pub(crate) fn adds_cluster(document: &Value, pointer: &str) -> bool {
    patch_around(document, pointer)
        .is_some_and(|(patch, rest)| rest.is_empty() && APPLY_TO.is(patch, "apply_to", "CLUSTER"))
}
