//! The clients that the filter is at the authorization servers.

use super::check::Checker;
use super::written::{ClientAuth, Encoding, ExchangeClientAuth, Sealed};
use crate::oauth::client_auth::{BasicEncoding, ClientAuthentication};
use crate::secret::Secret;

/// client_id and client_secret, and where they are written.
struct Credentials<'a> {
    /// Pointer to the object they stand in.
    at: &'static str,
    client_id: Option<&'a String>,
    client_secret: Option<&'a Sealed>,
}

impl Checker<'_> {
    /// How the filter authenticates to the introspection endpoint.
    pub(super) fn introspection_client(&mut self) -> Option<ClientAuthentication> {
        let config = self.config;
        if self.mistakes.concern("/client_auth") {
            return None;
        }
        let credentials = Credentials {
            at: "",
            client_id: config.client_id.as_ref(),
            client_secret: config.client_secret.as_ref(),
        };
        let unset = if credentials.client_secret.is_some() { ClientAuth::Basic } else { ClientAuth::None };
        match config.client_auth.unwrap_or(unset) {
            ClientAuth::Basic => self.basic(&credentials),
            ClientAuth::Post => self.post(&credentials),
            ClientAuth::None => Some(self.no_authentication(&credentials)),
            ClientAuth::TlsClient => {
                let client_id = self.client_id(&credentials)?;
                Some(ClientAuthentication::TlsClient { client_id })
            }
        }
    }

    /// Whether the introspection endpoint is to see a client certificate.
    pub(super) fn uses_certificate(&self) -> bool {
        matches!(self.config.client_auth, Some(ClientAuth::TlsClient))
    }

    /// How the filter authenticates to the token endpoint; `inherited` is the client of
    /// introspection, where that has no mistake.
    pub(super) fn exchange_client(
        &mut self,
        inherited: Option<&ClientAuthentication>,
    ) -> Option<ClientAuthentication> {
        let exchange = &self.config.token_exchange;
        if self.mistakes.concern("/token_exchange/client_auth") {
            return None;
        }
        let credentials = Credentials {
            at: "/token_exchange",
            client_id: exchange.client_id.as_ref(),
            client_secret: exchange.client_secret.as_ref(),
        };
        match exchange.client_auth {
            ExchangeClientAuth::Basic => self.basic(&credentials),
            ExchangeClientAuth::Post => self.post(&credentials),
            ExchangeClientAuth::None => Some(self.no_authentication(&credentials)),
            ExchangeClientAuth::Inherit => self.inherit(&credentials, inherited?),
        }
    }

    /// Kong's rule: the credentials of introspection serve for the exchange, too.
    fn inherit(
        &mut self,
        own: &Credentials<'_>,
        inherited: &ClientAuthentication,
    ) -> Option<ClientAuthentication> {
        if own.client_id.is_some() || own.client_secret.is_some() {
            self.warnings.push(
                "/token_exchange/client_auth: with inherit, client_id and client_secret of token_exchange are not used"
                    .to_owned(),
            );
        }
        if *inherited == (ClientAuthentication::None { client_id: None }) {
            self.mistakes.add(
                "/token_exchange/client_auth",
                "there is nothing to inherit: set client_id and client_secret beside introspection_endpoint, or write \
                 none here",
            );
            return None;
        }
        Some(inherited.clone())
    }

    fn basic(&mut self, credentials: &Credentials<'_>) -> Option<ClientAuthentication> {
        let (client_id, client_secret) = self.both(credentials)?;
        let encoding = match self.config.client_secret_basic_encoding {
            Encoding::Form => BasicEncoding::Form,
            Encoding::Raw => BasicEncoding::Raw,
        };
        if encoding == BasicEncoding::Raw && client_id.contains(':') {
            self.warnings.push(format!(
                "{}/client_id has a colon and is sent raw: a server that follows RFC 7617 takes what is after \
                 the colon for the secret",
                credentials.at
            ));
        }
        Some(ClientAuthentication::Basic { client_id, client_secret, encoding })
    }

    fn post(&mut self, credentials: &Credentials<'_>) -> Option<ClientAuthentication> {
        let (client_id, client_secret) = self.both(credentials)?;
        Some(ClientAuthentication::Post { client_id, client_secret })
    }

    fn no_authentication(&mut self, credentials: &Credentials<'_>) -> ClientAuthentication {
        if credentials.client_secret.is_some() {
            self.warnings
                .push(format!("{}/client_secret: with client_auth none it is not used", credentials.at));
        }
        ClientAuthentication::None { client_id: credentials.client_id.cloned() }
    }

    fn both(&mut self, credentials: &Credentials<'_>) -> Option<(String, Secret)> {
        let client_id = self.client_id(credentials);
        let client_secret = credentials.client_secret.map(|Sealed(secret)| secret.clone());
        if client_secret.is_none() {
            self.missing(credentials, "client_secret");
        }
        Some((client_id?, client_secret?))
    }

    fn client_id(&mut self, credentials: &Credentials<'_>) -> Option<String> {
        if credentials.client_id.is_none() {
            self.missing(credentials, "client_id");
        }
        credentials.client_id.cloned()
    }

    fn missing(&mut self, credentials: &Credentials<'_>, name: &str) {
        let at = credentials.at;
        let otherwise = if at.is_empty() { "none" } else { "none or inherit" };
        let sentence =
            format!("write the {name}, which this client_auth needs, or set client_auth to {otherwise}");
        self.mistakes.add(&format!("{at}/{name}"), sentence);
    }
}
