//! What was found while a configuration was read and checked.

use crate::diagnostic::{Diagnostic, DiagnosticKind};

/// More errors than this are not listed: a text with so many is no configuration of this filter.
pub(super) const MAX_ERRORS: usize = 100;

/// All that has been found so far.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    errors: Vec<Diagnostic>,
    more_errors: bool,
    warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error, unless one is known at the same place, above or beneath it: what was misread
    /// there would only cause a second, misleading one.
    pub(super) fn error(&mut self, kind: DiagnosticKind, pointer: &str, message: impl Into<String>) {
        if self.concern(pointer) {
            return;
        }
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(Diagnostic::error(kind, pointer, message));
        } else {
            self.more_errors = true;
        }
    }

    /// Whether an error is known at `pointer`, above or beneath it.
    pub(super) fn concern(&self, pointer: &str) -> bool {
        self.errors.iter().any(|known| contains(&known.pointer, pointer) || contains(pointer, &known.pointer))
    }

    /// Adds what an operator should review, though it is no error. It is listed once.
    pub(super) fn warning(&mut self, kind: DiagnosticKind, pointer: &str, message: impl Into<String>) {
        let warning = Diagnostic::warning(kind, pointer, message);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The warnings, or the errors where there are any.
    pub(super) fn into_warnings(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if self.more_errors {
            let message = "there are more errors: mend these first";
            self.errors.push(Diagnostic::error(DiagnosticKind::TooMany, "", message));
        }
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(self.errors) }
    }
}

/// Whether `inner` is `outer` or stands within it.
fn contains(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_error() {
        let mut diagnostics = Diagnostics::default();
        for pointer in ["/a/0", "/a", "/a/0/b", "/a/0", "/a/1", "/ab"] {
            diagnostics.error(DiagnosticKind::WrongType, pointer, "m");
        }
        let errors = diagnostics.into_warnings().unwrap_err();
        let pointers: Vec<_> = errors.into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/a/0", "/a/1", "/ab"]);
    }

    #[test]
    fn the_list_of_errors_is_bounded() {
        let mut diagnostics = Diagnostics::default();
        for index in 0..1000 {
            diagnostics.error(DiagnosticKind::WrongType, &format!("/{index}"), "m");
        }
        let errors = diagnostics.into_warnings().unwrap_err();
        assert_eq!(errors.len(), MAX_ERRORS + 1);
        assert!(errors[MAX_ERRORS].message.contains("more errors"));
    }

    #[test]
    fn warnings_alone_are_no_error() {
        let mut diagnostics = Diagnostics::default();
        diagnostics.warning(DiagnosticKind::NoEffect, "/a\n", "w");
        diagnostics.warning(DiagnosticKind::NoEffect, "/a\n", "w");
        let warnings = diagnostics.into_warnings().unwrap();
        assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/a\\n: w"]);
    }
}
