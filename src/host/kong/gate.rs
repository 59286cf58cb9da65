//! Kong's gate (M2). Its host lets a request go upstream whenever a callback ends without a word
//! (D1), and also when the filter traps in one (D2, D3). So each request is shut out first, by a scheme that nginx
//! cannot proxy to, and let in only when the core says Forward. Where the operator has a [`guard`], the request
//! is shut out before this filter runs, and opening the gate undoes that, too.
//!
//! A shut gate is not an answer: a client that sent a body would wait for ever (Q3). Every path
//! still ends in a reply.

use super::guard::{self, Malformed};
use crate::host::raw;
use crate::host::status::Status;
use crate::json;
use serde_json::Value;

/// The nginx variable that stands before `://` in Kong's `proxy_pass`.
pub(in crate::host) const UPSTREAM_SCHEME: &[&str] = &["ngx", "upstream_scheme"];

/// The nginx variable that ends Kong's `proxy_pass`.
const UPSTREAM_URI: &[&str] = &["ngx", "upstream_uri"];

/// The nginx variable that becomes the upstream's `Host` and the name in its certificate.
const UPSTREAM_HOST: &[&str] = &["ngx", "upstream_host"];

/// What the client wrote as `Host`.
const CLIENT_HOST: &[&str] = &["ngx", "http_host"];

/// The route as JSON.
const ROUTE: &[&str] = &["kong", "router", "route"];

/// Written by the first instance of this filter on a request, so that the next knows of the guard that it undoes.
const WAS_GUARDED: &[&str] = &["kong", "ctx", "shared", "token_exchange_was_guarded"];

const SHUT: &[u8] = b"token-exchange-undecided";

/// A gate that was shut, and what opens it (Q5).
pub(in crate::host) struct Gate {
    scheme: Vec<u8>,
    /// The URI without the guard's word, where it has that.
    uri: Option<Vec<u8>>,
    /// Whether the guard's word stood before the scheme, and Kong has read it there.
    hides_scheme: bool,
}

/// How shutting the gate went.
pub(in crate::host) enum Shutting {
    /// It is shut.
    Done(Gate),
    /// It was shut by another instance of this filter on the same request, and is not open: that
    /// one has answered, or waits for the body (M4, Q7).
    ShutElsewhere,
    /// It is shut, and cannot be opened: the guard's word stands before something else than it should.
    GuardMalformed,
    /// The request cannot be shut out.
    Failed(Status),
}

impl Gate {
    /// Shuts the gate. Only in callbacks of a request.
    pub(in crate::host) fn shut() -> Shutting {
        Gate::try_shut().unwrap_or_else(Shutting::Failed)
    }

    fn try_shut() -> Result<Shutting, Status> {
        let scheme = raw::property(UPSTREAM_SCHEME)?;
        if scheme == SHUT {
            return Ok(Shutting::ShutElsewhere);
        }
        if scheme.is_empty() {
            return Err(Status::NOT_FOUND);
        }
        let uri = raw::property(UPSTREAM_URI)?;
        raw::set_property(UPSTREAM_SCHEME, SHUT)?;
        let Ok(gate) = Gate::of(scheme, &uri) else { return Ok(Shutting::GuardMalformed) };
        if gate.undoes_guard() {
            // Where this fails, an instance that comes after this one does not know, and refuses the request.
            let _ = raw::set_property(WAS_GUARDED, b"true");
        }
        Ok(Shutting::Done(gate))
    }

    fn of(scheme: Vec<u8>, uri: &[u8]) -> Result<Gate, Malformed> {
        let guarded = guard::guarded_scheme(&scheme)?.map(<[u8]>::to_vec);
        let uri = guard::guarded_uri(uri)?.map(<[u8]>::to_vec);
        let hides_scheme = guarded.is_some();
        Ok(Gate { scheme: guarded.unwrap_or(scheme), uri, hides_scheme })
    }

    /// Whether the guard's word stands where it keeps the request from the upstream.
    fn undoes_guard(&self) -> bool {
        self.hides_scheme || (self.uri.is_some() && guard::proxies_by_uri(&self.scheme))
    }

    /// Whether a guard held the request back until an instance of this filter came to it.
    pub(in crate::host) fn is_guarded(&self) -> bool {
        self.undoes_guard() || raw::property(WAS_GUARDED).is_ok()
    }

    /// Lets the request through.
    pub(in crate::host) fn open(&self) -> Result<(), Status> {
        if let Some(uri) = &self.uri {
            raw::set_property(UPSTREAM_URI, uri)?;
        }
        if self.hides_scheme {
            self.restore_host()?;
        }
        raw::set_property(UPSTREAM_SCHEME, &self.scheme)
    }

    /// Takes off the port that Kong adds to the upstream's `Host` where it cannot know the scheme. A `Host` that
    /// the route preserves is the client's, port and all.
    fn restore_host(&self) -> Result<(), Status> {
        let host = raw::property(UPSTREAM_HOST)?;
        let Some(name) = guard::without_default_port(&host, &self.scheme) else { return Ok(()) };
        // Asked only where it can matter: Kong writes the whole route as JSON for it.
        if raw::property(CLIENT_HOST).is_ok_and(|asked| asked == host) && preserves_host() {
            return Ok(());
        }
        raw::set_property(UPSTREAM_HOST, name)
    }

    /// Whether some instance of this filter has shut this request out.
    pub(in crate::host) fn is_shut() -> bool {
        raw::property(UPSTREAM_SCHEME).is_ok_and(|scheme| scheme == SHUT)
    }

    /// Whether the guard still holds the request back, and no instance of this filter has come to it.
    pub(in crate::host) fn is_held_by_guard() -> bool {
        raw::property(UPSTREAM_SCHEME).is_ok_and(|scheme| {
            guard::guarded_scheme(&scheme) != Ok(None)
                || (scheme != SHUT
                    && raw::property(UPSTREAM_URI).is_ok_and(|uri| guard::guarded_uri(&uri) != Ok(None)))
        })
    }
}

fn preserves_host() -> bool {
    let route = raw::property(ROUTE).ok().and_then(|text| json::parse(&text).ok());
    route.as_ref().and_then(|route| route.get("preserve_host")) == Some(&Value::Bool(true))
}
