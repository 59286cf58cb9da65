//! One request: which step of the core leads to which calls of the gateway.
//!
//! Every callback ends in a decision, or with a callout under way that the request waits for: a host
//! that continues a request whenever nothing was said about it (D1) leaves no room for anything else.

use super::callout::{self, InFlight};
use super::envoy::root_calls::{RootCalls, WaitingRequest};
#[cfg(feature = "fault-injection")]
use super::fault::{self, Place};
use super::kong::buffered::{self, Replacement};
use super::kong::gate::{Gate, Shutting};
use super::note::{EditFailure, HostNote};
use super::pairs::{self, Pairs};
use super::plugin::Plugin;
use super::raw::{self, Map};
use super::{log, outgoing};
use crate::flow::step::{Environment, Event, HeaderEdit, HeaderEdits, Step};
use crate::flow::{Pending, ResourceServer};
use crate::http::{Callout, CalloutFailure, CalloutOutcome, Headers, LocalReply, RequestHead};
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
    /// Let through.
    Forwarded,
    /// Answered, here or by another instance of the filter (Q7): nothing more is done.
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
    /// The root's, which knows who waits for it.
    Root,
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
            post_without_body: Cell::new(false),
        })
    }

    /// Begins a request. `lines` is how many header lines it has.
    pub(super) fn begin(self: &Rc<Self>, lines: usize) {
        let gateway = self.plugin.gateway();
        if gateway.has_gate() {
            match Gate::shut() {
                // The gate of a request is shut once, in its first callback.
                Shutting::Done(gate) => drop(self.gate.set(gate)),
                Shutting::AnsweredElsewhere => return self.state.set(State::Answered),
                Shutting::Failed(status) => {
                    return self.fail(&HostNote::GateNotShut(status));
                }
            }
        }
        // Beyond the limit the list is not asked for, and the core refuses by the number alone (D9).
        let listed = if gateway.lists(lines) { raw::header_pairs(Map::Request) } else { Ok(Vec::new()) };
        match listed {
            Ok(pairs) => {
                let head = request_head(pairs, lines);
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

    fn go_on(self: &Rc<Self>, pending: Pending, outcome: &CalloutOutcome, joined: bool) {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::CallResponse);
        let step = self.resume(pending, outcome, joined);
        self.carry_out(step);
        if self.look(|state| matches!(state, State::Forwarded))
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

    /// Drives a step, and those that follow at once, until a callout is under way or the request
    /// is decided.
    fn carry_out(self: &Rc<Self>, mut step: Step) {
        for _ in 0..MAX_STEPS {
            match step {
                Step::Call(callout, pending) => match self.call(callout) {
                    Ok(owner) => return self.state.set(State::Waiting(owner, pending)),
                    Err(failure) => step = self.resume(pending, &CalloutOutcome::Failed(failure), false),
                },
                Step::Forward(edits, _) => {
                    return match self.forward(&edits) {
                        Ok(()) => self.state.set(State::Forwarded),
                        Err(note) => self.fail(&note),
                    };
                }
                Step::Respond(response) => return self.answer(&response),
            }
        }
        self.fail(&HostNote::CalloutLimitExceeded);
    }

    fn call(self: &Rc<Self>, callout: Callout) -> Result<Owner, CalloutFailure> {
        let (gateway, now) = (self.plugin.gateway(), raw::now().map_err(|_| CalloutFailure::NotSent)?);
        if gateway.traits().joins_callouts {
            let request: Rc<dyn WaitingRequest> = Rc::<Stream>::clone(self);
            self.root_calls.call(&request, gateway, callout, now)?;
            Ok(Owner::Root)
        } else {
            callout::dispatch(gateway, &callout, now).map(Owner::Request)
        }
    }

    /// Edits the request and opens the gate.
    ///
    /// # Errors
    /// What went wrong. The request is still shut out, on a gateway with a gate, and paused or about
    /// to be answered on any.
    fn forward(&self, edits: &HeaderEdits) -> Result<(), HostNote> {
        for edit in edits.iter() {
            let (HeaderEdit::Set { name, .. } | HeaderEdit::Remove { name }) = edit;
            self.edit(edit).map_err(|why| HostNote::HeaderNotEdited { name: name.clone(), why })?;
        }
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::BeforeOpening);
        match self.gate.get() {
            Some(gate) => gate.open().map_err(HostNote::GateNotOpened),
            None => Ok(()),
        }
    }

    fn edit(&self, edit: &HeaderEdit) -> Result<(), EditFailure> {
        let edited = match edit {
            HeaderEdit::Set { name, value } if !outgoing::is_field(name, value) => {
                return Err(EditFailure::Malformed);
            }
            HeaderEdit::Set { name, value } => raw::replace_header(Map::Request, name, value),
            HeaderEdit::Remove { name } if self.plugin.gateway().traits().removes_headers => {
                raw::remove_header(Map::Request, name)
            }
            // Kong's host forgets a header it removes, and nginx sends it all the same (D7).
            HeaderEdit::Remove { name } => raw::replace_header(Map::Request, name, b""),
        };
        edited.map_err(EditFailure::Refused)
    }

    /// Refuses the request because the filter or its gateway failed.
    fn fail(&self, note: &HostNote) {
        log::note(note);
        self.answer(&rejection::internal_error());
    }

    /// Sends the one answer.
    fn answer(&self, response: &LocalReply) {
        let fallback = rejection::internal_error();
        let (response, header) = match outgoing::response_header(response) {
            Some(header) => (response, header),
            None => {
                log::note(&HostNote::MalformedReply);
                let header = outgoing::response_header(&fallback).or_else(|| pairs::serialize(&[]));
                (&fallback, header.unwrap_or_default())
            }
        };
        let body: &[u8] = if self.plugin.gateway().takes_reply_body(self.post_without_body.get()) {
            response.body.as_bytes()
        } else {
            b""
        };
        // Set before the call, so that nothing that happens in it leads to a second answer (D4).
        self.state.set(State::Answered);
        if let Err(status) = raw::send_local_response(response.status, &header, body) {
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
        self.look(|state| matches!(state, State::Waiting(..) | State::Held))
    }

    /// Whether nothing was decided yet.
    pub(super) fn is_new(&self) -> bool {
        self.look(|state| matches!(state, State::New))
    }

    /// Begins to replace the response, if it is an upstream's that the filter never let through.
    /// `lines` is how many header lines it has. Only in the response header callback.
    pub(super) fn response_begins(&self, lines: usize) {
        let gateway = self.plugin.gateway();
        if self.is_new() && gateway.has_gate() && buffered::is_upstream_response() {
            self.state.set(State::Replacing(Replacement::begin(gateway.lists(lines))));
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
    /// whatever comes for it later is not for it any more.
    pub(super) fn end(&self) {
        self.state.set(State::Answered);
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
            State::Waiting(Owner::Root, pending) => {
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

/// Sorts the pairs of a request's header.
fn request_head(pairs: Pairs, header_lines: usize) -> RequestHead {
    let (pseudo, fields): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name.starts_with(b":"));
    let pseudo_field = |wanted: &[u8]| {
        pseudo.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    RequestHead {
        method: pseudo_field(b":method"),
        target: pseudo_field(b":path"),
        headers: Headers::from_pairs(fields),
        header_lines,
    }
}
