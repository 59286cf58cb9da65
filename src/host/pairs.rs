//! The form in which header fields cross the border between gateway and filter: the number of
//! pairs, the lengths of each name and value, then the texts, each with a zero byte behind it. All
//! numbers are 32 bits, little-endian (proxy-wasm ABI 0.2.1).

use crate::http::Headers;

/// Names and values, as they came.
pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The pseudo-header fields of a message, whose names begin with a colon (RFC 9113 section 8.3).
pub(super) struct PseudoFields(Pairs);

impl PseudoFields {
    /// Takes the value of the first one of this name out; empty where there is none.
    pub(super) fn take(&mut self, wanted: &[u8]) -> Vec<u8> {
        let found = self.0.iter_mut().find(|(name, _)| name == wanted);
        found.map(|(_, value)| std::mem::take(value)).unwrap_or_default()
    }

    /// The values of those that were not taken out.
    pub(super) fn into_values(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of the first one of this name.
    pub(super) fn get(&self, wanted: &[u8]) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice())
    }
}

/// The pseudo-header fields of a message apart from its header fields.
pub(super) fn split(pairs: Pairs) -> (PseudoFields, Headers) {
    let (pseudo, fields) = pairs.into_iter().partition(|(name, _)| name.starts_with(b":"));
    (PseudoFields(pseudo), Headers::from_pairs(fields))
}

/// Reads pairs; `None` where `bytes` does not hold such a list. An empty text is an empty list. What
/// stands behind the last pair is not looked at: a host that lists fewer pairs than there are leaves
/// room for all of them.
pub(super) fn parse(bytes: &[u8]) -> Option<Pairs> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let (count, rest) = take_number(bytes)?;
    let sizes = rest.get(..count.checked_mul(8)?)?;
    let mut texts = rest.get(sizes.len()..)?;
    let mut pairs = Vec::with_capacity(count);
    for size in sizes.chunks_exact(8) {
        let (name_size, size) = take_number(size)?;
        let (value_size, _) = take_number(size)?;
        let (name, rest) = take_text(texts, name_size)?;
        let (value, rest) = take_text(rest, value_size)?;
        pairs.push((name.to_vec(), value.to_vec()));
        texts = rest;
    }
    Some(pairs)
}

/// Writes pairs; `None` where a length does not fit 32 bits.
pub(super) fn serialize(pairs: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let mut bytes = u32::try_from(pairs.len()).ok()?.to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend(u32::try_from(name.len()).ok()?.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
    }
    Some(bytes)
}

fn take_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn take_text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let text = bytes.get(..size)?;
    let (zero, rest) = bytes.get(size..)?.split_first()?;
    (*zero == 0).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pseudo_header_fields_are_no_header_fields() {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let (pseudo, headers) = split(vec![pair(":path", "/a"), pair("x", "1"), pair(":path", "/b")]);
        assert_eq!((pseudo.get(b":path"), pseudo.get(b":method")), (Some(&b"/a"[..]), None));
        assert_eq!(headers.iter().collect::<Vec<_>>(), [(&b"x"[..], &b"1"[..])]);
    }

    #[test]
    fn a_list_is_laid_out_as_the_abi_says() {
        let bytes = serialize(&[(b"a", b"\xff"), (b"bc", b"")]).unwrap();
        assert_eq!(bytes, b"\x02\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0a\0\xff\0bc\0\0");
        let expected = vec![(b"a".to_vec(), b"\xff".to_vec()), (b"bc".to_vec(), Vec::new())];
        assert_eq!(parse(&bytes), Some(expected));
        assert_eq!(parse(b""), Some(Vec::new()));
        assert_eq!(parse(b"\0\0\0\0"), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_or_lies_about_its_lengths_is_refused() {
        let whole = serialize(&[(b"name", b"value"), (b"n", b"v")]).unwrap();
        for end in 1..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(parse(b"\xff\xff\xff\xff"), None);
        assert_eq!(parse(b"\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
        assert_eq!(parse(b"\x01\0\0\0\x01\0\0\0\x01\0\0\0a=b\0"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read(
            pairs in proptest::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..8),
        ) {
            let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            prop_assert_eq!(parse(&serialize(&borrowed).unwrap()), Some(pairs));
        }
    }
}
