//! How Kong's host says that a callout failed (S2, D12).

use crate::host::call_end::CallEnd;
use crate::http::CalloutFailure;

/// Why there is no response, or `None` where there is one to read.
pub(in crate::host) fn call_failure(call: &CallEnd<'_>) -> Option<CalloutFailure> {
    let began = call.lines > 0 || call.has_status;
    match call.dispatch_status {
        Some(b"ok") | None if call.lines > 0 => None,
        Some(b"timeout") => Some(CalloutFailure::TimedOut),
        Some(b"reader failure") => Some(CalloutFailure::Broken),
        Some(b"ok" | b"broken connection") if began => Some(CalloutFailure::Broken),
        Some(_) => Some(CalloutFailure::Unreachable),
        None if call.past_timeout => Some(CalloutFailure::TimedOut),
        None if began => Some(CalloutFailure::Broken),
        None => Some(CalloutFailure::Unreachable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(lines: usize, dispatch_status: &'static str, has_status: bool) -> CallEnd<'static> {
        let dispatch_status = Some(dispatch_status.as_bytes());
        CallEnd { lines, dispatch_status, has_status, past_timeout: false }
    }

    #[test]
    fn each_way_a_callout_ends_is_known() {
        use CalloutFailure::{Broken, TimedOut, Unreachable};
        for (call, expected) in [
            (end(3, "ok", true), None),
            (end(0, "ok", true), Some(Broken)),
            (end(0, "ok", false), Some(Unreachable)),
            (end(0, "broken connection", false), Some(Unreachable)),
            (end(3, "broken connection", true), Some(Broken)),
            (end(0, "resolver failure", false), Some(Unreachable)),
            (end(0, "tls handshake failure", false), Some(Unreachable)),
            (end(0, "timeout", false), Some(TimedOut)),
            (end(3, "timeout", true), Some(TimedOut)),
            (end(0, "reader failure", false), Some(Broken)),
            (end(3, "reader failure", true), Some(Broken)),
            (end(0, "internal failure", false), Some(Unreachable)),
        ] {
            assert_eq!(call_failure(&call), expected, "{call:?}");
        }
    }
}
