//! The in-VM tier: fast, bounded, gone with the worker.

use crate::digest::Digest;
use crate::time::UnixTime;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Values under digests, each until an instant. When the bound is reached, what is used rarely and was not used for
/// long goes first, however long it would be valid.
#[derive(Debug)]
pub struct Memory<V> {
    entries: Cache<TableKey, Entry<V>, ByBytes, BuildHasherDefault<FirstBytes>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    expires: UnixTime,
    bytes: usize,
}

/// What an entry costs beside its value: its place in the slab and in the table, with the spare room of both, and its
/// share of the digests that are kept of entries which had to go.
const ENTRY_OVERHEAD_BYTES: usize = 192;

/// Which part is for values that were used again; the rest is for new ones. The larger that is, the longer a value may
/// wait for its second use.
const USED_AGAIN: f64 = 0.8;

/// Of how many entries that had to go, in relation to those that a memory of ordinary entries has, the digests are kept:
/// one that comes back counts as used again.
const GONE: f64 = 0.5;

/// The size of an ordinary entry.
const ORDINARY_ENTRY_BYTES: usize = 1024;

impl<V> Memory<V> {
    /// An empty memory of at most `max_bytes`.
    pub fn new(max_bytes: usize) -> Memory<V> {
        let (items, weight) =
            (max_bytes / ORDINARY_ENTRY_BYTES, u64::try_from(max_bytes).unwrap_or(u64::MAX));
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(items)
            .weight_capacity(weight)
            .hot_allocation(USED_AGAIN)
            .ghost_allocation(GONE)
            .build();
        let (hasher, lifecycle) = (BuildHasherDefault::default(), DefaultLifecycle::default());
        // Options that lack nothing are never an error.
        let entries = match options {
            Ok(options) => Cache::with_options(options, ByBytes, hasher, lifecycle),
            Err(_) => Cache::with(items, weight, ByBytes, hasher, lifecycle),
        };
        Memory { entries }
    }

    /// The value under `key`, while it has not expired.
    pub fn get(&mut self, key: &Digest, now: UnixTime) -> Option<&V> {
        let key = TableKey(*key);
        self.entries.remove_if(&key, |entry| entry.expires <= now);
        self.entries.get(&key).map(|entry| &entry.value)
    }

    /// Keeps `value`, of `value_bytes` bytes, until `expires`. A value that takes more than the part of the memory for
    /// what was used again is not kept.
    pub fn insert(&mut self, key: Digest, value: V, value_bytes: usize, expires: UnixTime, now: UnixTime) {
        if expires <= now {
            self.remove(&key);
            return;
        }
        let bytes = value_bytes.saturating_add(ENTRY_OVERHEAD_BYTES);
        self.entries.insert(TableKey(key), Entry { value, expires, bytes });
    }

    /// Forgets what is under `key`.
    pub fn remove(&mut self, key: &Digest) {
        self.entries.remove(&TableKey(*key));
    }
}

/// Entries weigh what they cost.
#[derive(Clone, Copy, Debug)]
struct ByBytes;

impl<V> Weighter<TableKey, Entry<V>> for ByBytes {
    fn weight(&self, _: &TableKey, entry: &Entry<V>) -> u64 {
        u64::try_from(entry.bytes).unwrap_or(u64::MAX)
    }
}

/// A digest as a key of a hash table, which hashes itself: SHA-256 has spread its first bytes. What is digested is a
/// token, which a client may choose, together with the configuration, whose secrets no client knows; without secrets in
/// it, one who knows the rest can find tokens that fall together in the table. That costs a look-up a comparison for
/// each, of which there are as many as the memory has room for, and lets no token stand in for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TableKey(Digest);

