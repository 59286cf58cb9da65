//! The two kinds of gateway, and everything in which they differ.
//!
//! Other modules ask what to do, not who is there: a difference that is not a method here does not
//! exist.

#[cfg(target_arch = "wasm32")]
use super::raw::{self, Status};
use crate::flow::step::HostTraits;
use crate::http::{Callout, CalloutFailure};

/// A kind of gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Kong, whose Wasm host lives in nginx.
    Kong,
    /// Envoy, alone or in Istio.
    Envoy,
}

/// How many header lines Kong's host lists without losing or overrunning one: it stops at 100,
/// pseudo-headers and those that nginx adds included.
const LINES_KONG_LISTS: usize = 90;

impl Kind {
    /// Which one this is. Only in callbacks of a request.
    ///
    /// Kong's rules hold wherever its upstream variable can be read; what can neither be read nor
    /// be ruled out counts as Kong, where a request passes only through the gate.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn detect() -> Kind {
        let absent = |path: &[&str]| raw::property(path) == Err(Status::NOT_FOUND);
        if absent(super::kong::gate::UPSTREAM_SCHEME) && absent(&["kong", "version"]) {
            Kind::Envoy
        } else {
            Kind::Kong
        }
    }

    /// What it can do.
    pub(super) fn traits(self) -> HostTraits {
        match self {
            Kind::Kong => HostTraits {
                removes_headers: false,
                header_line_limit: Some(LINES_KONG_LISTS),
                sees_every_path: false,
                joins_callouts: false,
                presents_client_certificates: false,
            },
            Kind::Envoy => HostTraits {
                removes_headers: true,
                header_line_limit: None,
                sees_every_path: true,
                joins_callouts: true,
                presents_client_certificates: true,
            },
        }
    }

    /// Whether a map of this many lines can be listed. Beyond its limit Kong's host computes the
    /// size of a list from other lines than it writes.
    pub(super) fn lists(self, lines: usize) -> bool {
        self.traits().header_line_limit.is_none_or(|limit| lines <= limit)
    }

    /// Whether requests pass through a gate that is shut until they are let through.
    pub(super) fn has_gate(self) -> bool {
        self == Kind::Kong
    }

    /// Whether a reply may carry a body: on Kong's host one that follows a POST callout without an
    /// answer's body would be lost, status and all.
    pub(super) fn takes_reply_body(self, post_without_answer: bool) -> bool {
        !(self == Kind::Kong && post_without_answer)
    }

    /// What the gateway calls the callout's target.
    pub(super) fn target(self, callout: &Callout) -> String {
        match (self, &callout.endpoint.cluster) {
            (Kind::Envoy, Some(cluster)) => cluster.clone(),
            _ => callout.endpoint.authority(),
        }
    }

    /// Why a callout's answer is none, or `None` where it can be read.
    pub(super) fn call_failure(self, call: &CallEnd<'_>) -> Option<CalloutFailure> {
        match self {
            Kind::Kong => kong_call_failure(call),
            // Envoy writes answers of its own for what fails before an answer begins; no header
            // at all is what it brings when one broke off.
            Kind::Envoy if call.lines > 0 => None,
            Kind::Envoy if call.past_timeout => Some(CalloutFailure::TimedOut),
            Kind::Envoy => Some(CalloutFailure::Broken),
        }
    }
}

/// What a callout's callback says before its body is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallEnd<'a> {
    /// How many header lines came.
    pub(super) lines: usize,
    /// `:dispatch_status`: how Kong's host says the call went; older ones leave it out and have no
    /// callback for a call that failed.
    pub(super) dispatch_status: Option<&'a [u8]>,
    /// Whether a status line came.
    pub(super) has_status: bool,
    /// Whether the callout's timeout has passed by the clock.
    pub(super) past_timeout: bool,
}

fn kong_call_failure(call: &CallEnd<'_>) -> Option<CalloutFailure> {
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

/// Where the gateway keeps shared data.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "asked for by the store alone"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SharedZone {
    /// As much as there is memory.
    Unbounded,
    /// A zone of this many bytes that drops old entries for new ones.
    Bytes(usize),
    /// None is declared.
    Absent,
    /// One that drops nothing: a write to it when it is full cannot be survived.
    NeverEvicts,
    /// A declaration that cannot be understood.
    Unknown,
}

/// No entry is longer, whatever the zone holds.
const MAX_ENTRY_BYTES: usize = 65_536;
/// A zone has room for this many of its longest entries, so that no single one empties it.
const ENTRIES_IN_A_ZONE: usize = 16;
/// In a smaller zone little is left beside its own bookkeeping.
const MIN_ZONE_BYTES: usize = 65_536;

