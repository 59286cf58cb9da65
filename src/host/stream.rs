//! One request: which step of the core leads to which calls of the gateway.
//!
//! Every callback ends in a decision, or with a callout or a body on the way that the request waits
//! for: a host that continues a request whenever nothing was said about it (D1) leaves no room for
//! anything else.

use super::callout::{self, InFlight};
#[cfg(feature = "fault-injection")]
use super::fault::{self, Place};
use super::kong::buffered::{self, Replacement};
use super::kong::gate::{Gate, Shutting};
use super::note::HostNote;
use super::plugin::Plugin;
use super::raw::{self, Map};
use super::request_body::RequestBody;
use super::root_calls::{RootCalls, WaitingRequest};
use super::{log, reply, request, trailers};
use crate::flow::step::{ByteLimit, Environment, Event, HeaderEdits, Receipt, Step};
use crate::flow::{Credentials, Pending, ResourceServer};
use crate::http::{Callout, CalloutFailure, CalloutOutcome, FlightKey, LocalReply};
use crate::rejection;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;

/// More steps in one callback than any policy makes: each callout that cannot be sent is one.
const MAX_STEPS: usize = 32;

/// One request. Its SDK context holds on to it; whatever else wakes it meets it gone, or decided, or
/// waiting.
pub(super) struct Stream {
    id: u32,
    plugin: Rc<Plugin>,
    root_calls: Rc<RootCalls>,
    state: Cell<State>,
    gate: OnceCell<Gate>,
    body: RequestBody,
    /// The last callout was a POST that brought no body (T1).
    post_without_body: Cell<bool>,
}

#[derive(Default)]
enum State {
    /// Nothing was decided yet.
    #[default]
    New,
    /// The core waits for a callout.
    Waiting(Owner, Pending),
    /// All of the body is waited for. The request is paused, or behind a shut gate.
    Reading(ByteLimit, Reader),
    /// Another instance of the filter has shut the gate (Q7). It has answered, and nothing more is
    /// done; or it waits for the body, and this one begins when the gate is open. The number is that
    /// of the header lines.
    ShutElsewhere(usize),
    /// Let through.
    Forwarded(Receipt),
    /// Answered: nothing more is done.
    Answered,
    /// The gateway refused to send the answer. The request is held, because it must not pass.
    Held,
    /// The upstream's response to a request that was never decided is being replaced (Q5).
    Replacing(Replacement),
}

/// Whose callout a request waits for.
enum Owner {
    /// Its own.
    Request(InFlight),
    /// The root's, which knows who waits for it; of this flight, where others can ask the same.
    Root(Option<FlightKey>),
}

/// What goes on when the body has been read.
enum Reader {
    /// The core.
    Core(Pending),
    /// A test.
    #[cfg(feature = "fault-injection")]
    Test(fault::Then),
}

impl State {
    /// The credentials of a request that goes on, or may.
    fn credentials(&self) -> Option<Rc<Credentials>> {
        let credentials = match self {
            State::Waiting(_, pending) | State::Reading(_, Reader::Core(pending)) => pending.credentials(),
            State::Forwarded(receipt) => receipt.credentials(),
            #[cfg(feature = "fault-injection")]
            State::Reading(_, Reader::Test(fault::Then::Forward(_, receipt))) => receipt.credentials(),
            _ => return None,
        };
        Some(Rc::clone(credentials))
    }
}

impl Stream {
    /// A request that the gateway has given this number.
    pub(super) fn new(id: u32, plugin: Rc<Plugin>, root_calls: Rc<RootCalls>) -> Rc<Stream> {
        Rc::new(Stream {
            id,
            plugin,
            root_calls,
            state: Cell::default(),
            gate: OnceCell::new(),
            body: RequestBody::default(),
            post_without_body: Cell::new(false),
        })
    }

    /// Begins a request. `lines` is how many header lines it has; at the end of its stream it has no
    /// body.
    pub(super) fn begin(self: &Rc<Self>, lines: usize, end_of_stream: bool) {
        if end_of_stream {
            self.body.end();
        }
        let gateway = self.plugin.gateway();
        if gateway.has_gate() {
            match Gate::shut() {
                // The gate of a request is shut once, in its first callback.
                Shutting::Done(gate) => {
                    let is_missing = self.plugin.requires_guard() && !gate.is_guarded();
                    drop(self.gate.set(gate));
                    if is_missing {
                        return self.fail(&HostNote::NoGuard);
                    }
                }
                Shutting::ShutElsewhere => return self.state.set(State::ShutElsewhere(lines)),
                Shutting::GuardMalformed => return self.fail(&HostNote::GuardMalformed),
                Shutting::Failed(status) => {
                    return self.fail(&HostNote::GateNotShut(status));
                }
            }
        }
        // Beyond the limit the list is not asked for, and the core refuses by the number alone (D9).
        let listed = if gateway.lists(lines) { raw::header_pairs(Map::Request) } else { Ok(Vec::new()) };
        match listed {
            Ok(pairs) => {
                let head = request::head(pairs, lines);
                self.body.announce(gateway, &head.headers);
                #[cfg(feature = "fault-injection")]
                if fault::is_named(Place::ReadBody) {
                    let step = self.read_body(fault::BODY_LIMIT, Reader::Test(fault::Then::Begin(head)));
                    return step.into_iter().for_each(|step| self.carry_out(step));
                }
                let step = self.ask(|server, environment| server.begin(&head, environment));
                self.carry_out(step);
            }
            Err(status) => self.fail(&HostNote::RequestHeaderUnreadable(status)),
        }
    }

