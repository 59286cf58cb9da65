//! What is wrong with a configuration, or worth reviewing in it.

use std::fmt;

/// One finding in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the configuration can be used all the same.
    pub severity: Severity,
    /// What kind of finding it is; stable, so that tools can rely on it.
    pub kind: DiagnosticKind,
    /// JSON pointer (RFC 6901) to the place; empty for the configuration as a whole.
    pub pointer: String,
    /// A sentence that says what to write there. It holds no secret.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, and the operator should review it.
    Warning,
}

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiagnosticKind {
    /// The configuration is not a JSON object.
    NotAnObject,
    /// There is no field of this name.
    UnknownField,
    /// A field that is needed is missing.
    Required,
    /// The value is of another JSON type.
    WrongType,
    /// The value is none of those that the field takes.
    WrongValue,
    /// The text does not have the form of what it should be.
    MalformedText,
    /// A reference leads to no value.
    UnresolvedReference,
    /// This release does not support it.
    NotSupported,
    /// The gateway provides it.
    SetInGateway,
    /// This gateway cannot do it.
    UnsupportedOnGateway,
    /// It excludes another field, or needs one to be otherwise.
    Conflicting,
    /// The same thing is written twice.
    Duplicate,
    /// A URL without encryption.
    InsecureUrl,
    /// Keys or a secret that cannot be used, or not all of it.
    UnusableKey,
    /// It is not used.
    NoEffect,
    /// It weakens a check.
    WeakensCheck,
    /// A secret that can be guessed.
    WeakSecret,
    /// It is sent or read otherwise than it may be meant.
    Ambiguous,
    /// More findings than are listed.
    TooMany,
}

impl DiagnosticKind {
    /// Every kind.
    pub const ALL: [DiagnosticKind; 19] = [
        DiagnosticKind::NotAnObject,
        DiagnosticKind::UnknownField,
        DiagnosticKind::Required,
        DiagnosticKind::WrongType,
        DiagnosticKind::WrongValue,
        DiagnosticKind::MalformedText,
        DiagnosticKind::UnresolvedReference,
        DiagnosticKind::NotSupported,
        DiagnosticKind::SetInGateway,
        DiagnosticKind::UnsupportedOnGateway,
        DiagnosticKind::Conflicting,
        DiagnosticKind::Duplicate,
        DiagnosticKind::InsecureUrl,
        DiagnosticKind::UnusableKey,
        DiagnosticKind::NoEffect,
        DiagnosticKind::WeakensCheck,
        DiagnosticKind::WeakSecret,
        DiagnosticKind::Ambiguous,
        DiagnosticKind::TooMany,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            DiagnosticKind::NotAnObject => "not-an-object",
            DiagnosticKind::UnknownField => "unknown-field",
            DiagnosticKind::Required => "required",
            DiagnosticKind::WrongType => "wrong-type",
            DiagnosticKind::WrongValue => "wrong-value",
            DiagnosticKind::MalformedText => "malformed-text",
            DiagnosticKind::UnresolvedReference => "unresolved-reference",
            DiagnosticKind::NotSupported => "not-supported",
            DiagnosticKind::SetInGateway => "set-in-gateway",
            DiagnosticKind::UnsupportedOnGateway => "unsupported-on-gateway",
            DiagnosticKind::Conflicting => "conflicting",
            DiagnosticKind::Duplicate => "duplicate",
            DiagnosticKind::InsecureUrl => "insecure-url",
            DiagnosticKind::UnusableKey => "unusable-key",
            DiagnosticKind::NoEffect => "no-effect",
            DiagnosticKind::WeakensCheck => "weakens-check",
            DiagnosticKind::WeakSecret => "weak-secret",
            DiagnosticKind::Ambiguous => "ambiguous",
            DiagnosticKind::TooMany => "too-many",
        }
    }
}

impl Diagnostic {
    /// A finding that rules the configuration out.
    pub fn error(kind: DiagnosticKind, pointer: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        let (pointer, message) = (pointer.into(), message.into());
        Diagnostic { severity: Severity::Error, kind, pointer, message }
    }

    /// A finding that should be reviewed.
    pub fn warning(
        kind: DiagnosticKind,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(kind, pointer, message) }
    }
}

/// `pointer: message`, on one line whatever member names the pointer is made of.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_POINTER_CHARACTERS: usize = 240;
        for character in self.pointer.chars().take(MAX_POINTER_CHARACTERS) {
            match character {
                ' '..='~' => write!(formatter, "{character}")?,
                other => write!(formatter, "{}", other.escape_default())?,
            }
        }
        if self.pointer.chars().nth(MAX_POINTER_CHARACTERS).is_some() {
            formatter.write_str("...")?;
        }
        let separator = if self.pointer.is_empty() { "" } else { ": " };
        write!(formatter, "{separator}{}", self.message)
    }
}

impl std::error::Error for Diagnostic {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_forged_by_a_member_name() {
        let line = |pointer: &str, message: &str| {
            Diagnostic::error(DiagnosticKind::UnknownField, pointer, message).to_string()
        };
        assert_eq!(line("/a\r\nb\u{e9}\"", "write it right"), "/a\\r\\nb\\u{e9}\": write it right");
        assert_eq!(line("", "it is empty"), "it is empty");
        assert_eq!(line(&"x".repeat(9_999), "m").len(), 240 + "...: m".len());
    }

    #[test]
    fn the_names_of_the_kinds_are_stable() {
        let names = DiagnosticKind::ALL.map(DiagnosticKind::as_str);
        let expected = [
            "not-an-object",
            "unknown-field",
            "required",
            "wrong-type",
            "wrong-value",
            "malformed-text",
            "unresolved-reference",
            "not-supported",
            "set-in-gateway",
            "unsupported-on-gateway",
            "conflicting",
            "duplicate",
            "insecure-url",
            "unusable-key",
            "no-effect",
            "weakens-check",
            "weak-secret",
            "ambiguous",
            "too-many",
        ];
        assert_eq!(names, expected, "tools rely on these");
    }
}
