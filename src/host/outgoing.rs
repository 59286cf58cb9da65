//! What must hold before something is handed to the gateway.
//!
//! One host traps on a callout without a method, a path or a valid target, and copies a path with a
//! blank or a line end in it to the wire as it is (D4, S1). So nothing goes out unchecked, whatever its
//! source.

use super::pairs;
use crate::http::{Callout, Endpoint, LocalReply};
use crate::text::{is_field_line_value, is_field_name};

/// Longer paths are refused by common servers.
const MAX_PATH_BYTES: usize = 8 * 1024;
/// Room for a token of the longest kind in a header, and then some.
const MAX_HEADER_BYTES: usize = 128 * 1024;
/// Room for two tokens of the longest kind, form-encoded.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Whether a header line can be made of this: a token (RFC 9110 section 5.6.2) and a value without
/// line ends and zero bytes.
pub(super) fn is_field(name: &[u8], value: &[u8]) -> bool {
    is_field_name(name) && is_field_line_value(value)
}

/// Whether a gateway can take this callout without a trap, and the server gets what was meant.
pub(super) fn is_callout(callout: &Callout) -> bool {
    let header_size = callout.headers.iter().fold(0_usize, |size, (name, value)| {
        size.saturating_add(name.len()).saturating_add(value.expose().len())
    });
    matches!(callout.method, "GET" | "POST")
        && is_path(callout.endpoint.path_and_query.as_bytes())
        && is_authority(&callout.endpoint)
        && callout.headers.iter().all(|(name, value)| is_field(name.as_bytes(), value.expose().as_bytes()))
        && header_size <= MAX_HEADER_BYTES
        && callout.body.expose().len() <= MAX_BODY_BYTES
}

fn is_path(path: &[u8]) -> bool {
    path.starts_with(b"/") && path.len() <= MAX_PATH_BYTES && path.iter().all(u8::is_ascii_graphic)
}

fn is_authority(endpoint: &Endpoint) -> bool {
    const MAX_HOST_BYTES: usize = 253;
    let host = endpoint.host.as_bytes();
    let in_brackets = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let is_host = match in_brackets {
        Some(address) => address.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
        None => host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
    };
    is_host && !host.is_empty() && host.len() <= MAX_HOST_BYTES && endpoint.port != 0
}

/// The header of a reply in the gateway's form; `None` where the reply cannot be sent as it is.
pub(super) fn response_header(response: &LocalReply) -> Option<Vec<u8>> {
    let fields: Vec<(&[u8], &[u8])> =
        response.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let sendable =
        (200..=599).contains(&response.status) && fields.iter().all(|(name, value)| is_field(name, value));
    if sendable { pairs::serialize(&fields) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use std::time::Duration;

    fn callout(url: &str) -> Callout {
        Callout {
            endpoint: Endpoint::parse(url).unwrap(),
            method: "POST",
            headers: vec![("accept".to_owned(), Secret::new("application/json"))],
            body: Secret::new("token=t"),
            timeout: Duration::from_secs(1),
            flight: None,
        }
    }

    #[test]
    fn ordinary_callouts_pass() {
        for url in ["https://idp.example.com/token?x=1", "http://127.0.0.1:8080", "http://[::1]:1/a%20b"] {
            assert!(is_callout(&callout(url)), "{url}");
        }
    }

    #[test]
    fn what_would_trap_or_change_the_request_line_is_held_back() {
        type Spoil = fn(&mut Callout);
        let spoilt: [(&str, Spoil); 10] = [
            ("no method", |callout| callout.method = ""),
            ("no path", |callout| callout.endpoint.path_and_query.clear()),
            ("blank", |callout| callout.endpoint.path_and_query = "/a HTTP/1.1".to_owned()),
            ("line end", |callout| callout.endpoint.path_and_query = "/a\r\nx:y".to_owned()),
            ("no host", |callout| callout.endpoint.host.clear()),
            ("odd host", |callout| callout.endpoint.host = "idp:80/x".to_owned()),
            ("port zero", |callout| callout.endpoint.port = 0),
            ("empty name", |callout| callout.headers.push((String::new(), Secret::new("v")))),
            ("line end in value", |callout| callout.headers.push(("n".to_owned(), Secret::new("v\nx: y")))),
            ("large body", |callout| callout.body = Secret::new("x".repeat(MAX_BODY_BYTES + 1))),
        ];
        for (what, spoil) in spoilt {
            let mut callout = callout("https://idp.example.com/token");
            spoil(&mut callout);
            assert!(!is_callout(&callout), "{what}");
        }
    }

    #[test]
    fn a_reply_is_sent_only_with_a_final_status_and_clean_fields() {
        let reply = |status, value: &str| {
            response_header(&LocalReply {
                status,
                headers: vec![("www-authenticate", value.to_owned())],
                body: String::new(),
            })
        };
        assert!(reply(401, "Bearer").is_some());
        assert_eq!(reply(100, "Bearer"), None);
        assert_eq!(reply(600, "Bearer"), None);
        assert_eq!(reply(401, "Bearer\r\nset-cookie: a=b"), None);
    }
}
