//! The clients that the filter is at the authorization servers.

use super::Checker;
use crate::config::written::{ClientAuth, Encoding, ExchangeClientAuth, Issuer, Sealed};
use crate::oauth::client_auth::{BasicEncoding, ClientAuthentication};
use crate::secret::Secret;

/// client_id and client_secret, and where they are written.
struct Credentials<'a> {
    /// Pointer to the object they stand in.
    at: &'a str,
    client_id: Option<&'a String>,
    client_secret: Option<&'a Sealed>,
    encoding: Encoding,
}

const EXCHANGE: &str = "/token_exchange";

impl Checker<'_> {
    /// How the filter authenticates to the introspection endpoint.
    pub(super) fn introspection_client(&mut self) -> Option<ClientAuthentication> {
        let config = self.config;
        if self.findings.concern("/client_auth") {
            return None;
        }
        let credentials = Credentials {
            at: "",
            client_id: config.client_id.as_ref(),
            client_secret: config.client_secret.as_ref(),
            encoding: config.client_secret_basic_encoding,
        };
        self.client(&credentials, config.client_auth)
    }

    /// How the filter authenticates to the introspection endpoint of the issuer whose entry stands
    /// `at`: only by what that entry says, as no server may see the credentials for another.
    pub(super) fn issuer_client(&mut self, at: &str, entry: &Issuer) -> Option<ClientAuthentication> {
        let credentials = Credentials {
            at,
            client_id: entry.client_id.as_ref(),
            client_secret: entry.client_secret.as_ref(),
            encoding: entry.client_secret_basic_encoding,
        };
        self.client(&credentials, entry.client_auth)
    }

    fn client(
        &mut self,
        credentials: &Credentials<'_>,
        written: Option<ClientAuth>,
    ) -> Option<ClientAuthentication> {
        let unset = if credentials.client_secret.is_some() { ClientAuth::Basic } else { ClientAuth::None };
        match written.unwrap_or(unset) {
            ClientAuth::Basic => self.basic(credentials),
            ClientAuth::Post => self.post(credentials),
            ClientAuth::None => Some(self.no_authentication(credentials)),
            ClientAuth::TlsClient => {
                let client_id = self.client_id(credentials)?;
                Some(ClientAuthentication::TlsClient { client_id })
            }
        }
    }

    /// Whether the introspection endpoint is to see a client certificate.
    pub(super) fn uses_certificate(&self) -> bool {
        matches!(self.config.client_auth, Some(ClientAuth::TlsClient))
    }

    /// How the filter authenticates to the token endpoint.
    pub(super) fn exchange_client(&mut self) -> Option<ClientAuthentication> {
        let exchange = &self.config.token_exchange;
        if self.findings.concern("/token_exchange/client_auth") {
            return None;
        }
        let credentials = Credentials {
            at: EXCHANGE,
            client_id: exchange.client_id.as_ref(),
            client_secret: exchange.client_secret.as_ref(),
            encoding: self.config.client_secret_basic_encoding,
        };
        match exchange.client_auth {
            ExchangeClientAuth::Basic => self.basic(&credentials),
            ExchangeClientAuth::Post => self.post(&credentials),
            ExchangeClientAuth::None => Some(self.no_authentication(&credentials)),
            ExchangeClientAuth::Inherit => self.inherit(&credentials),
        }
    }

    /// Kong's rule: the credentials of introspection serve for the exchange, too.
    fn inherit(&mut self, own: &Credentials<'_>) -> Option<ClientAuthentication> {
        let inherited = self.introspection_client()?;
        if own.client_id.is_some() || own.client_secret.is_some() {
            self.findings.warning(
                "/token_exchange/client_auth",
                "with inherit, client_id and client_secret of token_exchange are not used",
            );
        }
        if inherited == (ClientAuthentication::None { client_id: None }) {
            self.findings.mistake(
                "/token_exchange/client_auth",
                "there is nothing to inherit: set client_id and client_secret beside introspection_endpoint, or write \
                 none here",
            );
            return None;
        }
        Some(inherited)
    }

    fn basic(&mut self, credentials: &Credentials<'_>) -> Option<ClientAuthentication> {
        let (client_id, client_secret) = self.both(credentials)?;
        let encoding = match credentials.encoding {
            Encoding::Form => BasicEncoding::Form,
            Encoding::Raw => BasicEncoding::Raw,
        };
        if encoding == BasicEncoding::Raw && client_id.contains(':') {
            let pointer = format!("{}/client_id", credentials.at);
            self.findings.warning(
                &pointer,
                "this has a colon and is sent raw: a server that follows RFC 7617 takes what is after the colon for \
                 the secret",
            );
        }
        Some(ClientAuthentication::Basic { client_id, client_secret, encoding })
    }

    fn post(&mut self, credentials: &Credentials<'_>) -> Option<ClientAuthentication> {
        let (client_id, client_secret) = self.both(credentials)?;
        Some(ClientAuthentication::Post { client_id, client_secret })
    }

    fn no_authentication(&mut self, credentials: &Credentials<'_>) -> ClientAuthentication {
        if credentials.client_secret.is_some() {
            let pointer = format!("{}/client_secret", credentials.at);
            self.findings.warning(&pointer, "with client_auth none this is not used");
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
        let otherwise = if at == EXCHANGE { "none or inherit" } else { "none" };
        let sentence =
            format!("write the {name}, which this client_auth needs, or set client_auth to {otherwise}");
        self.findings.mistake(&format!("{at}/{name}"), sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{message, mistaken, policy, warnings};
    use crate::policy::host::HostTraits;
    use crate::policy::issuers::IntrospectionPolicy;
    use serde_json::{Value, json};

    fn introspection(changes: &[(&str, Value)]) -> IntrospectionPolicy {
        policy(changes).validation.others.unwrap()
    }

    fn exchange_client(changes: &[(&str, Value)]) -> ClientAuthentication {
        policy(changes).upstream_credential.legs()[0].client.clone()
    }

    fn basic(client_id: &str, encoding: BasicEncoding) -> ClientAuthentication {
        let client_secret = Secret::new("***");
        ClientAuthentication::Basic { client_id: client_id.to_owned(), client_secret, encoding }
    }

    #[test]
    fn each_method_takes_what_it_needs() {
        let method = |name: &str| introspection(&[("/client_auth", json!(name))]).client;
        let client_id = || "gateway".to_owned();
        assert_eq!(introspection(&[]).client, basic("gateway", BasicEncoding::Form));
        assert_eq!(method("client_secret_basic"), basic("gateway", BasicEncoding::Form));
        let post = ClientAuthentication::Post { client_id: client_id(), client_secret: Secret::new("***") };
        assert_eq!(method("client_secret_post"), post);
        assert_eq!(method("none"), ClientAuthentication::None { client_id: Some(client_id()) });
        for name in ["tls_client_auth", "self_signed_tls_client_auth"] {
            assert_eq!(method(name), ClientAuthentication::TlsClient { client_id: client_id() });
        }
        let unset = introspection(&[("/client_secret", json!(null)), ("/client_id", json!(null))]);
        assert_eq!(unset.client, ClientAuthentication::None { client_id: None });
        let raw = introspection(&[("/client_secret_basic_encoding", json!("raw"))]);
        assert_eq!(raw.client, basic("gateway", BasicEncoding::Raw));
    }

    #[test]
    fn what_a_method_needs_and_lacks_is_named() {
        for (method, id, secret, expected) in [
            (json!(null), json!(null), json!("s"), vec!["/client_id"]),
            (json!("client_secret_basic"), json!("c"), json!(null), vec!["/client_secret"]),
            (json!("client_secret_post"), json!(null), json!(null), vec!["/client_id", "/client_secret"]),
            (json!("tls_client_auth"), json!(null), json!(null), vec!["/client_id"]),
            (json!("private_key_jwt"), json!("c"), json!(null), vec!["/client_auth"]),
            (json!("client_secret_jwt"), json!(null), json!(null), vec!["/client_auth"]),
            (json!("client_secret_basic"), json!(5), json!(""), vec!["/client_id", "/client_secret"]),
        ] {
            let changes = [("/client_auth", method), ("/client_id", id), ("/client_secret", secret)];
            assert_eq!(mistaken(&changes), expected, "{changes:?}");
        }
        let raw = [("/client_secret_basic_encoding", json!("raw")), ("/client_id", json!("gw:edge"))];
        let warnings = warnings(&raw);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("/client_id: this has a colon"),
            "{warnings:?}"
        );
    }

    #[test]
    fn the_certificate_has_an_endpoint_of_its_own() {
        const ENDPOINT: &str = "/mtls_introspection_endpoint";
        let own = (ENDPOINT, json!("https://mtls.example.com/introspect"));
        let with =
            |method: &str| introspection(&[own.clone(), ("/client_auth", json!(method))]).endpoint.host;
        assert_eq!(with("tls_client_auth"), "mtls.example.com");
        assert_eq!(with("client_secret_post"), "auth.example.com");
        let only = [
            own.clone(),
            ("/introspection_endpoint", json!(null)),
            ("/client_auth", json!("tls_client_auth")),
        ];
        assert_eq!(introspection(&only).endpoint.host, "mtls.example.com");
        let needs = |method: &str| {
            let unsupported = HostTraits::KONG.unsupported(&policy(&[("/client_auth", json!(method))]));
            unsupported.into_iter().map(|it| it.pointer).collect::<Vec<_>>()
        };
        assert_eq!(needs("self_signed_tls_client_auth"), ["/client_auth"]);
        assert!(needs("client_secret_post").is_empty());
    }

    #[test]
    fn an_exchange_has_its_own_client_or_inherits_one() {
        const METHOD: &str = "/token_exchange/client_auth";
        const ID: &str = "/token_exchange/client_id";
        const SECRET: &str = "/token_exchange/client_secret";
        let no_client = [(ID, json!(null)), (SECRET, json!(null))];
        let inherit = [(METHOD, json!("inherit")), no_client[0].clone(), no_client[1].clone()];
        assert_eq!(exchange_client(&[]), basic("exchange-client", BasicEncoding::Form));
        assert_eq!(exchange_client(&inherit), basic("gateway", BasicEncoding::Form));
        assert_eq!(warnings(&[(METHOD, json!("inherit"))]).len(), 1);
        let public = exchange_client(&[(METHOD, json!("none")), no_client[0].clone(), no_client[1].clone()]);
        assert_eq!(public, ClientAuthentication::None { client_id: None });
        assert_eq!(mistaken(&no_client), [ID, SECRET]);
        assert!(message(&[no_client[0].clone()], ID).contains("none or inherit"));
        let nothing =
            [("/client_id", json!(null)), ("/client_secret", json!(null)), (METHOD, json!("inherit"))];
        assert!(message(&nothing, METHOD).contains("nothing to inherit"));
    }

    #[test]
    fn a_secret_that_is_not_used_is_a_warning() {
        let warnings = warnings(&[("/client_auth", json!("none"))]);
        assert_eq!(warnings, ["/client_secret: with client_auth none this is not used"]);
    }
}
