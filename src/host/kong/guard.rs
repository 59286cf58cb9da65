//! Kong's guard (Q10): a `post-function` that makes the target of `proxy_pass` one that nginx cannot proxy to,
//! so that a request reaches the upstream only where this filter takes the guard's word out again.
//!
//! The word stands before the scheme. For https it stands before the URI, because Kong keeps connections of
//! different names and client certificates apart only while it reads `https` there.

const BEFORE_SCHEME: &[u8] = b"token-exchange-guarded-";

/// With this, nginx reads the word as a port that is none.
const BEFORE_URI: &[u8] = b":token-exchange-guarded-";

/// What follows the guard's word is not what Kong proxies to: the guard ran twice, or something else did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) struct Malformed;

/// The scheme that the guard stands before; `None` without one.
///
/// # Errors
/// What stands behind the word is no scheme of Kong's.
pub(in crate::host) fn guarded_scheme(found: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match found.strip_prefix(BEFORE_SCHEME) {
        None => Ok(None),
        Some(scheme @ (b"http" | b"https" | b"grpc" | b"grpcs")) => Ok(Some(scheme)),
        Some(_) => Err(Malformed),
    }
}

/// The URI that the guard stands before; `None` without one.
///
/// # Errors
/// What stands behind the word is no path.
pub(in crate::host) fn guarded_uri(found: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match found.strip_prefix(BEFORE_URI) {
        None => Ok(None),
        Some(uri) if uri.starts_with(b"/") => Ok(Some(uri)),
        Some(_) => Err(Malformed),
    }
}

/// Whether Kong proxies by the URI to this scheme: `grpc_pass` names none.
pub(in crate::host) fn proxies_by_uri(scheme: &[u8]) -> bool {
    matches!(scheme, b"http" | b"https")
}

/// A `Host` without the port that Kong adds where the guard hides that it is the scheme's own; `None` where there
/// is none to take off. On gRPC it stays: Kong sets `:authority` in a retry only where this differs.
pub(in crate::host) fn without_default_port<'a>(host: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let port: &[u8] = match scheme {
        b"http" => b":80",
        b"https" => b":443",
        _ => return None,
    };
    host.strip_suffix(port).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guards_word_is_taken_off_the_four_schemes_of_kong() {
        for scheme in ["http", "https", "grpc", "grpcs"] {
            let guarded = format!("token-exchange-guarded-{scheme}");
            assert_eq!(guarded_scheme(guarded.as_bytes()), Ok(Some(scheme.as_bytes())));
            assert_eq!(guarded_scheme(scheme.as_bytes()), Ok(None));
        }
    }

    #[test]
    fn another_scheme_behind_the_word_is_malformed() {
        for scheme in [
            "",
            "HTTP",
            "http ",
            " http",
            "http:",
            "ws",
            "tcp",
            "file",
            "httpsx",
            "token-exchange-guarded-http",
            "token-exchange-undecided",
        ] {
            let guarded = format!("token-exchange-guarded-{scheme}");
            assert_eq!(guarded_scheme(guarded.as_bytes()), Err(Malformed), "{guarded}");
        }
    }

    #[test]
    fn what_only_resembles_the_word_is_no_guard() {
        for scheme in
            ["", "token-exchange-guarded", "Token-Exchange-Guarded-http", " token-exchange-guarded-http"]
        {
            assert_eq!(guarded_scheme(scheme.as_bytes()), Ok(None), "{scheme}");
        }
        for uri in
            ["", "/", "/:token-exchange-guarded-/", "token-exchange-guarded-/", ":token-exchange-guarded/"]
        {
            assert_eq!(guarded_uri(uri.as_bytes()), Ok(None), "{uri}");
        }
    }

    #[test]
    fn the_guards_word_is_taken_off_a_path() {
        for uri in ["/", "/mcp?a=b", "//", "/token-exchange-guarded-/", "/:token-exchange-guarded-/"] {
            let guarded = format!(":token-exchange-guarded-{uri}");
            assert_eq!(guarded_uri(guarded.as_bytes()), Ok(Some(uri.as_bytes())));
        }
        for uri in ["", "?a=b", "mcp", ":token-exchange-guarded-/", "80/mcp", "@evil.example/"] {
            let guarded = format!(":token-exchange-guarded-{uri}");
            assert_eq!(guarded_uri(guarded.as_bytes()), Err(Malformed), "{guarded}");
        }
    }

    #[test]
    fn only_the_port_that_is_the_schemes_own_is_taken_off() {
        let bare = |host: &'static str, scheme: &str| {
            without_default_port(host.as_bytes(), scheme.as_bytes())
                .map(|name| std::str::from_utf8(name).unwrap())
        };
        assert_eq!(bare("up.example.com:80", "http"), Some("up.example.com"));
        assert_eq!(bare("up.example.com:443", "https"), Some("up.example.com"));
        assert_eq!(bare("[::1]:443", "https"), Some("[::1]"));
        for (host, scheme) in [
            ("up.example.com", "http"),
            ("up.example.com:443", "http"),
            ("up.example.com:80", "https"),
            ("up.example.com:8443", "https"),
            ("up.example.com:8080", "http"),
            ("up.example.com:443", "grpcs"),
            ("up.example.com:80", "grpc"),
            (":80", "http"),
            ("", "https"),
        ] {
            assert_eq!(bare(host, scheme), None, "{scheme}://{host}");
        }
    }
}
