//! Text that must never be printed: tokens, passwords, assertions.

use std::fmt;

/// A credential. Its `Debug` shows nothing of it and it has no `Display`, so it cannot slip into a
/// log line; the one way to its text is [`Secret::expose`], which is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The credential itself, to put on the wire or to hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let printed = format!("{:?}", Secret::new("hunter2"));
        assert_eq!(printed, "Secret(redacted)");
    }
}