impl Hash for TableKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.as_bytes();
        state.write_u64(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes the number that a [`TableKey`] gives for its hash.
#[derive(Clone, Copy, Debug, Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, _: &[u8]) {
        // The only key there is gives one number.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn key(name: u16) -> Digest {
        DigestBuilder::new("test").field(&name.to_be_bytes()).finish()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    #[test]
    fn an_entry_ends_at_its_expiry() {
        let mut memory = Memory::new(10_000);
        memory.insert(key(1), "a", 1, at(10), at(0));
        assert_eq!(memory.get(&key(1), at(9)), Some(&"a"));
        assert_eq!(memory.get(&key(2), at(0)), None);
        assert_eq!(memory.entries.len(), 1);
        assert_eq!(memory.get(&key(1), at(10)), None);
        assert!(memory.entries.is_empty(), "what has expired is dropped when it is looked for");
        memory.insert(key(1), "a", 1, at(10), at(0));
        memory.insert(key(1), "b", 1, at(5), at(5));
        assert!(memory.entries.is_empty(), "an expired value replaces the old one by nothing");
    }

    #[test]
    fn a_value_replaces_the_one_before_it() {
        let mut memory = Memory::new(10_000);
        memory.insert(key(1), "a", 1, at(10), at(0));
        memory.insert(key(1), "b", 1, at(5), at(0));
        assert_eq!(memory.get(&key(1), at(4)), Some(&"b"));
        assert_eq!(memory.entries.len(), 1);
        assert_eq!(memory.get(&key(1), at(5)), None);
        memory.insert(key(1), "c", 1, at(10), at(0));
        memory.insert(key(1), "d", 100_000, at(10), at(0));
        assert!(memory.entries.is_empty(), "one that is too large replaces it by nothing");
    }

    #[test]
    fn a_value_larger_than_the_memory_is_not_kept_and_drives_nothing_out() {
        let mut memory = Memory::new(10_000);
        memory.insert(key(1), 1, 10, at(10), at(0));
        for bytes in [10_000, 1_000_000, usize::MAX] {
            memory.insert(key(2), 2, bytes, at(10), at(0));
            assert_eq!(memory.get(&key(2), at(0)), None, "{bytes}");
        }
        assert_eq!(memory.get(&key(1), at(0)), Some(&1));
    }

    #[test]
    fn a_long_life_is_no_reason_to_stay() {
        let mut memory = Memory::new(100_000);
        (0..1000).for_each(|name| memory.insert(key(name), name, 1000, at(86_400), at(0)));
        for name in [2001, 2002] {
            memory.insert(key(name), name, 1000, at(60), at(0));
        }
        for name in 3000..4000 {
            memory.insert(key(name), name, 1000, at(86_400), at(0));
            assert!(memory.get(&key(2001), at(0)).is_some() && memory.get(&key(2002), at(0)).is_some());
        }
    }

    #[test]
    fn what_comes_back_after_it_had_to_go_stays() {
        let mut memory = Memory::new(100_000);
        (0..1000).for_each(|name| memory.insert(key(name), name, 1000, at(86_400), at(0)));
        let mut misses = 0;
        for round in 0..20_u16 {
            if memory.get(&key(2001), at(0)).is_none() {
                misses += 1;
                memory.insert(key(2001), 2001, 1000, at(60), at(0));
            }
            // More than the part for new values holds.
            (0..40).for_each(|name| memory.insert(key(3000 + 40 * round + name), name, 1000, at(60), at(0)));
        }
        assert_eq!(misses, 2);
    }

    proptest! {
        #[test]
        fn the_bound_and_the_books_hold(steps in prop::collection::vec((0_u16..20, 0_usize..300, 0_u64..50, 0_u64..50), 0..200)) {
            let (mut memory, mut last) = (Memory::new(3000), BTreeMap::new());
            for (number, (name, bytes, expires, now)) in steps.into_iter().enumerate() {
                let is_new = memory.get(&key(name), at(now)).is_none();
                memory.insert(key(name), number, bytes, at(expires), at(now));
                last.insert(name, (number, expires));
                prop_assert!(memory.entries.weight() <= 3000);
                let counted: usize = memory.entries.iter().map(|(_, entry)| entry.bytes).sum();
                prop_assert_eq!(u64::try_from(counted).unwrap(), memory.entries.weight());
                if is_new {
                    prop_assert_eq!(memory.get(&key(name), at(now)).is_some(), expires > now);
                }
                for (name, (number, expires)) in &last {
                    if let Some(found) = memory.get(&key(*name), at(now)) {
                        prop_assert!(found == number && *expires > now);
                    }
                }
            }
        }
    }
}
