//! Which requests wait for which callout, as plain data: a flight is a callout under way, and the
//! requests that have joined it are resumed with its outcome.
//!
//! Nothing here calls the gateway. [`super::root_calls`] does what these tables say.

use crate::http::FlightKey;
use crate::time::UnixTime;
use std::collections::BTreeMap;

/// The callouts under way, and the requests that wait for each of them.
#[derive(Debug)]
pub(super) struct Flights<Call, Request, Heir> {
    by_token: BTreeMap<u32, Flight<Call, Request, Heir>>,
    /// The newest flight of each key.
    by_key: BTreeMap<FlightKey, u32>,
}

#[derive(Debug)]
struct Flight<Call, Request, Heir> {
    call: Call,
    key: Option<FlightKey>,
    due: UnixTime,
    waiters: Vec<Waiter<Request>>,
    /// What is left of the first request that has left.
    heir: Option<Heir>,
}

/// What waited for a callout that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Landed<Call, Request, Heir> {
    pub(super) call: Call,
    /// In the order in which they came.
    pub(super) requests: Vec<Request>,
    pub(super) heir: Option<Heir>,
}

/// A request that waits, and until when.
#[derive(Debug)]
pub(super) struct Waiter<Request> {
    pub(super) request: Request,
    pub(super) due: UnixTime,
}

impl<Call, Request, Heir> Default for Flights<Call, Request, Heir> {
    fn default() -> Self {
        Flights { by_token: BTreeMap::new(), by_key: BTreeMap::new() }
    }
}

