//! The keys of one issuer: which are at hand, and when to fetch them.
//!
//! There are no timers. A set is fetched when a request needs it, renewed by one request in the
//! last tenth of its life while the others use it, and kept while fetches fail. While there is none, each
//! request may fetch it for itself, as where no request can wake another each would else be turned away. Once
//! there is one, a token that it does not verify causes one fetch, whatever the flood, and no token is refused
//! while a fetch that could bring its key is under way.
//!
//! A fetch is a [`Ticket`], so that what ends is what began, and what is newer is what was asked for later. A
//! clock that is set back takes the times of fetches back with it: no pause becomes longer, and no fetch is
//! blocked by one.

use crate::digest::Digest;
use crate::jose::jwk::JwkSet;
use crate::policy::issuers::KeyLifetimes;
use crate::rejection::RetryAfter;
use crate::time::UnixTime;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// After a fetch failed, none is begun for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Where no request can wake another, so many may fetch at a time while there are no keys: those of the set
/// and those of the metadata together.
const MAX_CONCURRENT_FETCHES: usize = 64;

/// The fetched keys of one issuer.
#[derive(Debug, Default)]
pub(super) struct Keys {
    set: Option<FetchedSet>,
    /// How many sets there were, the same counted once.
    generation: u64,
    /// When a fetch failed, where none has succeeded since.
    failed: Option<UnixTime>,
    /// When a token without a key last caused a fetch, and which.
    sought: Option<(UnixTime, FetchNumber)>,
    /// The fetches under way.
    under_way: Vec<UnderWay>,
    /// The newest fetch that brought what the issuer publishes.
    answered: Option<FetchNumber>,
    /// Where fetches are joined, those before this one are over: they were one.
    joined_until: FetchNumber,
    next: FetchNumber,
    /// The latest time that was seen.
    latest: Option<UnixTime>,
}

#[derive(Debug)]
struct FetchedSet {
    keys: Rc<JwkSet>,
    /// Of the bytes that it was read from.
    digest: Digest,
    at: UnixTime,
}

/// A fetch that has not ended, and when it must have.
#[derive(Debug)]
struct UnderWay {
    number: FetchNumber,
    due: UnixTime,
    /// Its request, which never ends it where it has left.
    request: Weak<()>,
}

/// Numbers the fetches of an issuer, in the order in which they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FetchNumber(u64);

/// A fetch under way, to be ended once. One that is dropped has brought nothing.
#[derive(Debug)]
pub(super) struct Ticket {
    number: FetchNumber,
    _request: Rc<()>,
}

impl Ticket {
    /// Which fetch it is.
    pub(super) fn number(&self) -> FetchNumber {
        self.number
    }
}

/// How a fetch ended.
#[derive(Debug)]
pub(super) enum FetchEnd {
    /// It brought these keys, in bytes with this digest.
    Fetched(JwkSet, Digest),
    /// It brought the set that is at hand.
    Unchanged,
    /// It brought a set without a key that can be used: the issuer stands by none.
    Withdrawn,
    /// It brought none.
    Failed,
    /// Another request's fetch has brought the keys.
    Superseded,
    /// It was one for the metadata, and another follows.
    GoesOn,
}

/// What a request does about the keys.
#[derive(Debug)]
pub(super) enum KeyLookup {
    /// It uses these.
    Use(Rc<JwkSet>),
    /// It fetches them, and waits.
    Fetch,
    /// It is answered that it may be retried.
    RetryLater(RetryAfter),
}

/// What a request does whose token no key at hand verifies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MissingKey {
    /// It fetches the set anew, and waits.
    Fetch,
    /// It is answered that it may be retried.
    RetryLater(RetryAfter),
    /// The key does not exist.
    DoesNotExist,
}

