//! What was found while a configuration was read and checked.

use super::error::ConfigError;

/// More mistakes than this are not listed: whoever has so many has written something else.
pub(super) const MAX_FINDINGS: usize = 100;

/// All that has been found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    mistakes: Vec<ConfigError>,
    more_mistakes: bool,
    warnings: Vec<String>,
}

impl Findings {
    /// Adds a mistake, unless one is known at the same place, above or beneath it: what was
    /// misread there would only cause a second, misleading one.
    pub(super) fn mistake(&mut self, pointer: &str, message: impl Into<String>) {
        if self.concern(pointer) {
            return;
        }
        if self.mistakes.len() < MAX_FINDINGS {
            self.mistakes.push(ConfigError::new(pointer, message));
        } else {
            self.more_mistakes = true;
        }
    }

    /// Whether a mistake is known at `pointer`, above or beneath it.
    pub(super) fn concern(&self, pointer: &str) -> bool {
        self.mistakes
            .iter()
            .any(|known| contains(&known.pointer, pointer) || contains(pointer, &known.pointer))
    }

    /// Adds what an operator should know, though it is no mistake. It is told once.
    pub(super) fn warning(&mut self, pointer: &str, message: impl Into<String>) {
        let warning = ConfigError::new(pointer, message).to_string();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The warnings, or the mistakes where there are any.
    pub(super) fn into_warnings(mut self) -> Result<Vec<String>, Vec<ConfigError>> {
        if self.more_mistakes {
            self.mistakes.push(ConfigError::new("", "there are more mistakes: mend these first"));
        }
        if self.mistakes.is_empty() { Ok(self.warnings) } else { Err(self.mistakes) }
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
    fn one_place_has_one_mistake() {
        let mut findings = Findings::default();
        for pointer in ["/a/0", "/a", "/a/0/b", "/a/0", "/a/1", "/ab"] {
            findings.mistake(pointer, "m");
        }
        let mistakes = findings.into_warnings().unwrap_err();
        let pointers: Vec<_> = mistakes.into_iter().map(|mistake| mistake.pointer).collect();
        assert_eq!(pointers, ["/a/0", "/a/1", "/ab"]);
    }

    #[test]
    fn the_list_of_mistakes_is_bounded() {
        let mut findings = Findings::default();
        for index in 0..1000 {
            findings.mistake(&format!("/{index}"), "m");
        }
        let mistakes = findings.into_warnings().unwrap_err();
        assert_eq!(mistakes.len(), MAX_FINDINGS + 1);
        assert!(mistakes[MAX_FINDINGS].message.contains("more mistakes"));
    }

    #[test]
    fn warnings_alone_are_no_mistake() {
        let mut findings = Findings::default();
        findings.warning("/a\n", "w");
        findings.warning("/a\n", "w");
        assert_eq!(findings.into_warnings().unwrap(), ["/a\\n: w"]);
    }
}
