//! The keys of one issuer: which are at hand, and when to fetch them.
//!
//! There are no timers. A set is fetched when a request needs it, renewed by one request in the
//! last tenth of its life while the others use it, and kept while fetches fail. An unknown `kid` causes
//! one fetch, whatever the flood, and no request is refused while a fetch that could bring its key is
//! under way.
//!
//! A fetch is a [`Ticket`], so that what ends is what began. A clock that is set back takes the times of
//! fetches back with it: no pause becomes longer, and no fetch is blocked by one.

use crate::jose::jwk::JwkSet;
use crate::policy::issuers::KeyLifetimes;
use crate::rejection::RetryAfter;
use crate::time::UnixTime;
use std::rc::Rc;
use std::time::Duration;

/// After a fetch failed, none is begun for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Where no request can wake another, so many may fetch the same at a time.
const MAX_CONCURRENT_FETCHES: usize = 4;

/// The fetched keys of one issuer.
#[derive(Debug, Default)]
pub(super) struct Keys {
    set: Option<FetchedSet>,
    /// How many sets were fetched.
    generation: u64,
    /// When a fetch failed, where none has succeeded since.
    failed: Option<UnixTime>,
    /// When an unknown key last caused a fetch.
    sought: Option<UnixTime>,
    /// The fetches under way. A request that left never ends its own.
    under_way: Vec<UnderWay>,
    /// One of those fetches has ended: what it brought will hardly be news in the others.
    answered: bool,
    next_ticket: u64,
    /// The latest time that was seen.
    latest: Option<UnixTime>,
}

#[derive(Debug)]
struct FetchedSet {
    keys: Rc<JwkSet>,
    at: UnixTime,
}

/// A fetch that has not ended, and when it must have.
#[derive(Debug)]
struct UnderWay {
    ticket: u64,
    due: UnixTime,
}

/// A fetch under way, to be ended once.
#[derive(Debug)]
pub(super) struct Ticket(u64);

