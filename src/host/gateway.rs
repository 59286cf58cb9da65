//! The two gateways, and everything in which they differ.
//!
//! Other modules ask what to do, not who is there. What one of the gateways has alone lies in
//! [`super::kong`] and [`super::envoy`].

use super::call_end::CallEnd;
use super::{envoy, kong};
use crate::http::{Callout, CalloutFailure};
use crate::policy::host::HostTraits;

/// A gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gateway {
    /// Kong, whose Wasm host lives in nginx.
    Kong,
    /// Envoy, alone or in Istio.
    Envoy,
}

impl Gateway {
    /// What it can do.
    pub(super) fn traits(self) -> HostTraits {
        match self {
            Gateway::Kong => HostTraits::KONG,
            Gateway::Envoy => HostTraits::ENVOY,
        }
    }

    /// Whether a map of this many lines can be listed. Beyond its limit Kong's host computes the
    /// size of a list from other lines than it writes (D9).
    pub(super) fn lists(self, lines: usize) -> bool {
        self.traits().header_line_limit.is_none_or(|limit| lines <= limit)
    }

    /// Whether requests pass through a gate that is shut until they are let through (M2).
    pub(super) fn has_gate(self) -> bool {
        self == Gateway::Kong
    }

    /// Whether the body of a request comes to the filter while the request is paused, and stays there to
    /// be read (E2). On Kong's host it comes once, after a callback of the header that does not pause, and
    /// is read in its own callback only (Q3): there the gate alone holds a request back meanwhile.
    pub(super) fn brings_body_while_paused(self) -> bool {
        self == Gateway::Envoy
    }

    /// Whether a reply may carry a body: on Kong's host one that follows a POST callout without a
    /// response body would be lost, status and all (T1).
    pub(super) fn takes_reply_body(self, post_without_body: bool) -> bool {
        !(self == Gateway::Kong && post_without_body)
    }

    /// What the gateway calls the callout's target: Envoy a cluster (E1), Kong an authority (S1).
    pub(super) fn target(self, callout: &Callout) -> String {
        match (self, &callout.endpoint.cluster) {
            (Gateway::Envoy, Some(cluster)) => cluster.clone(),
            _ => callout.endpoint.authority(),
        }
    }

    /// Why a callout has no response, or `None` where there is one to read.
    pub(super) fn call_failure(self, call: &CallEnd<'_>) -> Option<CalloutFailure> {
        match self {
            Gateway::Kong => kong::call_failure::call_failure(call),
            Gateway::Envoy => envoy::call_failure::call_failure(call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Endpoint;
    use crate::secret::Secret;
    use std::time::Duration;

    #[test]
    fn only_kong_has_a_gate_and_loses_bodies_of_replies() {
        assert!(Gateway::Kong.has_gate() && !Gateway::Envoy.has_gate());
        assert!(!Gateway::Kong.takes_reply_body(true) && Gateway::Kong.takes_reply_body(false));
        assert!(Gateway::Envoy.takes_reply_body(true));
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
        assert_eq!(Gateway::Envoy.target(&callout), "idp.example.com:443");
        callout.endpoint.cluster = Some("outbound|443||idp.example.com".to_owned());
        assert_eq!(Gateway::Envoy.target(&callout), "outbound|443||idp.example.com");
        assert_eq!(Gateway::Kong.target(&callout), "idp.example.com:443");
    }

    #[test]
    fn kong_is_not_asked_for_lists_it_would_cut() {
        assert!(Gateway::Kong.lists(90) && !Gateway::Kong.lists(91) && Gateway::Envoy.lists(1000));
    }
}
