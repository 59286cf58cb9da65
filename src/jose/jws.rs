//! The compact form of a JSON Web Signature (RFC 7515 section 7.1), taken apart and not yet
//! believed.
//!
//! Keys that the header itself names (`jwk`, `jku`, `x5u`, `x5c`) are not looked at: a key comes
//! from the operator or from an issuer the operator named.

use super::alg::Algorithm;
use super::compact::{self, CompactError, CompactJws};
use crate::json;
use serde_json::{Map, Value};
use std::fmt;

/// A JWS whose signature has not been verified.
pub struct Jws<'a> {
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The header parameters that matter here.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
    token_type: Option<String>,
}

/// Why text is not a JWS that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsError {
    /// Not three parts.
    NotCompact,
    /// Five parts: an encrypted token (RFC 7516).
    Encrypted,
    /// A part that is not base64url, or not the only way to write its bytes.
    Encoding,
    /// The header is not one JSON object without duplicate members.
    Header,
    /// There is no `alg`, or it is none of those that exist here.
    Algorithm,
    /// `crit` or `b64` is there: the header asks for something this filter does not do.
    CriticalExtension,
    /// `kid` or `typ` is not a string.
    HeaderParameter,
}

impl fmt::Display for JwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            JwsError::NotCompact => "not a compact JWS",
            JwsError::Encrypted => "an encrypted token",
            JwsError::Encoding => "a part is not base64url",
            JwsError::Header => "the header cannot be read as a JSON object",
            JwsError::Algorithm => "no algorithm, or one that is not supported",
            JwsError::CriticalExtension => "the header has a critical extension",
            JwsError::HeaderParameter => "kid or typ is not a string",
        })
    }
}

impl std::error::Error for JwsError {}

impl<'a> Jws<'a> {
    /// Takes `token` apart. How long it may be is up to the caller.
    ///
    /// # Errors
    /// [`JwsError`] where it is not a JWS that could be verified.
    pub fn parse(token: &'a str) -> Result<Jws<'a>, JwsError> {
        let parts = CompactJws::split(token).map_err(|error| match error {
            CompactError::PartCount => JwsError::NotCompact,
            CompactError::Encrypted => JwsError::Encrypted,
        })?;
        let decode = |part| compact::decode(part).ok_or(JwsError::Encoding);
        let header = json::parse_object(&decode(parts.header)?).map_err(|_| JwsError::Header)?;
        Ok(Jws {
            signing_input: parts.signing_input,
            header: Header::from_members(&header)?,
            payload: decode(parts.payload)?,
            signature: decode(parts.signature)?,
        })
    }

    /// `alg`: what the token claims to be signed with. Whether that may be is the key's to say.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// `kid`: an opaque string, good for nothing but to be compared.
    pub fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// `typ`, as sent.
    pub fn token_type(&self) -> Option<&str> {
        self.header.token_type.as_deref()
    }

    /// What is signed: the first two parts and the dot between them.
    pub(super) fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The decoded payload.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The decoded signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Shows the algorithm and nothing that the client wrote.
impl fmt::Debug for Jws<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Jws").field("algorithm", &self.header.algorithm).finish_non_exhaustive()
    }
}

impl Header {
    /// RFC 7515 section 4. `crit` is refused in any form, as this filter implements no extension
    /// (section 4.1.11), and so is `b64` (RFC 7797), even `true`.
    fn from_members(members: &Map<String, Value>) -> Result<Header, JwsError> {
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(JwsError::CriticalExtension);
        }
        let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        Ok(Header {
            algorithm: algorithm.ok_or(JwsError::Algorithm)?,
            key_id: optional_string(members, "kid")?,
            token_type: optional_string(members, "typ")?,
        })
    }
}

