//! What a token looks like, before anything about it is believed: enough to choose who is to prove
//! it, and good for nothing else.

use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The outward form of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not a signed JWT: only its issuer can read it.
    Opaque,
    /// Three parts, the first of which is a JSON object, with the issuer that it names.
    Signed {
        /// `iss` of the unverified payload.
        issuer: Option<String>,
    },
    /// As before, but with a payload that is not one JSON object without duplicate members.
    Broken,
}

impl Shape {
    /// Looks at a token. Whether its signature or its algorithm are any good makes no difference:
    /// a token that poses as signed is judged as one.
    pub fn of(token: &str) -> Shape {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Shape::Opaque;
        };
        let object = |part: &str| json::parse_object(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let is_object = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            // The strict reader skips a byte order mark, so what it may verify has to be seen here.
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.is_object())
        };
        if !is_object(header) {
            return Shape::Opaque;
        }
        match object(payload) {
            Some(claims) => {
                Shape::Signed { issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned) }
            }
            None => Shape::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_poses_as_signed_is_seen_as_one() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = |header: &str, payload: &str| format!("{}.{}.AA", part(header), part(payload));
        let signed = |issuer: Option<&str>| Shape::Signed { issuer: issuer.map(str::to_owned) };
        for (token, expected) in [
            (token(r#"{"alg":"RS256"}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token(r#"{"alg":"none"}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token(r#"{"a":1,"a":2}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token("\u{feff}{}", r#"{"iss":"a"}"#), signed(Some("a"))),
            (token("{}", r#"{"iss":7}"#), signed(None)),
            (token("{}", "{}"), signed(None)),
            (token("{}", r#"{"iss":"a","iss":"b"}"#), Shape::Broken),
            (token("{}", "[]"), Shape::Broken),
            (token("[]", "{}"), Shape::Opaque),
            ("opaque".to_owned(), Shape::Opaque),
            ("a.b.c".to_owned(), Shape::Opaque),
            (format!("{}.x.y.z.w", part("{}")), Shape::Opaque),
        ] {
            assert_eq!(Shape::of(&token), expected, "{token}");
        }
    }
}
