//! Where tokens are introspected.

use super::Checker;
use crate::config::written::{Issuer, Located};
use crate::diagnostic::DiagnosticKind;
use crate::policy::issuers::IntrospectionPolicy;
use std::collections::BTreeMap;
use std::time::Duration;

impl Checker<'_> {
    /// Whether the fields at the top name an introspection endpoint, rightly or with a mistake.
    pub(super) fn names_introspection(&self) -> bool {
        let is_named = |endpoint: &Located<Option<String>>| {
            endpoint.is_some() || self.diagnostics.concern(&endpoint.pointer)
        };
        is_named(&self.config.introspection_endpoint)
            || (self.uses_certificate() && is_named(&self.config.mtls_introspection_endpoint))
    }

    /// An operator who names the endpoint for certificates may count on one being presented.
    pub(super) fn warn_of_unused_certificate_endpoint(&mut self) {
        let written = &self.config.mtls_introspection_endpoint;
        let client_auth = &self.config.client.client_auth.pointer;
        if written.is_some() && !self.uses_certificate() && !self.diagnostics.concern(client_auth) {
            let sentence = "this is not called: client_auth is neither tls_client_auth nor self_signed_tls_client_auth, \
                            and introspection_endpoint is for every other";
            self.diagnostics.warning(DiagnosticKind::NoEffect, &written.pointer, sentence);
        }
    }

    /// The introspection that the fields at the top describe.
    pub(super) fn introspection(&mut self) -> Option<IntrospectionPolicy> {
        let config = self.config;
        let client = self.introspection_client();
        let by_certificate = self.uses_certificate() && config.mtls_introspection_endpoint.is_some();
        let written =
            if by_certificate { &config.mtls_introspection_endpoint } else { &config.introspection_endpoint };
        let endpoint = match &**written {
            Some(text) => self.endpoint(&written.pointer, text),
            None => {
                self.diagnostics.error(
                    DiagnosticKind::Required,
                    &written.pointer,
                    "write the URL of the introspection endpoint, which this token_validation needs, or write \
                     another token_validation",
                );
                None
            }
        };
        let arguments = self.arguments();
        let headers = self.introspection_headers(client.as_ref());
        Some(IntrospectionPolicy {
            endpoint: endpoint?,
            client: client?,
            client_auth_pointer: config.client.client_auth.pointer.clone(),
            arguments: arguments?,
            headers: headers?,
            cache_ttl: self.introspection_cache_ttl(),
        })
    }

    /// The introspection of the issuer of an `entry`, where that names an endpoint.
    ///
    /// Nothing from the top goes there: what is written for one server may be a credential, and is
    /// no other server's to see.
    pub(super) fn issuer_introspection(&mut self, entry: &Issuer, url: &str) -> Option<IntrospectionPolicy> {
        let endpoint = self.endpoint(&entry.introspection_endpoint.pointer, url);
        let client = self.issuer_client(&entry.client);
        Some(IntrospectionPolicy {
            endpoint: endpoint?,
            client: client?,
            client_auth_pointer: entry.client.client_auth.pointer.clone(),
            arguments: BTreeMap::new(),
            headers: Vec::new(),
            cache_ttl: self.introspection_cache_ttl(),
        })
    }

    fn introspection_cache_ttl(&self) -> Option<Duration> {
        let lifetime = Duration::from_secs(*self.config.introspection_cache_ttl);
        (*self.config.cache_introspection).then_some(lifetime)
    }
}
