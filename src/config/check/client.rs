//! The clients that the filter is at the authorization servers.

use super::Checker;
use crate::config::written::{Client, ClientAuth, Encoding, Located, WrittenSecret};
use crate::diagnostic::DiagnosticKind;
use crate::oauth::client_auth::{BasicEncoding, ClientAuthentication};
use crate::secret::Secret;
use url::Url;

/// What to write for `client_auth` where there is nothing to authenticate with.
#[derive(Clone, Copy)]
enum Otherwise {
    None,
    NoneOrInherit,
}

impl Checker<'_> {
    /// How the filter authenticates to the introspection endpoint at the top.
    pub(super) fn introspection_client(&mut self) -> Option<ClientAuthentication> {
        let client = &self.config.client;
        self.client(&client.client_auth, client, Otherwise::None)
    }

    /// How the filter authenticates to an introspection endpoint of an entry: only by what that entry
    /// says, as no server may see the credentials for another.
    pub(super) fn issuer_client(&mut self, client: &Client) -> Option<ClientAuthentication> {
        self.client(&client.client_auth, client, Otherwise::None)
    }

    /// How the filter authenticates to the token endpoint.
    pub(super) fn exchange_client(&mut self) -> Option<ClientAuthentication> {
        let own = &self.config.token_exchange.client;
        let takes_over = if self.lacks_credentials(own) { self.may_take_over()? } else { false };
        if !takes_over {
            return self.client(&own.client_auth, own, Otherwise::NoneOrInherit);
        }
        let sentence = "token_exchange has no client_id and client_secret of its own, so those beside \
                        introspection_endpoint are sent to the token endpoint, which has the same origin: write them \
                        here, too, if that is what you mean";
        self.diagnostics.warning(DiagnosticKind::Ambiguous, &own.client_auth.pointer, sentence);
        self.client(&own.client_auth, &self.config.client, Otherwise::NoneOrInherit)
    }

    /// Whether the client of the exchange needs a client_id and a client_secret, and neither was written.
    fn lacks_credentials(&self, own: &Client) -> bool {
        let needs_some = matches!(*own.client_auth, Some(ClientAuth::Basic | ClientAuth::Post));
        let is_written = own.client_id.is_some() || own.client_secret.is_some();
        let pointers = [&own.client_id.pointer, &own.client_secret.pointer];
        needs_some && !is_written && !pointers.into_iter().any(|pointer| self.diagnostics.concern(pointer))
    }

    /// Whether the credentials of introspection may serve for the exchange unasked, as in a guide of Kong's: there are
    /// some, and the server that would get them is the one that gets them anyway. `None` where that is not known for a
    /// mistake that has been noted.
    fn may_take_over(&self) -> Option<bool> {
        let Client { client_id, client_secret, .. } = &self.config.client;
        let (introspection, token) =
            (&self.config.introspection_endpoint, &self.config.token_exchange.token_endpoint);
        let needed = [
            (client_id.is_some(), &client_id.pointer),
            (client_secret.is_some(), &client_secret.pointer),
            (introspection.is_some(), &introspection.pointer),
            (token.is_some(), &token.pointer),
        ];
        let is_left_out =
            |(is_there, pointer): &(bool, &String)| !is_there && !self.diagnostics.concern(pointer);
        let origin = |url: &Option<String>| Some(Url::parse(url.as_deref()?).ok()?.origin());
        let origins = origin(introspection).zip(origin(token));
        if needed.iter().any(is_left_out) || origins.as_ref().is_some_and(|(one, other)| one != other) {
            return Some(false);
        }
        let is_known = origins.is_some() && needed.iter().all(|(is_there, _)| *is_there);
        is_known.then_some(true)
    }

    /// Whether the introspection endpoint is to see a client certificate.
    pub(super) fn uses_certificate(&self) -> bool {
        matches!(*self.config.client.client_auth, Some(ClientAuth::TlsClient))
    }

    /// The one check of a client, wherever it is written: the `method` with the credentials of `client`.
    fn client(
        &mut self,
        method: &Located<Option<ClientAuth>>,
        client: &Client,
        otherwise: Otherwise,
    ) -> Option<ClientAuthentication> {
        if self.diagnostics.concern(&method.pointer) {
            return None;
        }
        let unset = if client.client_secret.is_some() { ClientAuth::Basic } else { ClientAuth::None };
        match method.unwrap_or(unset) {
            ClientAuth::Basic => self.basic(client, otherwise),
            ClientAuth::Post => {
                let (client_id, client_secret) = self.both(client, otherwise)?;
                Some(ClientAuthentication::Post { client_id, client_secret })
            }
            ClientAuth::None => Some(self.no_authentication(client)),
            ClientAuth::TlsClient => {
                let client_id = self.client_id(client, otherwise)?;
                Some(ClientAuthentication::TlsClient { client_id })
            }
            ClientAuth::Inherit => self.inherit(client),
        }
    }

    /// Kong's rule: the credentials of introspection serve for the exchange, too.
    fn inherit(&mut self, own: &Client) -> Option<ClientAuthentication> {
        let inherited = self.introspection_client()?;
        let pointer = &own.client_auth.pointer;
        if own.client_id.is_some() || own.client_secret.is_some() {
            let sentence = "with inherit, client_id and client_secret of token_exchange are not used";
            self.diagnostics.warning(DiagnosticKind::NoEffect, pointer, sentence);
        }
        if inherited == (ClientAuthentication::None { client_id: None }) {
            let sentence = "there is nothing to inherit: set client_id and client_secret beside \
                            introspection_endpoint, or write none here";
            self.diagnostics.error(DiagnosticKind::Required, pointer, sentence);
            return None;
        }
        Some(inherited)
    }

    fn basic(&mut self, client: &Client, otherwise: Otherwise) -> Option<ClientAuthentication> {
        let (client_id, client_secret) = self.both(client, otherwise)?;
        let at_the_top = self.config.client.client_secret_basic_encoding.as_ref();
        let written = client.client_secret_basic_encoding.as_ref().or(at_the_top);
        let encoding = match written.map(|encoding| **encoding) {
            Some(Encoding::Raw) => BasicEncoding::Raw,
            Some(Encoding::Form) | None => BasicEncoding::Form,
        };
        if encoding == BasicEncoding::Raw && client_id.contains(':') {
            let sentence = "this has a colon and is sent raw: a server that follows RFC 7617 takes what is after the \
                            colon for the secret";
            self.diagnostics.warning(DiagnosticKind::Ambiguous, &client.client_id.pointer, sentence);
        }
        Some(ClientAuthentication::Basic { client_id, client_secret, encoding })
    }

    fn no_authentication(&mut self, client: &Client) -> ClientAuthentication {
        if client.client_secret.is_some() {
            let sentence = "with client_auth none this is not used";
            self.diagnostics.warning(DiagnosticKind::NoEffect, &client.client_secret.pointer, sentence);
        }
        ClientAuthentication::None { client_id: client.client_id.clone() }
    }

    fn both(&mut self, client: &Client, otherwise: Otherwise) -> Option<(String, Secret)> {
        let client_id = self.client_id(client, otherwise);
        let client_secret = client.client_secret.as_ref().map(|WrittenSecret(secret)| secret.clone());
        if client_secret.is_none() {
            self.missing(&client.client_secret.pointer, client.client_secret.name(), otherwise);
        }
        Some((client_id?, client_secret?))
    }

    fn client_id(&mut self, client: &Client, otherwise: Otherwise) -> Option<String> {
        if client.client_id.is_none() {
            self.missing(&client.client_id.pointer, client.client_id.name(), otherwise);
        }
        client.client_id.clone()
    }

    fn missing(&mut self, pointer: &str, name: &str, otherwise: Otherwise) {
        let otherwise = match otherwise {
            Otherwise::None => "none",
            Otherwise::NoneOrInherit => "none or inherit",
        };
        let sentence =
            format!("write the {name}, which this client_auth needs, or set client_auth to {otherwise}");
        self.diagnostics.error(DiagnosticKind::Required, pointer, sentence);
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
        let client_secret = Secret::new("a-secret");
        ClientAuthentication::Basic { client_id: client_id.to_owned(), client_secret, encoding }
    }

    #[test]
    fn each_method_takes_what_it_needs() {
        let method = |name: &str| introspection(&[("/client_auth", json!(name))]).client;
        let client_id = || "gateway".to_owned();
        assert_eq!(introspection(&[]).client, basic("gateway", BasicEncoding::Form));
        assert_eq!(method("client_secret_basic"), basic("gateway", BasicEncoding::Form));
        let post =
            ClientAuthentication::Post { client_id: client_id(), client_secret: Secret::new("a-secret") };
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
    fn an_endpoint_for_certificates_that_is_not_called_is_a_warning() {
        const ENDPOINT: &str = "/mtls_introspection_endpoint";
        let with = |method: Value| {
            let endpoint = (ENDPOINT, json!("https://mtls.example.com/introspect"));
            warnings(&[endpoint, ("/client_auth", method)])
        };
        for method in [json!(null), json!("client_secret_basic"), json!("client_secret_post")] {
            let warnings = with(method);
            assert!(warnings.len() == 1 && warnings[0].starts_with(ENDPOINT), "{warnings:?}");
        }
        assert!(with(json!("none")).iter().any(|warning| warning.starts_with(ENDPOINT)));
        for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
            assert_eq!(with(json!(method)), Vec::<String>::new(), "{method}");
        }
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
    fn f2_29_credentials_at_the_top_serve_for_the_same_server() {
        const METHOD: &str = "/token_exchange/client_auth";
        const ENDPOINT: &str = "/token_exchange/token_endpoint";
        let exchange = |method: Value, endpoint: &str| {
            let exchange = json!({"enabled": true, "client_auth": method, "token_endpoint": endpoint});
            ("/token_exchange", exchange)
        };
        let post = || ClientAuthentication::Post {
            client_id: "gateway".to_owned(),
            client_secret: Secret::new("a-secret"),
        };
        let same = "https://auth.example.com/oauth2/token";
        for (method, endpoint, expected) in [
            (json!("client_secret_post"), same, post()),
            (json!("client_secret_post"), "https://AUTH.example.com:443/t", post()),
            (json!("client_secret_basic"), same, basic("gateway", BasicEncoding::Form)),
            (json!(null), same, basic("gateway", BasicEncoding::Form)),
        ] {
            let changes = [exchange(method.clone(), endpoint)];
            assert_eq!(exchange_client(&changes), expected, "{method} {endpoint}");
            let warnings = warnings(&changes);
            assert!(warnings.len() == 1 && warnings[0].starts_with(METHOD), "{warnings:?}");
        }
        let public = [exchange(json!("none"), same)];
        assert_eq!(exchange_client(&public), ClientAuthentication::None { client_id: None });
        assert_eq!(warnings(&public), Vec::<String>::new());
        const BOTH: [&str; 2] = ["/token_exchange/client_id", "/token_exchange/client_secret"];
        const ELSEWHERE: [&str; 3] = ["/client_id", BOTH[0], BOTH[1]];
        let post = || json!("client_secret_post");
        for (changes, expected) in [
            (vec![exchange(post(), "https://exchange.example.com/token")], &BOTH[..]),
            (vec![exchange(post(), "https://auth.example.com:8443/token")], &BOTH),
            (vec![exchange(post(), "http://auth.example.com/token")], &[BOTH[0], BOTH[1], ENDPOINT]),
            (vec![exchange(post(), "https://auth.example.com.evil.example/token")], &BOTH),
            (vec![exchange(post(), same), ("/token_exchange/client_id", json!("own"))], &BOTH[1..]),
            (vec![exchange(post(), same), ("/token_exchange/client_secret", json!("own"))], &BOTH[..1]),
            (vec![exchange(post(), same), ("/token_exchange/client_id", json!(5))], &BOTH),
            (
                vec![
                    exchange(post(), same),
                    ("/client_secret", json!(null)),
                    ("/client_auth", json!("none")),
                ],
                &BOTH,
            ),
            (vec![exchange(post(), same), ("/introspection_endpoint", json!(null))], &BOTH),
            (
                vec![exchange(post(), "https://exchange.example.com/token"), ("/client_id", json!(5))],
                &ELSEWHERE,
            ),
        ] {
            assert_eq!(mistaken(&changes), expected, "{changes:?}");
            let errors = crate::config::testing::loads(&crate::config::testing::with(&changes)).unwrap_err();
            let mut of_credentials =
                errors.iter().filter(|error| error.message.contains("client_auth needs"));
            assert!(of_credentials.all(|error| error.message.contains("inherit")), "{errors:?}");
        }
    }

    #[test]
    fn a_mistake_in_what_the_exchange_would_take_over_is_one_line() {
        let exchange = |endpoint: &str| {
            (
                "/token_exchange",
                json!({"enabled": true, "client_auth": "client_secret_post", "token_endpoint": endpoint}),
            )
        };
        let same = "https://auth.example.com/oauth2/token";
        let vault = || json!("{vault://hcv/a}");
        for pointer in ["/client_id", "/client_secret", "/introspection_endpoint"] {
            for written in [vault(), json!(5), json!("${{ env \"DECK_A\" }}")] {
                assert_eq!(mistaken(&[exchange(same), (pointer, written.clone())]), [pointer], "{written}");
            }
        }
        for endpoint in
            ["{vault://hcv/a}", "https://user@auth.example.com/oauth2/token", "auth.example.com/token"]
        {
            assert_eq!(mistaken(&[exchange(endpoint)]), ["/token_exchange/token_endpoint"], "{endpoint}");
        }
        let both = [exchange(same), ("/client_id", vault()), ("/client_secret", vault())];
        assert_eq!(mistaken(&both), ["/client_id", "/client_secret"]);
    }

    #[test]
    fn a_secret_that_is_not_used_is_a_warning() {
        let warnings = warnings(&[("/client_auth", json!("none"))]);
        assert_eq!(warnings, ["/client_secret: with client_auth none this is not used"]);
    }
}