impl<Call, Request, Heir> Flights<Call, Request, Heir> {
    /// Whether no callout is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.by_token.is_empty()
    }

    /// Has a request wait for the flight that asks its question.
    ///
    /// # Errors
    /// There is none, or one whose time is up: the request needs a callout of its own.
    pub(super) fn join(
        &mut self,
        key: FlightKey,
        waiter: Waiter<Request>,
        now: UnixTime,
    ) -> Result<(), Waiter<Request>> {
        let flight = self.by_key.get(&key).and_then(|token| self.by_token.get_mut(token));
        match flight.filter(|flight| now < flight.due) {
            Some(flight) => flight.waiters.push(waiter),
            None => return Err(waiter),
        }
        Ok(())
    }

    /// Adds a callout that was sent for `first`. Without a key no other request can join it.
    pub(super) fn start(&mut self, token: u32, call: Call, key: Option<FlightKey>, first: Waiter<Request>) {
        if let Some(key) = key {
            self.by_key.insert(key, token);
        }
        let flight = Flight { call, key, due: first.due, waiters: vec![first], heir: None };
        self.by_token.insert(token, flight);
    }

    /// Leaves an heir to a request that waited for this question. Each flight has one at most, however many leave.
    pub(super) fn leave(&mut self, key: FlightKey, heir: impl FnOnce() -> Heir) {
        if let Some(flight) = self.by_key.get(&key).and_then(|token| self.by_token.get_mut(token)) {
            flight.heir.get_or_insert_with(heir);
        }
    }

    /// Takes the flight of a callout that has ended off the tables; `None` where the last of its requests has
    /// expired.
    pub(super) fn finish(&mut self, token: u32) -> Option<Landed<Call, Request, Heir>> {
        let flight = self.by_token.remove(&token)?;
        if let Some(key) = flight.key
            && self.by_key.get(&key) == Some(&token)
        {
            self.by_key.remove(&key);
        }
        let requests = flight.waiters.into_iter().map(|waiter| waiter.request).collect();
        Some(Landed { call: flight.call, requests, heir: flight.heir })
    }

    /// Takes off the requests whose time is up, and the flights whose own is.
    pub(super) fn expire(&mut self, now: UnixTime) -> Vec<Request> {
        let mut late = Vec::new();
        for flight in self.by_token.values_mut() {
            late.extend(flight.waiters.extract_if(.., |waiter| waiter.due < now));
        }
        self.by_token.retain(|_, flight| now <= flight.due || !flight.waiters.is_empty());
        let left = &self.by_token;
        self.by_key.retain(|_, token| left.contains_key(token));
        late.into_iter().map(|waiter| waiter.request).collect()
    }

    /// The request that has waited longest for a callout.
    #[cfg(feature = "fault-injection")]
    pub(super) fn first(&self, token: u32) -> Option<&Request> {
        self.by_token.get(&token)?.waiters.first().map(|waiter| &waiter.request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: FlightKey = FlightKey([1; 32]);
    const B: FlightKey = FlightKey([2; 32]);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_seconds(seconds)
    }

    fn waiter(request: &'static str, due: u64) -> Waiter<&'static str> {
        Waiter { request, due: at(due) }
    }

    type TestLanded = Landed<&'static str, &'static str, &'static str>;

    fn landed(call: &'static str, requests: Vec<&'static str>) -> Option<TestLanded> {
        Some(Landed { call, requests, heir: None })
    }

    /// A flight of key A with token 1, begun at 0 and due at 10.
    fn flights() -> Flights<&'static str, &'static str, &'static str> {
        let mut flights = Flights::default();
        assert!(flights.join(A, waiter("early", 10), at(0)).is_err(), "nothing is under way yet");
        flights.start(1, "call", Some(A), waiter("first", 10));
        flights
    }

    #[test]
    fn requests_with_one_question_wait_for_one_callout() {
        let mut flights = flights();
        assert!(flights.join(A, waiter("second", 11), at(1)).is_ok());
        assert!(flights.join(B, waiter("other", 11), at(1)).is_err());
        assert_eq!(flights.finish(1), landed("call", vec!["first", "second"]));
        assert_eq!(flights.finish(1), None);
        assert!(flights.join(A, waiter("late", 12), at(2)).is_err());
        assert!(flights.is_empty());
    }

    #[test]
    fn a_callout_for_one_request_alone_cannot_be_joined() {
        let mut flights = flights();
        flights.start(2, "own", None, waiter("alone", 10));
        assert_eq!(flights.finish(2), landed("own", vec!["alone"]));
        assert!(flights.join(A, waiter("second", 11), at(1)).is_ok(), "the other one is still under way");
    }

    #[test]
    fn a_callout_whose_time_is_up_cannot_be_joined() {
        let mut flights = flights();
        assert!(flights.join(A, waiter("second", 20), at(10)).is_err());
        flights.start(2, "again", Some(A), waiter("second", 20));
        assert!(flights.join(A, waiter("third", 21), at(11)).is_ok());
        assert_eq!(flights.finish(1), landed("call", vec!["first"]));
        assert!(flights.join(A, waiter("fourth", 21), at(11)).is_ok(), "the newer one is still there");
        assert_eq!(flights.finish(2), landed("again", vec!["second", "third", "fourth"]));
    }

    #[test]
    fn a_request_waits_no_longer_than_its_own_time() {
        let mut flights = flights();
        assert!(flights.join(A, waiter("hasty", 5), at(1)).is_ok());
        assert_eq!(flights.expire(at(5)), Vec::<&str>::new());
        assert_eq!(flights.expire(at(6)), ["hasty"]);
        assert_eq!(flights.finish(1), landed("call", vec!["first"]));
    }

    #[test]
    fn the_first_that_leaves_has_the_one_heir() {
        let mut flights = flights();
        flights.leave(B, || "of another question");
        for heir in ["heir", "second heir"] {
            flights.leave(A, || heir);
        }
        let landed = Landed { call: "call", requests: vec!["first"], heir: Some("heir") };
        assert_eq!(flights.finish(1), Some(landed));
        flights.leave(A, || "too late");
        flights.start(2, "call", Some(A), waiter("second", 10));
        assert_eq!(flights.finish(2).and_then(|landed| landed.heir), None);
    }

    #[test]
    fn requests_expire_whose_callout_never_ends() {
        let mut flights = flights();
        assert!(flights.join(A, waiter("second", 12), at(2)).is_ok());
        assert_eq!(flights.expire(at(11)), ["first"]);
        assert!(!flights.is_empty(), "the second still has time");
        assert_eq!(flights.expire(at(13)), ["second"]);
        assert!(flights.is_empty());
        assert_eq!(flights.finish(1), None);
    }
}
