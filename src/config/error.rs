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

impl std::error::Error for ConfigError {}

/// The pointer to member `name` of what stands `at` (RFC 6901 section 3).
pub(super) fn beneath(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
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
}
