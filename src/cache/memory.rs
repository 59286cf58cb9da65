//! The in-VM tier: fast, bounded, gone with the worker.

use crate::digest::Digest;
use crate::time::UnixTime;
use std::collections::{BTreeMap, BTreeSet};

/// Values under digests, each until an instant. When the bound is reached, what expires first goes
/// first.
#[derive(Debug)]
pub struct Memory<V> {
    entries: BTreeMap<Digest, Entry<V>>,
    by_expiry: BTreeSet<(UnixTime, Digest)>,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    expires: UnixTime,
    bytes: usize,
}

/// What an entry costs beside its value: two tree nodes' share, the digests, the counters.
const ENTRY_OVERHEAD_BYTES: usize = 192;

impl<V> Memory<V> {
    /// An empty memory of at most `max_bytes`.
    pub fn new(max_bytes: usize) -> Memory<V> {
        Memory { entries: BTreeMap::new(), by_expiry: BTreeSet::new(), bytes: 0, max_bytes }
    }

    /// The value under `key`, while it has not expired.
    pub fn get(&self, key: &Digest, now: UnixTime) -> Option<&V> {
        self.entries.get(key).filter(|entry| now < entry.expires).map(|entry| &entry.value)
    }

    /// Keeps `value`, of `value_bytes` bytes, until `expires`. A value that is larger than the
    /// whole memory is not kept.
    pub fn insert(&mut self, key: Digest, value: V, value_bytes: usize, expires: UnixTime, now: UnixTime) {
        self.remove(&key);
        let bytes = value_bytes.saturating_add(ENTRY_OVERHEAD_BYTES);
        if expires <= now || bytes > self.max_bytes {
            return;
        }
        while self.bytes.saturating_add(bytes) > self.max_bytes {
            let Some((_, first)) = self.by_expiry.first().copied() else { break };
            self.remove(&first);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.by_expiry.insert((expires, key));
        self.entries.insert(key, Entry { value, expires, bytes });
    }

    /// Forgets what is under `key`.
    pub fn remove(&mut self, key: &Digest) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_expiry.remove(&(entry.expires, *key));
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }

    /// How many entries there are, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;
    use proptest::prelude::*;

    fn key(name: u8) -> Digest {
        DigestBuilder::new("test").field(&[name]).finish()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    #[test]
    fn an_entry_ends_at_its_expiry() {
        let mut memory = Memory::new(10_000);
        memory.insert(key(1), "a", 1, at(10), at(0));
        assert_eq!(memory.get(&key(1), at(9)), Some(&"a"));
        assert_eq!(memory.get(&key(1), at(10)), None);
        assert_eq!(memory.get(&key(2), at(0)), None);
        memory.insert(key(1), "b", 1, at(5), at(5));
        assert!(memory.is_empty(), "an expired value replaces the old one by nothing");
    }

    #[test]
    fn what_expires_first_makes_room() {
        let mut memory = Memory::new(2 * (ENTRY_OVERHEAD_BYTES + 10));
        memory.insert(key(1), 1, 10, at(20), at(0));
        memory.insert(key(2), 2, 10, at(10), at(0));
        memory.insert(key(3), 3, 10, at(30), at(0));
        assert_eq!(memory.get(&key(2), at(0)), None);
        assert_eq!((memory.get(&key(1), at(0)), memory.get(&key(3), at(0))), (Some(&1), Some(&3)));
        memory.insert(key(4), 4, 100_000, at(30), at(0));
        assert_eq!(memory.len(), 2, "a value larger than the memory drives nothing out");
    }

    proptest! {
        #[test]
        fn the_bound_and_the_books_hold(steps in prop::collection::vec((0_u8..20, 0_usize..300, 0_u64..50, 0_u64..50), 0..200)) {
            let mut memory = Memory::new(3000);
            for (name, bytes, expires, now) in steps {
                memory.insert(key(name), name, bytes, at(expires), at(now));
                prop_assert!(memory.bytes <= 3000);
                prop_assert_eq!(memory.entries.len(), memory.by_expiry.len());
                let counted: usize = memory.entries.values().map(|entry| entry.bytes).sum();
                prop_assert_eq!(counted, memory.bytes);
                prop_assert_eq!(memory.get(&key(name), at(now)).is_some(), expires > now);
            }
        }
    }
}
