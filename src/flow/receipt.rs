//! What is kept of a forwarded request until its response, and what becomes of that.

use super::header_edit::HeaderEdit;
use crate::digest::Digest;

/// The edits that turn the upstream's response into the client's, in the order to apply them.
#[derive(Debug, Default)]
pub struct ResponseEdits(Vec<HeaderEdit>);

impl ResponseEdits {
    /// The edits, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderEdit> {
        self.0.iter()
    }
}

/// What was sent upstream, for when the response arrives. It holds no credential.
#[derive(Debug)]
pub struct Receipt {
    issued_token: Option<Digest>,
}

impl Receipt {
    /// The receipt of a request that went upstream with the token cached under this key, or with none.
    pub(super) fn new(issued_token: Option<Digest>) -> Receipt {
        Receipt { issued_token }
    }

    /// Whether the core is to see the response: [`super::ResourceServer::response`]. No rule looks at
    /// responses, so that none costs a call of the gateway.
    pub fn awaits_response(&self) -> bool {
        false
    }

    /// Under which key the token that was sent is cached, where it is an issued one that is cached.
    pub fn issued_token(&self) -> Option<&Digest> {
        self.issued_token.as_ref()
    }
}
