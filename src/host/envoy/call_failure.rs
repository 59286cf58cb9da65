//! How Envoy says that a callout failed (E1).

use crate::host::call_end::CallEnd;
use crate::http::CalloutFailure;

/// Why there is no response, or `None` where there is one to read.
///
/// Envoy writes responses of its own for what fails before a response begins; one that broke off
/// has no header at all.
pub(in crate::host) fn call_failure(call: &CallEnd<'_>) -> Option<CalloutFailure> {
    if call.lines > 0 {
        None
    } else if call.past_timeout {
        Some(CalloutFailure::TimedOut)
    } else {
        Some(CalloutFailure::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_told_from_a_break_by_the_clock_only() {
        let broke = CallEnd { lines: 0, dispatch_status: None, has_status: false, past_timeout: false };
        let late = CallEnd { past_timeout: true, ..broke };
        let answered = CallEnd { lines: 3, has_status: true, ..late };
        assert_eq!(call_failure(&broke), Some(CalloutFailure::Broken));
        assert_eq!(call_failure(&late), Some(CalloutFailure::TimedOut));
        assert_eq!(call_failure(&answered), None);
    }
}
