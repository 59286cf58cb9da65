//! What is kept of a forwarded request until its response.

use crate::digest::Digest;

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

    /// Under which key the token that was sent is cached, where it is an issued one that is cached.
    pub fn issued_token(&self) -> Option<&Digest> {
        self.issued_token.as_ref()
    }
}
