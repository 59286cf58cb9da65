//! What the shell itself logs, as data: one match says how urgent each note is, another its text.

use super::status::Status;
use crate::report::Level;
use crate::report::text::Quoted;
use std::fmt;

/// A line of the shell's own. What comes from outside is escaped when the line is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HostNote {
    /// The filter panicked. Only the place is named: the text of a panic may hold what it was about.
    Panic { place: String },
    /// The gateway called the filter while a call of the core was under way.
    ReentrantCall,

    /// The gateway does not hand over the configuration that it announced.
    ConfigurationNotReceived,
    /// The configuration works, and has something the operator should look at.
    ConfigurationWarning(String),
    /// The configuration has a mistake.
    ConfigurationMistake(String),
    /// Follows the mistakes of a configuration.
    ConfigurationNotLoaded,
    /// The configuration asks for what this gateway has not.
    NotSupported(String),
    /// The gateway's shared data is not used; `required` is whether the configuration asks for it.
    SharedCacheDisabled { fault: ZoneFault, required: bool },
    /// kong.conf: the shared zone is smaller than `cache.shared_slots` entries ask for.
    SharedZoneSmall { slots: u32, needed: String },

    /// kong.conf: `nginx_wasm_tls_verify_cert` is off.
    CertificatesNotVerified,
    /// kong.conf: `nginx_wasm_tls_verify_host` is off.
    CertificateNamesNotVerified,
    /// kong.conf: there is no `lua_ssl_trusted_certificate`.
    NoTrustedCertificates,
    /// kong.conf: `proxy_wasm_lua_resolver` is off.
    NotKongsResolver,
    /// kong.conf: `proxy_wasm_isolation` is on.
    InstancePerRequest,
    /// kong.conf: `wasm_socket_buffer_size` is not set.
    SmallSocketBuffer,

    /// A callout that a gateway could trap on, or would send as something else.
    MalformedCallout { target: String },
    /// Envoy has no cluster of this name.
    UnknownCluster { cluster: String, target: String },
    /// Envoy's cluster has no endpoint.
    NoEndpoint { target: String },
    /// The gateway refuses to send a callout.
    CalloutRefused { target: String, status: String },
    /// The core asks for one callout after another.
    CalloutLimitExceeded,
    /// The gateway brings the response to a callout that the request does not wait for.
    UnmatchedResponse,
    /// A request cannot be made effective in its own callback.
    RequestVanished(Status),
    /// The gateway does not start or stop a timer.
    TimerRefused(Status),

    /// The gateway's clock cannot be read.
    ClockUnreadable(Status),
    /// The list of the request's header fields cannot be read.
    RequestHeaderUnreadable(Status),
    /// A header field of the request cannot be edited.
    HeaderNotEdited { name: Vec<u8>, why: EditFailure },
    /// The trailers of the request cannot be read or edited.
    TrailersNotEdited(Status),
    /// The gateway does not let a request go on that was forwarded.
    RequestNotContinued(Status),
    /// A callback would have ended without a decision.
    Undecided,
    /// A request with a body was taken for one without.
    UnannouncedBody,
    /// A request ended, and nothing of the body that was waited for had come.
    BodyNotDelivered,
    /// A reply that a gateway could trap on, or would send as something else.
    MalformedReply,
    /// The gateway does not send a reply.
    ReplyRefused(Status),

    /// Kong's gate cannot be shut.
    GateNotShut(Status),
    /// Kong's gate cannot be opened.
    GateNotOpened(Status),
    /// The configuration requires Kong's guard, and no guard held the request back.
    NoGuard,
    /// What Kong's guard stands before is not what Kong proxies to.
    GuardMalformed,
    /// Kong has answered a request before the filter, and behind the guard.
    HeldByGuard,
    /// Kong called the upstream before the filter.
    UpstreamCalledFirst,
    /// The response that is to be replaced cannot be listed.
    ResponseHeaderUnreadable,
    /// A part of a response was not replaced.
    ResponseNotReplaced { part: ResponsePart, status: Status },
}

/// Why a header field of the request was not edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditFailure {
    /// It is no header field.
    Malformed,
    /// The gateway refused.
    Refused(Status),
}

/// Why Kong's shared zone is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneFault {
    /// None is declared.
    Absent,
    /// It drops nothing: the host traps on a write to it when it is full.
    NeverEvicts,
    /// The declaration cannot be understood.
    Unreadable,
    /// Little is left in it beside its own bookkeeping.
    TooSmall,
}

/// A part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponsePart {
    /// The status.
    Status,
    /// A header field, or all of them.
    Header,
    /// The body.
    Body,
}

