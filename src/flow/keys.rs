//! The keys of one issuer: which are at hand, and when to fetch them.
//!
//! There are no timers. A set is fetched when a request needs it, renewed by one request in the
//! last tenth of its life while the others use it, and kept while fetches fail. A key that nobody
//! has heard of causes one fetch, whatever the flood, and nobody is refused while a fetch that
//! could vouch for his token is under way.

use crate::http::Endpoint;
use crate::jose::jwk::JwkSet;
use crate::policy::KeyLifetimes;
use crate::rejection::RetryAfter;
use crate::time::UnixTime;
use std::rc::Rc;
use std::time::Duration;

/// After a fetch failed, nobody tries again for so long.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Where no request can wake another, so many may fetch the same at a time.
const MAX_CONCURRENT_FETCHES: usize = 4;

/// The fetched keys of one issuer, and where they are fetched.
#[derive(Debug, Default)]
pub(super) struct IssuerKeys {
    set: Option<Fetched>,
    /// How many sets were fetched.
    number: u64,
    /// Where the metadata says the set is, and until when that holds.
    discovered: Option<(Endpoint, UnixTime)>,
    /// Which of its places the metadata is looked for at next, and how often it failed there.
    place: usize,
    tries: u32,
    /// When a fetch failed, where none has succeeded since.
    failed: Option<UnixTime>,
    /// When an unknown key last caused a fetch.
    sought: Option<UnixTime>,
    /// When each fetch under way must be over. A request that left never says so itself.
    under_way: Vec<UnixTime>,
    /// One of those fetches has ended: what it brought will hardly be news in the others.
    answered: bool,
}

#[derive(Debug)]
struct Fetched {
    keys: Rc<JwkSet>,
    at: UnixTime,
}

/// What a request does about the keys.
#[derive(Debug)]
pub(super) enum Look {
    /// It uses these.
    Use(Rc<JwkSet>),
    /// It fetches them, and waits.
    Fetch,
    /// It is told to come again.
    ComeAgain(RetryAfter),
}

/// What a request does about a key that is not in the set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seek {
    /// It fetches the set anew, and waits.
    Fetch,
    /// It is told to come again.
    ComeAgain(RetryAfter),
    /// The key does not exist.
    Unknown,
}

impl IssuerKeys {
    /// The keys for a request that has not fetched any itself.
    pub(super) fn look(&self, now: UnixTime, lifetimes: &KeyLifetimes, joins: bool) -> Look {
        let resting = self.rests(now);
        match &self.set {
            Some(set) if now < set.at.saturating_add(lifetimes.keys) => {
                let last_tenth = lifetimes.keys.checked_div(10).unwrap_or_default();
                let renews = now >= set.at.saturating_add(lifetimes.keys).saturating_sub(last_tenth);
                if renews && resting.is_none() && !self.is_under_way(now) {
                    return Look::Fetch;
                }
                Look::Use(Rc::clone(&set.keys))
            }
            // Past its life, it serves while somebody renews it or has just failed to.
            Some(set)
                if (resting.is_some() || self.is_under_way(now)) && set.serves_stale(now, lifetimes) =>
            {
                Look::Use(Rc::clone(&set.keys))
            }
            _ => match resting {
                Some(pause) => Look::ComeAgain(pause),
                None if self.may_fetch(now, joins) => Look::Fetch,
                None => Look::ComeAgain(RetryAfter::ONE_SECOND),
            },
        }
    }

