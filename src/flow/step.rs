//! What the core can say, and what it is given in between.

use crate::cache::shared::SharedStore;
pub use crate::http::ByteLimit;
use crate::http::{Callout, CalloutOutcome, LocalReply};
use crate::report::Report;
use crate::time::UnixTime;

pub use super::receipt::{Receipt, ResponseEdits};
pub use super::request::Pending;
pub use super::rewrite::{HeaderEdit, HeaderEdits};

/// What a step may use beside its arguments.
pub struct Environment<'a> {
    /// The time.
    pub now: UnixTime,
    /// The gateway's shared data.
    pub store: &'a mut dyn SharedStore,
    /// Takes what is worth recording.
    pub report: &'a mut Report,
}

/// What the shell has to do next. There is no "failed, go on".
#[derive(Debug)]
#[must_use]
#[allow(clippy::large_enum_variant, reason = "one is made at a time and taken apart at once")]
pub enum Step {
    /// Make this call, then come back with its outcome and the [`Pending`].
    Call(Callout, Pending),
    /// Bring the request's body, if it is no longer than this, and the [`Pending`].
    ReadBody(ByteLimit, Pending),
    /// Let the request through with these edits. The receipt is for the response.
    Forward(HeaderEdits, Receipt),
    /// Answer the request; nothing goes upstream.
    Respond(LocalReply),
}

/// What the shell brings back.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The callout ended.
    Called {
        /// How.
        outcome: &'a CalloutOutcome,
        /// Another request made it, for a callout of the same flight.
        joined: bool,
    },
    /// The request's body is there, or cannot be had.
    Body(Result<&'a [u8], BodyFailure>),
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFailure {
    /// It is longer than was asked for.
    TooLarge,
    /// The gateway cannot wait for a body whose length the request does not announce (RFC 9110
    /// section 15.5.12).
    LengthRequired,
    /// The gateway does not give it.
    Unreadable,
}
