//! The SDK's view of a request: which callback of the gateway leads where.

#[cfg(feature = "fault-injection")]
use super::fault::{self, Place};
use super::stream::Stream;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The gateway's handle on one request.
pub(super) struct RequestContext(Rc<Stream>);

impl RequestContext {
    /// A handle on a request that begins.
    pub(super) fn new(stream: Rc<Stream>) -> RequestContext {
        RequestContext(stream)
    }

    /// What a callback that can hold back the request returns.
    fn verdict(&self) -> Action {
        if self.0.holds() { Action::Pause } else { Action::Continue }
    }
}

impl Context for RequestContext {
    fn on_http_call_response(&mut self, token: u32, lines: usize, body_size: usize, _trailers: usize) {
        self.0.own_callout_ended(token, lines, body_size);
    }
}

impl HttpContext for RequestContext {
    fn on_http_request_headers(&mut self, lines: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestHeaders);
        if self.0.is_new() {
            self.0.begin(lines, end_of_stream);
        }
        self.verdict()
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestBody);
        self.0.body_arrives(size, end_of_stream);
        self.verdict()
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        #[cfg(feature = "fault-injection")]
        fault::strike(Place::RequestTrailers);
        self.0.trailers_arrive();
        self.verdict()
    }

    fn on_http_response_headers(&mut self, lines: usize, _end_of_stream: bool) -> Action {
        self.0.response_begins(lines);
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        self.0.response_continues(size);
        Action::Continue
    }

    fn on_log(&mut self) {
        self.0.end();
    }
}
