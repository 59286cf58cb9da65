//! The metadata of an authorization server (RFC 8414, OpenID Connect Discovery): as much of it as
//! leads to the keys, and where it stands.

use crate::http::{Endpoint, Scheme};
use crate::json;
use serde_json::Value;
use url::Url;

/// The URLs of an issuer's metadata, in the order in which they are tried; `None` for an issuer
/// identifier that is no http or https URL, or has a query or a fragment, which rules metadata out.
///
/// RFC 8414 section 3.1 puts the well-known name between host and path, OpenID Connect Discovery
/// section 4.1 puts its own after the path. Both take off a slash at the end of the path first.
pub fn metadata_urls(issuer: &str) -> Option<[String; 2]> {
    let url = Url::parse(issuer).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    let at = |path: &str| {
        let mut url = url.clone();
        url.set_path(path);
        url.to_string()
    };
    Some([
        at(&format!("/.well-known/oauth-authorization-server{path}")),
        at(&format!("{path}/.well-known/openid-configuration")),
    ])
}

/// Whether `url` can be that of a metadata document: it ends in one of the two well-known names.
pub fn is_metadata_url(url: &str) -> bool {
    url.ends_with("/oauth-authorization-server") || url.ends_with("/openid-configuration")
}

/// Why a document is not the metadata of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMetadataError {
    /// Not one JSON object.
    NotAnObject,
    /// `issuer` is missing or another (RFC 8414 section 3.3): it must not be used.
    WrongIssuer,
    /// `jwks_uri` is missing or not a URL that can be called.
    NoKeysEndpoint,
    /// `jwks_uri` is not https.
    InsecureKeysEndpoint,
}

impl ServerMetadataError {
    /// The reason, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            ServerMetadataError::NotAnObject => "is not a JSON object",
            ServerMetadataError::WrongIssuer => "is another issuer's",
            ServerMetadataError::NoKeysEndpoint => "has no jwks_uri that can be called",
            ServerMetadataError::InsecureKeysEndpoint => {
                "has a jwks_uri that is not https; set insecure_http to allow it"
            }
        }
    }
}

/// Reads where the keys of `issuer` are. The document's issuer must equal it byte for byte.
///
/// # Errors
/// [`ServerMetadataError`]
pub fn keys_endpoint(
    body: &[u8],
    issuer: &str,
    insecure_http: bool,
) -> Result<Endpoint, ServerMetadataError> {
    let members = json::parse_object(body).map_err(|_| ServerMetadataError::NotAnObject)?;
    if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(ServerMetadataError::WrongIssuer);
    }
    let endpoint = members
        .get("jwks_uri")
        .and_then(Value::as_str)
        .and_then(|uri| Endpoint::parse(uri).ok())
        .ok_or(ServerMetadataError::NoKeysEndpoint)?;
    if endpoint.scheme == Scheme::Http && !endpoint.is_loopback() && !insecure_http {
        return Err(ServerMetadataError::InsecureKeysEndpoint);
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ISSUER: &str = "https://as.example.com/realms/demo";

    #[test]
    fn the_keys_of_this_issuer_only_and_over_tls() {
        for (document, insecure_http, expected) in [
            (
                json!({"issuer": ISSUER, "jwks_uri": "https://as.example.com/jwks"}),
                false,
                Ok("as.example.com:443"),
            ),
            (
                json!({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1:8080/jwks"}),
                false,
                Ok("127.0.0.1:8080"),
            ),
            (
                json!({"issuer": ISSUER, "jwks_uri": "http://as.example.com/jwks"}),
                true,
                Ok("as.example.com:80"),
            ),
            (
                json!({"issuer": ISSUER, "jwks_uri": "http://as.example.com/jwks"}),
                false,
                Err(ServerMetadataError::InsecureKeysEndpoint),
            ),
            (
                json!({"issuer": format!("{ISSUER}/"), "jwks_uri": "https://as.example.com/jwks"}),
                false,
                Err(ServerMetadataError::WrongIssuer),
            ),
            (
                json!({"jwks_uri": "https://as.example.com/jwks"}),
                false,
                Err(ServerMetadataError::WrongIssuer),
            ),
            (json!({"issuer": ISSUER}), false, Err(ServerMetadataError::NoKeysEndpoint)),
            (
                json!({"issuer": ISSUER, "jwks_uri": "file:///x"}),
                false,
                Err(ServerMetadataError::NoKeysEndpoint),
            ),
            (json!([]), false, Err(ServerMetadataError::NotAnObject)),
        ] {
            let read = keys_endpoint(document.to_string().as_bytes(), ISSUER, insecure_http);
            assert_eq!(read.map(|endpoint| endpoint.authority()), expected.map(str::to_owned), "{document}");
        }
    }

    #[test]
    fn the_well_known_names_stand_where_each_standard_puts_them() {
        for (issuer, oauth, openid) in [
            (
                "https://as.example.com",
                "https://as.example.com/.well-known/oauth-authorization-server",
                "https://as.example.com/.well-known/openid-configuration",
            ),
            (
                "https://as.example.com/",
                "https://as.example.com/.well-known/oauth-authorization-server",
                "https://as.example.com/.well-known/openid-configuration",
            ),
            (
                "https://as.example.com:8443/realms/demo",
                "https://as.example.com:8443/.well-known/oauth-authorization-server/realms/demo",
                "https://as.example.com:8443/realms/demo/.well-known/openid-configuration",
            ),
            (
                "https://as.example.com/a%20b/",
                "https://as.example.com/.well-known/oauth-authorization-server/a%20b",
                "https://as.example.com/a%20b/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(metadata_urls(issuer).unwrap(), [oauth, openid], "{issuer}");
        }
    }

    #[test]
    fn an_issuer_that_is_no_plain_url_has_no_metadata() {
        for issuer in [
            "accounts.example.com",
            "",
            "urn:example:as",
            "https://a.example.com?b=c",
            "https://a.example.com/#b",
        ] {
            assert_eq!(metadata_urls(issuer), None, "{issuer}");
        }
    }
}