impl HostNote {
    /// How urgent it is.
    pub(super) fn level(&self) -> Level {
        match self {
            HostNote::Panic { .. }
            | HostNote::ReentrantCall
            | HostNote::UpstreamCalledFirst
            | HostNote::ResponseHeaderUnreadable
            | HostNote::ResponseNotReplaced { .. } => Level::Critical,
            HostNote::ConfigurationNotReceived
            | HostNote::ConfigurationMistake(_)
            | HostNote::ConfigurationNotLoaded
            | HostNote::NotSupported(_)
            | HostNote::SharedCacheDisabled { required: true, .. }
            | HostNote::CertificatesNotVerified
            | HostNote::CertificateNamesNotVerified
            | HostNote::MalformedCallout { .. }
            | HostNote::UnknownCluster { .. }
            | HostNote::NoEndpoint { .. }
            | HostNote::CalloutRefused { .. }
            | HostNote::CalloutLimitExceeded
            | HostNote::UnmatchedResponse
            | HostNote::RequestVanished(_)
            | HostNote::ClockUnreadable(_)
            | HostNote::RequestHeaderUnreadable(_)
            | HostNote::HeaderNotEdited { .. }
            | HostNote::TrailersNotEdited(_)
            | HostNote::RequestNotContinued(_)
            | HostNote::Undecided
            | HostNote::UnannouncedBody
            | HostNote::MalformedReply
            | HostNote::ReplyRefused(_)
            | HostNote::GateNotShut(_)
            | HostNote::GateNotOpened(_)
            | HostNote::NoGuard
            | HostNote::GuardMalformed => Level::Error,
            HostNote::ConfigurationWarning(_)
            | HostNote::SharedCacheDisabled { required: false, .. }
            | HostNote::SharedZoneSmall { .. }
            | HostNote::NoTrustedCertificates
            | HostNote::NotKongsResolver
            | HostNote::InstancePerRequest
            | HostNote::SmallSocketBuffer
            | HostNote::BodyNotDelivered
            | HostNote::TimerRefused(_)
            | HostNote::HeldByGuard => Level::Warn,
        }
    }
}

impl fmt::Display for HostNote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostNote::Panic { place } => write!(out, "panic at {place}"),
            HostNote::ReentrantCall => out.write_str("re-entrant call"),
            HostNote::ConfigurationNotReceived => out.write_str(
                "the gateway does not hand over the configuration: every request is answered with 500",
            ),
            HostNote::ConfigurationWarning(warning) => write!(out, "configuration: {warning}"),
            HostNote::ConfigurationMistake(mistake) => write!(out, "configuration: {mistake}"),
            HostNote::ConfigurationNotLoaded => {
                out.write_str("the configuration did not load: every request is answered with 500")
            }
            HostNote::NotSupported(what) => write!(out, "not supported on this gateway: {what}"),
            HostNote::SharedCacheDisabled { fault, .. } => {
                write!(out, "shared cache disabled: {}", zone_fault(*fault))
            }
            HostNote::SharedZoneSmall { slots, needed } => write!(
                out,
                "kong.conf: the shared zone is small for {slots} entries (cache.shared_slots); \
                 set nginx_wasm_shm_kv = {needed}",
            ),
            HostNote::CertificatesNotVerified => out.write_str(
                "kong.conf: certificates of callouts are not verified; set nginx_wasm_tls_verify_cert = on",
            ),
            HostNote::CertificateNamesNotVerified => out.write_str(
                "kong.conf: names in certificates of callouts are not verified; \
                 set nginx_wasm_tls_verify_host = on",
            ),
            HostNote::NoTrustedCertificates => out.write_str(
                "kong.conf: no authority for certificates is trusted; \
                 set lua_ssl_trusted_certificate = system",
            ),
            HostNote::NotKongsResolver => out.write_str(
                "kong.conf: callouts are not resolved by Kong's resolver but at 8.8.8.8; \
                 set nginx_http_proxy_wasm_lua_resolver = on",
            ),
            HostNote::InstancePerRequest => out.write_str(
                "kong.conf: each request makes an instance that caches nothing; \
                 set nginx_http_proxy_wasm_isolation = none",
            ),
            HostNote::SmallSocketBuffer => out.write_str(
                "kong.conf: responses to callouts are read 1 kB at a time; \
                 set nginx_http_wasm_socket_buffer_size = 16k",
            ),
            HostNote::MalformedCallout { target } => {
                write!(out, "refusing a malformed callout to {}", Quoted(target))
            }
            HostNote::UnknownCluster { cluster, target } => write!(
                out,
                "there is no cluster {}; define it, or name the one that reaches {target} in the \
                 configuration: \"callout_targets\": {{{target}: \"<cluster>\"}}",
                Quoted(cluster),
                target = Quoted(target),
            ),
            HostNote::NoEndpoint { target } => {
                write!(out, "the cluster for {} has no endpoint to call", Quoted(target))
            }
            HostNote::CalloutRefused { target, status } => {
                write!(out, "the gateway does not send a callout to {}: {status}", Quoted(target))
            }
            HostNote::CalloutLimitExceeded => out.write_str("callout limit exceeded"),
            HostNote::UnmatchedResponse => out.write_str("response does not match the pending callout"),
            HostNote::RequestVanished(status) => {
                write!(out, "request context vanished during its own callback: {status}")
            }
            HostNote::TimerRefused(status) => write!(out, "the gateway does not set a timer: {status}"),
            HostNote::ClockUnreadable(status) => {
                write!(out, "the gateway's clock cannot be read: {status}")
            }
            HostNote::RequestHeaderUnreadable(status) => {
                write!(out, "the request's header cannot be read: {status}")
            }
            HostNote::HeaderNotEdited { name, why } => {
                let name = String::from_utf8_lossy(name);
                write!(out, "header {} cannot be edited: ", Quoted(&name))?;
                match why {
                    EditFailure::Malformed => out.write_str("it is not a header field"),
                    EditFailure::Refused(status) => write!(out, "{status}"),
                }
            }
            HostNote::TrailersNotEdited(status) => {
                write!(out, "the request's trailers cannot be read or edited: {status}")
            }
            HostNote::RequestNotContinued(status) => {
                write!(out, "the gateway does not let a request go on: {status}")
            }
            HostNote::Undecided => out.write_str("a request was not decided"),
            HostNote::UnannouncedBody => out.write_str("a request brings a body that it did not announce"),
            HostNote::BodyNotDelivered => out.write_str(
                "a request ended before any of its body came; Envoy brings a body to the filter only with \
                 allow_on_headers_stop_iteration: true",
            ),
            HostNote::MalformedReply => out.write_str("refusing to send a malformed reply"),
            HostNote::ReplyRefused(status) => write!(out, "the gateway does not send a reply: {status}"),
            HostNote::GateNotShut(status) => {
                write!(out, "the upstream's scheme cannot be replaced: {status}")
            }
            HostNote::GateNotOpened(status) => write!(out, "the gate does not open: {status}"),
            HostNote::NoGuard => out.write_str(
                "require_guard is true, and no guard held this request back: add the post-function plugin that sets \
                 token-exchange-guarded- to the service or route that has this filter",
            ),
            HostNote::GuardMalformed => out.write_str(
                "token-exchange-guarded- stands before something that Kong does not proxy to: the guard is to run \
                 once for a request, after all that changes the upstream's scheme or path",
            ),
            HostNote::HeldByGuard => out.write_str(
                "Kong answered a request before this filter ran, and the guard kept it from the upstream. If the line \
                 before begins with invalid URL prefix or invalid port in upstream, a plugin on this route turns on \
                 buffered proxying: take that plugin off the route.",
            ),
            HostNote::UpstreamCalledFirst => out.write_str(
                "the upstream was called before this filter ran, because a plugin on this route turns on \
                 buffered proxying; its response is replaced by 500. Take that plugin off the route, and add the guard.",
            ),
            HostNote::ResponseHeaderUnreadable => out.write_str("the response's header cannot be read"),
            HostNote::ResponseNotReplaced { part, status } => {
                let part = match part {
                    ResponsePart::Status => "status",
                    ResponsePart::Header => "header",
                    ResponsePart::Body => "body",
                };
                write!(out, "the response's {part} is not replaced: {status}")
            }
        }
    }
}

