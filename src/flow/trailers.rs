//! The trailers of a request, which follow the rules of its header.

use super::credentials::Credentials;
use super::field_rules::{self, FieldFate, FieldRules};
use super::server::ResourceServer;
use crate::http::Headers;

impl ResourceServer {
    /// The names of the trailer fields that must not reach the upstream, in lower case and each once, for a
    /// request with these credentials. All of them can be taken off: a gateway writes none, and none frames or
    /// routes the message (RFC 9110 section 6.5.1).
    pub fn trailers_to_remove(&self, credentials: &Credentials, trailers: &Headers) -> Vec<Vec<u8>> {
        let rules = FieldRules::new(&self.policy, credentials);
        let mut names: Vec<Vec<u8>> = Vec::new();
        for (name, value) in trailers.iter() {
            let goes = field_rules::is_credential(name) || rules.fate(name, value) != FieldFate::GoesOn;
            if goes && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}
