//! Why Envoy does not send a callout (E1).

use crate::host::note::HostNote;
use crate::http::CalloutFailure;
use proxy_wasm::types::Status;

/// What a status of `dispatch_http_call` means, where Envoy gives it a meaning of its own.
pub(in crate::host) fn explain(
    cluster: String,
    target: &str,
    status: Status,
) -> Option<(HostNote, CalloutFailure)> {
    match status {
        Status::BadArgument => Some((
            HostNote::UnknownCluster { cluster, target: target.to_owned() },
            CalloutFailure::UnknownTarget,
        )),
        Status::InternalFailure => {
            Some((HostNote::NoEndpoint { target: target.to_owned() }, CalloutFailure::Unreachable))
        }
        _ => None,
    }
}
