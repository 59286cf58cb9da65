//! Traps on demand, for tests that show what a trap can do. Not in a build without the feature
//! `fault-injection`, and never in a release.

use super::raw;

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
