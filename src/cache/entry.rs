//! What one entry of the shared tier looks like, and when it is accepted.
//!
//! A gateway may return another key's entry, a mixture of two, or one that a different filter wrote, and other
//! filters may read what is there. So an entry names its key in full, its payload is encrypted, and it is
//! authenticated as a whole; what does not match exactly is a miss.
//!
//! ```text
//! version 3 | expiry, ms, big endian 8 | key digest 32 | nonce 12 | AES-256-GCM-SIV of what follows | tag 16
//!                                                      payload's length 2 | payload | zeros up to the end
//! ```
//!
//! Every entry has the same length, on every gateway. One gateway reads an entry while another worker overwrites it, and
//! writes past the end of its memory where the two differ in length (S13); and so a length says nothing of a token.
//!
//! Everything before the nonce is associated data. All nodes of a configuration use one key for its whole life, and
//! one gateway's random bytes repeat by chance (S12). So the cipher is one that survives a nonce used twice (RFC
//! 8452): such a pair shows whether both entries are the same, and nothing else.

use crate::digest::Digest;
use crate::entropy::{Entropy, EntropyUnavailable};
use crate::time::UnixTime;
use aes_gcm_siv::{AeadInOut, Aes256GcmSiv, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

/// How long every entry is. With its name and what the gateway keeps beside it, it takes one page of nginx's. It is no
/// setting, because configurations share the gateway's zone.
pub const ENTRY_BYTES: usize = 3840;

/// The longest payload that an entry holds. A longer one is not written.
pub const MAX_PAYLOAD_BYTES: usize = TEXT_BYTES - LENGTH_BYTES;

/// The format. An entry of another version is a miss.
const VERSION: u8 = 3;
const HEAD_BYTES: usize = 1 + 8 + 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// What is encrypted.
const TEXT_BYTES: usize = ENTRY_BYTES - HEAD_BYTES - NONCE_BYTES - TAG_BYTES;
const LENGTH_BYTES: usize = 2;

/// Makes and reads entries of one configuration.
#[derive(Clone)]
pub struct EntryCipher(Aes256GcmSiv);

/// An entry that this filter wrote for this key under this configuration. Only
/// [`EntryCipher::decode`] makes one.
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

/// Why there is no entry to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// There are no random bytes for the nonce.
    EntropyUnavailable,
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`].
    TooLong,
}

impl From<EntropyUnavailable> for EncodeError {
    fn from(_: EntropyUnavailable) -> EncodeError {
        EncodeError::EntropyUnavailable
    }
}

impl EntryCipher {
    /// Derives the key from `secrets`, a digest of what only the operator and the authorization server know, and
    /// `configuration`, the digest of the whole configuration (RFC 5869). `None` only if the derivation fails,
    /// which its fixed length rules out.
    pub fn new(secrets: &Digest, configuration: &Digest) -> Option<EntryCipher> {
        let mut key = [0_u8; 32];
        Hkdf::<Sha256>::new(Some(configuration.as_bytes()), secrets.as_bytes())
            .expand(b"token-exchange shared entry 3, AES-256-GCM-SIV", &mut key)
            .ok()?;
        Some(EntryCipher(Aes256GcmSiv::new(&key.into())))
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// There are no random bytes, or the payload is too long.
    pub fn encode(
        &self,
        key: &Digest,
        expires: UnixTime,
        payload: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut text = padded(payload)?;
        let mut nonce = [0_u8; NONCE_BYTES];
        entropy.fill(&mut nonce)?;
        let head = [&[VERSION], &expires.as_milliseconds().to_be_bytes()[..], key.as_bytes()].concat();
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(nonce), &head, text.as_mut_slice().into())
            .map_err(|_| EncodeError::TooLong)?;
        Ok([&head, &nonce[..], &text, &tag].concat())
    }

    /// Reads an entry back; `None` for everything that [`EntryCipher::encode`] did not make for this very key under
    /// this very configuration.
    pub fn decode(&self, key: &Digest, bytes: &[u8]) -> Option<AuthenticEntry> {
        let (digest, expires) = stated(bytes)?;
        if digest != key.as_bytes() {
            return None;
        }
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut text = text.to_vec();
        self.0.decrypt_inout_detached(nonce.into(), head, text.as_mut_slice().into(), tag.into()).ok()?;
        let payload = unpadded(&text)?.to_vec();
        Some(AuthenticEntry { expires, payload })
    }
}

/// The payload behind its length, and zeros.
fn padded(payload: &[u8]) -> Result<Vec<u8>, EncodeError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(EncodeError::TooLong);
    }
    let length = u16::try_from(payload.len()).map_err(|_| EncodeError::TooLong)?;
    let mut text = [&length.to_be_bytes(), payload].concat();
    text.resize(TEXT_BYTES, 0);
    Ok(text)
}

/// The payload, where what stands around it is what [`padded`] writes.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let (length, rest) = text.split_first_chunk::<LENGTH_BYTES>()?;
    let (payload, padding) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    padding.iter().all(|byte| *byte == 0).then_some(payload)
}

/// The key's digest and the expiry that an entry states, authentic or not: good enough to choose
/// which of two entries is replaced.
pub(super) fn stated(bytes: &[u8]) -> Option<(&[u8; 32], UnixTime)> {
    let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().ok()?;
    let (version, rest) = bytes.split_first()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (digest, _) = rest.split_first_chunk()?;
    (*version == VERSION).then(|| (digest, UnixTime::from_milliseconds(u64::from_be_bytes(*expires))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;
    use crate::entropy::NoEntropy;
    use proptest::prelude::*;

    /// Gives the same byte again and again, as a gateway could whose workers began with one seed.
    struct Repeated(u8);

    impl Entropy for Repeated {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    const EXPIRES: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn digest(name: &str) -> Digest {
        DigestBuilder::new(name).finish()
    }

    fn cipher(secrets: &str, configuration: &str) -> EntryCipher {
        EntryCipher::new(&digest(secrets), &digest(configuration)).unwrap()
    }

    fn encoded(payload: &[u8], random: u8) -> Vec<u8> {
        cipher("s", "c").encode(&digest("a"), EXPIRES, payload, &mut Repeated(random)).unwrap()
    }

    fn contains(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn an_entry_is_read_back_under_its_own_key_only() {
        let bytes = encoded(b"X1", 0);
        let entry = AuthenticEntry { expires: EXPIRES, payload: b"X1".to_vec() };
        assert_eq!(cipher("s", "c").decode(&digest("a"), &bytes), Some(entry));
        assert_eq!(cipher("s", "c").decode(&digest("b"), &bytes), None, "HST-01: another key's entry");
        assert_eq!(cipher("s", "d").decode(&digest("a"), &bytes), None, "HST-09: another configuration");
        assert_eq!(cipher("t", "c").decode(&digest("a"), &bytes), None, "other secrets");
        assert_eq!(stated(&bytes), Some((digest("a").as_bytes(), EXPIRES)));
    }

    #[test]
    fn an_entry_under_the_head_of_another_is_a_miss() {
        let own = encoded(b"X1", 0);
        let other = cipher("s", "c").encode(&digest("b"), EXPIRES, b"X1", &mut Repeated(0)).unwrap();
        let moved = [&other[..HEAD_BYTES], &own[HEAD_BYTES..]].concat();
        assert_eq!(cipher("s", "c").decode(&digest("b"), &moved), None, "the key's digest is authenticated");
        let later = cipher("s", "c")
            .encode(&digest("a"), UnixTime::from_seconds(1_900_000_000), b"X1", &mut Repeated(0))
            .unwrap();
        let prolonged = [&later[..HEAD_BYTES], &own[HEAD_BYTES..]].concat();
        assert_eq!(cipher("s", "c").decode(&digest("a"), &prolonged), None, "the expiry is authenticated");
    }

    #[test]
    fn an_entry_of_another_version_is_a_miss() {
        let mut bytes = encoded(b"X1", 0);
        for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
            bytes[0] = version;
            assert_eq!(cipher("s", "c").decode(&digest("a"), &bytes), None, "{version}");
            assert_eq!(stated(&bytes), None, "{version}");
        }
    }

    #[test]
    fn sec_10_a_payload_cannot_be_read_in_its_entry() {
        let payload = br#"{"active":true,"sub":"alice","email":"alice@example.com"}"#;
        let bytes = encoded(payload, 0);
        for length in [4, 8, 16] {
            for part in payload.windows(length) {
                assert!(!contains(&bytes, part), "{part:?}");
            }
        }
    }

    #[test]
    fn every_entry_has_one_length_and_a_longer_payload_has_none() {
        for length in [0, 1, 100, 3768, MAX_PAYLOAD_BYTES] {
            let payload = vec![b'a'; length];
            let bytes = encoded(&payload, 0);
            assert_eq!(bytes.len(), 3840, "{length}");
            let entry = cipher("s", "c").decode(&digest("a"), &bytes).unwrap();
            assert_eq!(entry.payload(), payload, "{length}");
        }
        for length in [MAX_PAYLOAD_BYTES + 1, ENTRY_BYTES, 65_535, 65_536, 65_537, 100_000] {
            let made = cipher("s", "c").encode(&digest("a"), EXPIRES, &vec![b'a'; length], &mut Repeated(0));
            assert_eq!(made, Err(EncodeError::TooLong), "{length}");
        }
        assert_eq!(MAX_PAYLOAD_BYTES, 3769);
    }

    #[test]
    fn an_entry_of_another_length_is_a_miss() {
        let bytes = encoded(b"X1", 0);
        for other in
            [&bytes[..ENTRY_BYTES - 1], &[&bytes[..], &[0]].concat(), &[&bytes[..], &bytes[..]].concat()]
        {
            assert_eq!(cipher("s", "c").decode(&digest("a"), other), None, "{}", other.len());
            assert_eq!(stated(other), None, "{}", other.len());
        }
    }

    #[test]
    fn padding_that_is_not_what_was_written_is_none() {
        let text = padded(b"payload").unwrap();
        assert_eq!(unpadded(&text), Some(&b"payload"[..]));
        for position in [LENGTH_BYTES + 7, LENGTH_BYTES + 8, TEXT_BYTES / 2, TEXT_BYTES - 1] {
            for bit in 0..8 {
                let mut other = text.clone();
                other[position] ^= 1 << bit;
                assert_eq!(unpadded(&other), None, "bit {bit} of byte {position}");
            }
        }
        for (length, expected) in [(6_u16, None), (8, Some(&b"payload\0"[..]))] {
            let other = [&length.to_be_bytes(), &text[LENGTH_BYTES..]].concat();
            assert_eq!(unpadded(&other), expected, "{length}");
        }
    }

    #[test]
    fn a_payload_that_would_end_beyond_its_entry_is_none() {
        let text = |length: u16| [&length.to_be_bytes()[..], &[b'a'; TEXT_BYTES - LENGTH_BYTES]].concat();
        assert_eq!(unpadded(&text(3769)).map(<[u8]>::len), Some(3769));
        assert_eq!(unpadded(&text(3770)), None);
        assert_eq!(unpadded(&text(u16::MAX)), None);
    }

    #[test]
    fn the_same_payload_gives_other_bytes_with_other_random_bytes() {
        let (first, second) = (encoded(b"payload", 0), encoded(b"payload", 1));
        let differ = first.iter().zip(&second).skip(HEAD_BYTES).filter(|(one, other)| one != other).count();
        assert!(differ >= NONCE_BYTES + b"payload".len(), "{differ}");
    }

    /// What it is for that the cipher is AES-GCM-SIV: with a stream cipher that takes the nonce alone, the two
    /// would differ exactly where the payloads do.
    #[test]
    fn with_a_nonce_used_twice_two_payloads_have_nothing_in_common() {
        let (first, second) = (encoded(&[b'a'; 64], 0), encoded(&[[b'a'; 63].as_slice(), b"b"].concat(), 0));
        let text = HEAD_BYTES + NONCE_BYTES + LENGTH_BYTES..HEAD_BYTES + NONCE_BYTES + LENGTH_BYTES + 64;
        let same = first[text.clone()].iter().zip(&second[text]).filter(|(one, other)| one == other).count();
        assert!(same < 16, "{same} of 64 bytes are the same");
    }

    #[test]
    fn without_random_bytes_there_is_no_entry() {
        let made = cipher("s", "c").encode(&digest("a"), EXPIRES, b"X1", &mut NoEntropy);
        assert_eq!(made, Err(EncodeError::EntropyUnavailable));
    }

    #[test]
    fn hst_03_a_torn_entry_is_a_miss() {
        let (cipher, first, second) = (cipher("s", "c"), encoded(&[b'a'; 100], 0), encoded(&[b'b'; 100], 1));
        // Every byte of what is stated, and places all over the rest.
        for cut in (1..100).chain((100..first.len()).step_by(37)).chain([first.len() - 1]) {
            let mixed = [&first[..cut], &second[cut..]].concat();
            // Where the two agree up to the cut, the mixture is the second entry itself.
            assert!(mixed == second || cipher.decode(&digest("a"), &mixed).is_none(), "{cut}");
            assert_eq!(cipher.decode(&digest("a"), &first[..cut]), None, "{cut}");
        }
        assert_eq!(cipher.decode(&digest("a"), b""), None);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_a_miss() {
        let (cipher, mut bytes) = (cipher("s", "c"), encoded(b"payload", 0));
        for position in (0..80).chain((80..bytes.len()).step_by(97)).chain(bytes.len() - 20..bytes.len()) {
            for bit in 0..8 {
                bytes[position] ^= 1 << bit;
                assert_eq!(cipher.decode(&digest("a"), &bytes), None, "bit {bit} of byte {position}");
                bytes[position] ^= 1 << bit;
            }
        }
        assert!(cipher.decode(&digest("a"), &bytes).is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                prop::collection::vec(any::<u8>(), ENTRY_BYTES),
            ],
        ) {
            prop_assert_eq!(cipher("s", "c").decode(&digest("a"), &bytes), None);
            let _ = stated(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(payload in prop::collection::vec(any::<u8>(), 0..200), random in any::<u8>()) {
            let bytes = encoded(&payload, random);
            let entry = cipher("s", "c").decode(&digest("a"), &bytes);
            prop_assert_eq!(entry, Some(AuthenticEntry { expires: EXPIRES, payload }));
        }
    }
}
