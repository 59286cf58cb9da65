//! What is wrong with a configuration, or worth reviewing in it.

use std::fmt;

/// One mistake or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub kind: DiagnosticKind,
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// A sentence that says what to write there. It holds no secret.
    pub message: String,
}

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiagnosticKind {
    /// This gateway cannot do it.
    UnsupportedOnGateway,
}

impl Diagnostic {
    /// A mistake.
    pub fn error(kind: DiagnosticKind, pointer: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { kind, pointer: pointer.into(), message: message.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.pointer, self.message)
    }
}
