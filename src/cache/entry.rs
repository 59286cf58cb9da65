//! What one entry of the shared tier looks like, and when it is accepted.
//!
//! A gateway may return another key's entry, a mixture of two, or one that a different filter
//! wrote. So an entry names its key in full and is authenticated as a whole; what does not match
//! exactly is a miss.
//!
//! ```text
//! version 1 | expiry, ms, big endian 8 | key digest 32 | payload .. | HMAC-SHA256 32
//! ```

use crate::digest::Digest;
use crate::time::UnixTime;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The format. An entry of another version is a miss.
const VERSION: u8 = 1;
const TAG_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + 8 + 32;

/// Makes and checks entries of one configuration.
#[derive(Clone)]
pub struct EntryAuthenticator(Hmac<Sha256>);

/// An entry that this filter wrote for this key under this configuration. Only
/// [`EntryAuthenticator::decode`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticEntry {
    expires: UnixTime,
    payload: Vec<u8>,
}

impl AuthenticEntry {
    /// Until when it may be used.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// What was kept.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// The payload may be a token, so that only its length is shown.
impl std::fmt::Debug for AuthenticEntry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AuthenticEntry")
            .field("expires", &self.expires)
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

impl EntryAuthenticator {
    /// Derives the checksum's key from `secrets`, a digest of what only the operator and the
    /// authorization server know, and `configuration`, the digest of the whole configuration
    /// (RFC 5869). `None` only if the derivation fails, which its fixed length rules out.
    pub fn new(secrets: &Digest, configuration: &Digest) -> Option<EntryAuthenticator> {
        let mut key = [0_u8; 32];
        Hkdf::<Sha256>::new(Some(configuration.as_bytes()), secrets.as_bytes())
            .expand(b"token-exchange shared entry 1", &mut key)
            .ok()?;
        Some(EntryAuthenticator(Hmac::new_from_slice(&key).ok()?))
    }

    /// The bytes of an entry.
    pub fn encode(&self, key: &Digest, expires: UnixTime, payload: &[u8]) -> Vec<u8> {
        let length = payload.len().saturating_add(HEAD_BYTES).saturating_add(TAG_BYTES);
        let mut bytes = Vec::with_capacity(length);
        bytes.push(VERSION);
        bytes.extend_from_slice(&expires.as_milliseconds().to_be_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(payload);
        let tag = self.0.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        bytes
    }

    /// Reads an entry back; `None` for everything that [`EntryAuthenticator::encode`] did not make for this
    /// very key under this very configuration.
    pub fn decode(&self, key: &Digest, bytes: &[u8]) -> Option<AuthenticEntry> {
        let (authenticated, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let (head, payload) = authenticated.split_at_checked(HEAD_BYTES)?;
        let (front, digest) = head.split_at_checked(HEAD_BYTES.checked_sub(TAG_BYTES)?)?;
        if digest != key.as_bytes() {
            return None;
        }
        let (version, expires) = front.split_first()?;
        if *version != VERSION || self.0.clone().chain_update(authenticated).verify_slice(tag).is_err() {
            return None;
        }
        let expires = UnixTime::from_milliseconds(u64::from_be_bytes(expires.try_into().ok()?));
        Some(AuthenticEntry { expires, payload: payload.to_vec() })
    }
}

/// The key's digest and the expiry that an entry states, authentic or not: good enough to choose
/// which of two entries is replaced.
pub(super) fn stated(bytes: &[u8]) -> Option<(&[u8], UnixTime)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let (front, digest) = head.split_at_checked(HEAD_BYTES.checked_sub(32)?)?;
    let (version, expires) = front.split_first()?;
    let expires = u64::from_be_bytes(expires.try_into().ok()?);
    (*version == VERSION).then(|| (digest, UnixTime::from_milliseconds(expires)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;
    use proptest::prelude::*;

    fn digest(name: &str) -> Digest {
        DigestBuilder::new(name).finish()
    }

    fn authenticator(secrets: &str, configuration: &str) -> EntryAuthenticator {
        EntryAuthenticator::new(&digest(secrets), &digest(configuration)).unwrap()
    }

    #[test]
    fn an_entry_is_read_back_under_its_own_key_only() {
        let expires = UnixTime::from_seconds(1_800_000_000);
        let bytes = authenticator("s", "c").encode(&digest("a"), expires, b"X1");
        let entry = AuthenticEntry { expires, payload: b"X1".to_vec() };
        assert_eq!(authenticator("s", "c").decode(&digest("a"), &bytes), Some(entry));
        assert_eq!(authenticator("s", "c").decode(&digest("b"), &bytes), None, "HST-01: another key's entry");
        assert_eq!(
            authenticator("s", "d").decode(&digest("a"), &bytes),
            None,
            "HST-09: another configuration"
        );
        assert_eq!(authenticator("t", "c").decode(&digest("a"), &bytes), None, "other secrets");
        assert_eq!(stated(&bytes), Some((&digest("a").as_bytes()[..], expires)));
    }

    #[test]
    fn hst_03_a_torn_entry_is_a_miss() {
        let key = digest("a");
        let authenticator = authenticator("s", "c");
        let first = authenticator.encode(&key, UnixTime::from_seconds(1), &[b'a'; 100]);
        let second = authenticator.encode(&key, UnixTime::from_seconds(2), &[b'b'; 100]);
        for cut in 1..first.len() {
            let mixed = [&first[..cut], &second[cut..]].concat();
            // Where the two agree up to the cut, the mixture is the second entry itself.
            assert!(mixed == second || authenticator.decode(&key, &mixed).is_none(), "{cut}");
            assert_eq!(authenticator.decode(&key, &first[..cut]), None, "{cut}");
        }
        assert_eq!(authenticator.decode(&key, b""), None);
    }

    proptest! {
        #[test]
        fn a_changed_entry_is_a_miss(position in any::<prop::sample::Index>(), flip in 1_u8..) {
            let authenticator = authenticator("s", "c");
            let mut bytes = authenticator.encode(&digest("a"), UnixTime::from_seconds(9), b"payload");
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            prop_assert_eq!(authenticator.decode(&digest("a"), &bytes), None);
        }

        #[test]
        fn no_bytes_are_a_surprise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(authenticator("s", "c").decode(&digest("a"), &bytes), None);
            let _ = stated(&bytes);
        }
    }
}