impl SharedZone {
    /// Reads Kong's declaration of a zone: a size with an optional unit, then options. Before Kong 3.7
    /// the zone's name, `*`, stands first.
    pub(super) fn of_declaration(text: Option<&[u8]>) -> SharedZone {
        let Some(text) = text else { return SharedZone::Absent };
        let Ok(text) = std::str::from_utf8(text) else { return SharedZone::Unknown };
        let mut words = text.split_ascii_whitespace().skip_while(|word| *word == "*");
        let size = words.next().unwrap_or_default();
        if words.any(|option| option == "eviction=none") {
            return SharedZone::NeverEvicts;
        }
        let (digits, unit) = match size.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1024),
            None => match size.strip_suffix(['m', 'M']) {
                Some(digits) => (digits, 1024 * 1024),
                None => (size, 1),
            },
        };
        match digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit)) {
            Some(bytes) => SharedZone::Bytes(bytes),
            None => SharedZone::Unknown,
        }
    }

    /// The longest entry to write; 0 where the zone must be left alone.
    pub(super) fn longest_entry(self) -> usize {
        match self {
            SharedZone::Unbounded => MAX_ENTRY_BYTES,
            SharedZone::Bytes(bytes) if bytes >= MIN_ZONE_BYTES => {
                (bytes / ENTRIES_IN_A_ZONE).min(MAX_ENTRY_BYTES)
            }
            SharedZone::Bytes(_) | SharedZone::Absent | SharedZone::NeverEvicts | SharedZone::Unknown => 0,
        }
    }

    /// Why the zone is left alone, and what to write; `None` where it is used.
    pub(super) fn unusable(self) -> Option<&'static str> {
        match self {
            SharedZone::Absent => Some("there is no shared zone; set nginx_wasm_shm_kv, for example to 12m"),
            SharedZone::NeverEvicts => Some(
                "nginx_wasm_shm_kv has eviction=none, which fails requests when the zone is full; take it out",
            ),
            SharedZone::Unknown => {
                Some("nginx_wasm_shm_kv cannot be understood; write a size, for example 12m")
            }
            SharedZone::Bytes(_) if self.longest_entry() == 0 => {
                Some("nginx_wasm_shm_kv is too small; set it to 64k or more, for example to 12m")
            }
            SharedZone::Bytes(_) | SharedZone::Unbounded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Endpoint;
    use crate::secret::Secret;
    use std::time::Duration;

    fn end(lines: usize, dispatch_status: &'static str, has_status: bool) -> CallEnd<'static> {
        let dispatch_status = Some(dispatch_status.as_bytes());
        CallEnd { lines, dispatch_status, has_status, past_timeout: false }
    }

    #[test]
    fn kong_tells_how_a_callout_ended() {
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
            assert_eq!(Kind::Kong.call_failure(&call), expected, "{call:?}");
        }
    }

    #[test]
    fn envoy_tells_a_timeout_from_a_break_by_the_clock_only() {
        let broke = CallEnd { lines: 0, dispatch_status: None, has_status: false, past_timeout: false };
        let late = CallEnd { past_timeout: true, ..broke };
        let answered = CallEnd { lines: 3, has_status: true, ..late };
        assert_eq!(Kind::Envoy.call_failure(&broke), Some(CalloutFailure::Broken));
        assert_eq!(Kind::Envoy.call_failure(&late), Some(CalloutFailure::TimedOut));
        assert_eq!(Kind::Envoy.call_failure(&answered), None);
    }

    #[test]
    fn only_kong_has_a_gate_and_loses_bodies_of_replies() {
        assert!(Kind::Kong.has_gate() && !Kind::Envoy.has_gate());
        assert!(!Kind::Kong.takes_reply_body(true) && Kind::Kong.takes_reply_body(false));
        assert!(Kind::Envoy.takes_reply_body(true));
    }

    #[test]
    fn only_envoy_calls_a_target_by_the_operators_name_for_it() {
        let mut callout = Callout {
            endpoint: Endpoint::parse("https://idp.example.com/token").unwrap(),
            method: "GET",
            headers: Vec::new(),
            body: Secret::new(""),
            timeout: Duration::from_secs(1),
            flight: None,
        };
        assert_eq!(Kind::Envoy.target(&callout), "idp.example.com:443");
        callout.endpoint.cluster = Some("outbound|443||idp.example.com".to_owned());
        assert_eq!(Kind::Envoy.target(&callout), "outbound|443||idp.example.com");
        assert_eq!(Kind::Kong.target(&callout), "idp.example.com:443");
    }

    #[test]
    fn kong_is_not_asked_for_lists_it_would_cut() {
        assert!(Kind::Kong.lists(90) && !Kind::Kong.lists(91) && Kind::Envoy.lists(1000));
    }

    #[test]
    fn a_zone_is_used_only_where_it_is_declared_and_evicts() {
        use SharedZone::{Absent, Bytes, NeverEvicts, Unknown};
        for (declared, zone, longest) in [
            (None, Absent, 0),
            (Some("12m"), Bytes(12 * 1024 * 1024), 65_536),
            (Some("* 12m"), Bytes(12 * 1024 * 1024), 65_536),
            (Some("1M"), Bytes(1024 * 1024), 65_536),
            (Some("128k"), Bytes(128 * 1024), 8192),
            (Some("65536"), Bytes(65_536), 4096),
            (Some("16k"), Bytes(16 * 1024), 0),
            (Some("12m eviction=lru"), Bytes(12 * 1024 * 1024), 65_536),
            (Some("12m  eviction=none"), NeverEvicts, 0),
            (Some("lots"), Unknown, 0),
            (Some(""), Unknown, 0),
            (Some("99999999999999999999m"), Unknown, 0),
        ] {
            let read = SharedZone::of_declaration(declared.map(str::as_bytes));
            assert_eq!((read, read.longest_entry()), (zone, longest), "{declared:?}");
            assert_eq!(read.unusable().is_some(), longest == 0, "{declared:?}");
        }
    }
}
