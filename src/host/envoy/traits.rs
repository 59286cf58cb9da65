//! What Envoy can do.

use crate::flow::step::HostTraits;

/// What Envoy can do.
pub(in crate::host) const TRAITS: HostTraits = HostTraits {
    // E9.
    removes_headers: true,
    header_line_limit: None,
    sees_every_path: true,
    // E3.
    joins_callouts: true,
    presents_client_certificates: true,
};
