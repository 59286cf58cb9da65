//! What the outcome of a callout means before its body is read: the rules that hold for every
//! endpoint of an authorization server.

use super::environment::Environment;
use crate::http::{CalloutFailure, CalloutOutcome, CalloutResponse};
use crate::oauth::endpoint::EndpointKind;
use crate::rejection::{Rejection, RetryAfter};
use crate::report::Note;
use crate::report::note::{CalloutTrouble, ResponseFault};
use crate::time::UnixTime;

/// A response that came in time, from the endpoint that was asked. Only [`in_time`] makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimelyResponse<'a> {
    response: &'a CalloutResponse,
    endpoint: EndpointKind,
}

/// The response, if there is one and it came in time.
///
/// A gateway may let a slow response run past its timeout (its timer can restart with each byte), so
/// the clock has the last word.
///
/// # Errors
/// What the lack of a response means for the request.
pub(super) fn in_time<'a>(
    outcome: &'a CalloutOutcome,
    endpoint: EndpointKind,
    due: UnixTime,
    environment: &mut Environment<'_>,
) -> Result<TimelyResponse<'a>, Rejection> {
    let late = environment.now > due;
    let trouble = match outcome {
        CalloutOutcome::Answered(response) if !late => return Ok(TimelyResponse { response, endpoint }),
        CalloutOutcome::Answered(_) | CalloutOutcome::Failed(CalloutFailure::TimedOut) => {
            CalloutTrouble::TimedOut
        }
        CalloutOutcome::Failed(CalloutFailure::Unreachable | CalloutFailure::Broken) if late => {
            CalloutTrouble::TimedOut
        }
        CalloutOutcome::Failed(CalloutFailure::Unreachable) => CalloutTrouble::Unreachable,
        CalloutOutcome::Failed(CalloutFailure::Broken) => CalloutTrouble::Broken,
        CalloutOutcome::Failed(CalloutFailure::TooLarge) => CalloutTrouble::TooLarge,
        CalloutOutcome::Failed(CalloutFailure::UnknownTarget) => CalloutTrouble::UnknownTarget,
        CalloutOutcome::Failed(CalloutFailure::NotSent) => CalloutTrouble::NotSent,
    };
    environment.report.add(Note::CalloutFailed(endpoint, trouble));
    Err(match trouble {
        CalloutTrouble::TimedOut => Rejection::TimedOut(endpoint),
        CalloutTrouble::Unreachable => Rejection::Unavailable(endpoint, RetryAfter::SOON),
        CalloutTrouble::Broken
        | CalloutTrouble::TooLarge
        | CalloutTrouble::UnknownTarget
        | CalloutTrouble::NotSent => Rejection::Unusable(endpoint),
    })
}

impl TimelyResponse<'_> {
    /// The status code.
    pub(super) fn status(&self) -> u16 {
        self.response.status
    }

    /// The whole body.
    pub(super) fn body(&self) -> &[u8] {
        &self.response.body
    }

    /// Looks at the status alone.
    ///
    /// # Errors
    /// It says that the server is not there, is overloaded, or does not speak the protocol.
    pub(super) fn check_status(&self, environment: &mut Environment<'_>) -> Result<(), Rejection> {
        let (status, endpoint) = (self.status(), self.endpoint);
        let rejection = match status {
            200 | 400..=428 | 430..=499 => return Ok(()),
            504 => Rejection::TimedOut(endpoint),
            429 | 500..=599 => {
                let retry_after = RetryAfter::from_field(self.response.headers.first(b"retry-after"));
                Rejection::Unavailable(endpoint, retry_after)
            }
            _ => Rejection::Unusable(endpoint),
        };
        environment.report.add(Note::UnusableStatus(endpoint, status));
        Err(rejection)
    }

    /// Reads a document, which only status 200 brings.
    ///
    /// # Errors
    /// The status, or what `parse` finds wrong.
    pub(super) fn document<T>(
        &self,
        environment: &mut Environment<'_>,
        parse: impl FnOnce(&[u8]) -> Result<T, ResponseFault>,
    ) -> Result<T, Rejection> {
        self.check_status(environment)?;
        let read = match self.status() {
            200 => parse(self.body()),
            status => Err(ResponseFault::Status(status)),
        };
        read.map_err(|fault| {
            environment.report.add(Note::UnusableResponse(self.endpoint, fault));
            Rejection::Unusable(self.endpoint)
        })
    }
}
