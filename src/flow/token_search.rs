//! Copies of the caller's credentials in what a request carries beside them.
//!
//! A credential is found as a part of a text, as it is and percent-decoded. What is not looked into: the
//! body, and any other encoding, which a client that holds the token can always make.

use crate::text::{any_percent_decoding, is_b64token_body, is_b64token_byte};
use memchr::memmem::Finder;

/// A shorter credential may occur in a text by chance, so that it counts as a whole word only.
const MIN_SUBSTRING_BYTES: usize = 16;

/// Looks for the credentials of one request.
pub(super) struct TokenSearch<'a> {
    finders: Vec<Finder<'a>>,
    shortest: usize,
}

impl<'a> TokenSearch<'a> {
    /// A search for these credentials; without one it finds nothing.
    pub(super) fn new(credentials: impl Iterator<Item = &'a [u8]>) -> TokenSearch<'a> {
        let finders: Vec<_> = credentials.map(Finder::new).collect();
        let lengths = finders.iter().map(|finder| finder.needle().len());
        TokenSearch { shortest: lengths.min().unwrap_or(usize::MAX), finders }
    }

    /// Whether a text contains one of the credentials, percent-encoded or not.
    pub(super) fn finds_in(&self, text: &[u8]) -> bool {
        self.any_decoding(text, |text| self.finders.iter().any(|finder| occurs(finder, text)))
    }

    /// The same of a field's name, which has no letter case.
    pub(super) fn finds_in_name(&self, name: &[u8]) -> bool {
        self.any_decoding(name, |name| {
            let name = name.to_ascii_lowercase();
            let mut credentials = self.finders.iter().map(|finder| finder.needle().to_ascii_lowercase());
            credentials.any(|credential| occurs(&Finder::new(&credential), &name))
        })
    }

    fn any_decoding(&self, text: &[u8], occurs: impl Fn(&[u8]) -> bool) -> bool {
        // Decoding makes nothing longer.
        text.len() >= self.shortest && any_percent_decoding(text, occurs)
    }
}

fn occurs(finder: &Finder<'_>, text: &[u8]) -> bool {
    let credential = finder.needle();
    if credential.len() >= MIN_SUBSTRING_BYTES {
        return finder.find(text).is_some();
    }
    // Words that overlap are all looked at: the first may be part of a longer one.
    let mut from = 0_usize;
    while let Some(rest) = text.get(from..) {
        let Some(found) = finder.find(rest) else { return false };
        let start = from.saturating_add(found);
        let end = start.saturating_add(credential.len());
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        // `=` only ends a token, so that a word may begin behind it.
        if !before.is_some_and(|byte| is_b64token_body(*byte))
            && !text.get(end).is_some_and(|byte| is_b64token_byte(*byte))
        {
            return true;
        }
        from = start.saturating_add(1);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(credential: &str, text: &str) -> bool {
        TokenSearch::new([credential.as_bytes()].into_iter()).finds_in(text.as_bytes())
    }

    #[test]
    fn a_credential_is_found_as_a_part() {
        const TOKEN: &str = "0123456789/abc+d==";
        for text in
            [TOKEN, "x0123456789/abc+d==x", "s%3A0123456789%2Fabc%2Bd%3D%3D.sig", "%2530123456789/abc+d=="]
        {
            assert!(finds(TOKEN, text), "{text}");
        }
        for text in ["", "0123456789/abc+d=", "0123456789/abc d==", "0123456789/ABC+d==", "%", "%3", "%zz"] {
            assert!(!finds(TOKEN, text), "{text}");
        }
    }

    #[test]
    fn a_short_credential_is_found_as_a_word() {
        for text in [
            "T.0",
            "Bearer T.0",
            "a=1; token=T.0; b=2",
            "\"T.0\"",
            "x,T.0",
            "/mcp?token=T.0&x=1",
            "a|T.0",
            "a=%54.0; b",
        ] {
            assert!(finds("T.0", text), "{text}");
        }
        for text in ["T.01", "aT.0", "T", "a/T.0", "T.0=", "T%2E01", "T.0T.0", "T.0.T.0"] {
            assert!(!finds("T.0", text), "{text}");
        }
        assert!(finds("a.a", "a.a.a a.a") && !finds("a.a", "a.a.a"));
    }

    #[test]
    fn a_name_has_no_letter_case() {
        let search = TokenSearch::new([&b"DeadBeefDeadBeef01"[..]].into_iter());
        assert!(
            search.finds_in_name(b"x-deadbeefdeadbeef01") && search.finds_in_name(b"x-%44EADBEEFDEADBEEF01")
        );
        assert!(!search.finds_in_name(b"x-deadbeefdeadbeef0") && !search.finds_in(b"x-deadbeefdeadbeef01"));
    }

    #[test]
    fn without_credentials_nothing_is_found() {
        let search = TokenSearch::new(std::iter::empty());
        assert!(!search.finds_in(b"") && !search.finds_in(b"a") && !search.finds_in_name(b"a"));
    }
}
