//! How the filter authenticates to an authorization server (RFC 6749 section 2.3).

use crate::secret::Secret;

/// How client_id and client_secret enter a Basic header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasicEncoding {
    /// Form-encoded first, as RFC 6749 section 2.3.1 says.
    Form,
    /// As they are, for servers that do not decode.
    Raw,
}

/// One method of client authentication with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// No authentication; a client_id, where there is one, goes into the body
    /// (RFC 6749 section 3.2.1).
    None {
        /// The client's identifier.
        client_id: Option<String>,
    },
    /// `client_secret_basic`
    Basic {
        /// The client's identifier.
        client_id: String,
        /// The client's password.
        client_secret: Secret,
        /// How both are encoded.
        encoding: BasicEncoding,
    },
    /// `client_secret_post`
    Post {
        /// The client's identifier.
        client_id: String,
        /// The client's password.
        client_secret: Secret,
    },
    /// `tls_client_auth` or `self_signed_tls_client_auth` (RFC 8705 section 2): the gateway's
    /// connection carries the certificate, the body only the client_id.
    TlsClient {
        /// The client's identifier.
        client_id: String,
    },
}