    /// Goes on after a callout of its own. Whether this is the one it waits for, the token says.
    pub(super) fn own_callout_ended(self: &Rc<Self>, token: u32, lines: usize, body_size: usize) {
        match self.state.take() {
            State::Waiting(Owner::Request(call), pending) if call.token == token => {
                let outcome = callout::outcome(&call, lines, body_size);
                let has_body =
                    matches!(&outcome, CalloutOutcome::Answered(answer) if !answer.body.is_empty());
                self.post_without_body.set(call.is_post && !has_body);
                self.go_on(pending, &outcome, false);
            }
            State::Waiting(..) => self.fail(&HostNote::UnmatchedResponse),
            decided => self.state.set(decided),
        }
    }

    /// A piece of the body has come: `size` bytes are there that were held back.
    pub(super) fn body_arrives(self: &Rc<Self>, size: usize, end_of_stream: bool) {
        let body = &self.body;
        let was_empty = body.is_empty();
        body.arrive(size, end_of_stream);
        match self.state.take() {
            State::Reading(limit, reader) => self.go_on_reading(limit, reader),
            State::ShutElsewhere(lines) if !Gate::is_shut() => self.begin(lines, false),
            // What was decided without the body does not hold for one.
            State::Forwarded(_) if was_empty && size > 0 => self.fail(&HostNote::UnannouncedBody),
            other => self.state.set(other),
        }
        body.callback_ends(self.plugin.gateway());
    }

    /// Trailers have come, and so all of the body before. They go on with the request or follow it, so that
    /// what they may not carry is taken off first.
    pub(super) fn trailers_arrive(self: &Rc<Self>) {
        self.body.end();
        if let Some(credentials) = self.look(State::credentials)
            && let Err(note) = trailers::strip(&self.plugin, &credentials)
        {
            return self.fail(&note);
        }
        match self.state.take() {
            State::Reading(limit, reader) => self.go_on_reading(limit, reader),
            other => self.state.set(other),
        }
    }

    fn go_on_reading(self: &Rc<Self>, limit: ByteLimit, reader: Reader) {
        if let Some(step) = self.read_body(limit, reader) {
            self.carry_out(step);
        }
    }

    /// What comes after the body; `None` where the request now waits for it.
    fn read_body(&self, limit: ByteLimit, reader: Reader) -> Option<Step> {
        let Some(body) = self.body.read(self.plugin.gateway(), limit) else {
            self.state.set(State::Reading(limit, reader));
            return None;
        };
        let body = body.as_deref().map_err(|failure| *failure);
        Some(match reader {
            Reader::Core(pending) => {
                self.ask(|server, environment| server.resume(pending, Event::Body(body), environment))
            }
            #[cfg(feature = "fault-injection")]
            Reader::Test(then) => fault::body_read(then, body)
                .unwrap_or_else(|head| self.ask(|server, environment| server.begin(&head, environment))),
        })
    }