impl Keys {
    /// The keys for a request that has not fetched any itself.
    pub(super) fn lookup(&mut self, now: UnixTime, lifetimes: &KeyLifetimes, joins: bool) -> KeyLookup {
        self.observe(now);
        let pause = self.pause(now);
        match &self.set {
            Some(set) if now < set.at.saturating_add(lifetimes.keys) => {
                let last_tenth = lifetimes.keys.checked_div(10).unwrap_or_default();
                let renews = now >= set.at.saturating_add(lifetimes.keys).saturating_sub(last_tenth);
                if renews && pause.is_none() && !self.is_under_way(now, joins) {
                    return KeyLookup::Fetch;
                }
                KeyLookup::Use(Rc::clone(&set.keys))
            }
            // Past its life, it serves while another request renews it or has just failed to.
            Some(set)
                if (pause.is_some() || self.is_under_way(now, joins)) && set.serves_stale(now, lifetimes) =>
            {
                KeyLookup::Use(Rc::clone(&set.keys))
            }
            _ => match pause {
                Some(pause) => KeyLookup::RetryLater(pause),
                None if joins || self.count_under_way(now) < MAX_CONCURRENT_FETCHES => KeyLookup::Fetch,
                None => KeyLookup::RetryLater(RetryAfter::ONE_SECOND),
            },
        }
    }

    /// The keys for a request whose own fetch is over, whichever way.
    pub(super) fn after_fetch(&mut self, now: UnixTime, lifetimes: &KeyLifetimes) -> Option<Rc<JwkSet>> {
        self.observe(now);
        let set = self.set.as_ref()?;
        let serves = now < set.at.saturating_add(lifetimes.keys) || set.serves_stale(now, lifetimes);
        serves.then(|| Rc::clone(&set.keys))
    }

    /// What to do about a token that no key at hand verifies.
    pub(super) fn missing_key(&mut self, now: UnixTime, lifetimes: &KeyLifetimes, joins: bool) -> MissingKey {
        self.observe(now);
        if self.is_under_way(now, joins) {
            return if joins { MissingKey::Fetch } else { MissingKey::RetryLater(RetryAfter::ONE_SECOND) };
        }
        match self.sought {
            Some((at, fetch)) if now < at.saturating_add(lifetimes.refetch_cooldown) => {
                if self.is_answered_since(fetch) {
                    return MissingKey::DoesNotExist;
                }
                // The set could not be had, so that the key may exist.
                let ends = at.saturating_add(lifetimes.refetch_cooldown);
                MissingKey::RetryLater(RetryAfter::at_least(now.until(ends).min(PAUSE_AFTER_FAILURE)))
            }
            _ => {
                self.sought = Some((now, self.next));
                MissingKey::Fetch
            }
        }
    }

    /// A fetch begins that is over by `due`.
    pub(super) fn begin(&mut self, now: UnixTime, due: UnixTime) -> Ticket {
        self.observe(now);
        self.under_way.retain(|fetch| !fetch.is_over(now));
        let (number, request) = (self.next, Rc::new(()));
        self.next = FetchNumber(number.0.wrapping_add(1));
        self.under_way.push(UnderWay { number, due, request: Rc::downgrade(&request) });
        Ticket { number, _request: request }
    }

    /// The fetch of this ticket has ended. What the issuer published before counts no more.
    #[allow(clippy::needless_pass_by_value, reason = "a fetch ends once")]
    pub(super) fn end(&mut self, ticket: Ticket, end: FetchEnd, now: UnixTime) {
        self.observe(now);
        let number = ticket.number;
        self.under_way.retain(|fetch| fetch.number != number);
        if matches!(end, FetchEnd::Superseded | FetchEnd::GoesOn) {
            return;
        }
        self.joined_until = self.next;
        if self.answered.is_some_and(|newest| newest > number) {
            return;
        }
        let brings_keys = matches!(end, FetchEnd::Fetched(..) | FetchEnd::Unchanged);
        if brings_keys || matches!(end, FetchEnd::Withdrawn) {
            self.answered = Some(number);
        }
        self.failed = (!brings_keys).then_some(now);
        match end {
            FetchEnd::Fetched(keys, digest) => {
                self.set = Some(FetchedSet { keys: Rc::new(keys), digest, at: now });
                self.generation = self.generation.wrapping_add(1);
            }
            FetchEnd::Unchanged => self.set.iter_mut().for_each(|set| set.at = now),
            FetchEnd::Withdrawn => {
                self.set = None;
                self.generation = self.generation.wrapping_add(1);
            }
            FetchEnd::Failed | FetchEnd::Superseded | FetchEnd::GoesOn => {}
        }
    }

