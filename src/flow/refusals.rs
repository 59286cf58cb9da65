//! Tokens that were refused and need not be looked at again for a while. They are kept apart from good
//! tokens, so that a flood of bad ones drives out none of those.

use crate::cache::budgets::Budgets;
use crate::cache::memory::Memory;
use crate::digest::Digest;
use crate::time::UnixTime;
use crate::token::jwt::VerificationError;
use std::time::Duration;

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The authorization server says that it is not active.
    Inactive,
    /// No key verifies its signature.
    Signature(VerificationError),
}

/// Refusals under digests that name a token and who refused it. In the worker alone.
#[derive(Debug)]
pub(super) struct Refusals(Memory<Remembered>);

#[derive(Clone, Copy, Debug)]
struct Remembered {
    refusal: Refusal,
    since: UnixTime,
}

impl Refusals {
    /// None yet.
    pub(super) fn new(budgets: Budgets) -> Refusals {
        Refusals(Memory::new(budgets.refusals))
    }

    /// Why the token was refused, while that is remembered. A clock that is set back before then does
    /// not make it last.
    pub(super) fn get(&mut self, key: &Digest, now: UnixTime) -> Option<Refusal> {
        self.0.get(key, now).filter(|remembered| remembered.since <= now).map(|remembered| remembered.refusal)
    }

    /// Remembers a refusal for so long.
    pub(super) fn insert(&mut self, key: Digest, refusal: Refusal, lifetime: Duration, now: UnixTime) {
        // The overhead of an entry has room for a reason.
        self.0.insert(key, Remembered { refusal, since: now }, 0, now.saturating_add(lifetime), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;

    #[test]
    fn a_refusal_lasts_for_its_lifetime_whatever_the_clock_does() {
        let key = DigestBuilder::new("test").finish();
        let at = UnixTime::from_seconds;
        let mut refusals = Refusals::new(Budgets::of(65_536));
        refusals.insert(key, Refusal::Inactive, Duration::from_secs(5), at(100));
        for (time, known) in [(100, true), (104, true), (105, false), (99, false), (0, false)] {
            assert_eq!(refusals.get(&key, at(time)).is_some(), known, "{time}");
        }
        let error = VerificationError::Signature;
        refusals.insert(key, Refusal::Signature(error), Duration::from_secs(5), at(0));
        assert_eq!(refusals.get(&key, at(1)), Some(Refusal::Signature(error)), "it replaces an older one");
    }
}
