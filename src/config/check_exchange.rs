//! What an exchange is made of.

use super::check::Checker;
use super::policy::{ActorSource, ExchangeMemory, ExchangePolicy};
use super::written::{ActorTokenSource, Sealed};
use crate::oauth::client_auth::ClientAuthentication;
use crate::oauth::token_type::TokenTypeIdentifier;
use crate::secret::Secret;
use std::time::Duration;

impl Checker<'_> {
    /// The exchange, where it is enabled.
    pub(super) fn exchange(&mut self, inherited: Option<&ClientAuthentication>) -> Option<ExchangePolicy> {
        let exchange = &self.config.token_exchange;
        let endpoint = match &exchange.token_endpoint {
            Some(text) => self.endpoint("/token_exchange/token_endpoint", text),
            None => {
                let sentence = "write the URL of the token endpoint, or set token_exchange.enabled to false";
                self.mistakes.add("/token_exchange/token_endpoint", sentence);
                None
            }
        };
        let client = self.exchange_client(inherited);
        let actor = self.actor();
        let request = &exchange.request;
        let requested = &request.requested_token_type;
        let remember = ExchangeMemory {
            default_lifetime: Duration::from_secs(exchange.cache.ttl),
            expiry_margin: Duration::from_secs(exchange.cache.expiry_margin),
        };
        Some(ExchangePolicy {
            endpoint: endpoint?,
            client: client?,
            subject_token_type: TokenTypeIdentifier::new(request.subject_token_type.as_str()),
            requested_token_type: (!requested.is_empty())
                .then(|| TokenTypeIdentifier::new(requested.as_str())),
            actor: actor?,
            audience: request.audience.clone(),
            resource: request.resource.clone(),
            scope: request.scopes.iter().cloned().collect(),
            require_scopes: exchange.require_scopes,
            remember: exchange.cache.enabled.then_some(remember),
        })
    }

    fn actor(&mut self) -> Option<ActorSource> {
        const SOURCE: &str = "/token_exchange/request/actor_token_source";
        let request = &self.config.token_exchange.request;
        if self.mistakes.concern(SOURCE) {
            return None;
        }
        let token_type = TokenTypeIdentifier::new(request.actor_token_type.as_str());
        let uses_header = matches!(request.actor_token_source, ActorTokenSource::Header);
        let uses_token = matches!(request.actor_token_source, ActorTokenSource::Config);
        self.warn_unused("actor_token_header", request.actor_token_header.is_some() && !uses_header);
        self.warn_unused("actor_token", request.actor_token.is_some() && !uses_token);
        self.warn_unused("actor_token_optional", request.actor_token_optional && !uses_header);
        match request.actor_token_source {
            ActorTokenSource::None => Some(ActorSource::None),
            ActorTokenSource::Header => self.actor_header(token_type),
            ActorTokenSource::Config => self.actor_token(token_type),
        }
    }

    fn actor_header(&mut self, token_type: TokenTypeIdentifier) -> Option<ActorSource> {
        const POINTER: &str = "/token_exchange/request/actor_token_header";
        let Some(name) = self.actor_header_name() else {
            self.mistakes.add(POINTER, "write the name of the header field that carries the actor token");
            return None;
        };
        if name == "authorization" {
            return Some(ActorSource::ValidatedToken { token_type });
        }
        if super::check_headers::is_framing(&name) {
            self.mistakes.add(POINTER, "write another name: a request cannot do without this header field");
            return None;
        }
        let optional = self.config.token_exchange.request.actor_token_optional;
        Some(ActorSource::Header { name, optional, token_type })
    }

    fn actor_token(&mut self, token_type: TokenTypeIdentifier) -> Option<ActorSource> {
        let Some(Sealed(token)) = &self.config.token_exchange.request.actor_token else {
            self.mistakes.add("/token_exchange/request/actor_token", "write the actor token");
            return None;
        };
        let token = Secret::new(without_scheme(token.expose()));
        Some(ActorSource::Configured { token, token_type })
    }

    /// The actor header's name in lower case, where an exchange uses one.
    pub(super) fn actor_header_name(&self) -> Option<String> {
        let exchange = &self.config.token_exchange;
        let uses_header = matches!(exchange.request.actor_token_source, ActorTokenSource::Header);
        let name = exchange.request.actor_token_header.as_ref().filter(|_| exchange.enabled && uses_header);
        name.map(|name| name.to_ascii_lowercase())
    }

    fn warn_unused(&mut self, name: &str, is_unused: bool) {
        if is_unused {
            let pointer = format!("/token_exchange/request/{name}");
            self.warnings.push(format!("{pointer}: not used, because actor_token_source is another"));
        }
    }
}

/// A token without the word `Bearer` that some copy along with it.
fn without_scheme(token: &str) -> &str {
    match token.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim_start_matches(' '),
        _ => token,
    }
}
