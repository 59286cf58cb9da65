//! Text from outside, made fit for a log line.

use super::redaction::{self, CUT};
use crate::text::is_b64token_byte;
use std::fmt;

/// Prose of another server, as it came. It may repeat a credential, so that `Debug` shows only its length
/// and `Display` goes through [`Prose`].
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignProse(String);

impl ForeignProse {
    /// Takes what another server wrote, and cuts these secrets out of it: as they are, and percent-encoded.
    pub fn without<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> ForeignProse {
        ForeignProse(redaction::without(text, secrets))
    }
}

impl fmt::Debug for ForeignProse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ForeignProse({} bytes)", self.0.len())
    }
}

impl fmt::Display for ForeignProse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Prose(&self.0).fmt(formatter)
    }
}

/// Text from outside, fit for a log line: at most 120 characters, in quotes, with quotes, control
/// characters and everything that is not ASCII escaped, so that it can neither forge a line nor
/// flood the log.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARACTERS: usize = 120;
        formatter.write_str("\"")?;
        for character in self.0.chars().take(MAX_CHARACTERS) {
            write!(formatter, "{}", character.escape_default())?;
        }
        if self.0.chars().nth(MAX_CHARACTERS).is_some() {
            formatter.write_str("...")?;
        }
        formatter.write_str("\"")
    }
}

/// Prose of another server, fit for a log line: as [`Quoted`], and words that may be credentials are
/// left out. A server that explains why it refuses a token may repeat the token.
#[derive(Clone, Copy, Debug)]
pub struct Prose<'a>(pub &'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for part in self.0.split_inclusive(|character| !is_token_character(character)) {
            let word = part.trim_end_matches(|character| !is_token_character(character));
            shown.push_str(if may_be_a_credential(word) { CUT } else { word });
            shown.push_str(part.strip_prefix(word).unwrap_or_default());
        }
        Quoted(&shown).fmt(formatter)
    }
}

fn is_token_character(character: char) -> bool {
    u8::try_from(character).is_ok_and(is_b64token_byte)
}

/// Long enough to be a secret, and no word of a language.
fn may_be_a_credential(word: &str) -> bool {
    const MIN_CREDENTIAL_LENGTH: usize = 12;
    const MAX_WORD_LENGTH: usize = 40;
    word.len() > MAX_WORD_LENGTH
        || (word.len() >= MIN_CREDENTIAL_LENGTH && word.bytes().any(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_stays_on_one_short_line() {
        assert_eq!(Quoted("r1\r\n\"x\u{e9}").to_string(), "\"r1\\r\\n\\\"x\\u{e9}\"");
        assert_eq!(Quoted(&"a".repeat(500)).to_string().len(), 125);
    }

    #[test]
    fn prose_keeps_words_and_loses_credentials() {
        for (prose, expected) in [
            ("token 'abcdef0123456789' is not known", r#""token \'[...]\' is not known""#),
            (
                "AADSTS50076: use urn:ietf:params:oauth:x, please.",
                r#""AADSTS50076: use urn:ietf:params:oauth:x, please.""#,
            ),
            ("unauthorized_client", r#""unauthorized_client""#),
            ("eyJhbGciOiJub25lIn0.e30.", r#""[...]""#),
            ("", r#""""#),
            ("a\r\nb", r#""a\r\nb""#),
        ] {
            assert_eq!(Prose(prose).to_string(), expected, "{prose}");
        }
        assert_eq!(Prose(&"x".repeat(41)).to_string(), r#""[...]""#);
    }
}
