//! What is kept of a forwarded request until its response, and what becomes of that.

use super::credentials::Credentials;
use super::header_edit::HeaderEdit;
use crate::digest::Digest;
use std::rc::Rc;

/// The edits that turn the upstream's response into the client's, in the order to apply them.
#[derive(Debug, Default)]
pub struct ResponseEdits(Vec<HeaderEdit>);

impl ResponseEdits {
    /// The edits, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderEdit> {
        self.0.iter()
    }
}

/// What was sent upstream, for when the trailers and the response arrive.
#[derive(Debug)]
pub struct Receipt {
    credentials: Rc<Credentials>,
    issued_token: Option<Digest>,
}

impl Receipt {
    /// The receipt of a request with these credentials that went upstream with the token cached under this
    /// key, or with none.
    pub(super) fn new(credentials: Rc<Credentials>, issued_token: Option<Digest>) -> Receipt {
        Receipt { credentials, issued_token }
    }

    /// The credentials of the request, for its trailers.
    pub fn credentials(&self) -> &Rc<Credentials> {
        &self.credentials
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
