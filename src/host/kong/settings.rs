//! What Kong's operator has set that callouts and memory rest on, as far as it can be read.
//!
//! Kong puts defaults of its own where nothing is set, and they have changed between its versions. So
//! this reads what is in force, and an operator learns at the first request what is not as it should be.

use crate::host::note::HostNote;

/// Reads a setting of kong.conf; `None` is one that is not set.
type Reader<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is not as it should be. `setting` is asked only for settings whose value is text: a list, as
/// `lua_ssl_trusted_certificate` is one, cannot be read.
pub(in crate::host) fn check(setting: Reader<'_>) -> Vec<HostNote> {
    // Before Kong 3.6 none can be read.
    if setting("wasm").is_none() {
        return Vec::new();
    }
    let is_on = |name| setting(name).as_deref() == Some("on");
    let isolation = in_server(setting, "proxy_wasm_isolation");
    let lua_resolver = in_server(setting, "proxy_wasm_lua_resolver");
    let checks = [
        // K4.
        (!is_on("nginx_wasm_tls_verify_cert"), HostNote::CertificatesNotVerified),
        (!is_on("nginx_wasm_tls_verify_host"), HostNote::CertificateNamesNotVerified),
        (setting("nginx_wasm_tls_trusted_certificate").is_none(), HostNote::NoTrustedCertificates),
        // K5.
        (
            lua_resolver.as_deref() != Some("on") && setting("nginx_wasm_resolver").is_none(),
            HostNote::NotKongsResolver,
        ),
        // S5.
        (isolation.is_some_and(|isolation| isolation != "none"), HostNote::InstancePerRequest),
        // S1.
        (in_server(setting, "wasm_socket_buffer_size").is_none(), HostNote::SmallSocketBuffer),
    ];
    checks.into_iter().filter_map(|(is_wrong, note)| is_wrong.then_some(note)).collect()
}

/// A directive of nginx as it is in force where Kong proxies: the server's before that of all.
fn in_server(setting: Reader<'_>, directive: &str) -> Option<String> {
    setting(&format!("nginx_proxy_{directive}")).or_else(|| setting(&format!("nginx_http_{directive}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Level;

    const GOOD: [(&str, &str); 6] = [
        ("wasm", "true"),
        ("nginx_wasm_tls_verify_cert", "on"),
        ("nginx_wasm_tls_verify_host", "on"),
        ("nginx_wasm_tls_trusted_certificate", "/etc/ssl/certs/ca-certificates.crt"),
        ("nginx_http_proxy_wasm_lua_resolver", "on"),
        ("nginx_http_wasm_socket_buffer_size", "16k"),
    ];

    /// What is said where the good settings are changed like this; an empty value is not set.
    fn said(changes: &[(&str, &str)]) -> Vec<(Level, String)> {
        let read = |name: &str| {
            let find = |settings: &[(&str, &str)]| {
                settings.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            find(changes).or_else(|| find(&GOOD)).filter(|value| !value.is_empty())
        };
        check(&read).iter().map(|note| (note.level(), note.to_string())).collect()
    }

    #[test]
    fn nothing_is_said_of_good_settings_and_of_a_kong_that_tells_none() {
        assert_eq!(said(&[]), []);
        assert_eq!(said(&[("wasm", ""), ("nginx_wasm_tls_verify_cert", "")]), []);
        assert_eq!(said(&[("nginx_http_proxy_wasm_isolation", "none")]), []);
    }

    #[test]
    fn each_missing_setting_is_named() {
        use Level::{Error, Warn};
        for (change, level, named) in [
            (("nginx_wasm_tls_verify_cert", "off"), Error, "nginx_wasm_tls_verify_cert = on"),
            (("nginx_wasm_tls_verify_cert", ""), Error, "nginx_wasm_tls_verify_cert = on"),
            (("nginx_wasm_tls_verify_host", "off"), Error, "nginx_wasm_tls_verify_host = on"),
            (("nginx_wasm_tls_trusted_certificate", ""), Warn, "lua_ssl_trusted_certificate = system"),
            (("nginx_http_proxy_wasm_lua_resolver", "off"), Warn, "nginx_http_proxy_wasm_lua_resolver = on"),
            (("nginx_http_proxy_wasm_isolation", "stream"), Warn, "nginx_http_proxy_wasm_isolation = none"),
            (("nginx_http_wasm_socket_buffer_size", ""), Warn, "nginx_http_wasm_socket_buffer_size = 16k"),
        ] {
            let lines = said(&[change]);
            assert_eq!(lines.len(), 1, "{change:?}: {lines:?}");
            assert!(lines[0].0 == level && lines[0].1.ends_with(named), "{change:?}: {lines:?}");
        }
    }

    #[test]
    fn the_servers_directive_comes_before_that_of_all() {
        let line = said(&[("nginx_proxy_proxy_wasm_isolation", "stream")]);
        assert_eq!(line.len(), 1, "{line:?}");
        assert_eq!(
            said(&[
                ("nginx_proxy_wasm_socket_buffer_size", "8k"),
                ("nginx_http_wasm_socket_buffer_size", "")
            ]),
            []
        );
    }

    #[test]
    fn a_resolver_of_the_operators_own_will_do() {
        let off = ("nginx_http_proxy_wasm_lua_resolver", "off");
        assert_eq!(said(&[off, ("nginx_wasm_resolver", "127.0.0.53")]), []);
    }
}
