//! The trace that a request belongs to (W3C Trace Context), as far as it is handed on to the servers that are called
//! for it: `traceparent` alone, in version 00. `tracestate` and `baggage`, which hold anything at all, are not read.

/// A `traceparent` of version 00 (W3C Trace Context section 3.2.2), as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Reads the value of a header field: `00-`, the trace's number, the span's, and flags, in hexadecimal digits of
    /// lower case. `None` for every other version, whose length nothing bounds, and for numbers that are zero.
    pub fn parse(value: &[u8]) -> Option<TraceParent> {
        let mut parts = value.split(|byte| *byte == b'-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let (flags, None) = (parts.next()?, parts.next()) else { return None };
        let is_valid =
            version == b"00" && is_number(trace, 32) && is_number(span, 16) && is_hexadecimal(flags, 2);
        let text = std::str::from_utf8(value).ok()?;
        is_valid.then(|| TraceParent(text.to_owned()))
    }

    /// The value of the header field.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_number(digits: &[u8], length: usize) -> bool {
    is_hexadecimal(digits, length) && digits.iter().any(|digit| *digit != b'0')
}

fn is_hexadecimal(digits: &[u8], length: usize) -> bool {
    digits.len() == length && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_version_00_is_a_parent() {
        for parent in [PARENT, &PARENT.replace("-01", "-00"), &PARENT.replace("-01", "-ff")] {
            assert_eq!(TraceParent::parse(parent.as_bytes()).unwrap().as_str(), parent);
        }
        for other in [
            "",
            "00",
            "00---",
            &PARENT.to_uppercase(),
            &PARENT.replace("00-", "01-"),
            &PARENT.replace("00-", "ff-"),
            &PARENT.replace("00-", "0-"),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            &PARENT.replace("0af7", "0Af7"),
            &PARENT.replace("0af7", "0gf7"),
            &PARENT.replace("0af7", "af7"),
            &PARENT.replace("b7ad", "b7a"),
            &PARENT.replace("-01", "-1"),
            &PARENT.replace("-01", ""),
            &PARENT.replace('-', "_"),
            &format!("{PARENT}-"),
            &format!("{PARENT}-00"),
            &format!("{PARENT}0"),
            &format!(" {PARENT}"),
            &format!("{PARENT} "),
            &format!("{PARENT}, {PARENT}"),
            &format!("{PARENT}\r\nx: y"),
            &PARENT.replace("0af7", "\u{661}af"),
        ] {
            assert_eq!(TraceParent::parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(TraceParent::parse(b"00-\xff"), None);
    }
}
