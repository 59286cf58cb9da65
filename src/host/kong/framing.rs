//! Whether Kong's host will bring a request's body (Q3).
//!
//! The callback of the body never comes for an empty one, and the end of the stream is never marked in
//! that of the header. So only an announced length shows whether waiting has an end.

use crate::flow::step::{BodyFailure, ByteLimit};
use crate::http::Headers;

/// What a request's header says of its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::host) enum Framing {
    /// Neither a length nor a coding: empty in HTTP/1 (RFC 9112 section 6.3), of any length in HTTP/2.
    #[default]
    Absent,
    /// So many bytes.
    Length(usize),
    /// Chunks, or a length that is no number.
    Unknown,
}

/// What to do for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Outlook {
    /// There is none, and no callback for it.
    Empty,
    /// Its callback comes.
    Comes,
}

impl Framing {
    /// Reads the header.
    pub(in crate::host) fn of(headers: &Headers) -> Framing {
        let mut lengths = headers.all(b"content-length");
        match (lengths.next(), lengths.next()) {
            _ if headers.all(b"transfer-encoding").next().is_some() => Framing::Unknown,
            (None, _) => Framing::Absent,
            (Some(length), None) => {
                let digits = std::str::from_utf8(length).ok().filter(|text| !text.starts_with('+'));
                digits.and_then(|text| text.parse().ok()).map_or(Framing::Unknown, Framing::Length)
            }
            (Some(_), Some(_)) => Framing::Unknown,
        }
    }

    /// Whether the body comes. `is_http1` is asked only where it matters.
    ///
    /// # Errors
    /// Why the body cannot be had: the request must be decided without it, or refused.
    pub(in crate::host) fn outlook(
        self,
        limit: ByteLimit,
        is_http1: impl FnOnce() -> bool,
    ) -> Result<Outlook, BodyFailure> {
        match self {
            Framing::Length(0) => Ok(Outlook::Empty),
            Framing::Length(length) if length > limit.0 => Err(BodyFailure::TooLarge),
            Framing::Length(_) => Ok(Outlook::Comes),
            Framing::Absent if is_http1() => Ok(Outlook::Empty),
            Framing::Absent | Framing::Unknown => Err(BodyFailure::LengthRequired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(lines: &[(&str, &str)], http1: bool) -> Result<Outlook, BodyFailure> {
        let pairs = lines.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        Framing::of(&Headers::from_pairs(pairs.collect())).outlook(ByteLimit(10), || http1)
    }

    #[test]
    fn only_a_length_is_waited_for() {
        use BodyFailure::{LengthRequired, TooLarge};
        for (lines, http1, expected) in [
            (&[][..], true, Ok(Outlook::Empty)),
            (&[], false, Err(LengthRequired)),
            (&[("Content-Length", "0")], false, Ok(Outlook::Empty)),
            (&[("content-length", "10")], true, Ok(Outlook::Comes)),
            (&[("content-length", "11")], true, Err(TooLarge)),
            (&[("content-length", "+1")], true, Err(LengthRequired)),
            (&[("content-length", "-1")], true, Err(LengthRequired)),
            (&[("content-length", "")], true, Err(LengthRequired)),
            (&[("content-length", "1"), ("content-length", "1")], true, Err(LengthRequired)),
            (&[("transfer-encoding", "chunked")], true, Err(LengthRequired)),
            (&[("transfer-encoding", "chunked"), ("content-length", "1")], true, Err(LengthRequired)),
        ] {
            assert_eq!(outlook(lines, http1), expected, "{lines:?}");
        }
    }
}
