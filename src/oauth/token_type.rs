//! Token type identifiers (RFC 8693 section 3).

/// A URI that names what kind of token is given or asked for. Compared as text: providers use
/// identifiers of their own, and some registered ones in an unregistered spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenTypeIdentifier(String);

impl TokenTypeIdentifier {
    /// `urn:ietf:params:oauth:token-type:access_token`
    pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
    /// `urn:ietf:params:oauth:token-type:refresh_token`
    pub const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
    /// `urn:ietf:params:oauth:token-type:id_token`
    pub const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

    /// Takes the identifier as written.
    pub fn new(text: impl Into<String>) -> TokenTypeIdentifier {
        TokenTypeIdentifier(text.into())
    }

    /// The identifier as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
