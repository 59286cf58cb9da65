//! The compact serialization of a JWS (RFC 7515 section 7.1): where its parts are, and nothing of what
//! they say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The three parts of a compact JWS, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactJws<'a> {
    /// The header.
    pub header: &'a str,
    /// The payload.
    pub payload: &'a str,
    /// The signature.
    pub signature: &'a str,
    /// What is signed: header and payload with the dot between them.
    pub signing_input: &'a str,
}

/// Why text is not a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactError {
    /// Another number of parts.
    PartCount,
    /// Five parts: a compact JWE (RFC 7516 section 7.1).
    Encrypted,
}

impl<'a> CompactJws<'a> {
    /// Splits `token` at its dots.
    ///
    /// # Errors
    /// There are not three parts.
    pub fn split(token: &'a str) -> Result<CompactJws<'a>, CompactError> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or(CompactError::PartCount)?;
        let (header, payload) = signing_input.split_once('.').ok_or(CompactError::PartCount)?;
        match payload.bytes().filter(|byte| *byte == b'.').count() {
            0 => Ok(CompactJws { header, payload, signature, signing_input }),
            2 => Err(CompactError::Encrypted),
            _ => Err(CompactError::PartCount),
        }
    }
}

/// Decodes base64url without padding, white space or stray bits (RFC 7515 section 2, RFC 4648
/// section 3.5): one spelling for one token.
pub fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