fn optional_string(members: &Map<String, Value>, name: &str) -> Result<Option<String>, JwsError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value.clone())),
        Some(_) => Err(JwsError::HeaderParameter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    fn token(header: &str, payload: &str, signature: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(header), encode(payload), encode(signature))
    }

    fn error(text: &str) -> Option<JwsError> {
        Jws::parse(text).err()
    }

    #[test]
    fn takes_a_token_apart() {
        let text = token(r#"{"alg":"RS256","kid":"r1","typ":"at+jwt","jwk":{}}"#, r#"{"iss":"i"}"#, "s");
        let jws = Jws::parse(&text).unwrap();
        assert_eq!(jws.algorithm(), Algorithm::Rs256);
        assert_eq!((jws.key_id(), jws.token_type()), (Some("r1"), Some("at+jwt")));
        assert_eq!(jws.payload(), br#"{"iss":"i"}"#);
        assert_eq!(jws.signature(), b"s");
        assert_eq!(jws.signing_input(), text.rsplit_once('.').unwrap().0.as_bytes());
        assert_eq!(format!("{jws:?}"), "Jws { algorithm: Rs256, .. }");
    }

    #[test]
    fn val_02_unsigned_tokens() {
        for header in [json!({"alg": "none"}), json!({"alg": "None"}), json!({"alg": "nOnE"}), json!({})] {
            for signature in ["", "\0"] {
                let text = token(&header.to_string(), "{}", signature);
                assert_eq!(error(&text), Some(JwsError::Algorithm), "{header}");
            }
        }
        for algorithm in [json!(null), json!(256), json!(["RS256"]), json!({"RS256": true})] {
            let text = token(&json!({ "alg": algorithm }).to_string(), "{}", "s");
            assert_eq!(error(&text), Some(JwsError::Algorithm), "{algorithm}");
        }
    }

    #[test]
    fn val_03_critical_extensions_in_any_form() {
        for header in [
            json!({"alg": "RS256", "kid": "r1", "crit": ["x-bind"], "x-bind": "t"}),
            json!({"alg": "RS256", "kid": "r1", "crit": []}),
            json!({"alg": "RS256", "kid": "r1", "crit": "x-bind"}),
            json!({"alg": "RS256", "kid": "r1", "crit": null}),
            json!({"alg": "RS256", "kid": "r1", "crit": ["exp2", "exp2"], "exp2": 1}),
            json!({"alg": "RS256", "kid": "r1", "crit": ["missing"]}),
            json!({"alg": "RS256", "kid": "r1", "crit": ["b64"], "b64": false}),
            json!({"alg": "RS256", "kid": "r1", "b64": false}),
            json!({"alg": "RS256", "kid": "r1", "b64": true}),
        ] {
            let text = token(&header.to_string(), "{}", "s");
            assert_eq!(error(&text), Some(JwsError::CriticalExtension), "{header}");
        }
    }

    #[test]
    fn val_16_malformed_tokens() {
        for (text, expected) in [
            ("", JwsError::NotCompact),
            ("abc", JwsError::NotCompact),
            ("a.b", JwsError::NotCompact),
            ("a.b.c.d", JwsError::NotCompact),
            ("a.b.c.d.e.f", JwsError::NotCompact),
            ("a.b.c.d.e", JwsError::Encrypted),
            ("eyJhbGciOiJSU0EtT0FFUCJ9.b.c.d.e", JwsError::Encrypted),
            ("..", JwsError::Header),
            (".e30.", JwsError::Header),
            ("W10.e30.AA", JwsError::Header),
            ("bnVsbA.bnVsbA.AA", JwsError::Header),
            ("eyJhbGciOiJSUzI1NiJ9.e30.\u{e9}", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e30.A A", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e30.A+/A", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e30=.AA", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e30.AA==", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e30.AB", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9.e31.AA", JwsError::Encoding),
            ("eyJhbGciOiJSUzI1NiJ9\n.e30.AA", JwsError::Encoding),
        ] {
            assert_eq!(error(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_header_without_duplicates_at_any_depth() {
        for header in [
            r#"{"alg":"RS256","alg":"RS256"}"#,
            r#"{"alg":"none","\u0061lg":"RS256"}"#,
            r#"{"alg":"RS256","x":{"y":1,"y":2}}"#,
            r#"{"alg":"RS256"}{}"#,
        ] {
            assert_eq!(error(&token(header, "{}", "s")), Some(JwsError::Header), "{header}");
        }
    }

    #[test]
    fn val_18_kid_and_typ_are_strings_or_absent() {
        for name in ["kid", "typ"] {
            for value in [json!(7), json!(null), json!({"a": 1}), json!(["r1"]), json!(true)] {
                let text = token(&json!({"alg": "RS256", name: value}).to_string(), "{}", "s");
                assert_eq!(error(&text), Some(JwsError::HeaderParameter), "{name} {value}");
            }
        }
        for kid in ["", "../../etc/passwd", "r1\r\nlevel=error forged"] {
            let text = token(&json!({"alg": "RS256", "kid": kid}).to_string(), "{}", "s");
            assert_eq!(Jws::parse(&text).unwrap().key_id(), Some(kid));
        }
    }
}
