//! The metadata of an authorization server (RFC 8414, OpenID Connect Discovery): as much of it as
//! leads to the keys, and where it stands.

use crate::http::{Endpoint, Scheme};
use crate::json;
use crate::network::Network;
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

/// Whether `url` can be that of a metadata document: its path ends in one of the two well-known names. A query may
/// follow, as RFC 8414 does not forbid one: Microsoft Entra publishes the keys of an application at `?appid=`.
pub fn is_metadata_url(url: &str) -> bool {
    let path = url.split('?').next().unwrap_or_default();
    path.ends_with("/oauth-authorization-server") || path.ends_with("/openid-configuration")
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
    /// `jwks_uri` is not https, and the issuer is.
    InsecureKeysEndpoint,
    /// `jwks_uri` is not https, and the operator does not allow that.
    KeysEndpointNotAllowed,
    /// `jwks_uri` is on this machine, its link or a private network, and the issuer is not.
    InternalKeysEndpoint,
}

impl ServerMetadataError {
    /// The reason, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            ServerMetadataError::NotAnObject => "cannot be read as a JSON object",
            ServerMetadataError::WrongIssuer => "is another issuer's",
            ServerMetadataError::NoKeysEndpoint => "has no jwks_uri that can be called",
            ServerMetadataError::InsecureKeysEndpoint => {
                "has a jwks_uri that is not https, as its issuer is; write jwks_endpoint to use other keys"
            }
            ServerMetadataError::KeysEndpointNotAllowed => {
                "has a jwks_uri that is not https; set insecure_http to allow it"
            }
            ServerMetadataError::InternalKeysEndpoint => {
                "has a jwks_uri on this machine, its link or a private network, where its issuer is not; write \
                 jwks_endpoint if the keys are there"
            }
        }
    }
}

/// Reads where the keys of `issuer` are. The document's issuer must equal it byte for byte.
///
/// A document leads no further than its issuer: to https where the issuer is https, and to this machine, its link
/// or a private network only where the issuer's own host is there. Who writes the document would otherwise have
/// the gateway call what only the gateway can reach. Such a place the operator can name in `jwks_endpoint`.
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
    // An issuer that is not a URL has no host, and counts as https.
    let issuer = Endpoint::parse(issuer).ok();
    if endpoint.scheme == Scheme::Http {
        if issuer.as_ref().is_none_or(|issuer| issuer.scheme == Scheme::Https) {
            return Err(ServerMetadataError::InsecureKeysEndpoint);
        }
        if !endpoint.is_loopback() && !insecure_http {
            return Err(ServerMetadataError::KeysEndpointNotAllowed);
        }
    }
    match Network::of_host(&endpoint.host) {
        Network::Public => Ok(endpoint),
        inner if issuer.is_some_and(|issuer| Network::of_host(&issuer.host) == inner) => Ok(endpoint),
        _ => Err(ServerMetadataError::InternalKeysEndpoint),
    }
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
                Err(ServerMetadataError::InsecureKeysEndpoint),
            ),
            (
                json!({"issuer": ISSUER, "jwks_uri": "http://as.example.com/jwks"}),
                true,
                Err(ServerMetadataError::InsecureKeysEndpoint),
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
    fn sec_14_a_document_leads_no_further_than_its_issuer() {
        use ServerMetadataError::{InsecureKeysEndpoint, InternalKeysEndpoint, KeysEndpointNotAllowed};
        for (issuer, jwks_uri, insecure_http, expected) in [
            ("https://as.example.com", "https://keys.example.net/jwks", false, Ok(())),
            ("https://as.example.com", "http://127.0.0.1:8001/services", false, Err(InsecureKeysEndpoint)),
            ("https://as.example.com", "https://127.0.0.1:8001/services", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://127.1/", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://0x7f000001/", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://localhost./", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://169.254.169.254/", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://[::ffff:169.254.169.254]/", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://10.0.0.1/jwks", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://0.0.0.0/jwks", false, Err(InternalKeysEndpoint)),
            ("https://as.example.com", "https://10.0.0.1/jwks", true, Err(InternalKeysEndpoint)),
            ("https://8.8.8.8", "https://10.0.0.1/jwks", false, Err(InternalKeysEndpoint)),
            ("https://10.0.0.1", "https://10.0.0.2/jwks", false, Ok(())),
            ("https://10.0.0.1", "https://192.168.0.1/jwks", false, Ok(())),
            ("https://10.0.0.1", "https://[fd00::1]/jwks", false, Ok(())),
            ("https://10.0.0.1", "https://as.example.com/jwks", false, Ok(())),
            // A server within a private network is not one on this machine, nor a cloud's metadata.
            ("https://10.0.0.1", "https://127.0.0.1/jwks", false, Err(InternalKeysEndpoint)),
            ("https://10.0.0.1", "https://169.254.169.254/jwks", false, Err(InternalKeysEndpoint)),
            ("https://10.0.0.1", "http://10.0.0.1/jwks", true, Err(InsecureKeysEndpoint)),
            ("http://localhost:8080", "http://127.0.0.1:8080/jwks", false, Ok(())),
            ("http://127.0.0.1:8080", "https://[::1]/jwks", false, Ok(())),
            ("http://localhost:8080", "http://as.example.com/jwks", false, Err(KeysEndpointNotAllowed)),
            ("http://localhost:8080", "http://as.example.com/jwks", true, Ok(())),
            ("http://localhost:8080", "http://10.0.0.1/jwks", true, Err(InternalKeysEndpoint)),
            ("http://as.example.com", "http://as.example.com/jwks", true, Ok(())),
            ("http://as.example.com", "http://127.0.0.1:8001/services", true, Err(InternalKeysEndpoint)),
            ("accounts.example.com", "https://keys.example.com/jwks", false, Ok(())),
            ("accounts.example.com", "http://keys.example.com/jwks", true, Err(InsecureKeysEndpoint)),
            ("accounts.example.com", "https://10.0.0.1/jwks", false, Err(InternalKeysEndpoint)),
        ] {
            let document = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
            let read = keys_endpoint(document.as_bytes(), issuer, insecure_http).map(drop);
            assert_eq!(read, expected, "{issuer}: {jwks_uri}, insecure_http {insecure_http}");
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
