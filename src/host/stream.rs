//! One request: which callback leads to which step, and which step to which calls of the gateway.
//!
//! A callback returns Pause exactly while this request's own callout is under way. A host that
//! continues a request whenever nothing was said about it leaves no room for anything else: every
//! callback ends in a decision.

use super::callout::{self, InFlight};
#[cfg(feature = "fault-injection")]
use super::fault::{self, Place};
use super::gate::{Gate, Shutting};
use super::pairs::{self, Pairs};
use super::plugin::Plugin;
use super::raw::{self, Map, Status};
use super::unseen::Replacement;
use super::{outgoing, unseen};
use crate::flow::step::{Environment, Event, HeaderEdit, HeaderEdits, Step};
use crate::flow::{Pending, ResourceServer};
use crate::http::{Callout, CalloutFailure, CalloutOutcome, Headers, RequestHead, Response};
use crate::rejection;
use crate::report::{Level, Quoted};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// More steps in one callback than any policy makes: each callout that cannot be sent is one.
const MOST_STEPS: usize = 32;

/// The gateway's handle on one request.
pub(super) struct HttpStream {
    plugin: Rc<Plugin>,
    state: State,
    gate: Option<Gate>,
    /// The last POST callout brought no body.
    post_without_answer: bool,
}

enum State {
    /// Nothing was decided yet.
    New,
    /// The core waits for a callout.
    Waiting(InFlight, Pending),
    /// Let through.
    Forwarded,
    /// Answered, here or by another instance of the filter: nothing more is done.
    Answered,
    /// The gateway refused to send the answer. The request is held, because it must not pass.
    Held,
    /// The upstream's answer to a request that was never decided is being replaced.
    Replacing(Replacement),
}

impl HttpStream {
    pub(super) fn new(plugin: Rc<Plugin>) -> HttpStream {
        HttpStream { plugin, state: State::New, gate: None, post_without_answer: false }
    }

    /// Begins a request. `lines` is how many header lines it has.
    fn begin(&mut self, lines: usize) {
        let kind = self.plugin.kind();
        if kind.has_gate() {
            match Gate::shut() {
                Shutting::Done(gate) => self.gate = Some(gate),
                Shutting::AnsweredElsewhere => {
                    self.state = State::Answered;
                    return;
                }
                Shutting::Failed(status) => {
                    return self.fail(&format!("the upstream's scheme cannot be replaced: {status}"));
                }
            }
        }
        // Beyond the limit the list is not asked for, and the core refuses by the number alone.
        let listed = if kind.lists(lines) { raw::header_pairs(Map::Request) } else { Ok(Vec::new()) };
        match listed {
            Ok(pairs) => {
                let head = request_head(pairs, lines);
                let step = self.ask(|server, environment| server.begin(&head, environment));
                self.carry_out(step);
            }
            Err(status) => self.fail(&format!("the request's header cannot be read: {status}")),
        }
    }

    /// Goes on after a callout.
    fn resume(&self, pending: Pending, outcome: &CalloutOutcome) -> Step {
        self.ask(|server, environment| {
            server.resume(pending, Event::Called { outcome, joined: false }, environment)
        })
    }

    fn ask(&self, question: impl FnOnce(&mut ResourceServer, &mut Environment<'_>) -> Step) -> Step {
        match raw::now() {
            Ok(now) => self.plugin.ask(now, question),
            Err(status) => {
                raw::log(Level::Error, &format!("the gateway's clock cannot be read: {status}"));
                Step::Respond(rejection::internal_error())
            }
        }
    }

    /// Drives a step, and those that follow at once, until a callout is under way or the request
    /// is decided.
    fn carry_out(&mut self, mut step: Step) {
        for _ in 0..MOST_STEPS {
            match step {
                Step::Call(callout, pending) => match self.dispatch(&callout) {
                    Ok(in_flight) => {
                        self.state = State::Waiting(in_flight, pending);
                        return;
                    }
                    Err(failure) => step = self.resume(pending, &CalloutOutcome::Failed(failure)),
                },
                Step::Forward(edits, _) => {
                    return match self.forward(&edits) {
                        Ok(()) => self.state = State::Forwarded,
                        Err(what) => self.fail(&what),
                    };
                }
                Step::Respond(response) => return self.answer(&response),
            }
        }
        self.fail("more callouts than any policy makes");
    }

    fn dispatch(&self, callout: &Callout) -> Result<InFlight, CalloutFailure> {
        let now = raw::now().map_err(|_| CalloutFailure::NotSent)?;
        callout::dispatch(self.plugin.kind(), callout, now)
    }

    /// Edits the request and opens the gate.
    ///
    /// # Errors
    /// What went wrong, in words for the log. The request is still shut out, on a gateway with a
    /// gate, and paused or about to be answered on any.
    fn forward(&self, edits: &HeaderEdits) -> Result<(), String> {
        for edit in edits.iter() {
            let (HeaderEdit::Set { name, .. } | HeaderEdit::Remove { name }) = edit;
            self.edit(edit).map_err(|why| {
                format!("header {} cannot be edited: {why}", Quoted(&String::from_utf8_lossy(name)))
            })?;
        }
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::BeforeOpening);
        match &self.gate {
            Some(gate) => gate.open().map_err(|status| format!("the gate does not open: {status}")),
            None => Ok(()),
        }
    }

