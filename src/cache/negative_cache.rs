//! Tokens that were refused, and why, apart from what is known of good ones.

use super::budgets::Budgets;
use super::memory::Memory;
use crate::digest::Digest;
use crate::time::UnixTime;

/// Refusals under digests, each until an instant; `R` is the reason. In the worker alone.
#[derive(Debug)]
pub struct NegativeCache<R>(Memory<R>);

impl<R: Copy> NegativeCache<R> {
    /// An empty cache.
    pub fn new(budgets: Budgets) -> NegativeCache<R> {
        NegativeCache(Memory::new(budgets.refusals))
    }

    /// Why what `key` stands for was refused, while that holds.
    pub fn get(&mut self, key: &Digest, now: UnixTime) -> Option<R> {
        self.0.get(key, now).copied()
    }

    /// Keeps a refusal until `expires`.
    pub fn insert(&mut self, key: Digest, reason: R, expires: UnixTime, now: UnixTime) {
        // The overhead of an entry has room for a reason.
        self.0.insert(key, reason, 0, expires, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;

    #[test]
    fn a_refusal_holds_until_its_expiry() {
        let (key, at) = (DigestBuilder::new("key").finish(), UnixTime::from_seconds);
        let mut cache = NegativeCache::new(Budgets::of(65_536));
        cache.insert(key, "inactive", at(5), at(0));
        assert_eq!(cache.get(&key, at(4)), Some("inactive"));
        assert_eq!(cache.get(&key, at(5)), None);
        assert_eq!(cache.get(&DigestBuilder::new("other").finish(), at(0)), None);
    }
}
