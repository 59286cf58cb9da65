//! What the core can ask of the shell, and what the shell brings back.

use crate::cache::shared::SharedStore;
use crate::http::{Callout, CalloutOutcome, LocalReply};
use crate::report::Report;
use crate::time::UnixTime;

/// What a gateway can do. Says abilities, never a product's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTraits {
    /// A header can be taken off the upstream request. Where it cannot, it can be emptied, and
    /// only its first line.
    pub removes_headers: bool,
    /// More header lines than this, pseudo-headers included, are not all listed.
    pub header_line_limit: Option<usize>,
    /// The filter sees requests for any path of its origin, not only for those of a route.
    pub sees_every_path: bool,
    /// A request that waits can be woken by another's callout, so that one callout serves all that
    /// ask the same. Where it cannot, each makes its own.
    pub joins_callouts: bool,
    /// Callouts can present a client certificate that the operator configured in the gateway.
    pub presents_client_certificates: bool,
}

/// What a step may use beside its arguments.
pub struct Environment<'a> {
    /// The time.
    pub now: UnixTime,
    /// The gateway's shared data.
    pub store: &'a mut dyn SharedStore,
    /// Takes what is to be logged.
    pub report: &'a mut Report,
}

/// What the shell has to do next. There is no "failed, go on".
#[derive(Debug)]
#[must_use]
#[allow(clippy::large_enum_variant, reason = "one is made at a time and taken apart at once")]
pub enum Step {
    /// Make this call, then come back with its outcome and the [`super::Pending`].
    Call(Callout, super::Pending),
    /// Read the request's body, up to so many bytes, then come back with it and the
    /// [`super::Pending`]. At most once for a request.
    ReadBody(ByteLimit, super::Pending),
    /// Let the request through with these edits.
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
    /// All of the request's body, or why it cannot be had.
    Body(Result<&'a [u8], BodyFailure>),
}

/// The most bytes of a body that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLimit(pub usize);

/// Why a request's body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFailure {
    /// It has more bytes than the limit.
    TooLarge,
    /// The gateway cannot wait for a body whose length the request does not announce (RFC 9110
    /// section 15.5.12).
    LengthRequired,
    /// The gateway does not hand it over.
    Unreadable,
}

/// One change to the request's header.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Leave exactly one line of this name, with this value.
    Set {
        /// The field's name in lower case.
        name: Vec<u8>,
        /// The field's value.
        value: Vec<u8>,
    },
    /// Leave none. The request has at least one line of this name; a gateway that cannot remove it
    /// empties it.
    Remove {
        /// The field's name in lower case.
        name: Vec<u8>,
    },
}

/// Values may be credentials, so only the names are shown.
impl std::fmt::Debug for HeaderEdit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, name) = match self {
            HeaderEdit::Set { name, .. } => ("Set", name),
            HeaderEdit::Remove { name } => ("Remove", name),
        };
        write!(formatter, "{word}({})", String::from_utf8_lossy(name))
    }
}

/// The edits that turn the client's request into the upstream's, in the order to apply them. Only
/// [`super::rewrite`] makes them, and only from a validated token: holding this value is the proof
/// that the request may pass.
#[derive(Debug)]
pub struct HeaderEdits(pub(super) Vec<HeaderEdit>);

impl HeaderEdits {
    /// The edits, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderEdit> {
        self.0.iter()
    }
}

/// What is kept of a forwarded request until it is over.
#[derive(Debug)]
pub struct Receipt(pub(super) ());

impl Receipt {
    /// Whether the response has to be shown to the core.
    pub fn awaits_response(&self) -> bool {
        false
    }
}