    fn edit(&self, edit: &HeaderEdit) -> Result<(), String> {
        let shown = |status: Status| status.to_string();
        match edit {
            HeaderEdit::Set { name, value } if !outgoing::is_field(name, value) => {
                Err("it is not a header field".to_owned())
            }
            HeaderEdit::Set { name, value } => raw::replace_header(Map::Request, name, value).map_err(shown),
            HeaderEdit::Remove { name } if self.plugin.kind().traits().removes_headers => {
                raw::remove_header(Map::Request, name).map_err(shown)
            }
            // Kong's host forgets a header it removes, and nginx sends it all the same.
            HeaderEdit::Remove { name } => raw::replace_header(Map::Request, name, b"").map_err(shown),
        }
    }

    /// Wakes the request after its last callout, where it was let through.
    fn let_go(&self) {
        if let State::Forwarded = self.state
            && let Err(status) = raw::continue_request()
        {
            raw::log(Level::Error, &format!("the gateway does not let a request go on: {status}"));
        }
    }

    /// Refuses the request because the filter or its gateway failed.
    fn fail(&mut self, what: &str) {
        raw::log(Level::Error, what);
        self.answer(&rejection::internal_error());
    }

    /// Sends the one answer.
    fn answer(&mut self, response: &Response) {
        let fallback = rejection::internal_error();
        let (response, header) = match outgoing::response_header(response) {
            Some(header) => (response, header),
            None => {
                raw::log(Level::Error, "an answer cannot be sent as it is");
                (&fallback, outgoing::response_header(&fallback).unwrap_or_else(|| pairs::EMPTY.to_vec()))
            }
        };
        let body: &[u8] = if self.plugin.kind().takes_reply_body(self.post_without_answer) {
            response.body.as_bytes()
        } else {
            b""
        };
        // Set before the call, so that nothing that happens in it leads to a second answer.
        self.state = State::Answered;
        if let Err(status) = raw::send_local_response(response.status, &header, body) {
            raw::log(Level::Error, &format!("the gateway does not send an answer: {status}"));
            self.state = State::Held;
        }
    }

    /// What a callback that holds back the request returns. A request that is neither decided nor
    /// waiting is refused.
    fn verdict(&mut self) -> Action {
        if let State::New = self.state {
            self.fail("a request was not decided");
        }
        match self.state {
            State::Waiting(..) | State::Held => Action::Pause,
            State::New | State::Forwarded | State::Answered | State::Replacing(_) => Action::Continue,
        }
    }
}

impl Context for HttpStream {
    fn on_http_call_response(&mut self, token: u32, lines: usize, body_size: usize, _trailers: usize) {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::CallResponse);
        match std::mem::replace(&mut self.state, State::New) {
            State::Waiting(in_flight, pending) if in_flight.token == token => {
                let outcome = self.outcome(&in_flight, lines, body_size);
                let step = self.resume(pending, &outcome);
                self.carry_out(step);
                self.let_go();
            }
            State::Waiting(..) => self.fail("the gateway brings the answer to another callout"),
            decided => self.state = decided,
        }
    }
}

impl HttpStream {
    fn outcome(&mut self, in_flight: &InFlight, lines: usize, body_size: usize) -> CalloutOutcome {
        let outcome = match raw::now() {
            Ok(now) => callout::outcome(self.plugin.kind(), in_flight, now, lines, body_size),
            Err(_) => CalloutOutcome::Failed(CalloutFailure::Broken),
        };
        let has_body = matches!(&outcome, CalloutOutcome::Answered(answer) if !answer.body.is_empty());
        self.post_without_answer = in_flight.is_post && !has_body;
        outcome
    }
}

impl HttpContext for HttpStream {
    fn on_http_request_headers(&mut self, lines: usize, _end_of_stream: bool) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestHeaders);
        if let State::New = self.state {
            self.begin(lines);
        }
        self.verdict()
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestBody);
        self.verdict()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestTrailers);
        self.verdict()
    }

    fn on_http_response_headers(&mut self, lines: usize, _end_of_stream: bool) -> Action {
        if let State::New = self.state
            && unseen::is_upstream_answer(self.plugin.kind())
        {
            self.state = State::Replacing(Replacement::begin(self.plugin.kind(), lines));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        if let State::Replacing(replacement) = &mut self.state {
            replacement.replace(size);
        }
        Action::Continue
    }

    /// The request is over: what its step held is let go before the gateway forgets the stream.
    fn on_log(&mut self) {
        self.state = State::Answered;
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
