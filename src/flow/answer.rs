//! What the outcome of a callout means before its body is read: the rules that hold for every
//! endpoint of an authorization server.

use super::step::Environment;
use crate::http::{CalloutFailure, CalloutOutcome, CalloutResponse};
use crate::rejection::{Callee, Rejection, RetryAfter};
use crate::report::Level;
use crate::time::UnixTime;

/// The answer, if there is one and it came in time.
///
/// A gateway may let a slow answer run past its timeout (its timer can restart with each byte), so
/// the clock has the last word.
pub(super) fn whole<'a>(
    outcome: &'a CalloutOutcome,
    callee: Callee,
    due: UnixTime,
    environment: &mut Environment<'_>,
) -> Result<&'a CalloutResponse, Rejection> {
    let late = environment.now > due;
    let (rejection, what) = match outcome {
        CalloutOutcome::Answered(answer) if !late => return Ok(answer),
        CalloutOutcome::Failed(CalloutFailure::UnknownTarget) => {
            (Rejection::Unusable(callee), "is a target that the gateway does not know")
        }
        CalloutOutcome::Failed(CalloutFailure::NotSent) => {
            (Rejection::Unusable(callee), "could not be called: the gateway refused to send the request")
        }
        CalloutOutcome::Answered(_) | CalloutOutcome::Failed(CalloutFailure::TimedOut) => {
            (Rejection::TimedOut(callee), "did not answer in time")
        }
        CalloutOutcome::Failed(CalloutFailure::Unreachable | CalloutFailure::Broken) if late => {
            (Rejection::TimedOut(callee), "did not answer in time")
        }
        CalloutOutcome::Failed(CalloutFailure::Unreachable) => (
            Rejection::Unavailable(callee, RetryAfter::SOON),
            "cannot be reached (refused, not resolved, not trusted, or closed before it answered)",
        ),
        CalloutOutcome::Failed(CalloutFailure::Broken) => {
            (Rejection::Unusable(callee), "sent an answer that broke off or is not valid HTTP")
        }
        CalloutOutcome::Failed(CalloutFailure::TooLarge) => {
            (Rejection::Unusable(callee), "sent an answer that is larger than the filter reads")
        }
    };
    environment.report.add(Level::Warn, format!("the {} {what}", callee.as_str()));
    Err(rejection)
}

/// The answer, unless its status says that the server is not there, is overloaded, or does not
/// speak the protocol.
pub(super) fn usable_status(
    answer: &CalloutResponse,
    callee: Callee,
    environment: &mut Environment<'_>,
) -> Result<(), Rejection> {
    let retry_after = RetryAfter::from_field(answer.headers.first(b"retry-after"));
    let rejection = match answer.status {
        200 | 400..=428 | 430..=499 => return Ok(()),
        504 => Rejection::TimedOut(callee),
        429 | 500..=599 => Rejection::Unavailable(callee, retry_after),
        _ => Rejection::Unusable(callee),
    };
    environment.report.add(Level::Warn, format!("the {} answered {}", callee.as_str(), answer.status));
    Err(rejection)
}
