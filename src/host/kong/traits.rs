//! What Kong's host can do.

use crate::flow::step::HostTraits;

/// How many header lines the host lists without losing or overrunning one: it stops at 100,
/// pseudo-headers and those that nginx adds included (D9).
const HEADER_LINES_LISTED: usize = 90;

/// What Kong's host can do.
pub(in crate::host) const TRAITS: HostTraits = HostTraits {
    // D7.
    removes_headers: false,
    header_line_limit: Some(HEADER_LINES_LISTED),
    // Q7: the filter runs for the routes it is attached to.
    sees_every_path: false,
    // S4.
    joins_callouts: false,
    presents_client_certificates: false,
};
