//! The upstream's response to a request that Kong buffered (Q5).
//!
//! When a plugin on the route turns on buffered proxying, Kong calls the upstream before any Wasm
//! filter, and the first callback is that of the response. Without a guard the upstream has been reached by
//! then; what is left is to show the client nothing of what it said. With one, Kong cannot call it, and the
//! response is Kong's own (Q10).

use super::gate::Gate;
use crate::host::log;
use crate::host::note::{HostNote, ResponsePart};
use crate::host::raw::{self, Map};
use crate::host::status::Status;
use crate::rejection;

/// Whether the response that begins on Kong is an upstream's, on a request that was never decided.
/// Only in the response header callback: earlier the host traps on the property (K9).
pub(in crate::host) fn is_upstream_response() -> bool {
    // Behind a gate that an instance of this filter has shut, the response is the gateway's own.
    !Gate::is_shut() && raw::property(&["kong", "service", "response", "status"]).is_ok()
}

/// A response in the course of being replaced (Q4).
pub(in crate::host) struct Replacement {
    /// What the client still has to get.
    text: Vec<u8>,
}

/// Not removed: the host crashes when it is (T2).
const KEPT: &[u8] = b"connection";

impl Replacement {
    /// Replaces the header of the response; `is_listed` is whether the host can list it whole.
    pub(in crate::host) fn begin(is_listed: bool) -> Replacement {
        log::note(&HostNote::UpstreamCalledFirst);
        let response = rejection::internal_error();
        let status = response.status.to_string();
        note_failure(ResponsePart::Status, raw::replace_header(Map::Response, b":status", status.as_bytes()));
        if is_listed {
            remove_listed();
        } else {
            // Beyond its limit the host overruns the room it asked for when it makes a list (D9). So
            // the lines are dropped unread, all at once; of nginx's own that leaves those below.
            note_failure(ResponsePart::Header, raw::replace_all_headers(Map::Response, &[]));
        }
        for (name, value) in &response.headers {
            let replaced = raw::replace_header(Map::Response, name.as_bytes(), value.as_bytes());
            note_failure(ResponsePart::Header, replaced);
        }
        Replacement { text: response.body.into_bytes() }
    }

    /// Replaces a piece of the body, `size` bytes long: the first by the filter's own text, the
    /// others by nothing.
    pub(in crate::host) fn replace(&mut self, size: usize) {
        let text = std::mem::take(&mut self.text);
        if size > 0 || !text.is_empty() {
            // The host cuts the text to the length it replaces.
            note_failure(ResponsePart::Body, raw::replace_response_body(size.max(text.len()), &text));
        }
    }
}

fn remove_listed() {
    let Ok(pairs) = raw::header_pairs(Map::Response) else {
        return log::note(&HostNote::ResponseHeaderUnreadable);
    };
    for (name, _) in pairs {
        if !name.starts_with(b":") && !name.eq_ignore_ascii_case(KEPT) {
            note_failure(ResponsePart::Header, raw::remove_header(Map::Response, &name));
        }
    }
}

fn note_failure(part: ResponsePart, done: Result<(), Status>) {
    if let Err(status) = done {
        log::note(&HostNote::ResponseNotReplaced { part, status });
    }
}
