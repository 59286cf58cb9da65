//! The shared tier: the gateway's shared data, which all its workers see, used through a fixed
//! number of slots.
//!
//! One host never frees a key and another drops keys as it likes, so the slots are numbered and
//! never grow: a key's digest chooses two of them, and of these the entry that expires first is
//! replaced. Writes are compare-and-set. Losing one means that another worker has just written, which
//! is as good.

use super::entry::{self, AuthenticEntry, ENTRY_BYTES, EncodeError, EntryCipher};
use crate::digest::Digest;
use crate::entropy::Entropy;
use crate::report::Report;
use crate::time::UnixTime;

/// One of the numbered slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u32);

impl Slot {
    /// Its key in the gateway's shared data. One host looks keys up by their CRC32 alone; a test
    /// proves that those of all slots differ. The length of entries is a part of it, so that a build with another
    /// length has other slots, and no entry is ever replaced by one of another length (S13).
    pub fn name(self) -> String {
        format!("token_exchange.{ENTRY_BYTES}.{:07}", self.0)
    }
}

/// Which write of a slot was read, as the gateway counts them; 0 where there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// It is there.
    Done,
    /// Another worker wrote first.
    Lost,
    /// It is not kept: there is no shared data, the payload is longer than an entry holds, or another filter has what
    /// is in its slots.
    Refused,
    /// There are no random bytes, without which nothing is encrypted.
    EntropyUnavailable,
}

/// The gateway's shared data. Implementations never fail a request: what cannot be read is absent.
pub trait SharedStore {
    /// The bytes of a slot, if there are any, and which write made them.
    fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version);

    /// Writes a slot, if `version` is still its last write.
    fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult;
}

/// A gateway without shared data.
#[derive(Clone, Copy, Debug)]
pub struct NoStore;

impl SharedStore for NoStore {
    fn get(&mut self, _: Slot) -> (Option<Vec<u8>>, Version) {
        (None, Version(0))
    }

    fn put(&mut self, _: Slot, _: Version, _: &[u8]) -> WriteResult {
        WriteResult::Refused
    }
}

/// What a write to the shared tier takes from the environment.
pub struct SharedAccess<'a> {
    /// The gateway's shared data.
    pub store: &'a mut dyn SharedStore,
    /// Random bytes, for the encryption.
    pub entropy: &'a mut dyn Entropy,
    /// Takes what is worth recording.
    pub report: &'a mut Report,
}

/// The shared tier of one configuration.
#[derive(Clone)]
pub struct SharedTier {
    cipher: EntryCipher,
    sets: u32,
}

impl std::fmt::Debug for SharedTier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SharedTier({} sets)", self.sets)
    }
}

impl SharedTier {
    /// A tier of `slots` entries, two to a set.
    pub fn new(cipher: EntryCipher, slots: u32) -> SharedTier {
        SharedTier { cipher, sets: (slots / 2).max(1) }
    }

    /// The entry under `key`, while it has not expired.
    pub fn get(&self, key: &Digest, now: UnixTime, store: &mut dyn SharedStore) -> Option<AuthenticEntry> {
        self.slots(key)
            .into_iter()
            .find_map(|slot| self.cipher.decode(key, &store.get(slot).0?))
            .filter(|entry| now < entry.expires())
    }

    /// Keeps `payload` under `key` until `expires`.
    pub fn put(
        &self,
        key: &Digest,
        payload: &[u8],
        expires: UnixTime,
        now: UnixTime,
        access: &mut SharedAccess<'_>,
    ) -> WriteResult {
        let entry = match self.cipher.encode(key, expires, payload, access.entropy) {
            Ok(entry) => entry,
            Err(EncodeError::EntropyUnavailable) => return WriteResult::EntropyUnavailable,
            Err(EncodeError::TooLong) => return WriteResult::Refused,
        };
        let replaceable = self.slots(key).into_iter().filter_map(|slot| {
            let (bytes, version) = access.store.get(slot);
            Some((priority(key, bytes.as_deref(), now)?, slot, version))
        });
        match replaceable.min_by_key(|(priority, ..)| *priority) {
            Some((_, slot, version)) => access.store.put(slot, version, &entry),
            None => WriteResult::Refused,
        }
    }

    fn slots(&self, key: &Digest) -> [Slot; 2] {
        let [a, b, c, d, ..] = *key.as_bytes();
        let set = u32::from_be_bytes([a, b, c, d]).checked_rem(self.sets).unwrap_or_default();
        let first = set.saturating_mul(2);
        [Slot(first), Slot(first.saturating_add(1))]
    }
}