    fn go_on(self: &Rc<Self>, pending: Pending, outcome: &CalloutOutcome, joined: bool) {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::CallResponse);
        let step = self.resume(pending, outcome, joined);
        self.carry_out(step);
        if self.look(|state| matches!(state, State::Forwarded(_)))
            && let Err(status) = raw::continue_request()
        {
            log::note(&HostNote::RequestNotContinued(status));
        }
    }

    fn resume(&self, pending: Pending, outcome: &CalloutOutcome, joined: bool) -> Step {
        self.ask(|server, environment| server.resume(pending, Event::Called { outcome, joined }, environment))
    }

    fn ask(&self, question: impl FnOnce(&mut ResourceServer, &mut Environment<'_>) -> Step) -> Step {
        match raw::now() {
            Ok(now) => self.plugin.ask(now, question),
            Err(status) => {
                log::note(&HostNote::ClockUnreadable(status));
                Step::Respond(rejection::internal_error())
            }
        }
    }

    /// Drives a step, and those that follow at once, until a callout is under way, the body is waited
    /// for, or the request is decided.
    fn carry_out(self: &Rc<Self>, mut step: Step) {
        for _ in 0..MAX_STEPS {
            match step {
                Step::Call(callout, pending) => match self.call(callout) {
                    Ok(owner) => return self.state.set(State::Waiting(owner, pending)),
                    Err(failure) => step = self.resume(pending, &CalloutOutcome::Failed(failure), false),
                },
                Step::ReadBody(limit, pending) => match self.read_body(limit, Reader::Core(pending)) {
                    Some(next) => step = next,
                    None => return,
                },
                #[cfg(feature = "fault-injection")]
                Step::Forward(edits, receipt) if fault::reads_last() => {
                    let then = fault::Then::Forward(edits, receipt);
                    match self.read_body(fault::BODY_LIMIT, Reader::Test(then)) {
                        Some(next) => step = next,
                        None => return,
                    }
                }
                Step::Forward(edits, receipt) => {
                    return match self.forward(&edits) {
                        Ok(()) => self.state.set(State::Forwarded(receipt)),
                        Err(note) => self.fail(&note),
                    };
                }
                Step::Respond(response) => return self.answer(&response),
            }
        }
        self.fail(&HostNote::CalloutLimitExceeded);
    }

    /// Sends a callout; one follows another (S3).
    fn call(self: &Rc<Self>, callout: Callout) -> Result<Owner, CalloutFailure> {
        let (gateway, now) = (self.plugin.gateway(), raw::now().map_err(|_| CalloutFailure::NotSent)?);
        if gateway.traits().joins_callouts {
            let request: Rc<dyn WaitingRequest> = Rc::<Stream>::clone(self);
            let flight = callout.flight;
            self.root_calls.call(&request, gateway, callout, now)?;
            Ok(Owner::Root(flight))
        } else {
            callout::dispatch(gateway, &callout, now).map(Owner::Request)
        }
    }

    /// Edits the request and opens the gate (M2).
    ///
    /// # Errors
    /// What went wrong. The request is still shut out, on a gateway with a gate, and paused or about
    /// to be answered on any.
    fn forward(&self, edits: &HeaderEdits) -> Result<(), HostNote> {
        request::edit(edits, self.plugin.gateway().traits().removes_headers)?;
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::BeforeOpening);
        match self.gate.get() {
            Some(gate) => gate.open().map_err(HostNote::GateNotOpened),
            None => Ok(()),
        }
    }

    /// Refuses the request because the filter or its gateway failed.
    fn fail(&self, note: &HostNote) {
        log::note(note);
        self.answer(&rejection::internal_error());
    }

    /// Sends the one answer.
    fn answer(&self, reply: &LocalReply) {
        let takes_body = self.plugin.gateway().takes_reply_body(self.post_without_body.get());
        // Set before the call, so that nothing that happens in it leads to a second answer (D4).
        self.state.set(State::Answered);
        if let Err(status) = reply::send(reply, takes_body) {
            log::note(&HostNote::ReplyRefused(status));
            self.state.set(State::Held);
        }
    }

    /// Whether the request must be held back (D5, E2). One that is neither decided nor waiting is
    /// refused (D1).
    pub(super) fn holds(&self) -> bool {
        if self.is_new() {
            self.fail(&HostNote::Undecided);
        }
        let paused_for_body = self.plugin.gateway().brings_body_while_paused();
        self.look(|state| match state {
            State::Waiting(..) | State::Held => true,
            State::Reading(..) => paused_for_body,
            _ => false,
        })
    }

    /// Whether nothing was decided yet.
    pub(super) fn is_new(&self) -> bool {
        self.look(|state| matches!(state, State::New))
    }

    /// Begins to replace the response, if it is an upstream's that the filter never let through.
    /// `lines` is how many header lines it has. Only in the response header callback.
    pub(super) fn response_begins(&self, lines: usize) {
        let gateway = self.plugin.gateway();
        let is_undecided = self.look(|state| matches!(state, State::New | State::ShutElsewhere(_)));
        if !is_undecided || !gateway.has_gate() {
            return;
        }
        if buffered::is_upstream_response() {
            self.state.set(State::Replacing(Replacement::begin(gateway.lists(lines))));
        } else if Gate::is_held_by_guard() {
            log::note(&HostNote::HeldByGuard);
        }
    }

    /// Replaces a piece of the response's body, if that is being done.
    pub(super) fn response_continues(&self, size: usize) {
        let mut state = self.state.take();
        if let State::Replacing(replacement) = &mut state {
            replacement.replace(size);
        }
        self.state.set(state);
    }

    /// The request is over. What its step held is let go before the gateway forgets the request, and
    /// whatever comes for it later is not for it any more. What its callout brings may be for others: a stranger
    /// who asks and leaves would else keep them from keys that they may not ask for again so soon.
    pub(super) fn end(&self) {
        match self.state.replace(State::Answered) {
            State::Reading(..) if self.body.is_awaited() => log::note(&HostNote::BodyNotDelivered),
            State::Waiting(Owner::Root(Some(flight)), pending) if pending.is_fetch() => {
                let plugin = Rc::clone(&self.plugin);
                self.root_calls.leave(flight, move |outcome| plugin.fetched(pending, outcome));
            }
            _ => {}
        }
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let state = self.state.take();
        let seen = look(&state);
        self.state.set(state);
        seen
    }
}

impl WaitingRequest for Stream {
    fn context_id(&self) -> u32 {
        self.id
    }

    fn wake(self: Rc<Self>, outcome: &CalloutOutcome, joined: bool) -> bool {
        match self.state.take() {
            State::Waiting(Owner::Root(_), pending) => {
                self.go_on(pending, outcome, joined);
                true
            }
            other => {
                self.state.set(other);
                false
            }
        }
    }
}
