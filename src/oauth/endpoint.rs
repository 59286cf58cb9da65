//! The endpoints of an authorization server that the filter calls.

/// An endpoint of an authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// The introspection endpoint (RFC 7662 section 2).
    Introspection,
    /// The token endpoint (RFC 6749 section 3.2).
    Token,
    /// Where the JWK Set is (RFC 7517 section 5), `jwks_uri`.
    Jwks,
    /// Where the authorization server's metadata is (RFC 8414 section 3).
    Metadata,
}

impl EndpointKind {
    /// Its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            EndpointKind::Introspection => "introspection endpoint",
            EndpointKind::Token => "token endpoint",
            EndpointKind::Jwks => "JWKS endpoint",
            EndpointKind::Metadata => "metadata endpoint",
        }
    }
}