/// Which of two slots is replaced: the smaller. First the same key's, then an empty or unreadable
/// one, then what expires first. An expiry farther off than anything the filter keeps is damage.
///
/// `None` for what has another length: another filter wrote it, whose key has this slot's CRC32 (D10), and to replace
/// it would harm whoever is reading it (S13).
fn priority(key: &Digest, bytes: Option<&[u8]>, now: UnixTime) -> Option<(u8, UnixTime)> {
    const MAX_LIFETIME: std::time::Duration = std::time::Duration::from_secs(48 * 60 * 60);
    if bytes.is_some_and(|bytes| bytes.len() != ENTRY_BYTES) {
        return None;
    }
    Some(match bytes.and_then(entry::stated) {
        Some((digest, expires)) if digest == key.as_bytes() => (0, expires),
        Some((_, expires)) if expires <= now.saturating_add(MAX_LIFETIME) => (2, expires),
        _ => (1, now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::MAX_PAYLOAD_BYTES;
    use crate::digest::DigestBuilder;
    use crate::entropy::{EntropyUnavailable, NoEntropy};
    use std::collections::BTreeMap;

    /// Shared data by the rules of one host or the other.
    #[derive(Default)]
    struct Model {
        entries: BTreeMap<Slot, (Vec<u8>, u32)>,
        /// Version 0 means "only if absent", as on Kong's host, and not "in any case", as on Envoy.
        zero_is_absent: bool,
    }

    impl SharedStore for Model {
        fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
            match self.entries.get(&slot) {
                Some((bytes, version)) => (Some(bytes.clone()), Version(*version)),
                None => (None, Version(0)),
            }
        }

        fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult {
            let last = self.entries.get(&slot).map_or(0, |(_, version)| *version);
            let unconditional = version.0 == 0 && !self.zero_is_absent;
            if version.0 != last && !unconditional {
                return WriteResult::Lost;
            }
            self.entries.insert(slot, (entry.to_vec(), last.wrapping_add(1)));
            WriteResult::Done
        }
    }

    fn digest(name: &str) -> Digest {
        DigestBuilder::new(name).finish()
    }

    fn tier(slots: u32) -> SharedTier {
        SharedTier::new(EntryCipher::new(&digest("secrets"), &digest("configuration")).unwrap(), slots)
    }

    /// Gives bytes, random enough for a test.
    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
            bytes.fill(0);
            Ok(())
        }
    }

    /// Keeps `payload` under the digest of `name` from the start of the test on.
    fn put(
        tier: &SharedTier,
        name: &str,
        payload: &[u8],
        expires: UnixTime,
        store: &mut dyn SharedStore,
    ) -> WriteResult {
        let mut access = SharedAccess { store, entropy: &mut Zeros, report: &mut Report::new() };
        tier.put(&digest(name), payload, expires, at(0), &mut access)
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(1_800_000_000).saturating_add(std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn hst_02_an_entry_is_replaced_on_both_hosts() {
        for zero_is_absent in [false, true] {
            let mut store = Model { zero_is_absent, ..Model::default() };
            let tier = tier(4096);
            assert_eq!(put(&tier, "a", b"v1", at(10), &mut store), WriteResult::Done);
            assert_eq!(put(&tier, "a", b"v2", at(20), &mut store), WriteResult::Done);
            assert_eq!(
                tier.get(&digest("a"), at(15), &mut store).map(|it| it.payload().to_vec()),
                Some(b"v2".to_vec())
            );
            assert_eq!(tier.get(&digest("a"), at(20), &mut store), None, "expired");
            assert_eq!(store.entries.len(), 1);
        }
    }

    #[test]
    fn hst_05_the_slots_are_a_fixed_number_and_what_expires_first_makes_room() {
        let (mut store, tier) = (Model::default(), tier(2));
        for (name, expires) in [("a", 30), ("b", 10), ("c", 20)] {
            put(&tier, name, name.as_bytes(), at(expires), &mut store);
        }
        let found = |name: &str, store: &mut Model| tier.get(&digest(name), at(0), store).is_some();
        assert!(found("a", &mut store) && !found("b", &mut store) && found("c", &mut store));
        for number in 0..1000 {
            put(&tier, &number.to_string(), b"x", at(number), &mut store);
        }
        assert_eq!(store.entries.len(), 2);
    }

    #[test]
    fn damage_makes_room_before_a_good_entry() {
        let (mut store, tier) = (Model::default(), tier(2));
        put(&tier, "a", b"a", at(30), &mut store);
        let far = tier
            .cipher
            .encode(&digest("x"), UnixTime::from_milliseconds(u64::MAX), b"x", &mut Zeros)
            .unwrap();
        for damage in
            [vec![0; ENTRY_BYTES], vec![0xFF; ENTRY_BYTES], b"garbage!".repeat(ENTRY_BYTES / 8), far]
        {
            store.entries.insert(Slot(1), (damage, 7));
            put(&tier, "b", b"b", at(40), &mut store);
            assert!(tier.get(&digest("a"), at(0), &mut store).is_some());
            assert!(tier.get(&digest("b"), at(0), &mut store).is_some());
        }
    }

    #[test]
    fn what_has_another_length_is_neither_read_nor_replaced() {
        let entry = tier(2).cipher.encode(&digest("a"), at(30), b"a", &mut Zeros).unwrap();
        for foreign in [&b""[..], b"garbage", &entry[..ENTRY_BYTES - 1], &[&entry[..], b"\0"].concat()] {
            for (there, free) in [(0, 1), (1, 0)] {
                let mut store = Model::default();
                store.entries.insert(Slot(there), (foreign.to_vec(), 7));
                assert_eq!(tier(2).get(&digest("a"), at(0), &mut store), None);
                for name in ["a", "b", "a"] {
                    assert_eq!(put(&tier(2), name, b"x", at(40), &mut store), WriteResult::Done);
                    assert!(tier(2).get(&digest(name), at(0), &mut store).is_some());
                }
                assert!(store.entries[&Slot(there)] == (foreign.to_vec(), 7), "it stays as it is");
                store.entries.insert(Slot(free), (foreign.to_vec(), 9));
                assert_eq!(put(&tier(2), "a", b"x", at(40), &mut store), WriteResult::Refused);
                assert!(store.entries[&Slot(free)] == (foreign.to_vec(), 9), "it stays as it is");
            }
        }
    }

    #[test]
    fn the_longest_payload_is_shared_and_a_longer_one_leaves_what_is_there() {
        let (mut store, longest) = (Model::default(), vec![b'x'; MAX_PAYLOAD_BYTES]);
        assert_eq!(put(&tier(2), "a", &longest, at(10), &mut store), WriteResult::Done);
        let before = store.entries.clone();
        let longer = [&longest[..], b"x"].concat();
        assert_eq!(put(&tier(2), "a", &longer, at(20), &mut store), WriteResult::Refused);
        assert_eq!(put(&tier(2), "b", &longer, at(20), &mut store), WriteResult::Refused);
        assert!(store.entries == before, "what is there stays");
        let found = tier(2).get(&digest("a"), at(0), &mut store);
        assert_eq!(found.map(|entry| entry.payload().len()), Some(MAX_PAYLOAD_BYTES));
    }

    #[test]
    fn a_lost_race_is_quiet() {
        struct Racing(Model);
        impl SharedStore for Racing {
            fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
                let read = self.0.get(slot);
                self.0.entries.insert(slot, (b"another".to_vec(), read.1.0.wrapping_add(1)));
                read
            }
            fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> WriteResult {
                self.0.put(slot, version, entry)
            }
        }
        let mut store = Racing(Model { zero_is_absent: true, ..Model::default() });
        assert_eq!(put(&tier(2), "a", b"a", at(1), &mut store), WriteResult::Lost);
    }

    #[test]
    fn without_shared_data_everything_is_a_miss() {
        assert_eq!(put(&tier(2), "a", b"a", at(1), &mut NoStore), WriteResult::Refused);
        assert_eq!(tier(2).get(&digest("a"), at(0), &mut NoStore), None);
    }

    #[test]
    fn without_random_bytes_the_shared_data_are_not_touched() {
        struct Untouched;
        impl SharedStore for Untouched {
            fn get(&mut self, _: Slot) -> (Option<Vec<u8>>, Version) {
                panic!("read")
            }
            fn put(&mut self, _: Slot, _: Version, _: &[u8]) -> WriteResult {
                panic!("written")
            }
        }
        let mut report = Report::new();
        let mut access = SharedAccess { store: &mut Untouched, entropy: &mut NoEntropy, report: &mut report };
        let result = tier(2).put(&digest("a"), b"a", at(1), at(0), &mut access);
        assert_eq!(result, WriteResult::EntropyUnavailable);
    }

    #[test]
    fn the_names_of_all_slots_differ_in_their_crc32() {
        let mut checksums: Vec<u32> =
            (0..1_048_576).map(|number| crc32fast::hash(Slot(number).name().as_bytes())).collect();
        checksums.sort_unstable();
        checksums.dedup();
        assert_eq!(checksums.len(), 1_048_576);
    }
}
