//! Callouts that the root context owns, on a gateway where one request can wake another (E3).
//!
//! When a request is over, the gateway reports the end of its own callouts to no context: all other
//! requests that waited for them would wait for ever. The root outlives them all. So there it owns
//! every callout, and requests with the same question wait for the same one.
//!
//! Two things must fit together. The gateway gives a callout to the context that is effective; the
//! SDK files it under the context whose callback it entered last. Within a request's callback the
//! root is therefore entered through a callback of its own, [`raw::call_root`]. Within the root's own
//! callbacks that must not happen again, since the SDK keeps its contexts borrowed meanwhile, and
//! need not. A request is woken there without the SDK: it is made effective, and its own calls of
//! the gateway follow.

use super::callout::{self, InFlight};
#[cfg(feature = "fault-injection")]
use super::fault::{self, Place};
use super::flights::{Flights, Landed, Waiter};
use super::gateway::Gateway;
use super::note::HostNote;
use super::{log, raw};
use crate::http::{Callout, CalloutFailure, CalloutOutcome, FlightKey};
use crate::time::UnixTime;
use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// A request that can wait for a callout of the root.
pub(super) trait WaitingRequest {
    /// The gateway's number for it.
    fn context_id(&self) -> u32;

    /// Goes on after a callout of the root; `joined` is whether another request has made it. False
    /// where the request is over, or decided. Only with this request effective.
    fn wake(self: Rc<Self>, outcome: &CalloutOutcome, joined: bool) -> bool;
}

/// How often requests are looked at that may have waited for too long. No callout is lost on a
/// gateway that works; a request that waits for another's callout may have less time than that.
const WATCH: Duration = Duration::from_millis(250);

type Waiting = Flights<InFlight, Weak<dyn WaitingRequest>, Heir>;

/// Takes the outcome of a callout in the place of requests that have left.
type Heir = Box<dyn FnOnce(&CalloutOutcome)>;

/// The callouts of one root context.
///
/// Everything is in cells that are emptied and filled again at once: nothing is borrowed while the
/// gateway is called.
pub(super) struct RootCalls {
    /// The gateway's number for the root context.
    root: u32,
    flights: Cell<Waiting>,
    order: Cell<Order>,
    /// Whether a callback of the root is running.
    at_work: Cell<bool>,
    /// Whether the root is there to be called.
    exists: Cell<bool>,
    watching: Cell<bool>,
}

/// A callout on its way to the root, and what became of it on its way back.
#[derive(Default)]
enum Order {
    #[default]
    None,
    Send(Gateway, Callout, UnixTime),
    Sent(Result<InFlight, CalloutFailure>),
}

impl RootCalls {
    /// The callouts of a root context, none yet.
    pub(super) fn new(root: u32) -> RootCalls {
        RootCalls {
            root,
            flights: Cell::default(),
            order: Cell::default(),
            at_work: Cell::new(false),
            exists: Cell::new(true),
            watching: Cell::new(false),
        }
    }

    /// Has a request wait for a callout: one of the same flight that is under way, or a new one.
    /// Only in callbacks of that request, or while it is being woken.
    ///
    /// # Errors
    /// Why nothing was sent. The request does not wait.
    pub(super) fn call(
        &self,
        request: &Rc<dyn WaitingRequest>,
        gateway: Gateway,
        callout: Callout,
        now: UnixTime,
    ) -> Result<(), CalloutFailure> {
        let mut waiter = Waiter { request: Rc::downgrade(request), due: now.saturating_add(callout.timeout) };
        let key = callout.flight;
        if let Some(key) = key {
            waiter = match self.with_flights(|flights| flights.join(key, waiter, now)) {
                Ok(()) => return Ok(()),
                Err(waiter) => waiter,
            };
        }
        let call = self.send(request.context_id(), Order::Send(gateway, callout, now))?;
        self.with_flights(|flights| flights.start(call.token, call, key, waiter));
        Ok(())
    }

