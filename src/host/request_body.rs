//! The body of a request: whether it comes to the filter, and reading it.

use super::body::Body;
use super::gateway::Gateway;
use super::kong::framing::{Framing, Outlook};
use super::raw;
use crate::flow::step::{BodyFailure, ByteLimit};
use crate::http::Headers;
use std::cell::Cell;

/// What is known of a request's body; of a request of which nothing has come, nothing.
#[derive(Default)]
pub(super) struct RequestBody {
    seen: Cell<Body>,
    /// Known where the body does not come while the request is paused.
    framing: Cell<Framing>,
}

impl RequestBody {
    /// Takes what the header says of the body.
    pub(super) fn announce(&self, gateway: Gateway, headers: &Headers) {
        if !gateway.brings_body_while_paused() {
            self.framing.set(Framing::of(headers));
        }
    }

    /// A callback sees `size` bytes, all that have come and were held back.
    pub(super) fn arrive(&self, size: usize, is_end: bool) {
        self.seen.set(self.seen.get().after(size, is_end));
    }

    /// The stream ends without more of it.
    pub(super) fn end(&self) {
        self.seen.set(self.seen.get().ended());
    }

    /// Its callback is over. On Kong's host it cannot be read any more.
    pub(super) fn callback_ends(&self, gateway: Gateway) {
        if !gateway.brings_body_while_paused() {
            self.seen.set(Body::Gone);
        }
    }

    /// Whether nothing of it has come, and more may.
    pub(super) fn is_awaited(&self) -> bool {
        self.seen.get() == Body::Coming(0)
    }

    /// Whether it was read as empty.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.get() == Body::Whole(0)
    }

    /// All of it, or why it cannot be had; `None` where it is still to come.
    pub(super) fn read(&self, gateway: Gateway, limit: ByteLimit) -> Option<Result<Vec<u8>, BodyFailure>> {
        match self.seen.get() {
            Body::Coming(size) | Body::Whole(size) if size > limit.0 => Some(Err(BodyFailure::TooLarge)),
            Body::Whole(0) => Some(Ok(Vec::new())),
            Body::Whole(size) => {
                let body = raw::request_body(size).ok().filter(|body| body.len() == size);
                Some(body.ok_or(BodyFailure::Unreadable))
            }
            Body::Gone => Some(Err(BodyFailure::Unreadable)),
            Body::Coming(_) => match self.outlook(gateway, limit) {
                Ok(Outlook::Comes) => None,
                Ok(Outlook::Empty) => {
                    self.end();
                    Some(Ok(Vec::new()))
                }
                Err(failure) => Some(Err(failure)),
            },
        }
    }

    /// Whether the body, or the end of an empty one, comes to the filter.
    fn outlook(&self, gateway: Gateway, limit: ByteLimit) -> Result<Outlook, BodyFailure> {
        if gateway.brings_body_while_paused() {
            return Ok(Outlook::Comes);
        }
        let protocol = || raw::property(&["request", "protocol"]);
        self.framing
            .get()
            .outlook(limit, || protocol().is_ok_and(|protocol| protocol.starts_with(b"HTTP/1.")))
    }
}
