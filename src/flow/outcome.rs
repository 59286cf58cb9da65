//! What the outcome of a callout means before its body is read: the rules that hold for every
//! endpoint of an authorization server.

use super::environment::Environment;
use crate::http::{CalloutFailure, CalloutOutcome, CalloutResponse, Headers};
use crate::oauth::endpoint::EndpointKind;
use crate::rejection::{Rejection, RetryAfter};
use crate::report::Note;
use crate::report::note::{CalloutTrouble, ResponseFault};
use crate::report::text::ForeignProse;
use crate::text;
use crate::time::UnixTime;

/// A response that came in time, from the endpoint that was asked. Only [`in_time`] makes one.
#[derive(Clone, Debug)]
pub(super) struct TimelyResponse<'a> {
    response: &'a CalloutResponse,
    endpoint: EndpointKind,
    /// The coding of its content, which the filter does not undo.
    coding: Option<ForeignProse>,
}

/// The body of a response that came in time, as the server wrote it: without a content coding. Only
/// [`TimelyResponse::body`] makes one.
#[derive(Clone, Copy)]
pub(super) struct TimelyBody<'a>(&'a [u8]);

impl<'a> TimelyBody<'a> {
    /// The whole body.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// The response, if there is one and it came in time.
///
/// A gateway may let a slow response run past its timeout (its timer can restart with each byte), so
/// the clock has the last word. `prose` makes what the server wrote fit for the log.
///
/// # Errors
/// What the lack of a response means for the request.
pub(super) fn in_time<'a>(
    outcome: &'a CalloutOutcome,
    endpoint: EndpointKind,
    due: UnixTime,
    prose: impl FnOnce(&str) -> ForeignProse,
    environment: &mut Environment<'_>,
) -> Result<TimelyResponse<'a>, Rejection> {
    let late = environment.now > due;
    let trouble = match outcome {
        CalloutOutcome::Answered(response) if !late => {
            let coding = content_coding(&response.headers).map(|coding| prose(&coding));
            return Ok(TimelyResponse { response, endpoint, coding });
        }
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

/// The first coding of the content, beside `identity`, which is the absence of one (RFC 9110 sections 8.4 and 12.5.3).
fn content_coding(headers: &Headers) -> Option<String> {
    let listed = headers.all(b"content-encoding").flat_map(|line| line.split(|byte| *byte == b','));
    let mut codings = listed.map(text::trim_blanks).filter(|coding| !coding.is_empty());
    let coding = codings.find(|coding| !coding.eq_ignore_ascii_case(b"identity"))?;
    Some(String::from_utf8_lossy(coding).into_owned())
}

impl<'a> TimelyResponse<'a> {
    /// The status code.
    pub(super) fn status(&self) -> u16 {
        self.response.status
    }

    /// Whether it is what was asked for: 200, and at a token endpoint 201 as well, which some send with a whole
    /// token response.
    pub(super) fn is_success(&self) -> bool {
        match self.endpoint {
            EndpointKind::Token => matches!(self.status(), 200 | 201),
            EndpointKind::Introspection | EndpointKind::Jwks | EndpointKind::Metadata => self.status() == 200,
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// It has a content coding. The filter asks for none, and undoes none: what a few bytes become is bounded
    /// by nothing that has arrived.
    pub(super) fn body(&self, environment: &mut Environment<'_>) -> Result<TimelyBody<'a>, Rejection> {
        let Some(coding) = &self.coding else { return Ok(TimelyBody(&self.response.body)) };
        let fault = ResponseFault::Coded(coding.clone());
        environment.report.add(Note::UnusableResponse(self.endpoint, fault));
        Err(Rejection::Unusable(self.endpoint))
    }

    /// When the server wants to be asked again.
    pub(super) fn retry_after(&self, now: UnixTime) -> RetryAfter {
        RetryAfter::from_field(self.response.headers.first(b"retry-after"), now)
    }

    /// Looks at the status alone.
    ///
    /// # Errors
    /// It says that the server is not there, is overloaded, or does not speak the protocol.
    pub(super) fn check_status(&self, environment: &mut Environment<'_>) -> Result<(), Rejection> {
        let (status, endpoint) = (self.status(), self.endpoint);
        let rejection = match status {
            _ if self.is_success() => return Ok(()),
            400..=428 | 430..=499 => return Ok(()),
            504 => Rejection::TimedOut(endpoint),
            429 | 500..=599 => Rejection::Unavailable(endpoint, self.retry_after(environment.now)),
            _ => Rejection::Unusable(endpoint),
        };
        environment.report.add(Note::UnusableStatus(endpoint, status));
        Err(rejection)
    }

    /// Reads a document, which only success brings.
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
            _ if self.is_success() => parse(self.body(environment)?.bytes()),
            status => Err(ResponseFault::Status(status)),
        };
        read.map_err(|fault| {
            environment.report.add(Note::UnusableResponse(self.endpoint, fault));
            Rejection::Unusable(self.endpoint)
        })
    }
}
