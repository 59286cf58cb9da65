//! What is cached of tokens, in both tiers: the worker's own memory first, then the shared data.
//!
//! What stands for proven claims and for an issued token is up to the caller: the cache gives back the
//! very values it was given. From the shared tier comes an [`AuthenticEntry`], and the caller alone
//! makes such a value of it.

use super::budgets::Budgets;
use super::entry::AuthenticEntry;
use super::memory::Memory;
use super::shared::{SharedAccess, SharedStore, SharedTier, WriteResult};
use crate::digest::Digest;
use crate::report::Note;
use crate::time::UnixTime;

/// Both tiers of one configuration: `C` are proven claims, `T` is a token for the upstream.
#[derive(Debug)]
pub struct TokenCache<C, T> {
    claims: Memory<C>,
    issued: Memory<T>,
    shared: Option<SharedTier>,
    /// It was noted that nothing is shared for want of random bytes.
    noted: bool,
}

/// What goes into the shared tier along with the worker's own, and until when both hold.
#[derive(Clone, Copy, Debug)]
pub struct Retention<'a> {
    /// Until when it may be used.
    pub expires: UnixTime,
    /// The form in which it is shared; `None` where it stays in the worker.
    pub shared_form: Option<&'a [u8]>,
}

/// How much larger parsed claims are than their text, roughly.
const PARSED_CLAIMS_FACTOR: usize = 4;

impl<C: Clone, T: Clone> TokenCache<C, T> {
    /// An empty cache.
    pub fn new(budgets: Budgets, shared: Option<SharedTier>) -> TokenCache<C, T> {
        let (claims, issued) = (Memory::new(budgets.claims), Memory::new(budgets.issued));
        TokenCache { claims, issued, shared, noted: false }
    }

    /// Whether there is a shared tier.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Claims in the worker's own tier.
    pub fn own_claims(&mut self, key: &Digest, now: UnixTime) -> Option<&C> {
        self.claims.get(key, now)
    }

    /// Claims in either tier; `read` makes them of an entry of the shared one.
    pub fn claims(
        &mut self,
        key: &Digest,
        now: UnixTime,
        store: &mut dyn SharedStore,
        read: impl FnOnce(&AuthenticEntry) -> Option<C>,
    ) -> Option<C> {
        if let Some(claims) = self.own_claims(key, now) {
            return Some(claims.clone());
        }
        let entry = self.shared.as_ref()?.get(key, now, store)?;
        let claims = read(&entry)?;
        let bytes = entry.payload().len().saturating_mul(PARSED_CLAIMS_FACTOR);
        self.claims.insert(*key, claims.clone(), bytes, entry.expires(), now);
        Some(claims)
    }

    /// Caches claims that were read from `text_bytes` bytes.
    pub fn insert_claims(
        &mut self,
        key: Digest,
        claims: C,
        text_bytes: usize,
        retention: Retention<'_>,
        now: UnixTime,
        access: &mut SharedAccess<'_>,
    ) {
        self.share(&key, retention, now, access);
        let bytes = text_bytes.saturating_mul(PARSED_CLAIMS_FACTOR);
        self.claims.insert(key, claims, bytes, retention.expires, now);
    }

    /// An issued token in either tier; `read` makes it of an entry of the shared one.
    pub fn issued(
        &mut self,
        key: &Digest,
        now: UnixTime,
        store: &mut dyn SharedStore,
        read: impl FnOnce(&AuthenticEntry) -> Option<T>,
    ) -> Option<T> {
        if let Some(token) = self.issued.get(key, now) {
            return Some(token.clone());
        }
        let entry = self.shared.as_ref()?.get(key, now, store)?;
        let token = read(&entry)?;
        self.issued.insert(*key, token.clone(), entry.payload().len(), entry.expires(), now);
        Some(token)
    }

    /// Caches an issued token of `token_bytes` bytes.
    pub fn insert_issued(
        &mut self,
        key: Digest,
        token: T,
        token_bytes: usize,
        retention: Retention<'_>,
        now: UnixTime,
        access: &mut SharedAccess<'_>,
    ) {
        self.share(&key, retention, now, access);
        self.issued.insert(key, token, token_bytes, retention.expires, now);
    }

