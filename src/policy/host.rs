//! What a gateway can do, and what a policy asks of it. The keys are those of docs/hosts.md.

use super::Policy;
use crate::diagnostic::{Diagnostic, DiagnosticKind};

/// What a gateway can do. Says abilities, never a product's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTraits {
    /// A header can be taken off the upstream request. Where it cannot, it can be emptied, and
    /// only its first line.
    pub removes_headers: bool,
    /// More header lines than this, pseudo-headers included, are not all listed.
    pub header_line_limit: Option<usize>,
    /// The filter sees requests for any path of its origin, not only for those of a route.
    pub sees_every_path: bool,
    /// A request that waits can be woken by another's callout, so that one callout serves all that
    /// ask the same. Where it cannot, each makes its own.
    pub joins_callouts: bool,
    /// Callouts can present a client certificate that the operator configured in the gateway.
    pub presents_client_certificates: bool,
    /// A guard in the gateway holds each request back from the upstream until the filter lets it pass.
    pub has_guard: bool,
}

impl HostTraits {
    /// Envoy, alone or in Istio.
    pub const ENVOY: HostTraits = HostTraits {
        // E9.
        removes_headers: true,
        header_line_limit: None,
        sees_every_path: true,
        // E3.
        joins_callouts: true,
        presents_client_certificates: true,
        has_guard: false,
    };

    /// Kong's Wasm host.
    pub const KONG: HostTraits = HostTraits {
        // D7.
        removes_headers: false,
        // D9: it stops listing at 100, pseudo-headers and those that nginx adds included.
        header_line_limit: Some(90),
        // Q7: the filter runs for the routes it is attached to.
        sees_every_path: false,
        // S4.
        joins_callouts: false,
        presents_client_certificates: false,
        // Q10.
        has_guard: true,
    };

    /// What `policy` asks for and such a gateway cannot do. The filter and the linter ask here.
    pub fn unsupported(self, policy: &Policy) -> Vec<Diagnostic> {
        let unsupported = |pointer: &str, message: &str| {
            Diagnostic::error(DiagnosticKind::UnsupportedOnGateway, pointer, message)
        };
        let mut diagnostics = Vec::new();
        if !self.presents_client_certificates {
            let mut pointers: Vec<&str> = policy.client_certificate_pointers().collect();
            pointers.dedup();
            let message = "this gateway cannot present a client certificate to the authorization server; write \
                           client_secret_basic or client_secret_post";
            diagnostics.extend(pointers.into_iter().map(|pointer| unsupported(pointer, message)));
        }
        if policy.require_guard && !self.has_guard {
            let message = "only Kong has a guard; on Envoy and Istio leave this out";
            diagnostics.push(unsupported("/require_guard", message));
        }
        diagnostics
    }
}
