//! Mistakes in a configuration: where each is, and what to write instead.

use std::fmt;

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// JSON pointer (RFC 6901) to the place; empty for the configuration as a whole.
    pub pointer: String,
    /// A sentence that says what to write there. It holds no secret.
    pub message: String,
}

impl ConfigError {
    /// A mistake at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { pointer: pointer.into(), message: message.into() }
    }
}

/// `pointer: message`, on one line whatever member names the pointer is made of.
impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 240;
        for character in self.pointer.chars().take(LONGEST) {
            match character {
                ' '..='~' => write!(formatter, "{character}")?,
                other => write!(formatter, "{}", other.escape_default())?,
            }
        }
        if self.pointer.chars().nth(LONGEST).is_some() {
            formatter.write_str("...")?;
        }
        let separator = if self.pointer.is_empty() { "" } else { ": " };
        write!(formatter, "{separator}{}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// The pointer to member `name` of what stands `at` (RFC 6901 section 3).
pub(super) fn beneath(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// More mistakes than this are not listed: whoever has so many has written something else.
const MOST: usize = 100;

/// All mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    errors: Vec<ConfigError>,
    more: bool,
}

impl Mistakes {
    /// Adds a mistake, unless one is known at the same place, above or beneath it: what was
    /// misread there would only cause a second, misleading one.
    pub(super) fn add(&mut self, pointer: &str, message: impl Into<String>) {
        if self.concern(pointer) {
            return;
        }
        if self.errors.len() < MOST {
            self.errors.push(ConfigError::new(pointer, message));
        } else {
            self.more = true;
        }
    }

    /// Whether a mistake is known at `pointer`, above or beneath it.
    pub(super) fn concern(&self, pointer: &str) -> bool {
        self.errors.iter().any(|known| contains(&known.pointer, pointer) || contains(pointer, &known.pointer))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn into_errors(mut self) -> Vec<ConfigError> {
        if self.more {
            self.errors.push(ConfigError::new("", "there are more mistakes: mend these first"));
        }
        self.errors
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
    fn pointers_escape_what_rfc_6901_says() {
        assert_eq!(beneath("", "resource"), "/resource");
        assert_eq!(beneath("/headers", "a/b~c"), "/headers/a~1b~0c");
    }

    #[test]
    fn a_line_cannot_be_forged_by_a_member_name() {
        let error = ConfigError::new("/a\r\nb\u{e9}\"", "write it right");
        assert_eq!(error.to_string(), "/a\\r\\nb\\u{e9}\": write it right");
        assert_eq!(ConfigError::new("", "it is empty").to_string(), "it is empty");
        assert_eq!(ConfigError::new("x".repeat(9_999), "m").to_string().len(), 240 + "...: m".len());
    }

    #[test]
    fn one_place_has_one_mistake() {
        let mut mistakes = Mistakes::default();
        assert!(mistakes.is_empty());
        for pointer in ["/a/0", "/a", "/a/0/b", "/a/0", "/a/1", "/ab"] {
            mistakes.add(pointer, "m");
        }
        let pointers: Vec<_> = mistakes.into_errors().into_iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/a/0", "/a/1", "/ab"]);
    }

    #[test]
    fn the_list_of_mistakes_is_bounded() {
        let mut mistakes = Mistakes::default();
        for index in 0..1000 {
            mistakes.add(&format!("/{index}"), "m");
        }
        let errors = mistakes.into_errors();
        assert_eq!(errors.len(), MOST + 1);
        assert!(errors[MOST].message.contains("more mistakes"));
    }
}
