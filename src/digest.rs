//! Keys of everything that is cached: a SHA-256 over named fields, never a token itself.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Only the first bytes are shown: enough to tell entries apart in a log, too few to look one up.
impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(formatter, "Digest({first:02x}{second:02x}{third:02x}..)")
    }
}

/// Collects the fields of a digest. Each is written with its length, and an absent field differs
/// from an empty one, so no two lists of fields run together into the same bytes.
#[derive(Clone)]
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Starts a digest for one `purpose`; digests of different purposes never meet.
    pub fn new(purpose: &str) -> DigestBuilder {
        DigestBuilder(Sha256::new()).field(purpose.as_bytes())
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, bytes: &[u8]) -> DigestBuilder {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update([1]);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a field that may be absent.
    #[must_use]
    pub fn optional(mut self, bytes: Option<&[u8]>) -> DigestBuilder {
        match bytes {
            Some(bytes) => self.field(bytes),
            None => {
                self.0.update([0]);
                self
            }
        }
    }

    /// Adds a list: its length, then each member.
    #[must_use]
    pub fn list<'a>(mut self, members: impl ExactSizeIterator<Item = &'a str>) -> DigestBuilder {
        let count = u64::try_from(members.len()).unwrap_or(u64::MAX);
        self.0.update([2]);
        self.0.update(count.to_be_bytes());
        members.fold(self, |digest, member| digest.field(member.as_bytes()))
    }

    /// The digest of all fields so far.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_together() {
        let start = || DigestBuilder::new("test");
        let all = [
            start().finish(),
            start().field(b"").finish(),
            start().optional(None).finish(),
            start().field(b"ab").finish(),
            start().field(b"a").field(b"b").finish(),
            start().field(b"").field(b"ab").finish(),
            start().list(["ab"].into_iter()).finish(),
            start().list(["a", "b"].into_iter()).finish(),
            start().list(["a"].into_iter()).list(["b"].into_iter()).finish(),
            DigestBuilder::new("other").finish(),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(start().optional(Some(b"ab")).finish(), start().field(b"ab").finish());
    }

    #[test]
    fn debug_shows_only_a_prefix() {
        assert_eq!(format!("{:?}", DigestBuilder::new("test").finish()).len(), "Digest(aabbcc..)".len());
    }
}