    /// The keys for a request whose own fetch is over, whichever way.
    pub(super) fn after_fetch(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> Option<Rc<JwkSet>> {
        let set = self.set.as_ref()?;
        let serves = now < set.at.saturating_add(lifetimes.keys) || set.serves_stale(now, lifetimes);
        serves.then(|| Rc::clone(&set.keys))
    }

    /// What to do about a key that is not in the set.
    pub(super) fn seek(&mut self, now: UnixTime, lifetimes: &KeyLifetimes, joins: bool) -> Seek {
        // Where fetches are joined there is one, so that once answered it is over for everybody.
        if self.is_under_way(now) && !(joins && self.answered) {
            return if !self.answered && self.may_fetch(now, joins) {
                Seek::Fetch
            } else {
                Seek::ComeAgain(RetryAfter::ONE_SECOND)
            };
        }
        let cooldown_ends = self.sought.map(|sought| sought.saturating_add(lifetimes.refetch_cooldown));
        match cooldown_ends {
            Some(ends) if now < ends => match self.failed {
                // The set could not be had, so nobody knows whether the key exists.
                Some(_) => Seek::ComeAgain(RetryAfter::at_least(now.until(ends).min(PAUSE_AFTER_FAILURE))),
                None => Seek::Unknown,
            },
            _ => {
                self.sought = Some(now);
                Seek::Fetch
            }
        }
    }

    /// A fetch begins that is over by `due`.
    pub(super) fn begin(&mut self, now: UnixTime, due: UnixTime) {
        self.under_way.retain(|due| now <= *due);
        self.answered &= !self.under_way.is_empty();
        self.under_way.push(due);
    }

    /// A fetch has brought `keys`.
    pub(super) fn succeed(&mut self, keys: JwkSet, now: UnixTime) {
        self.leave();
        self.answered = true;
        self.failed = None;
        self.set = Some(Fetched { keys: Rc::new(keys), at: now });
        self.number = self.number.wrapping_add(1);
    }

    /// Tells the set at hand from those before it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Until when a signature that was good need not be checked again, if no other set is fetched
    /// before: until the set is due to be fetched, or, past that, to be asked for again. Keys that are
    /// written out never are, and count as long as a fetched set.
    pub(super) fn vouch_until(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> UnixTime {
        let end = self.set.as_ref().map_or(now, |set| set.at).saturating_add(lifetimes.keys);
        if now < end { end } else { now.saturating_add(PAUSE_AFTER_FAILURE) }
    }

    /// A fetch has failed.
    pub(super) fn fail(&mut self, now: UnixTime) {
        self.leave();
        self.answered = true;
        self.failed = Some(now);
    }

    /// Whether the set was fetched at `since` or later.
    pub(super) fn is_newer_than(&self, since: UnixTime) -> bool {
        self.set.as_ref().is_some_and(|set| set.at >= since)
    }

    /// Where the metadata says the set is, while that holds.
    pub(super) fn endpoint(&self, now: UnixTime) -> Option<&Endpoint> {
        self.discovered.as_ref().filter(|(_, until)| now < *until).map(|(endpoint, _)| endpoint)
    }

    /// The metadata was found.
    pub(super) fn discover(&mut self, endpoint: Endpoint, until: UnixTime) {
        self.discovered = Some((endpoint, until));
        self.tries = 0;
    }

    /// The set is not where the metadata said, so that the metadata is asked again.
    pub(super) fn lose_endpoint(&mut self) {
        self.discovered = None;
    }

    /// Which of `places` the metadata is looked for at.
    pub(super) fn place(&self, places: usize) -> usize {
        self.place.checked_rem(places).unwrap_or_default()
    }

    /// The metadata is not at its place: the next is tried.
    pub(super) fn next_place(&mut self) {
        self.place = self.place.wrapping_add(1);
        self.tries = 0;
    }

    /// The metadata's place did not answer: it is tried again, so many times in a row.
    pub(super) fn same_place(&mut self, most_tries: u32) {
        self.tries = self.tries.saturating_add(1);
        if self.tries >= most_tries {
            self.next_place();
        }
    }

    /// A request has done with its fetch, and its outcome is told elsewhere.
    pub(super) fn leave(&mut self) {
        if !self.under_way.is_empty() {
            self.under_way.remove(0);
        }
    }

    fn is_under_way(&self, now: UnixTime) -> bool {
        self.under_way.iter().any(|due| now <= *due)
    }

    fn may_fetch(&self, now: UnixTime, joins: bool) -> bool {
        joins || self.under_way.iter().filter(|due| now <= **due).count() < MAX_CONCURRENT_FETCHES
    }

    /// How long nobody tries again because a fetch has just failed.
    fn rests(&self, now: UnixTime) -> Option<RetryAfter> {
        let ends = self.failed?.saturating_add(PAUSE_AFTER_FAILURE);
        (now < ends).then(|| RetryAfter::at_least(now.until(ends)))
    }
}

impl Fetched {
    fn serves_stale(&self, now: UnixTime, lifetimes: &KeyLifetimes) -> bool {
        now < self.at.saturating_add(lifetimes.keys).saturating_add(lifetimes.longest_stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: KeyLifetimes = KeyLifetimes {
        keys: Duration::from_secs(100),
        refetch_cooldown: Duration::from_secs(30),
        longest_stale: Duration::from_secs(1000),
        metadata: Duration::from_secs(100),
        metadata_tries: 3,
        insecure_http: false,
    };

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    fn fetched() -> IssuerKeys {
        let mut keys = IssuerKeys::default();
        keys.succeed(JwkSet::default(), at(0));
        keys
    }

    fn look(keys: &IssuerKeys, seconds: u64) -> &'static str {
        match keys.look(at(seconds), &LIFETIMES, false) {
            Look::Use(_) => "use",
            Look::Fetch => "fetch",
            Look::ComeAgain(_) => "come again",
        }
    }

    #[test]
    fn a_set_is_renewed_by_one_request_in_its_last_tenth() {
        let mut keys = fetched();
        assert_eq!((look(&keys, 0), look(&keys, 89), look(&keys, 90)), ("use", "use", "fetch"));
        keys.begin(at(90), at(95));
        assert_eq!((look(&keys, 91), look(&keys, 95)), ("use", "use"));
        assert_eq!(look(&keys, 96), "fetch", "the request that renewed it has left");
        keys.fail(at(91));
        assert_eq!((look(&keys, 95), look(&keys, 96)), ("use", "fetch"), "a failure is followed by a pause");
        keys.succeed(JwkSet::default(), at(96));
        assert_eq!(look(&keys, 185), "use");
    }

    #[test]
    fn a_set_past_its_life_serves_while_fetches_fail_and_not_for_ever() {
        let mut keys = fetched();
        assert_eq!(look(&keys, 100), "fetch");
        keys.begin(at(100), at(105));
        assert_eq!(look(&keys, 100), "use", "somebody renews it");
        keys.fail(at(100));
        assert_eq!((look(&keys, 104), look(&keys, 105)), ("use", "fetch"));
        keys.fail(at(1099));
        assert_eq!(look(&keys, 1099), "use");
        assert!(keys.after_fetch(at(1099), &LIFETIMES).is_some());
        assert_eq!(look(&keys, 1100), "come again");
        assert!(keys.after_fetch(at(1100), &LIFETIMES).is_none());
    }

    #[test]
    fn a_failed_first_fetch_is_tried_again_after_a_pause() {
        let mut keys = IssuerKeys::default();
        assert_eq!(look(&keys, 0), "fetch");
        keys.fail(at(0));
        assert_eq!((look(&keys, 4), look(&keys, 5)), ("come again", "fetch"));
    }

    #[test]
    fn at_most_four_fetch_at_a_time_where_nobody_can_be_woken() {
        let mut keys = IssuerKeys::default();
        for _ in 0..4 {
            assert_eq!(look(&keys, 0), "fetch");
            keys.begin(at(0), at(10));
        }
        assert_eq!(look(&keys, 0), "come again");
        assert!(matches!(keys.look(at(0), &LIFETIMES, true), Look::Fetch));
        assert_eq!(look(&keys, 11), "fetch", "they have left without a word");
    }

    #[test]
    fn unknown_keys_cause_one_fetch_in_a_while_whatever_the_flood() {
        let mut keys = fetched();
        assert_eq!(keys.seek(at(10), &LIFETIMES, false), Seek::Fetch);
        keys.begin(at(10), at(15));
        assert_eq!(keys.seek(at(11), &LIFETIMES, false), Seek::Fetch, "undecided, so nobody is refused");
        keys.succeed(JwkSet::default(), at(12));
        assert_eq!(keys.seek(at(12), &LIFETIMES, false), Seek::Unknown);
        assert_eq!(keys.seek(at(39), &LIFETIMES, false), Seek::Unknown);
        assert_eq!(keys.seek(at(40), &LIFETIMES, false), Seek::Fetch);
        keys.begin(at(40), at(45));
        keys.fail(at(41));
        assert!(matches!(keys.seek(at(42), &LIFETIMES, false), Seek::ComeAgain(_)), "nobody knows");
        assert_eq!(keys.seek(at(70), &LIFETIMES, false), Seek::Fetch);
    }

    #[test]
    fn a_flood_that_lasts_keeps_no_chain_of_fetches_going() {
        let mut keys = fetched();
        assert_eq!(keys.seek(at(10), &LIFETIMES, false), Seek::Fetch);
        keys.begin(at(10), at(20));
        assert_eq!(keys.seek(at(11), &LIFETIMES, false), Seek::Fetch);
        keys.begin(at(11), at(21));
        keys.succeed(JwkSet::default(), at(12));
        assert_eq!(keys.seek(at(12), &LIFETIMES, false), Seek::ComeAgain(RetryAfter::ONE_SECOND));
        keys.succeed(JwkSet::default(), at(13));
        assert_eq!(keys.seek(at(13), &LIFETIMES, false), Seek::Unknown);
        assert_eq!(keys.seek(at(40), &LIFETIMES, false), Seek::Fetch);
        keys.begin(at(40), at(50));
        assert_eq!(keys.seek(at(41), &LIFETIMES, false), Seek::Fetch, "these are others");
    }

    #[test]
    fn whoever_left_a_flight_causes_no_fetch_beside_the_cool_down() {
        let mut keys = fetched();
        assert_eq!(keys.seek(at(10), &LIFETIMES, true), Seek::Fetch);
        keys.begin(at(10), at(20));
        assert_eq!(keys.seek(at(10), &LIFETIMES, true), Seek::Fetch);
        keys.begin(at(10), at(20));
        keys.succeed(JwkSet::default(), at(11));
        assert_eq!(
            keys.seek(at(12), &LIFETIMES, true),
            Seek::Unknown,
            "one has left, and will not come back"
        );
    }

    #[test]
    fn metadata_is_tried_at_each_place_in_turn() {
        let mut keys = IssuerKeys::default();
        assert_eq!(keys.place(2), 0);
        keys.next_place();
        assert_eq!(keys.place(2), 1);
        keys.same_place(3);
        keys.same_place(3);
        assert_eq!(keys.place(2), 1);
        keys.same_place(3);
        assert_eq!(keys.place(2), 0);
    }
}
