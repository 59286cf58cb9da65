//! The surface between the core and the shell.

use crate::http::{Callout, LocalReply};

pub use super::environment::{BodyFailure, Environment, Event};
pub use super::header_edit::HeaderEdit;
pub use super::receipt::{Receipt, ResponseEdits};
pub use super::request::Pending;
pub use super::rewrite::HeaderEdits;
pub use crate::http::ByteLimit;

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
