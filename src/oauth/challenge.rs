//! The `WWW-Authenticate` field of a Bearer-protected resource (RFC 6750 section 3, RFC 9728
//! section 5.1).

use std::fmt;

/// One Bearer challenge. Its `Display` is the field's value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Challenge<'a> {
    /// `realm`
    pub realm: Option<&'a str>,
    /// `error`
    pub error: Option<&'a str>,
    /// `error_description`, in the filter's own words
    pub error_description: Option<&'a str>,
    /// `scope`
    pub scope: Option<&'a str>,
    /// `resource_metadata`
    pub resource_metadata: Option<&'a str>,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bearer")?;
        let parameters = [
            ("realm", self.realm),
            ("error", self.error),
            ("error_description", self.error_description),
            ("scope", self.scope),
            ("resource_metadata", self.resource_metadata),
        ];
        let mut separator = " ";
        for (name, value) in parameters {
            if let Some(value) = value {
                write!(formatter, "{separator}{name}={}", QuotedString(value))?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// `quoted-string` (RFC 9110 section 5.6.4). What may not stand in one is left out.
struct QuotedString<'a>(&'a str);

impl fmt::Display for QuotedString<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(formatter, "\\{character}")?,
                ' '..='~' => write!(formatter, "{character}")?,
                _ => {}
            }
        }
        formatter.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_said() {
        let challenge = Challenge { resource_metadata: Some("https://a.example/x"), ..Challenge::default() };
        assert_eq!(challenge.to_string(), "Bearer resource_metadata=\"https://a.example/x\"");
        let challenge = Challenge { realm: Some("a"), error: Some("invalid_token"), ..challenge };
        assert_eq!(
            challenge.to_string(),
            "Bearer realm=\"a\", error=\"invalid_token\", resource_metadata=\"https://a.example/x\""
        );
        assert_eq!(Challenge::default().to_string(), "Bearer");
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        let challenge = Challenge { realm: Some("a\", b=\"\\\r\nc"), ..Challenge::default() };
        assert_eq!(challenge.to_string(), r#"Bearer realm="a\", b=\"\\c""#);
    }
}