    /// Whatever comes of it, the worker's own tier has it all the same.
    fn share(
        &mut self,
        key: &Digest,
        retention: Retention<'_>,
        now: UnixTime,
        access: &mut SharedAccess<'_>,
    ) {
        let shared = self.shared.as_ref().filter(|_| now < retention.expires);
        let (Some(shared), Some(payload)) = (shared, retention.shared_form) else { return };
        match shared.put(key, payload, retention.expires, now, access) {
            WriteResult::Done | WriteResult::Lost | WriteResult::Refused => {}
            WriteResult::EntropyUnavailable => {
                if !std::mem::replace(&mut self.noted, true) {
                    access.report.add(Note::NothingShared);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::EntryCipher;
    use crate::cache::shared::{NoStore, Slot, Version};
    use crate::digest::DigestBuilder;
    use crate::entropy::{Entropy, EntropyUnavailable, NoEntropy};
    use crate::report::Report;

    /// Counts the writes.
    #[derive(Default)]
    struct Written(usize);

    impl SharedStore for Written {
        fn get(&mut self, _: Slot) -> (Option<Vec<u8>>, Version) {
            (None, Version(0))
        }

        fn put(&mut self, _: Slot, _: Version, _: &[u8]) -> WriteResult {
            self.0 = self.0.saturating_add(1);
            WriteResult::Done
        }
    }

    /// Gives bytes, random enough for a test.
    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
            bytes.fill(0);
            Ok(())
        }
    }

    fn cache(shared: bool) -> TokenCache<u8, u8> {
        let digest = DigestBuilder::new("test").finish();
        let tier = SharedTier::new(EntryCipher::new(&digest, &digest).unwrap(), 2);
        TokenCache::new(Budgets::of(10_000), shared.then_some(tier))
    }

    #[test]
    fn only_what_has_not_expired_is_shared() {
        let (key, now) = (DigestBuilder::new("key").finish(), UnixTime::from_seconds(1_800_000_000));
        let (mut cache, mut store) = (cache(true), Written::default());
        for (seconds, writes) in [(1_799_999_999, 0), (1_800_000_000, 0), (1_800_000_001, 1)] {
            let retention = Retention { expires: UnixTime::from_seconds(seconds), shared_form: Some(b"X1") };
            let mut report = Report::new();
            let mut access = SharedAccess { store: &mut store, entropy: &mut Zeros, report: &mut report };
            cache.insert_issued(key, 1, 2, retention, now, &mut access);
            assert_eq!(store.0, writes, "{seconds}");
        }
    }

    #[test]
    fn without_random_bytes_the_own_tier_works_on_and_one_note_says_that_nothing_is_shared() {
        let now = UnixTime::from_seconds(1_800_000_000);
        let expires = UnixTime::from_seconds(1_800_000_300);
        let (mut cache, mut store, mut report) = (cache(true), Written::default(), Report::new());
        for name in [1_u8, 2, 3] {
            let key = DigestBuilder::new("key").field(&[name]).finish();
            let retention = Retention { expires, shared_form: Some(b"X1") };
            let mut access = SharedAccess { store: &mut store, entropy: &mut NoEntropy, report: &mut report };
            cache.insert_issued(key, name, 2, retention, now, &mut access);
            assert_eq!(cache.issued(&key, now, &mut store, |_| None), Some(name));
        }
        assert_eq!(store.0, 0);
        assert_eq!(report.notes().collect::<Vec<_>>(), [&Note::NothingShared]);
    }

    #[test]
    fn claims_and_issued_tokens_drive_nothing_of_each_other_out() {
        let key = |name: u16| DigestBuilder::new("key").field(&name.to_be_bytes()).finish();
        let now = UnixTime::from_seconds(1_800_000_000);
        let retention = Retention { expires: UnixTime::from_seconds(1_800_000_300), shared_form: None };
        let (mut cache, mut report) = (cache(false), Report::new());
        let mut access = SharedAccess { store: &mut NoStore, entropy: &mut NoEntropy, report: &mut report };
        cache.insert_claims(key(0), 1, 100, retention, now, &mut access);
        cache.insert_issued(key(0), 2, 100, retention, now, &mut access);
        (1..1000).for_each(|name| cache.insert_issued(key(name), 2, 100, retention, now, &mut access));
        assert_eq!(cache.own_claims(&key(0), now), Some(&1));
        cache.insert_issued(key(0), 2, 100, retention, now, &mut access);
        (1..1000).for_each(|name| cache.insert_claims(key(name), 1, 100, retention, now, &mut access));
        assert_eq!(cache.issued(&key(0), now, &mut NoStore, |_| None), Some(2));
        assert_eq!(cache.own_claims(&key(500), now), None, "there were more than have room");
    }

    #[test]
    fn it_says_whether_it_is_shared() {
        assert!(cache(true).is_shared());
        assert!(!cache(false).is_shared());
    }
}