/// Why Kong's shared zone is not used, and what to write.
fn zone_fault(fault: ZoneFault) -> &'static str {
    match fault {
        ZoneFault::Absent => "there is no shared zone; set nginx_wasm_shm_kv, for example to 24m",
        ZoneFault::NeverEvicts => {
            "nginx_wasm_shm_kv has eviction=none, which fails requests when the zone is full; take it out"
        }
        ZoneFault::Unreadable => "nginx_wasm_shm_kv cannot be understood; write a size, for example 24m",
        ZoneFault::TooSmall => "nginx_wasm_shm_kv is too small; set it to 128k or more, for example to 24m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_forge_a_line() {
        let target = "a\r\n[error] b".to_owned();
        for note in [
            HostNote::MalformedCallout { target: target.clone() },
            HostNote::UnknownCluster { cluster: target.clone(), target: target.clone() },
            HostNote::NoEndpoint { target: target.clone() },
            HostNote::CalloutRefused { target: target.clone(), status: "NotFound".to_owned() },
            HostNote::HeaderNotEdited { name: target.into_bytes(), why: EditFailure::Malformed },
        ] {
            let line = note.to_string();
            assert!(line.contains("a\\r\\n[error] b") && !line.contains(['\r', '\n']), "{line}");
        }
    }

    #[test]
    fn a_shared_cache_that_is_asked_for_and_missing_is_an_error() {
        let note = |required| HostNote::SharedCacheDisabled { fault: ZoneFault::Absent, required };
        assert_eq!((note(true).level(), note(false).level()), (Level::Error, Level::Warn));
        assert!(note(true).to_string().starts_with("shared cache disabled: there is no shared zone"));
    }

    #[test]
    fn an_unknown_cluster_is_named_with_the_line_that_mends_it() {
        let note = HostNote::UnknownCluster { cluster: "idp:443".into(), target: "idp:443".into() };
        assert!(note.to_string().ends_with(r#""callout_targets": {"idp:443": "<cluster>"}"#), "{note}");
    }
}
