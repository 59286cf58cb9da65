//! Which characters may stand where, and JSON pointers: plain rules that more than one module needs.

use percent_encoding::percent_decode;
use std::borrow::Cow;

/// `tchar` (RFC 9110 section 5.6.2).
pub fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A `field-name`, that is a `token` (RFC 9110 sections 5.1 and 5.6.2).
pub fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().copied().all(is_tchar)
}

/// Bytes with which a field value cannot leave its line (RFC 9110 section 5.5).
pub fn is_field_line_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

/// A byte of the body of `b64token` (RFC 6750 section 2.1): all but the `=` at its end.
pub fn is_b64token_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// A byte that `b64token` may contain.
pub fn is_b64token_byte(byte: u8) -> bool {
    byte == b'=' || is_b64token_body(byte)
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(is_b64token_body)
}

/// Without the blanks that may stand around a field's value (RFC 9110 section 5.5); other white space
/// is part of it.
pub fn trim_blanks(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last.saturating_add(1));
    value.get(start..end).unwrap_or_default()
}

/// How often a text is percent-decoded, as long as that changes it.
const MAX_DECODINGS: usize = 3;

/// Whether something holds for a text as it is, or percent-decoded once, twice or three times. `+` is no blank.
pub fn any_percent_decoding(text: &[u8], holds: impl Fn(&[u8]) -> bool) -> bool {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_DECODINGS {
        if holds(&text) {
            return true;
        }
        match Cow::from(percent_decode(&text)) {
            Cow::Borrowed(_) => return false,
            Cow::Owned(decoded) => text = Cow::Owned(decoded),
        }
    }
    holds(&text)
}

/// The JSON pointer to member `name` of what stands at `parent` (RFC 6901 section 3).
pub fn pointer_to(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_ends_after_three_times() {
        let encoded = |times| {
            (0..times).fold("a".to_owned(), |text: String, _| {
                if text == "a" { "%61".to_owned() } else { text.replace('%', "%25") }
            })
        };
        let is_found = |times| any_percent_decoding(encoded(times).as_bytes(), |text| text == b"a");
        assert!((0..=3).all(is_found) && !is_found(4));
        assert!(any_percent_decoding(b"a+b%", |text| text == b"a+b%"));
        assert!(!any_percent_decoding(b"a+b%", |text| text == b"a b%"));
    }

    #[test]
    fn pointers_escape_what_rfc_6901_says() {
        assert_eq!(pointer_to("", "resource"), "/resource");
        assert_eq!(pointer_to("/headers", "a/b~c"), "/headers/a~1b~0c");
    }

    #[test]
    fn names_and_values_of_fields() {
        assert!(is_field_name(b"X-User_Id") && is_field_name(b"!#$%&'*+-.^_`|~"));
        assert!(!is_field_name(b"") && !is_field_name(b"a b") && !is_field_name(b":path"));
        assert!(is_field_line_value(b"") && is_field_line_value(b"a\tb\xff"));
        assert!(!is_field_line_value(b"a\r") && !is_field_line_value(b"\n") && !is_field_line_value(b"\0"));
    }

    #[test]
    fn blanks_are_spaces_and_tabs_alone() {
        assert_eq!(trim_blanks(b" \ta b\t "), b"a b");
        assert_eq!(trim_blanks(b" \x0c "), b"\x0c");
        assert_eq!(trim_blanks(b" \t"), b"");
    }
}
