//! Whether two audiences are one (RFC 7519 section 4.1.3).

use url::Url;

/// Whether two names of an audience name the same one.
///
/// They do where they are equal byte for byte. Of http and https URLs, scheme and host have no letter case, and an
/// origin with its slash is the origin without (RFC 3986 sections 6.2.2.1 and 6.2.3): clients that keep URLs as
/// such send either. Nothing else is normalised, neither a default port nor what is percent-encoded nor dots in a
/// path; and a URL with a user, a query or a fragment is the same as itself only.
pub fn same_audience(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some((one, path)), Some((other, other_path))) = (origin_and_path(one), origin_and_path(other))
    else {
        return false;
    };
    one.eq_ignore_ascii_case(other) && path == other_path
}

/// An http or https URL as it is written, taken apart before its path; the path of an origin is empty. `None` for
/// everything that is compared byte for byte.
fn origin_and_path(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split('/').next()?;
    let path = rest.strip_prefix(authority)?;
    let origin = text.strip_suffix(path)?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let is_plain = !authority.is_empty()
        && authority.bytes().all(is_host_or_port)
        && !path.bytes().any(|byte| matches!(byte, b'?' | b'#'));
    (is_http && is_plain && Url::parse(text).is_ok()).then(|| (origin, if path == "/" { "" } else { path }))
}

/// A byte of a host or a port (RFC 3986 section 3.2). Percent-encoded hosts are left out.
fn is_host_or_port(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_26_what_is_one_audience() {
        for (one, other) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com/", "https://API.example.COM"),
            ("https://api.example.com/mcp", "HTTPS://Api.Example.com/mcp"),
            ("https://api.example.com:8443", "https://API.example.com:8443/"),
            ("https://api.example.com:443/mcp", "https://API.example.com:443/mcp"),
            ("https://api.example.com/a/../b", "https://API.example.com/a/../b"),
            ("https://api.example.com/%7Ea", "https://API.example.com/%7Ea"),
            ("https://api.example.com//", "https://API.example.com//"),
            ("http://[::ffff:1]/a", "HTTP://[::FFFF:1]/a"),
            ("urn:example:api", "urn:example:api"),
            ("", ""),
            ("not a URL", "not a URL"),
            ("https://", "https://"),
            ("https://api.example.com?x=1", "https://api.example.com?x=1"),
        ] {
            assert!(same_audience(one, other) && same_audience(other, one), "{one} {other}");
        }
    }

    #[test]
    fn f2_26_what_is_another_audience() {
        for (one, other) in [
            ("https://api.example.com/mcp", "https://api.example.com/mcp/"),
            ("https://api.example.com/mcp", "https://api.example.com/MCP"),
            ("https://api.example.com/mcp", "https://api.example.com"),
            ("https://api.example.com/", "https://api.example.com//"),
            ("https://api.example.com", "https://api.example.com//"),
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "https://api.example.com:443"),
            ("https://api.example.com", "https://api.example.com:"),
            ("https://api.example.com:443", "https://api.example.com:0443"),
            ("http://api.example.com:80/", "http://api.example.com/"),
            ("https://api.example.com", "https://api.example.com."),
            ("https://api.example.com", "https://api.example.com.evil.example"),
            ("https://api.example.com", "https://evil.example/https://api.example.com"),
            ("https://api.example.com/b", "https://api.example.com/a/../b"),
            ("https://api.example.com/b", "https://api.example.com/./b"),
            ("https://api.example.com/~a", "https://api.example.com/%7Ea"),
            ("https://api.example.com/%7Ea", "https://api.example.com/%7ea"),
            ("https://api.example.com", "https://%61pi.example.com"),
            ("https://%4Api.example.com", "https://%4api.example.com"),
            ("https://u@api.example.com", "https://u@API.example.com"),
            ("https://u@api.example.com", "https://U@api.example.com"),
            ("https://api.example.com", "https://u@api.example.com"),
            ("https://api.example.com", "https://@api.example.com"),
            ("https://api.example.com?x", "https://API.example.com?x"),
            ("https://api.example.com?x", "https://api.example.com/?x"),
            ("https://api.example.com", "https://api.example.com?"),
            ("https://api.example.com", "https://api.example.com#"),
            ("https://api.example.com/#a", "https://API.example.com/#a"),
            ("https://api.example.com\\a/b", "https://api.example.com\\A/b"),
            ("https://api.example.com/b", "https://api.example.com\\b"),
            ("https://api.example.com", "https:api.example.com"),
            ("https://api.example.com", "https:/api.example.com"),
            ("https://api.example.com", "https:///api.example.com"),
            ("https://api.example.com", " https://api.example.com"),
            ("https://api.example.com", "https://api.example.com "),
            ("https://api.example.com", "https://api.example.com\n"),
            ("https://api.example.com", "https://api.ex\tample.com"),
            ("https://b\u{fc}cher.example", "https://B\u{fc}cher.example"),
            ("https://b\u{fc}cher.example", "https://b\u{dc}cher.example"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("https://127.0.0.1", "https://127.1"),
            ("https://127.0.0.1", "https://0x7f.0.0.1"),
            ("https://[::1]", "https://[0:0:0:0:0:0:0:1]"),
            ("https://", "HTTPS://"),
            ("https:///api.example.com", "HTTPS:///api.example.com"),
            ("api.example.com", "API.example.com"),
            ("api://app", "API://app"),
            ("api://app", "api://APP"),
            ("api://app", "api://app/"),
            ("urn:example:api", "URN:example:api"),
            ("account", "Account"),
            ("account", ""),
            ("https://api.example.com", ""),
        ] {
            assert!(!same_audience(one, other) && !same_audience(other, one), "{one} {other}");
        }
    }
}
