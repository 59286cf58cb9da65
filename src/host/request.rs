//! The request's header: read in the gateway's form, and edited for the upstream.

use super::note::{EditFailure, HostNote};
use super::outgoing;
use super::pairs::{self, Pairs};
use super::raw::{self, Map};
use crate::flow::step::{HeaderEdit, HeaderEdits};
use crate::http::RequestHead;

/// Sorts the pairs of a request's header. On Kong `:path` is decoded and normalised (S8).
pub(super) fn head(pairs: Pairs, header_lines: usize) -> RequestHead {
    let (mut pseudo, headers) = pairs::split(pairs);
    let (method, target) = (pseudo.take(b":method"), pseudo.take(b":path"));
    RequestHead { method, target, routing: pseudo.into_values(), headers, header_lines }
}

/// Makes all edits, in order.
///
/// # Errors
/// What went wrong. The edits before it are made.
pub(super) fn edit(edits: &HeaderEdits, removes_headers: bool) -> Result<(), HostNote> {
    for edit in edits.iter() {
        let (HeaderEdit::Set { name, .. } | HeaderEdit::Remove { name }) = edit;
        edit_one(edit, removes_headers)
            .map_err(|why| HostNote::HeaderNotEdited { name: name.clone(), why })?;
    }
    Ok(())
}

fn edit_one(edit: &HeaderEdit, removes_headers: bool) -> Result<(), EditFailure> {
    let edited = match edit {
        HeaderEdit::Set { name, value } if !outgoing::is_field(name, value) => {
            return Err(EditFailure::Malformed);
        }
        HeaderEdit::Set { name, value } => raw::replace_header(Map::Request, name, value),
        HeaderEdit::Remove { name } if removes_headers => raw::remove_header(Map::Request, name),
        // Kong's host forgets a header it removes, and nginx sends it all the same (D7).
        HeaderEdit::Remove { name } => raw::replace_header(Map::Request, name, b""),
    };
    edited.map_err(EditFailure::Refused)
}
