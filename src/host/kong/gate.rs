//! Kong's gate (M2). Its host lets a request go upstream whenever a callback ends without a word
//! (D1), and also when the filter traps in one (D2, D3). So each request is shut out first, by a scheme that nginx
//! cannot proxy to, and let in only when the core says Forward.
//!
//! A shut gate is not an answer: a client that sent a body would wait for ever (Q3). Every path
//! still ends in a reply.

use crate::host::raw;
use crate::host::status::Status;

/// The nginx variable that stands before `://` in Kong's `proxy_pass`.
pub(in crate::host) const UPSTREAM_SCHEME: &[&str] = &["ngx", "upstream_scheme"];

const SHUT: &[u8] = b"token-exchange-undecided";

/// A gate that was shut, and what opens it: the scheme that was there (Q5).
pub(in crate::host) struct Gate {
    scheme: Vec<u8>,
}

/// How shutting the gate went.
pub(in crate::host) enum Shutting {
    /// It is shut.
    Done(Gate),
    /// It was shut by another instance of this filter on the same request, and is not open: that
    /// one has answered, or waits for the body (M4, Q7).
    ShutElsewhere,
    /// The request cannot be shut out.
    Failed(Status),
}

impl Gate {
    /// Shuts the gate. Only in callbacks of a request.
    pub(in crate::host) fn shut() -> Shutting {
        match raw::property(UPSTREAM_SCHEME) {
            Ok(scheme) if scheme == SHUT => Shutting::ShutElsewhere,
            Ok(scheme) if scheme.is_empty() => Shutting::Failed(Status::NOT_FOUND),
            Ok(scheme) => match raw::set_property(UPSTREAM_SCHEME, SHUT) {
                Ok(()) => Shutting::Done(Gate { scheme }),
                Err(status) => Shutting::Failed(status),
            },
            Err(status) => Shutting::Failed(status),
        }
    }

    /// Lets the request through.
    pub(in crate::host) fn open(&self) -> Result<(), Status> {
        raw::set_property(UPSTREAM_SCHEME, &self.scheme)
    }

    /// Whether some instance of this filter has shut this request out.
    pub(in crate::host) fn is_shut() -> bool {
        raw::property(UPSTREAM_SCHEME).is_ok_and(|scheme| scheme == SHUT)
    }
}
