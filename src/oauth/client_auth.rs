//! How the filter authenticates to an authorization server (RFC 6749 section 2.3).

use super::form::{Form, encode_value};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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

impl ClientAuthentication {
    /// The client's password, where the method has one.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            ClientAuthentication::Basic { client_secret, .. }
            | ClientAuthentication::Post { client_secret, .. } => Some(client_secret),
            ClientAuthentication::None { .. } | ClientAuthentication::TlsClient { .. } => None,
        }
    }

    /// Adds the client's credentials, by this one method and no other (RFC 6749 section 2.3).
    pub fn apply(&self, form: &mut Form, headers: &mut Vec<(String, Secret)>) {
        match self {
            ClientAuthentication::None { client_id: None } => {}
            ClientAuthentication::None { client_id: Some(client_id) }
            | ClientAuthentication::TlsClient { client_id } => form.add("client_id", client_id),
            ClientAuthentication::Basic { client_id, client_secret, encoding } => {
                let credentials = match encoding {
                    BasicEncoding::Form => {
                        format!("{}:{}", encode_value(client_id), encode_value(client_secret.expose()))
                    }
                    BasicEncoding::Raw => format!("{client_id}:{}", client_secret.expose()),
                };
                let field = format!("Basic {}", STANDARD.encode(credentials));
                headers.push(("authorization".to_owned(), Secret::new(field)));
            }
            ClientAuthentication::Post { client_id, client_secret } => {
                form.add("client_id", client_id);
                form.add("client_secret", client_secret.expose());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(client: &ClientAuthentication) -> (String, Vec<String>) {
        let (mut form, mut headers) = (Form::new(), Vec::new());
        client.apply(&mut form, &mut headers);
        let headers = headers.iter().map(|(name, value)| format!("{name}: {}", value.expose())).collect();
        (form.encode().expose().to_owned(), headers)
    }

    #[test]
    fn cfg_01_basic_credentials_are_form_encoded_unless_the_operator_says_raw() {
        let client = |encoding| ClientAuthentication::Basic {
            client_id: "gw:edge 1".to_owned(),
            client_secret: Secret::new("p+q/r=s t%"),
            encoding,
        };
        let (body, headers) = applied(&client(BasicEncoding::Form));
        assert_eq!(body, "");
        assert_eq!(headers, ["authorization: Basic Z3clM0FlZGdlKzE6cCUyQnElMkZyJTNEcyt0JTI1"]);
        let (_, headers) = applied(&client(BasicEncoding::Raw));
        assert_eq!(headers, ["authorization: Basic Z3c6ZWRnZSAxOnArcS9yPXMgdCU="]);
    }

    #[test]
    fn the_other_methods_use_the_body_alone() {
        let client_id = "gw".to_owned();
        let post =
            ClientAuthentication::Post { client_id: client_id.clone(), client_secret: Secret::new("s&") };
        assert_eq!(applied(&post), ("client_id=gw&client_secret=s%26".to_owned(), vec![]));
        let public = ClientAuthentication::None { client_id: Some(client_id.clone()) };
        assert_eq!(applied(&public), ("client_id=gw".to_owned(), vec![]));
        assert_eq!(
            applied(&ClientAuthentication::TlsClient { client_id }),
            ("client_id=gw".to_owned(), vec![])
        );
        assert_eq!(applied(&ClientAuthentication::None { client_id: None }), (String::new(), vec![]));
    }
}