/// How a fetch ended.
#[derive(Debug)]
pub(super) enum FetchEnd {
    /// It brought these keys.
    Fetched(JwkSet),
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

/// What a request does about a key that is not in the set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UnknownKey {
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
                if renews && pause.is_none() && !self.is_under_way(now) {
                    return KeyLookup::Fetch;
                }
                KeyLookup::Use(Rc::clone(&set.keys))
            }
            // Past its life, it serves while another request renews it or has just failed to.
            Some(set) if (pause.is_some() || self.is_under_way(now)) && set.serves_stale(now, lifetimes) => {
                KeyLookup::Use(Rc::clone(&set.keys))
            }
            _ => match pause {
                Some(pause) => KeyLookup::RetryLater(pause),
                None if self.may_fetch(now, joins) => KeyLookup::Fetch,
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

    /// What to do about a key that is not in the set.
    pub(super) fn unknown_key(&mut self, now: UnixTime, lifetimes: &KeyLifetimes, joins: bool) -> UnknownKey {
        self.observe(now);
        // Where fetches are joined there is one, so that once answered it is over for every request.
        if self.is_under_way(now) && !(joins && self.answered) {
            return if !self.answered && self.may_fetch(now, joins) {
                UnknownKey::Fetch
            } else {
                UnknownKey::RetryLater(RetryAfter::ONE_SECOND)
            };
        }
        match self.cooldown_end(now, lifetimes) {
            Some(ends) => match self.failed {
                // The set could not be had, so that the key may exist.
                Some(_) => {
                    UnknownKey::RetryLater(RetryAfter::at_least(now.until(ends).min(PAUSE_AFTER_FAILURE)))
                }
                None => UnknownKey::DoesNotExist,
            },
            None => {
                self.sought = Some(now);
                UnknownKey::Fetch
            }
        }
    }

    /// A fetch begins that is over by `due`.
    pub(super) fn begin(&mut self, now: UnixTime, due: UnixTime) -> Ticket {
        self.observe(now);
        self.under_way.retain(|fetch| now <= fetch.due);
        self.answered &= !self.under_way.is_empty();
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.under_way.push(UnderWay { ticket, due });
        Ticket(ticket)
    }

    /// The fetch of this ticket has ended.
    #[allow(clippy::needless_pass_by_value, reason = "a fetch ends once")]
    pub(super) fn end(&mut self, ticket: Ticket, end: FetchEnd, now: UnixTime) {
        self.observe(now);
        self.under_way.retain(|fetch| fetch.ticket != ticket.0);
        match end {
            FetchEnd::Fetched(keys) => {
                self.answered = true;
                self.failed = None;
                self.set = Some(FetchedSet { keys: Rc::new(keys), at: now });
                self.generation = self.generation.wrapping_add(1);
            }
            FetchEnd::Failed => {
                self.answered = true;
                self.failed = Some(now);
            }
            FetchEnd::Superseded | FetchEnd::GoesOn => {}
        }
    }

    /// Distinguishes the set at hand from those before it.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Until when a verified signature need not be verified again, if no other set is fetched before:
    /// until the set is due to be fetched, or, past that, to be asked for again. Keys of the
    /// configuration never are, and count as long as a fetched set.
    pub(super) fn valid_until(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> UnixTime {
        let end = self.set.as_ref().map_or(now, |set| set.at).saturating_add(lifetimes.keys);
        if now < end { end } else { now.saturating_add(PAUSE_AFTER_FAILURE) }
    }

    /// Until when no unknown key causes a fetch, where one has lately.
    pub(super) fn cooldown_end(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> Option<UnixTime> {
        let ends = self.sought?.saturating_add(lifetimes.refetch_cooldown);
        (now < ends).then_some(ends)
    }

    /// Whether the set was fetched at `since` or later.
    pub(super) fn is_newer_than(&self, since: UnixTime) -> bool {
        self.set.as_ref().is_some_and(|set| set.at >= since)
    }

    /// Takes the times of fetches back by as much as the clock was set back.
    fn observe(&mut self, now: UnixTime) {
        let back = self.latest.map_or(Duration::ZERO, |latest| now.until(latest));
        self.latest = Some(now);
        if back.is_zero() {
            return;
        }
        let times = [&mut self.failed, &mut self.sought].into_iter().flatten();
        for time in times.chain(self.under_way.iter_mut().map(|fetch| &mut fetch.due)) {
            *time = time.saturating_sub(back);
        }
        // A set from a time that has yet to come is as good as a new one.
        if let Some(set) = &mut self.set {
            set.at = set.at.min(now);
        }
    }

    fn is_under_way(&self, now: UnixTime) -> bool {
        self.under_way.iter().any(|fetch| now <= fetch.due)
    }

    fn may_fetch(&self, now: UnixTime, joins: bool) -> bool {
        let under_way = self.under_way.iter().filter(|fetch| now <= fetch.due).count();
        joins || under_way < MAX_CONCURRENT_FETCHES
    }

    /// How long no fetch is begun because one has just failed.
    fn pause(&self, now: UnixTime) -> Option<RetryAfter> {
        let ends = self.failed?.saturating_add(PAUSE_AFTER_FAILURE);
        (now < ends).then(|| RetryAfter::at_least(now.until(ends)))
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

    fn succeed(keys: &mut Keys, seconds: u64) {
        fetch(keys, seconds, FetchEnd::Fetched(JwkSet::default()));
    }

    fn lookup(keys: &mut Keys, seconds: u64) -> &'static str {
        match keys.lookup(at(seconds), &LIFETIMES, false) {
            KeyLookup::Use(_) => "use",
            KeyLookup::Fetch => "fetch",
            KeyLookup::RetryLater(_) => "retry later",
        }
    }

    fn unknown_key(keys: &mut Keys, seconds: u64, joins: bool) -> UnknownKey {
        keys.unknown_key(at(seconds), &LIFETIMES, joins)
    }

    #[test]
    fn a_set_is_renewed_by_one_request_in_its_last_tenth() {
        let mut keys = fetched();
        assert_eq!([0, 89, 90].map(|time| lookup(&mut keys, time)), ["use", "use", "fetch"]);
        let ticket = keys.begin(at(90), at(95));
        assert_eq!([91, 95].map(|time| lookup(&mut keys, time)), ["use", "use"]);
        assert_eq!(lookup(&mut keys, 96), "fetch", "the request that renewed it has left");
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
    fn at_most_four_fetch_at_a_time_where_no_request_can_be_woken() {
        let mut keys = Keys::default();
        for _ in 0..4 {
            assert_eq!(lookup(&mut keys, 0), "fetch");
            keys.begin(at(0), at(10));
        }
        assert_eq!(lookup(&mut keys, 0), "retry later");
        assert!(matches!(keys.lookup(at(0), &LIFETIMES, true), KeyLookup::Fetch));
        assert_eq!(lookup(&mut keys, 11), "fetch", "they have left and never ended");
    }

    #[test]
    fn a_fetch_that_fails_ends_itself_and_no_other() {
        let mut keys = Keys::default();
        let mut tickets: Vec<_> = (0..4).map(|_| keys.begin(at(0), at(20))).collect();
        keys.end(tickets.remove(1), FetchEnd::Failed, at(1));
        assert_eq!(lookup(&mut keys, 6), "fetch", "one of four has ended");
        keys.begin(at(6), at(20));
        assert_eq!(lookup(&mut keys, 6), "retry later", "four are under way again");
    }

    #[test]
    fn a_fetch_for_the_metadata_hands_its_turn_on_to_that_for_the_keys() {
        let mut keys = Keys::default();
        for _ in 0..3 {
            keys.begin(at(0), at(20));
        }
        let ticket = keys.begin(at(0), at(20));
        keys.end(ticket, FetchEnd::GoesOn, at(1));
        assert_eq!(lookup(&mut keys, 1), "fetch");
        keys.begin(at(1), at(20));
        assert_eq!(lookup(&mut keys, 1), "retry later");
    }

    #[test]
    fn a_clock_that_is_set_back_lengthens_no_pause_and_blocks_no_fetch() {
        let hour = 3600;
        let mut keys = Keys::default();
        fetch(&mut keys, hour, FetchEnd::Failed);
        assert_eq!([0, 4].map(|time| lookup(&mut keys, time)), ["retry later", "retry later"]);
        assert_eq!(lookup(&mut keys, 5), "fetch", "the pause is as long as it was");

        let mut keys = Keys::default();
        for _ in 0..4 {
            keys.begin(at(hour), at(hour + 10));
        }
        assert_eq!([0, 10].map(|time| lookup(&mut keys, time)), ["retry later", "retry later"]);
        assert_eq!(lookup(&mut keys, 11), "fetch", "the fetches are over when they would have been");

        let mut keys = Keys::default();
        succeed(&mut keys, hour);
        assert_eq!(unknown_key(&mut keys, hour, false), UnknownKey::Fetch);
        assert_eq!(unknown_key(&mut keys, 0, false), UnknownKey::DoesNotExist);
        assert_eq!(
            unknown_key(&mut keys, 30, false),
            UnknownKey::Fetch,
            "the cool-down is as long as it was"
        );
        assert_eq!(lookup(&mut keys, 89), "use");
        assert_eq!(lookup(&mut keys, 90), "fetch", "the set is renewed in time");
    }

    #[test]
    fn unknown_keys_cause_one_fetch_in_a_while_whatever_the_flood() {
        let mut keys = fetched();
        assert_eq!(unknown_key(&mut keys, 10, false), UnknownKey::Fetch);
        let ticket = keys.begin(at(10), at(15));
        assert_eq!(
            unknown_key(&mut keys, 11, false),
            UnknownKey::Fetch,
            "undecided, so that no request is refused"
        );
        keys.end(ticket, FetchEnd::Fetched(JwkSet::default()), at(12));
        assert_eq!(unknown_key(&mut keys, 12, false), UnknownKey::DoesNotExist);
        assert_eq!(unknown_key(&mut keys, 39, false), UnknownKey::DoesNotExist);
        assert_eq!(unknown_key(&mut keys, 40, false), UnknownKey::Fetch);
        let ticket = keys.begin(at(40), at(45));
        keys.end(ticket, FetchEnd::Failed, at(41));
        assert!(matches!(unknown_key(&mut keys, 42, false), UnknownKey::RetryLater(_)), "it may exist");
        assert_eq!(unknown_key(&mut keys, 70, false), UnknownKey::Fetch);
    }

    #[test]
    fn a_flood_that_lasts_keeps_no_chain_of_fetches_going() {
        let mut keys = fetched();
        assert_eq!(unknown_key(&mut keys, 10, false), UnknownKey::Fetch);
        let first = keys.begin(at(10), at(20));
        assert_eq!(unknown_key(&mut keys, 11, false), UnknownKey::Fetch);
        let second = keys.begin(at(11), at(21));
        keys.end(first, FetchEnd::Fetched(JwkSet::default()), at(12));
        let later = UnknownKey::RetryLater(RetryAfter::ONE_SECOND);
        assert_eq!(unknown_key(&mut keys, 12, false), later);
        keys.end(second, FetchEnd::Fetched(JwkSet::default()), at(13));
        assert_eq!(unknown_key(&mut keys, 13, false), UnknownKey::DoesNotExist);
        assert_eq!(unknown_key(&mut keys, 40, false), UnknownKey::Fetch);
        keys.begin(at(40), at(50));
        assert_eq!(unknown_key(&mut keys, 41, false), UnknownKey::Fetch, "these are others");
    }

    #[test]
    fn a_request_that_left_a_flight_causes_no_fetch_beside_the_cool_down() {
        let mut keys = fetched();
        assert_eq!(unknown_key(&mut keys, 10, true), UnknownKey::Fetch);
        keys.begin(at(10), at(20));
        assert_eq!(unknown_key(&mut keys, 10, true), UnknownKey::Fetch);
        let second = keys.begin(at(10), at(20));
        keys.end(second, FetchEnd::Fetched(JwkSet::default()), at(11));
        assert_eq!(
            unknown_key(&mut keys, 12, true),
            UnknownKey::DoesNotExist,
            "one has left, and never ends its fetch"
        );
    }
}