    /// Has the root send a callout, and makes the request effective again.
    fn send(&self, request: u32, order: Order) -> Result<InFlight, CalloutFailure> {
        if !self.exists.get() || raw::set_effective_context(self.root).is_err() {
            return Err(CalloutFailure::NotSent);
        }
        self.order.set(order);
        if self.at_work.get() {
            self.carry_out_order();
        } else {
            raw::call_root(self.root);
        }
        let sent = self.order.take();
        if let Err(status) = raw::set_effective_context(request) {
            log::note(&HostNote::RequestVanished(status));
        }
        match sent {
            Order::Sent(sent) => sent,
            Order::None | Order::Send(..) => Err(CalloutFailure::NotSent),
        }
    }

    /// Sends the callout that [`RootCalls::send`] ordered. In the root's callbacks only.
    pub(super) fn carry_out_order(&self) {
        if let Order::Send(gateway, callout, now) = self.order.take() {
            let sent = callout::dispatch(gateway, &callout, now);
            if sent.is_ok() && !self.watching.get() {
                self.watch(true);
            }
            self.order.set(Order::Sent(sent));
        }
    }

    /// Resumes the requests that waited for a callout. In the root's callback for it only.
    pub(super) fn finish(&self, token: u32, lines: usize, body_size: usize) {
        #[cfg(feature = "fault-injection")]
        if self.is_lost(token) {
            return;
        }
        let landed = self.with_flights(|flights| flights.finish(token));
        let Some(Landed { call, requests, heir }) = landed else { return };
        let outcome = callout::outcome(&call, lines, body_size);
        let is_heard = self.wake(&requests, &outcome);
        if let Some(heir) = heir.filter(|_| !is_heard)
            && raw::set_effective_context(self.root).is_ok()
        {
            heir(&outcome);
        }
    }

    /// A request that waits for the callout of this flight leaves. Where none is left in the end, its heir takes
    /// what the callout brings.
    pub(super) fn leave(&self, flight: FlightKey, heir: impl FnOnce(&CalloutOutcome) + 'static) {
        self.with_flights(|flights| flights.leave(flight, || Box::new(heir)));
    }

    /// Resumes the requests that have waited for too long. In the root's tick only.
    pub(super) fn tick(&self) {
        let Ok(now) = raw::now() else { return };
        let late = self.with_flights(|flights| flights.expire(now));
        self.wake(&late, &CalloutOutcome::Failed(CalloutFailure::TimedOut));
        if self.with_flights(|flights| flights.is_empty()) {
            self.watch(false);
        }
    }

    /// The root is gone, and its callouts with it.
    pub(super) fn close(&self) {
        self.exists.set(false);
    }

    /// Resumes each request with one outcome. The first one that is still there has made the call,
    /// as far as the core is concerned; false where there is none.
    fn wake(&self, requests: &[Weak<dyn WaitingRequest>], outcome: &CalloutOutcome) -> bool {
        self.at_work.set(true);
        let mut joined = false;
        for request in requests.iter().filter_map(Weak::upgrade) {
            // The gateway forgets a request after it has called for its log line.
            if raw::set_effective_context(request.context_id()).is_ok() {
                joined |= request.wake(outcome, joined);
            }
        }
        self.at_work.set(false);
        joined
    }

    fn watch(&self, on: bool) {
        let period = if on { WATCH } else { Duration::ZERO };
        match raw::set_tick_period(period) {
            Ok(()) => self.watching.set(on),
            Err(status) => log::note(&HostNote::TimerRefused(status)),
        }
    }

    fn with_flights<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let mut flights = self.flights.take();
        let result = change(&mut flights);
        self.flights.set(flights);
        result
    }

    /// Whether a test wants the end of this callout to be lost.
    #[cfg(feature = "fault-injection")]
    fn is_lost(&self, token: u32) -> bool {
        let first = self.with_flights(|flights| flights.first(token).and_then(Weak::upgrade));
        let is_lost = first.is_some_and(|request| {
            raw::set_effective_context(request.context_id()).is_ok() && fault::is_named(Place::LostAnswer)
        });
        is_lost || raw::set_effective_context(self.root).is_err()
    }
}
