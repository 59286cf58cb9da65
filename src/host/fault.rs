//! Traps on demand, for tests that show what a trap can do. Not in a build without the feature
//! `fault-injection`, and never in a release.

use super::pairs::Pairs;
use super::raw::{self, Map};
use crate::flow::step::{BodyFailure, ByteLimit, HeaderEdits, Receipt, Step};
use crate::http::{LocalReply, RequestHead};
use sha2::{Digest, Sha256};

/// A place in the filter where a test can have it trap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The request's header arrives.
    RequestHeaders,
    /// A piece of the request's body arrives.
    RequestBody,
    /// The request's trailers arrive.
    RequestTrailers,
    /// A callout ends.
    CallResponse,
    /// A callout that the root owns ends. Nothing traps there: the end is lost.
    LostAnswer,
    /// The request's header is edited, and the gate still shut (M2).
    BeforeOpening,
    /// Not a trap: the body is read before the core begins.
    ReadBody,
    /// Not a trap: the body is read after the core has decided to forward, so after all callouts.
    ReadBodyLast,
}

impl Place {
    fn name(self) -> &'static [u8] {
        match self {
            Place::RequestHeaders => b"request-headers",
            Place::RequestBody => b"request-body",
            Place::RequestTrailers => b"request-trailers",
            Place::CallResponse => b"call-response",
            Place::LostAnswer => b"lost-answer",
            Place::BeforeOpening => b"before-opening",
            Place::ReadBody => b"read-body",
            Place::ReadBodyLast => b"read-body-last",
        }
    }
}

/// Traps where the request's `x-fault` names this place.
pub(super) fn strike(place: Place) {
    if is_named(place) {
        core::arch::wasm32::unreachable();
    }
}

/// Whether the request's `x-fault` names this place.
pub(super) fn is_named(place: Place) -> bool {
    raw::property(&["request", "headers", "x-fault"]).is_ok_and(|value| value == place.name())
}

/// The most bytes that a test has read of a body.
pub(super) const BODY_LIMIT: ByteLimit = ByteLimit(100_000);

/// Reports to the upstream what was read: how many bytes, and their SHA-256.
const BODY_READ: &[u8] = b"x-body-read";

/// What follows when a test has had the body read.
pub(super) enum Then {
    /// The core begins.
    Begin(RequestHead),
    /// What the core has decided.
    Forward(HeaderEdits, Receipt),
}

/// Whether the body has to be read before the request is forwarded, and was not.
pub(super) fn reads_last() -> bool {
    let is_reported = |pairs: Pairs| pairs.iter().any(|(name, _)| name == BODY_READ);
    is_named(Place::ReadBodyLast) && raw::header_pairs(Map::Request).is_ok_and(|pairs| !is_reported(pairs))
}

/// Reports the body, and says what follows.
///
/// # Errors
/// The core begins, with this header.
pub(super) fn body_read(then: Then, body: Result<&[u8], BodyFailure>) -> Result<Step, RequestHead> {
    let status = match body {
        Ok(bytes) => {
            let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let text = format!("{} {digest}", bytes.len());
            if raw::replace_header(Map::Request, BODY_READ, text.as_bytes()).is_ok() {
                return match then {
                    Then::Begin(head) => Err(head),
                    Then::Forward(edits, receipt) => Ok(Step::Forward(edits, receipt)),
                };
            }
            500
        }
        Err(BodyFailure::TooLarge) => 413,
        Err(BodyFailure::LengthRequired) => 411,
        Err(BodyFailure::Unreadable) => 500,
    };
    Ok(Step::Respond(LocalReply { status, headers: Vec::new(), body: String::new() }))
}
