//! Which gateway this is.

use super::gateway::Gateway;
use super::kong::gate;
use super::raw;
use super::status::Status;

/// Which gateway this is. Only in callbacks of a request (Q2).
///
/// Kong's rules hold wherever its upstream variable can be read; what can neither be read nor be
/// ruled out counts as Kong, where a request passes only through the gate.
pub(super) fn gateway() -> Gateway {
    let absent = |path: &[&str]| raw::property(path) == Err(Status::NOT_FOUND);
    if absent(gate::UPSTREAM_SCHEME) && absent(&["kong", "version"]) { Gateway::Envoy } else { Gateway::Kong }
}
