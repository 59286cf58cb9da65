//! Who is asked about tokens.

use super::Checker;
use crate::config::written::Issuer;
use crate::policy::issuers::IntrospectionPolicy;
use std::collections::BTreeMap;
use std::time::Duration;

impl Checker<'_> {
    /// Whether the fields at the top name an introspection endpoint, rightly or with a mistake.
    pub(super) fn names_introspection(&self) -> bool {
        const MTLS: &str = "/mtls_introspection_endpoint";
        self.config.introspection_endpoint.is_some()
            || self.findings.concern("/introspection_endpoint")
            || (self.uses_certificate()
                && (self.config.mtls_introspection_endpoint.is_some() || self.findings.concern(MTLS)))
    }

    /// The introspection that the fields at the top describe.
    pub(super) fn introspection(&mut self) -> Option<IntrospectionPolicy> {
        let config = self.config;
        let client = self.introspection_client();
        let (pointer, text) = match (&config.mtls_introspection_endpoint, self.uses_certificate()) {
            (Some(text), true) => ("/mtls_introspection_endpoint", Some(text)),
            _ => ("/introspection_endpoint", config.introspection_endpoint.as_ref()),
        };
        let endpoint = match text {
            Some(text) => self.endpoint(pointer, text),
            None => {
                self.findings.mistake(
                    pointer,
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
            arguments: arguments?,
            headers: headers?,
            cache_ttl: self.introspection_cache_ttl(),
        })
    }

    /// The introspection of the issuer whose `entry` stands `at`, where that names an endpoint.
    ///
    /// Nothing from the top goes there: what is written for one server may be a credential, and is
    /// no other server's to see.
    pub(super) fn issuer_introspection(
        &mut self,
        at: &str,
        entry: &Issuer,
        url: &str,
    ) -> Option<IntrospectionPolicy> {
        let endpoint = self.endpoint(&format!("{at}/introspection_endpoint"), url);
        let client = self.issuer_client(at, entry);
        Some(IntrospectionPolicy {
            endpoint: endpoint?,
            client: client?,
            arguments: BTreeMap::new(),
            headers: Vec::new(),
            cache_ttl: self.introspection_cache_ttl(),
        })
    }

    fn introspection_cache_ttl(&self) -> Option<Duration> {
        let lifetime = Duration::from_secs(self.config.introspection_cache_ttl);
        self.config.cache_introspection.then_some(lifetime)
    }
}