    /// Distinguishes the set at hand from those before it.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Of the bytes that the set at hand was read from.
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.set.as_ref().map(|set| &set.digest)
    }

    /// Until when a verified signature need not be verified again, if no other set is fetched before:
    /// until the set is due to be fetched, or, past that, to be asked for again. Keys of the
    /// configuration never are, and count as long as a fetched set.
    pub(super) fn valid_until(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> UnixTime {
        let end = self.set.as_ref().map_or(now, |set| set.at).saturating_add(lifetimes.keys);
        if now < end { end } else { now.saturating_add(PAUSE_AFTER_FAILURE) }
    }

    /// Whether the set was fetched at `since` or later.
    pub(super) fn is_newer_than(&self, since: UnixTime) -> bool {
        self.set.as_ref().is_some_and(|set| set.at >= since)
    }

    /// Whether this fetch, or one that began later, has brought what the issuer publishes.
    pub(super) fn is_answered_since(&self, fetch: FetchNumber) -> bool {
        self.answered.is_some_and(|newest| newest >= fetch)
    }

    /// Takes the times of fetches back by as much as the clock was set back.
    fn observe(&mut self, now: UnixTime) {
        let back = self.latest.map_or(Duration::ZERO, |latest| now.until(latest));
        self.latest = Some(now);
        if back.is_zero() {
            return;
        }
        let sought = self.sought.iter_mut().map(|(at, _)| at);
        let due = self.under_way.iter_mut().map(|fetch| &mut fetch.due);
        for time in self.failed.iter_mut().chain(sought).chain(due) {
            *time = time.saturating_sub(back);
        }
        // A set from a time that has yet to come is as good as a new one.
        if let Some(set) = &mut self.set {
            set.at = set.at.min(now);
        }
    }

    fn is_under_way(&self, now: UnixTime, joins: bool) -> bool {
        let was_joined = |fetch: &UnderWay| joins && fetch.number < self.joined_until;
        self.under_way.iter().any(|fetch| !fetch.is_over(now) && !was_joined(fetch))
    }

    fn count_under_way(&self, now: UnixTime) -> usize {
        self.under_way.iter().filter(|fetch| !fetch.is_over(now)).count()
    }

    /// How long no fetch is begun because one has just failed.
    fn pause(&self, now: UnixTime) -> Option<RetryAfter> {
        let ends = self.failed?.saturating_add(PAUSE_AFTER_FAILURE);
        (now < ends).then(|| RetryAfter::at_least(now.until(ends)))
    }
}

impl UnderWay {
    fn is_over(&self, now: UnixTime) -> bool {
        now > self.due || self.request.strong_count() == 0
    }
}

