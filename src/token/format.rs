//! The outward format of a token that is not proven: enough to choose what has to prove it, and good
//! for nothing else.

use crate::jose::compact::{self, CompactJws};
use crate::json;
use serde_json::Value;

/// The outward form of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFormat {
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

impl TokenFormat {
    /// Looks at a token. Whether its signature or its algorithm are any good makes no difference:
    /// a token that has the format of a signed one is treated as one.
    pub fn of(token: &str) -> TokenFormat {
        let Ok(CompactJws { header, payload, .. }) = CompactJws::split(token) else {
            return TokenFormat::Opaque;
        };
        let is_object = |part: &str| {
            let bytes = compact::decode(part).unwrap_or_default();
            // The strict reader skips a byte order mark, so what it may verify has to be seen here.
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.is_object())
        };
        if !is_object(header) {
            return TokenFormat::Opaque;
        }
        let claims = compact::decode(payload).and_then(|bytes| json::parse_object(&bytes).ok());
        match claims {
            Some(claims) => {
                TokenFormat::Signed { issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned) }
            }
            None => TokenFormat::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn a_token_that_poses_as_signed_is_seen_as_one() {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = |header: &str, payload: &str| format!("{}.{}.AA", part(header), part(payload));
        let signed = |issuer: Option<&str>| TokenFormat::Signed { issuer: issuer.map(str::to_owned) };
        for (token, expected) in [
            (token(r#"{"alg":"RS256"}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token(r#"{"alg":"none"}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token(r#"{"a":1,"a":2}"#, r#"{"iss":"a"}"#), signed(Some("a"))),
            (token("\u{feff}{}", r#"{"iss":"a"}"#), signed(Some("a"))),
            (token("{}", r#"{"iss":7}"#), signed(None)),
            (token("{}", "{}"), signed(None)),
            (token("{}", r#"{"iss":"a","iss":"b"}"#), TokenFormat::Broken),
            (token("{}", "[]"), TokenFormat::Broken),
            (token("[]", "{}"), TokenFormat::Opaque),
            ("opaque".to_owned(), TokenFormat::Opaque),
            ("a.b.c".to_owned(), TokenFormat::Opaque),
            (format!("{}.x.y.z.w", part("{}")), TokenFormat::Opaque),
        ] {
            assert_eq!(TokenFormat::of(&token), expected, "{token}");
        }
    }
}
