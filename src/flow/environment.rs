//! What the core is given for a step: the time, the store, random bytes and the report, and the answer to a
//! question.

use crate::cache::shared::{SharedAccess, SharedStore};
use crate::entropy::Entropy;
use crate::http::CalloutOutcome;
use crate::report::Report;
use crate::time::UnixTime;

/// What a step may use beside its arguments.
pub struct Environment<'a> {
    /// The time.
    pub now: UnixTime,
    /// The gateway's shared data.
    pub store: &'a mut dyn SharedStore,
    /// Random bytes.
    pub entropy: &'a mut dyn Entropy,
    /// Takes what is worth recording.
    pub report: &'a mut Report,
}

impl Environment<'_> {
    /// What a write to the shared tier takes.
    pub(super) fn shared_access(&mut self) -> SharedAccess<'_> {
        SharedAccess { store: self.store, entropy: self.entropy, report: self.report }
    }
}

/// What the shell brings back.
#[derive(Clone, Copy)]
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

/// A body may hold credentials, so that only its length is shown.
impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Event::Called { outcome, joined } => {
                formatter.debug_struct("Called").field("outcome", outcome).field("joined", joined).finish()
            }
            Event::Body(body) => formatter.debug_tuple("Body").field(&body.map(<[u8]>::len)).finish(),
        }
    }
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
