//! What another server wrote, without the secrets that are known when it is written to the log.

use super::request::Request;
use super::server::ResourceServer;
use crate::report::text::ForeignProse;
use crate::secret::Secret;

impl ResourceServer {
    /// The prose of a server that was asked for this request.
    pub(super) fn foreign_prose(&self, request: &Request, text: &str) -> ForeignProse {
        let known = request.tokens().chain(&self.policy.secrets);
        ForeignProse::without(text, known.map(Secret::expose))
    }
}
