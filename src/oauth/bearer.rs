//! The credentials of a request: one Bearer token in one Authorization field (RFC 6750 section 2.1).

use crate::secret::Secret;
use crate::text::{is_b64token, trim_blanks};

/// A token that came in a request: one to `longest` characters of the b64token grammar, so it can
/// stand in a header, a form or a log-free hash without another look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerToken(Secret);

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerError {
    /// No credentials, or those of another scheme.
    Absent,
    /// More than one set of credentials.
    Repeated,
    /// White space or a control character in the token, or no token after the scheme.
    Malformed,
    /// Characters that no token has.
    Unreadable,
    /// Longer than the operator allows.
    TooLong,
}

impl BearerToken {
    /// Reads the lines of an Authorization field.
    ///
    /// Gateways differ in what they do with a repeated field: some list each line, some join the
    /// lines with commas. Both mean two credentials, which RFC 6750 section 3.1 calls an invalid
    /// request.
    ///
    /// # Errors
    /// [`BearerError`]
    pub fn from_authorization<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
        longest: usize,
    ) -> Result<BearerToken, BearerError> {
        let value = single(lines)?;
        if value.is_empty() {
            return Err(BearerError::Absent);
        }
        match strip_scheme(value) {
            Some(token) => BearerToken::parse(token, longest),
            None if names_bearer_later(value) => Err(BearerError::Repeated),
            None => Err(BearerError::Absent),
        }
    }

    /// Reads the lines of a field that holds a token alone, with or without the scheme before it.
    ///
    /// # Errors
    /// [`BearerError`]
    pub fn from_token_field<'a>(
        lines: impl Iterator<Item = &'a [u8]>,
        longest: usize,
    ) -> Result<BearerToken, BearerError> {
        let value = single(lines)?;
        let token = strip_scheme(value).unwrap_or(value);
        if token.is_empty() { Err(BearerError::Absent) } else { BearerToken::parse(token, longest) }
    }

    fn parse(token: &[u8], longest: usize) -> Result<BearerToken, BearerError> {
        if token.is_empty() {
            return Err(BearerError::Malformed);
        }
        if token.len() > longest {
            return Err(BearerError::TooLong);
        }
        if token.contains(&b',') {
            return Err(BearerError::Repeated);
        }
        if token.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err(BearerError::Malformed);
        }
        let text = std::str::from_utf8(token).map_err(|_| BearerError::Unreadable)?;
        if !is_b64token(text) {
            return Err(BearerError::Unreadable);
        }
        Ok(BearerToken(Secret::new(text)))
    }

    /// The token.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

fn single<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Result<&'a [u8], BearerError> {
    let value = lines.next().ok_or(BearerError::Absent)?;
    if lines.next().is_some() {
        return Err(BearerError::Repeated);
    }
    Ok(trim_blanks(value))
}

/// What follows `Bearer`, in any letter case; `None` where the value does not begin so.
fn strip_scheme(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    match rest.first() {
        None => Some(rest),
        Some(b' ') => rest.get(rest.iter().take_while(|byte| **byte == b' ').count()..),
        // A comma or a control character cannot belong to the scheme's name, so this is a Bearer
        // credential gone wrong, for parse to refuse.
        Some(b',') => Some(rest),
        Some(byte) if byte.is_ascii_control() => Some(rest),
        Some(_) => None,
    }
}

fn names_bearer_later(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').skip(1).any(|part| strip_scheme(part.trim_ascii()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Result<String, BearerError> {
        BearerToken::from_authorization(lines.iter().copied(), 20).map(|token| token.0.expose().to_owned())
    }

    #[test]
    fn hdr_01_the_scheme_has_no_letter_case_and_the_token_has() {
        for value in ["Bearer Tt", "bearer Tt", "BEARER Tt", "BeArEr   Tt "] {
            assert_eq!(read(&[value.as_bytes()]), Ok("Tt".to_owned()), "{value}");
        }
        for value in ["Bearerx T", "Basic abc", "BearerT", "Digest x, y=z"] {
            assert_eq!(read(&[value.as_bytes()]), Err(BearerError::Absent), "{value}");
        }
    }

    #[test]
    fn hdr_03_two_credentials_are_refused_in_every_form() {
        let two: [&[&[u8]]; 6] = [
            &[b"Bearer T", b"Bearer EVIL"],
            &[b"Bearer T,Bearer EVIL"],
            &[b"Bearer T", b"Basic eDp5"],
            &[b"Basic eDp5,Bearer T"],
            &[b"Basic eDp5", b"Basic eDp5"],
            &[b"Bearer,T"],
        ];
        for lines in two {
            assert_eq!(read(lines), Err(BearerError::Repeated), "{lines:?}");
        }
    }

    #[test]
    fn hdr_06_empty_credentials() {
        assert_eq!(read(&[]), Err(BearerError::Absent));
        assert_eq!(read(&[b""]), Err(BearerError::Absent));
        assert_eq!(read(&[b"Bearer"]), Err(BearerError::Malformed));
        assert_eq!(read(&[b"Bearer "]), Err(BearerError::Malformed));
    }

    #[test]
    fn tokens_that_are_none() {
        for value in [
            &b"Bearer a b"[..],
            b"Bearer a\tb",
            b"Bearer a\x01",
            b"Bearer\tT",
            b"Bearer \tT",
            b"Bearer a\x0c",
            b"Bearer a\x7fb",
        ] {
            assert_eq!(read(&[value]), Err(BearerError::Malformed), "{value:?}");
        }
        for value in
            [&b"Bearer \xff\xfe"[..], "Bearer \u{e9}".as_bytes(), b"Bearer a|b", b"Bearer =", b"Bearer a=b"]
        {
            assert_eq!(read(&[value]), Err(BearerError::Unreadable), "{value:?}");
        }
        assert_eq!(read(&[b"Bearer 123456789012345678901"]), Err(BearerError::TooLong));
        assert_eq!(read(&[b"Bearer aA0-._~+/=="]), Ok("aA0-._~+/==".to_owned()));
    }

    #[test]
    fn a_token_field_may_carry_the_scheme() {
        let read = |lines: &[&[u8]]| {
            BearerToken::from_token_field(lines.iter().copied(), 20).map(|token| token.0.expose().to_owned())
        };
        assert_eq!(read(&[b"A1"]), Ok("A1".to_owned()));
        assert_eq!(read(&[b"bearer A1"]), Ok("A1".to_owned()));
        assert_eq!(read(&[b" "]), Err(BearerError::Absent));
        assert_eq!(read(&[b"Bearer "]), Err(BearerError::Absent));
        assert_eq!(read(&[b"A1", b"A1"]), Err(BearerError::Repeated));
        assert_eq!(read(&[b"A1,A2"]), Err(BearerError::Repeated));
    }
}
