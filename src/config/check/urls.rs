//! URLs: the resource, the authorization servers, and the endpoints that callouts go to.

use super::Checker;
use crate::config::form;
use crate::diagnostic::DiagnosticKind;
use crate::http::Endpoint;
use crate::policy::Resource;
use url::Url;

impl Checker<'_> {
    pub(super) fn read_clusters(&mut self) {
        for (written, cluster) in &*self.config.callout_targets {
            let authority = form::authority(written).unwrap_or_default();
            if self.clusters.insert(authority, cluster.clone()).is_some() {
                let pointer = self.config.callout_targets.member(written);
                let sentence = "this authority stands here twice: take one out";
                self.diagnostics.error(DiagnosticKind::Duplicate, &pointer, sentence);
            }
        }
    }

    pub(super) fn resource(&mut self) -> Option<Resource> {
        let identifier = self.config.resource.clone()?;
        let url = Url::parse(&identifier).ok()?;
        self.require_encryption(&self.config.resource.pointer, &identifier)?;
        Some(Resource {
            origin: url.origin().ascii_serialization(),
            path: if url.path() == "/" { String::new() } else { url.path().to_owned() },
            query: url.query().map(str::to_owned),
            identifier,
        })
    }

    pub(super) fn authorization_servers(&mut self) -> Option<Vec<String>> {
        let servers = self.config.authorization_servers.clone()?;
        let mut all_right = true;
        for (index, server) in servers.iter().enumerate() {
            let pointer = self.config.authorization_servers.item(index);
            all_right &= self.require_encryption(&pointer, server).is_some();
        }
        all_right.then_some(servers)
    }

    /// An endpoint that callouts go to.
    pub(super) fn endpoint(&mut self, pointer: &str, text: &str) -> Option<Endpoint> {
        let mut endpoint = match Endpoint::parse(text) {
            Ok(endpoint) => endpoint,
            Err(_) => {
                let sentence = "write an absolute http or https URL";
                self.diagnostics.error(DiagnosticKind::MalformedText, pointer, sentence);
                return None;
            }
        };
        self.require_encryption(pointer, text)?;
        let authority = endpoint.authority();
        endpoint.cluster = self.clusters.get(&authority).cloned();
        self.authorities.push(authority);
        Some(endpoint)
    }

    /// https, unless it is this machine or the operator allowed otherwise.
    pub(super) fn require_encryption(&mut self, pointer: &str, text: &str) -> Option<()> {
        let is_plain = Url::parse(text).is_ok_and(|url| url.scheme() == "http");
        let is_loopback = Endpoint::parse(text).is_ok_and(|endpoint| endpoint.is_loopback());
        if is_plain && !is_loopback {
            if !*self.config.insecure_http {
                self.diagnostics.error(
                    DiagnosticKind::InsecureUrl,
                    pointer,
                    "write an https URL: http is accepted for this machine only, or with insecure_http set to true",
                );
                return None;
            }
            if !self.unencrypted.iter().any(|known| known == pointer) {
                self.unencrypted.push(pointer.to_owned());
            }
        }
        Some(())
    }

    /// What should be known of the URLs, once all of them have been seen.
    pub(super) fn warn_about_urls(&mut self) {
        if !self.unencrypted.is_empty() {
            let sentence = format!("tokens and secrets travel unencrypted: {}", self.unencrypted.join(", "));
            self.diagnostics.warning(
                DiagnosticKind::InsecureUrl,
                &self.config.insecure_http.pointer,
                sentence,
            );
        }
        if self.discovers {
            // The keys may be anywhere, and a cluster is then for what the metadata names.
            return;
        }
        for authority in self.clusters.keys().filter(|authority| !self.authorities.contains(authority)) {
            let sentence =
                format!("no endpoint has this authority; there are {}", self.authorities.join(", "));
            let pointer = self.config.callout_targets.member(authority);
            self.diagnostics.warning(DiagnosticKind::NoEffect, &pointer, sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use serde_json::json;

    #[test]
    fn the_resource_is_taken_apart_and_kept_as_written() {
        for (text, origin, path, query) in [
            ("https://api.example.com/mcp", "https://api.example.com", "/mcp", None),
            ("https://api.example.com", "https://api.example.com", "", None),
            ("https://api.example.com/", "https://api.example.com", "", None),
            ("https://api.example.com/a/b/", "https://api.example.com", "/a/b/", None),
            ("https://api.example.com/mcp?x=1", "https://api.example.com", "/mcp", Some("x=1")),
            ("https://API.example.com:8443/mcp", "https://api.example.com:8443", "/mcp", None),
            ("https://api.example.com:443/mcp", "https://api.example.com", "/mcp", None),
            ("http://localhost:8080/mcp", "http://localhost:8080", "/mcp", None),
        ] {
            let resource = policy(&[("/resource", json!(text))]).resource;
            let query = query.map(str::to_owned);
            let (origin, path) = (origin.to_owned(), path.to_owned());
            assert_eq!(resource, Resource { identifier: text.to_owned(), origin, path, query });
        }
    }

    #[test]
    fn met_06_a_resource_that_no_challenge_could_name_is_refused() {
        for text in [
            "api.example.com/mcp",
            "",
            "https://api.example.com/mcp#f",
            "http://api.example.com/mcp",
            "https://u:p@api.example.com/",
            "https://api.example.com/\r\n",
            "https://api.example.com/\"",
        ] {
            assert_eq!(mistaken(&[("/resource", json!(text))]), ["/resource"], "{text:?}");
        }
    }

    #[test]
    fn http_needs_this_machine_or_the_operators_word() {
        let allowed = || ("/insecure_http", json!(true));
        let mut all = vec![allowed()];
        for pointer in ["/resource", "/introspection_endpoint", "/token_exchange/token_endpoint"] {
            let plain = (pointer, json!("http://a.example.com/b"));
            assert!(message(std::slice::from_ref(&plain), pointer).contains("insecure_http"));
            let expected = [format!("/insecure_http: tokens and secrets travel unencrypted: {pointer}")];
            assert_eq!(warnings(&[plain.clone(), allowed()]), expected);
            for loopback in ["http://127.0.0.1:8080/b", "http://localhost/b", "http://[::1]/b"] {
                assert_eq!(warnings(&[(pointer, json!(loopback))]), Vec::<String>::new());
            }
            all.push(plain);
        }
        let servers = ("/authorization_servers", json!(["https://a.example.com", "http://b.example.com"]));
        message(std::slice::from_ref(&servers), "/authorization_servers/1");
        all.push(servers);
        assert_eq!(
            warnings(&all),
            ["/insecure_http: tokens and secrets travel unencrypted: /resource, /authorization_servers/1, \
              /introspection_endpoint, /token_exchange/token_endpoint"]
        );
        assert_eq!(warnings(&[allowed()]), Vec::<String>::new());
    }

    #[test]
    fn endpoints_find_their_cluster() {
        let targets = json!({
            "AUTH.example.com:443": "outbound|443||auth.example.com",
            "exchange.example.com:443": "exchange"
        });
        let loaded = policy(&[("/callout_targets", targets)]);
        let introspection = loaded.validation.others.unwrap();
        assert_eq!(introspection.endpoint.cluster.as_deref(), Some("outbound|443||auth.example.com"));
        let leg = &loaded.upstream_credential.legs()[0];
        assert_eq!(leg.endpoint.cluster.as_deref(), Some("exchange"));
        let unused = warnings(&[("/callout_targets", json!({"other.example.com:443": "x"}))]);
        assert_eq!(
            unused,
            ["/callout_targets/other.example.com:443: no endpoint has this authority; there are \
              auth.example.com:443, exchange.example.com:443"]
        );
        for (targets, pointer) in [
            (json!({"auth.example.com": "x"}), "/callout_targets/auth.example.com"),
            (json!({"a:1": "x", "A:1": "y"}), "/callout_targets/a:1"),
            (json!({"a:1": ""}), "/callout_targets/a:1"),
        ] {
            assert_eq!(mistaken(&[("/callout_targets", targets)]), [pointer]);
        }
    }
}
