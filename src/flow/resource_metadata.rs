//! The protected resource metadata, served without credentials (RFC 9728 section 3).

use crate::http::{LocalReply, RequestHead};
use crate::oauth::metadata;
use crate::policy::Policy;
use crate::policy::host::HostTraits;

/// The document, where it is served, and where it is said to be.
#[derive(Debug)]
pub(super) struct MetadataPages {
    paths: Vec<String>,
    url: String,
    document: String,
}

const METHODS: &str = "GET, HEAD, OPTIONS";

impl MetadataPages {
    /// Everything follows from the policy and from what the gateway lets the filter see: the origin
    /// is always the configured one, never that of a request, which a client chooses.
    pub(super) fn new(policy: &Policy, host: HostTraits) -> MetadataPages {
        let resource = &policy.resource;
        let advertised = match &policy.metadata_endpoint {
            Some(path) => path.clone(),
            None if host.sees_every_path => resource.metadata_path_and_query(),
            None => resource.metadata_path_below_resource(),
        };
        let mut paths: Vec<String> = policy.metadata_endpoint.iter().cloned().collect();
        paths.extend([resource.metadata_path(), resource.metadata_path_below_resource()]);
        MetadataPages {
            paths,
            url: format!("{}{advertised}", resource.origin),
            document: metadata::document(
                resource,
                &policy.authorization_servers,
                policy.scopes_supported.as_deref(),
            ),
        }
    }

    /// The URL that challenges name.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The reply, where the request is for one of the document's paths. Browsers may read it from
    /// any origin, since it is public.
    pub(super) fn reply(&self, request: &RequestHead) -> Option<LocalReply> {
        let path = request.path();
        if !self.paths.iter().any(|candidate| candidate.as_bytes() == path) {
            return None;
        }
        let mut headers = vec![("access-control-allow-origin", "*".to_owned())];
        let (status, body) = match request.method.as_slice() {
            b"GET" | b"HEAD" => {
                headers.push(("content-type", "application/json".to_owned()));
                headers.push(("cache-control", "public, max-age=300".to_owned()));
                // To HEAD a gateway sends the header of this and leaves the body out (RFC 9110
                // section 9.3.2); without a body, Envoy would take content-type away.
                (200, self.document.clone())
            }
            b"OPTIONS" => {
                headers.push(("allow", METHODS.to_owned()));
                headers.push(("access-control-allow-methods", METHODS.to_owned()));
                headers.push(("access-control-allow-headers", "*, Authorization".to_owned()));
                headers.push(("access-control-max-age", "3600".to_owned()));
                (204, String::new())
            }
            _ => {
                headers.push(("allow", METHODS.to_owned()));
                (405, String::new())
            }
        };
        Some(LocalReply { status, headers, body })
    }
}
