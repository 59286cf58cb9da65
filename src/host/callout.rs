//! Sending a callout, and reading how it ended.

use super::call_end::CallEnd;
use super::envoy;
use super::gateway::Gateway;
use super::note::HostNote;
use super::{log, outgoing, pairs, raw};
use crate::http::{Callout, CalloutFailure, CalloutOutcome, CalloutResponse, Headers};
use crate::time::UnixTime;
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status as SdkStatus;
use std::time::Duration;

/// A longer response is not read, in bytes: no endpoint has that much to say.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// How much too early a timer may fire: event loops measure from when they woke up.
const EARLY: Duration = Duration::from_millis(50);

/// A callout under way.
pub(super) struct InFlight {
    /// The gateway's number for it.
    pub(super) token: u32,
    /// Whether it is a POST.
    pub(super) is_post: bool,
    gateway: Gateway,
    times_out: UnixTime,
}

/// Hands a callout to the gateway. Only in a request's header, body or callout callbacks: elsewhere
/// a host traps (D4). Or in the root's, where the gateway joins callouts (D6, E5).
///
/// # Errors
/// Why nothing was sent.
pub(super) fn dispatch(
    gateway: Gateway,
    callout: &Callout,
    now: UnixTime,
) -> Result<InFlight, CalloutFailure> {
    if !outgoing::is_callout(callout) {
        log::note(&HostNote::MalformedCallout { target: callout.endpoint.authority() });
        return Err(CalloutFailure::NotSent);
    }
    let authority = callout.endpoint.host_field();
    let mut headers = vec![
        (":method", callout.method),
        (":path", &callout.endpoint.path_and_query),
        (":authority", &authority),
        (":scheme", callout.endpoint.scheme.as_str()),
    ];
    headers.extend(callout.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let body = Some(callout.body.expose().as_bytes()).filter(|body| !body.is_empty());
    // Zero would mean no timeout at all (E1), and the SDK drops the bits above 32.
    let timeout = callout.timeout.clamp(Duration::from_millis(1), Duration::from_hours(1));
    hostcalls::dispatch_http_call(&gateway.target(callout), headers, body, Vec::new(), timeout)
        .map(|token| InFlight {
            token,
            is_post: callout.method == "POST",
            gateway,
            times_out: now.saturating_add(timeout.saturating_sub(EARLY)),
        })
        .map_err(|status| refused(gateway, callout, status))
}

fn refused(gateway: Gateway, callout: &Callout, status: SdkStatus) -> CalloutFailure {
    let target = callout.endpoint.authority();
    let explained = match gateway {
        Gateway::Envoy => envoy::refusal::explain(gateway.target(callout), &target, status),
        Gateway::Kong => None,
    };
    let (note, failure) = explained.unwrap_or_else(|| {
        let status = format!("{status:?}");
        (HostNote::CalloutRefused { target, status }, CalloutFailure::NotSent)
    });
    log::note(&note);
    failure
}

/// Reads how a callout ended. Only in its callback, with the context effective that it is of.
pub(super) fn outcome(call: &InFlight, lines: usize, body_size: usize) -> CalloutOutcome {
    response(call, lines, body_size).map_or_else(CalloutOutcome::Failed, CalloutOutcome::Answered)
}

fn response(call: &InFlight, lines: usize, body_size: usize) -> Result<CalloutResponse, CalloutFailure> {
    let now = raw::now().map_err(|_| CalloutFailure::Broken)?;
    if !call.gateway.lists(lines) {
        return Err(CalloutFailure::TooLarge);
    }
    // A host that lists nothing because nothing came is judged by the rest of what it says (S2).
    let pairs = raw::header_pairs(raw::Map::CallResponse).unwrap_or_default();
    let (pseudo, headers) = pairs::split(pairs);
    let status = pseudo.get(b":status");
    let end = CallEnd {
        lines,
        dispatch_status: pseudo.get(b":dispatch_status"),
        has_status: status.is_some(),
        past_timeout: call.times_out <= now,
    };
    if let Some(failure) = call.gateway.call_failure(&end) {
        return Err(failure);
    }
    let status = status.and_then(status_code).ok_or(CalloutFailure::Broken)?;
    let body = body(body_size)?;
    if !is_whole(&headers, body.len()) {
        return Err(CalloutFailure::Broken);
    }
    Ok(CalloutResponse { status, headers, body })
}

/// Whether every Content-Length is that of the body: one host takes a response with two, and reads
/// as much as one of them says (D12).
fn is_whole(headers: &Headers, body_size: usize) -> bool {
    let size = body_size.to_string();
    headers.all(b"content-length").all(|length| length == size.as_bytes())
}

/// A status code (RFC 9110 section 15): three digits.
fn status_code(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 3)?;
    text.parse().ok().filter(|code| (100..=599).contains(code))
}

/// The whole body, or why it is not to be had. A host may announce more than it can give (D12).
fn body(size: usize) -> Result<Vec<u8>, CalloutFailure> {
    if size == 0 {
        return Ok(Vec::new());
    }
    if size > MAX_RESPONSE_BYTES {
        return Err(CalloutFailure::TooLarge);
    }
    raw::call_response_body(size).ok().filter(|body| body.len() == size).ok_or(CalloutFailure::Broken)
}