impl FetchedSet {
    fn serves_stale(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> bool {
        now < self.at.saturating_add(lifetimes.keys).saturating_add(lifetimes.max_stale)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use crate::digest::DigestBuilder;

    const LIFETIMES: KeyLifetimes = KeyLifetimes {
        keys: Duration::from_secs(100),
        refetch_cooldown: Duration::from_secs(30),
        max_stale: Duration::from_secs(1000),
        metadata: Duration::from_secs(100),
        metadata_tries: 3,
        insecure_http: false,
    };

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    /// Keys with a set that was fetched at 0.
    fn fetched() -> Keys {
        let mut keys = Keys::default();
        succeed(&mut keys, 0);
        keys
    }

    /// A fetch that begins and ends at once.
    fn fetch(keys: &mut Keys, seconds: u64, end: FetchEnd) {
        let ticket = keys.begin(at(seconds), at(seconds + 5));
        keys.end(ticket, end, at(seconds));
    }

    fn brought() -> FetchEnd {
        FetchEnd::Fetched(JwkSet::default(), DigestBuilder::new("test").finish())
    }

    fn succeed(keys: &mut Keys, seconds: u64) {
        fetch(keys, seconds, brought());
    }

    fn lookup(keys: &mut Keys, seconds: u64) -> &'static str {
        match keys.lookup(at(seconds), &LIFETIMES, false) {
            KeyLookup::Use(_) => "use",
            KeyLookup::Fetch => "fetch",
            KeyLookup::RetryLater(_) => "retry later",
        }
    }

    fn missing_key(keys: &mut Keys, seconds: u64, joins: bool) -> MissingKey {
        keys.missing_key(at(seconds), &LIFETIMES, joins)
    }

    #[test]
    fn a_set_is_renewed_by_one_request_in_its_last_tenth() {
        let mut keys = fetched();
        assert_eq!([0, 89, 90].map(|time| lookup(&mut keys, time)), ["use", "use", "fetch"]);
        let ticket = keys.begin(at(90), at(95));
        assert_eq!([91, 95].map(|time| lookup(&mut keys, time)), ["use", "use"]);
        assert_eq!(lookup(&mut keys, 96), "fetch", "the request that renewed it has heard nothing in time");
        keys.end(ticket, FetchEnd::Failed, at(96));
        assert_eq!(
            [99, 101].map(|time| lookup(&mut keys, time)),
            ["use", "fetch"],
            "a failure is followed by a pause"
        );
        succeed(&mut keys, 101);
        assert_eq!(lookup(&mut keys, 190), "use");
    }

    #[test]
    fn a_set_past_its_life_serves_while_fetches_fail_and_not_for_ever() {
        let mut keys = fetched();
        assert_eq!(lookup(&mut keys, 100), "fetch");
        let ticket = keys.begin(at(100), at(105));
        assert_eq!(lookup(&mut keys, 100), "use", "another request renews it");
        keys.end(ticket, FetchEnd::Failed, at(100));
        assert_eq!([104, 105].map(|time| lookup(&mut keys, time)), ["use", "fetch"]);
        fetch(&mut keys, 1099, FetchEnd::Failed);
        assert_eq!(lookup(&mut keys, 1099), "use");
        assert!(keys.after_fetch(at(1099), &LIFETIMES).is_some());
        assert_eq!(lookup(&mut keys, 1100), "retry later");
        assert!(keys.after_fetch(at(1100), &LIFETIMES).is_none());
    }

    #[test]
    fn a_failed_first_fetch_is_tried_again_after_a_pause() {
        let mut keys = Keys::default();
        assert_eq!(lookup(&mut keys, 0), "fetch");
        fetch(&mut keys, 0, FetchEnd::Failed);
        assert_eq!([4, 5].map(|time| lookup(&mut keys, time)), ["retry later", "fetch"]);
    }

    #[test]
    fn without_a_set_many_fetch_at_a_time_where_no_request_can_be_woken() {
        let mut keys = Keys::default();
        let mut tickets = Vec::new();
        for _ in 0..MAX_CONCURRENT_FETCHES {
            assert_eq!(lookup(&mut keys, 0), "fetch");
            tickets.push(keys.begin(at(0), at(10)));
        }
        assert_eq!(lookup(&mut keys, 0), "retry later");
        assert!(matches!(keys.lookup(at(0), &LIFETIMES, true), KeyLookup::Fetch));
        tickets.pop();
        assert_eq!(lookup(&mut keys, 0), "fetch", "one has left");
        tickets.push(keys.begin(at(0), at(10)));
        assert_eq!(lookup(&mut keys, 10), "retry later");
        assert_eq!(lookup(&mut keys, 11), "fetch", "they have heard nothing in time");
    }

    #[test]
    fn a_fetch_that_fails_ends_itself_and_no_other() {
        let mut keys = Keys::default();
        let mut tickets: Vec<_> = (0..MAX_CONCURRENT_FETCHES).map(|_| keys.begin(at(0), at(20))).collect();
        keys.end(tickets.remove(1), FetchEnd::Failed, at(1));
        assert_eq!(lookup(&mut keys, 5), "retry later", "the pause");
        assert_eq!(lookup(&mut keys, 6), "fetch", "one has ended");
        tickets.push(keys.begin(at(6), at(20)));
        assert_eq!(lookup(&mut keys, 6), "retry later", "as many are under way again");
        keys.end(tickets.remove(0), brought(), at(7));
        assert_eq!(lookup(&mut keys, 7), "use", "the pause is over");
    }

    #[test]
    fn a_fetch_for_the_metadata_hands_its_turn_on_to_that_for_the_keys() {
        let mut keys = Keys::default();
        let mut tickets: Vec<_> = (0..MAX_CONCURRENT_FETCHES).map(|_| keys.begin(at(0), at(20))).collect();
        keys.end(tickets.remove(0), FetchEnd::GoesOn, at(1));
        assert_eq!(lookup(&mut keys, 1), "fetch");
        tickets.push(keys.begin(at(1), at(20)));
        assert_eq!(lookup(&mut keys, 1), "retry later");
    }

    #[test]
    fn a_set_that_is_there_is_renewed_by_one_however_many_fetch_the_first() {
        for joins in [false, true] {
            let mut keys = fetched();
            let renewing = keys.begin(at(100), at(110));
            for _ in 0..10 {
                assert!(matches!(keys.lookup(at(100), &LIFETIMES, joins), KeyLookup::Use(_)));
            }
            keys.end(renewing, brought(), at(101));
            assert!(matches!(keys.lookup(at(101), &LIFETIMES, joins), KeyLookup::Use(_)));
        }
    }

    #[test]
    fn what_was_asked_for_before_replaces_nothing() {
        let mut keys = Keys::default();
        let (first, second, third) =
            (keys.begin(at(0), at(9)), keys.begin(at(0), at(9)), keys.begin(at(0), at(9)));
        keys.end(second, FetchEnd::Withdrawn, at(1));
        assert_eq!((keys.generation(), lookup(&mut keys, 1)), (1, "retry later"));
        keys.end(first, brought(), at(2));
        assert_eq!((keys.generation(), lookup(&mut keys, 2)), (1, "retry later"));
        keys.end(third, brought(), at(3));
        assert_eq!((keys.generation(), lookup(&mut keys, 3)), (2, "use"));
    }

    #[test]
    fn an_older_fetch_that_fails_spoils_no_newer_one() {
        let mut keys = fetched();
        let (first, second) = (keys.begin(at(95), at(105)), keys.begin(at(95), at(105)));
        keys.end(second, brought(), at(96));
        keys.end(first, FetchEnd::Failed, at(97));
        assert_eq!(missing_key(&mut keys, 97, false), MissingKey::Fetch);
        assert_eq!(lookup(&mut keys, 186), "fetch", "there is no pause");
    }

    #[test]
    fn a_set_that_has_not_changed_is_young_again_and_the_same() {
        let mut keys = fetched();
        let generation = keys.generation();
        fetch(&mut keys, 95, FetchEnd::Unchanged);
        assert_eq!((keys.generation(), lookup(&mut keys, 184)), (generation, "use"));
        assert_eq!(lookup(&mut keys, 185), "fetch");
    }

    #[test]
    fn a_clock_that_is_set_back_lengthens_no_pause_and_blocks_no_fetch() {
        let hour = 3600;
        let mut keys = Keys::default();
        fetch(&mut keys, hour, FetchEnd::Failed);
        assert_eq!([0, 4].map(|time| lookup(&mut keys, time)), ["retry later", "retry later"]);
        assert_eq!(lookup(&mut keys, 5), "fetch", "the pause is as long as it was");

        let mut keys = Keys::default();
        let tickets: Vec<_> =
            (0..MAX_CONCURRENT_FETCHES).map(|_| keys.begin(at(hour), at(hour + 10))).collect();
        assert_eq!([0, 10].map(|time| lookup(&mut keys, time)), ["retry later", "retry later"]);
        assert_eq!(lookup(&mut keys, 11), "fetch", "the fetches are over when they would have been");
        drop(tickets);

        let mut keys = Keys::default();
        succeed(&mut keys, hour);
        assert_eq!(missing_key(&mut keys, hour, false), MissingKey::Fetch);
        succeed(&mut keys, hour);
        assert_eq!(missing_key(&mut keys, 0, false), MissingKey::DoesNotExist);
        assert_eq!(
            missing_key(&mut keys, 30, false),
            MissingKey::Fetch,
            "the cool-down is as long as it was"
        );
        assert_eq!(lookup(&mut keys, 89), "use");
        assert_eq!(lookup(&mut keys, 90), "fetch", "the set is renewed in time");
    }

    #[test]
    fn missing_keys_cause_one_fetch_in_a_while_whatever_the_flood() {
        let mut keys = fetched();
        let later = MissingKey::RetryLater(RetryAfter::ONE_SECOND);
        assert_eq!(missing_key(&mut keys, 10, false), MissingKey::Fetch);
        let ticket = keys.begin(at(10), at(15));
        for _ in 0..10 {
            assert_eq!(missing_key(&mut keys, 11, false), later, "undecided, so that no token is refused");
        }
        keys.end(ticket, brought(), at(12));
        assert_eq!(missing_key(&mut keys, 12, false), MissingKey::DoesNotExist);
        assert_eq!(missing_key(&mut keys, 39, false), MissingKey::DoesNotExist);
        assert_eq!(missing_key(&mut keys, 40, false), MissingKey::Fetch);
        let ticket = keys.begin(at(40), at(45));
        keys.end(ticket, FetchEnd::Failed, at(41));
        assert!(matches!(missing_key(&mut keys, 42, false), MissingKey::RetryLater(_)), "it may exist");
        assert_eq!(missing_key(&mut keys, 70, false), MissingKey::Fetch);
    }

    #[test]
    fn a_renewal_that_fails_after_a_miss_was_answered_makes_no_key_possible() {
        let mut keys = fetched();
        assert_eq!(missing_key(&mut keys, 80, false), MissingKey::Fetch);
        fetch(&mut keys, 80, FetchEnd::Unchanged);
        fetch(&mut keys, 90, FetchEnd::Failed);
        assert_eq!(missing_key(&mut keys, 91, false), MissingKey::DoesNotExist);
    }

    #[test]
    fn where_fetches_are_joined_those_who_miss_wait_for_the_one_under_way() {
        let mut keys = fetched();
        assert_eq!(missing_key(&mut keys, 10, true), MissingKey::Fetch);
        let first = keys.begin(at(10), at(20));
        assert_eq!(missing_key(&mut keys, 10, true), MissingKey::Fetch);
        let second = keys.begin(at(10), at(20));
        keys.end(second, brought(), at(11));
        assert_eq!(
            missing_key(&mut keys, 12, true),
            MissingKey::DoesNotExist,
            "the first was the same fetch"
        );
        drop(first);
        let renewing = keys.begin(at(13), at(20));
        assert_eq!(missing_key(&mut keys, 13, true), MissingKey::Fetch, "this is another");
        keys.end(renewing, FetchEnd::Failed, at(14));
        assert_eq!(missing_key(&mut keys, 14, true), MissingKey::DoesNotExist);
    }

    #[test]
    fn a_request_that_leaves_causes_no_fetch_beside_the_cool_down() {
        for joins in [false, true] {
            let mut keys = fetched();
            assert_eq!(missing_key(&mut keys, 10, joins), MissingKey::Fetch);
            drop(keys.begin(at(10), at(20)));
            for time in 10..40 {
                let missing = missing_key(&mut keys, time, joins);
                assert!(matches!(missing, MissingKey::RetryLater(_)), "{time}: {missing:?}");
            }
            assert_eq!(missing_key(&mut keys, 40, joins), MissingKey::Fetch);
        }
    }
}
