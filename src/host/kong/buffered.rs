//! The upstream's answer to a request the filter never saw.
//!
//! When a plugin on the route turns on buffered proxying, Kong calls the upstream before any Wasm
//! filter, and the first callback is that of the response. The upstream has been reached by then;
//! what is left is to show the client nothing of what it said.

use super::gate::Gate;
use crate::host::gateway::Kind;
use crate::host::raw::{self, Map};
use crate::rejection;
use crate::report::Level;

/// Whether the response that begins is an upstream's, on a request that was never decided. Only in
/// the response header callback: earlier the host traps on the property.
pub(in crate::host) fn is_upstream_answer(kind: Kind) -> bool {
    // Elsewhere, and behind a gate that an instance of this filter has shut, the response is the
    // gateway's own.
    kind.has_gate() && !Gate::is_shut() && raw::property(&["kong", "service", "response", "status"]).is_ok()
}

/// An answer in the course of being replaced.
pub(in crate::host) struct Replacement {
    /// What the client still has to get.
    text: Vec<u8>,
}

/// Not removed: the host crashes when it is.
const KEPT: &[u8] = b"connection";

impl Replacement {
    /// Replaces the header of the response, which has `lines` lines.
    pub(in crate::host) fn begin(kind: Kind, lines: usize) -> Replacement {
        raw::log(
            Level::Critical,
            "the upstream was called before this filter ran, because a plugin on this route turns on \
             buffered proxying; its answer is replaced by 500. Take that plugin off the route.",
        );
        let response = rejection::internal_error();
        let status = response.status.to_string();
        complain("status", raw::replace_header(Map::Response, b":status", status.as_bytes()));
        if kind.lists(lines) {
            remove_listed();
        } else {
            // Beyond its limit the host overruns the room it asked for when it makes a list. So the
            // lines are dropped unseen, all at once; of nginx's own that leaves those below.
            complain("header", raw::replace_all_headers(Map::Response, &[]));
        }
        for (name, value) in &response.headers {
            let replaced = raw::replace_header(Map::Response, name.as_bytes(), value.as_bytes());
            complain("header", replaced);
        }
        Replacement { text: response.body.into_bytes() }
    }

    /// Replaces a piece of the body, `size` bytes long: the first by the filter's own text, the
    /// others by nothing.
    pub(in crate::host) fn replace(&mut self, size: usize) {
        let text = std::mem::take(&mut self.text);
        if size > 0 || !text.is_empty() {
            // The host cuts the text to the length it replaces.
            complain("body", raw::replace_response_body(size.max(text.len()), &text));
        }
    }
}

fn remove_listed() {
    let Ok(pairs) = raw::header_pairs(Map::Response) else {
        return raw::log(Level::Critical, "the response's header cannot be read");
    };
    for (name, _) in pairs {
        if !name.starts_with(b":") && !name.eq_ignore_ascii_case(KEPT) {
            complain("header", raw::remove_header(Map::Response, &name));
        }
    }
}

fn complain(what: &str, done: Result<(), raw::Status>) {
    if let Err(status) = done {
        raw::log(Level::Critical, &format!("the response's {what} is not replaced: {status}"));
    }
}
