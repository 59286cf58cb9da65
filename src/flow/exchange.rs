//! Which credential the upstream gets.

use super::answer;
use super::rewrite;
use super::step::{Environment, Receipt, Step};
use super::validated::{Subject, ValidatedToken};
use super::{Carried, ResourceServer, Stage};
use crate::digest::{Digest, DigestBuilder};
use crate::http::{Callout, CalloutResponse, FlightKey};
use crate::json;
use crate::oauth::bearer::BearerToken;
use crate::oauth::error_response::ErrorResponse;
use crate::oauth::form;
use crate::oauth::token_exchange::{
    IssuedToken, Lifetime, TokenExchangeError, TokenExchangeRequest, TypedToken,
};
use crate::policy::{ActorSource, ExchangeMemory, ExchangePolicy, Policy, UpstreamCredential};
use crate::rejection::{Callee, Rejection, RetryAfter, TokenFault};
use crate::report::{Level, Prose};
use crate::secret::Secret;
use crate::time::UnixTime;
use std::time::Duration;

/// An exchange on its way.
#[derive(Debug)]
pub(super) struct Exchange {
    subject: Subject,
    key: Digest,
}

/// The part of the memory's key that is the same for every request: all that the policy puts on
/// the wire, and the whole configuration's digest.
#[derive(Clone)]
pub(super) struct KeyPrefix(DigestBuilder);

/// Issued tokens are remembered no longer than this, whatever the server says.
const MAX_CACHE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl std::fmt::Debug for KeyPrefix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("KeyPrefix")
    }
}

impl KeyPrefix {
    pub(super) fn new(policy: &Policy) -> KeyPrefix {
        let digest = DigestBuilder::new("exchange").field(policy.digest.as_bytes());
        let UpstreamCredential::Exchanged(exchange) = &policy.upstream_credential else {
            return KeyPrefix(digest);
        };
        let configured_actor = match &exchange.actor {
            ActorSource::Configured { token, .. } => Some(token.expose().as_bytes()),
            _ => None,
        };
        let words: Vec<&str> = exchange.scope.words().collect();
        KeyPrefix(
            digest
                .field(exchange.endpoint.authority().as_bytes())
                .field(exchange.endpoint.path_and_query.as_bytes())
                .field(exchange.subject_token_type.as_str().as_bytes())
                .optional(exchange.requested_token_type.as_ref().map(|it| it.as_str().as_bytes()))
                .optional(exchange.actor.token_type().map(|it| it.as_str().as_bytes()))
                .optional(configured_actor)
                .list(exchange.audience.iter().map(String::as_str))
                .list(exchange.resource.iter().map(String::as_str))
                .list(words.into_iter()),
        )
    }

    fn key(&self, token_key: &Digest, actor: Option<&BearerToken>) -> Digest {
        let actor = actor.map(|actor| actor.secret().expose().as_bytes());
        self.0.clone().field(token_key.as_bytes()).optional(actor).finish()
    }
}

impl ResourceServer {
    /// Gives a request whose token is good the credential that the policy has for the upstream.
    pub(super) fn provide_credential(
        &mut self,
        carried: Carried,
        subject: Subject,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let UpstreamCredential::Exchanged(policy) = &self.policy.upstream_credential else {
            return self.forward(&carried, &subject.validated, None, environment);
        };
        let key = self.exchange_key.key(&carried.located.token_key, subject.actor.as_ref());
        if policy.remember.is_some()
            && let Some(token) = self.remembered.issued(&key, environment.now, environment.store)
        {
            return self.forward(&carried, &subject.validated, Some(&token), environment);
        }
        let flight = policy.remember.map(|_| FlightKey(*key.as_bytes()));
        self.exchange(carried, Exchange { subject, key }, flight, environment)
    }

    fn exchange(
        &self,
        carried: Carried,
        exchange: Exchange,
        flight: Option<FlightKey>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let UpstreamCredential::Exchanged(policy) = &self.policy.upstream_credential else {
            return Err(Rejection::Internal);
        };
        let mut callout = exchange_callout(policy, &exchange.subject);
        callout.flight = flight;
        self.call(callout, Stage::Exchange(Box::new(exchange)), carried, environment)
    }

    /// Takes what the token endpoint answered.
    pub(super) fn exchanged(
        &mut self,
        carried: Carried,
        exchange: Exchange,
        answer: &CalloutResponse,
        joined: bool,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let validated = &exchange.subject.validated;
        if joined {
            // Whoever made the call has read the answer. A token that is not remembered may be used
            // once only, and has been.
            if let Some(token) = self.remembered.issued(&exchange.key, environment.now, environment.store) {
                return self.forward(&carried, validated, Some(&token), environment);
            }
            if answer.status == 200 {
                return self.exchange(carried, exchange, None, environment);
            }
        }
        let UpstreamCredential::Exchanged(policy) = &self.policy.upstream_credential else {
            return Err(Rejection::Internal);
        };
        let issued = read_exchange(answer, policy, environment)?;
        if let Some(until) =
            policy.remember.and_then(|memory| remembered_until(&issued, memory, validated, environment.now))
        {
            let now = environment.now;
            self.remembered.remember_issued(exchange.key, &issued.token, until, now, environment.store);
        }
        self.forward(&carried, validated, Some(&issued.token), environment)
    }

    fn forward(
        &self,
        carried: &Carried,
        validated: &ValidatedToken,
        issued: Option<&Secret>,
        environment: &mut Environment<'_>,
    ) -> Result<Step, Rejection> {
        let edits = rewrite::edits(&self.policy, &carried.located.taken_off, validated, issued, environment)?;
        Ok(Step::Forward(edits, Receipt(())))
    }
}

fn exchange_callout(policy: &ExchangePolicy, subject: &Subject) -> Callout {
    let typed = |token: &Secret, token_type| TypedToken { token: token.clone(), token_type };
    let subject_token = typed(subject.validated.secret(), policy.subject_token_type.clone());
    let actor = match &policy.actor {
        ActorSource::None => None,
        ActorSource::Header { token_type, .. } => {
            subject.actor.as_ref().map(|actor| typed(actor.secret(), token_type.clone()))
        }
        ActorSource::ValidatedToken { token_type } => {
            Some(typed(subject.validated.secret(), token_type.clone()))
        }
        ActorSource::Configured { token, token_type } => Some(typed(token, token_type.clone())),
    };
    let request = TokenExchangeRequest {
        subject: &subject_token,
        actor: actor.as_ref(),
        requested_token_type: policy.requested_token_type.as_ref(),
        audience: &policy.audience,
        resource: &policy.resource,
        scope: &policy.scope,
    };
    let (mut form, mut headers) = (request.form(), form::post_headers());
    policy.client.apply(&mut form, &mut headers);
    Callout::post(&policy.endpoint, headers, form.encode())
}

fn read_exchange(
    answer: &CalloutResponse,
    policy: &ExchangePolicy,
    environment: &mut Environment<'_>,
) -> Result<IssuedToken, Rejection> {
    let callee = Callee::TokenEndpoint;
    // A complaint about the operator's own actor token is the operator's to mend.
    let actor_is_configured = matches!(policy.actor, ActorSource::Configured { .. });
    answer::usable_status(answer, callee, environment)?;
    if answer.status != 200 {
        let error = json::parse_object(&answer.body).ok().and_then(|it| ErrorResponse::from_members(&it));
        let error = error.unwrap_or_else(|| ErrorResponse { error: String::new(), error_description: None });
        return Err(refusal(answer.status, &error, actor_is_configured, environment));
    }
    let issued = IssuedToken::parse(&answer.body, policy.requested_token_type.as_ref()).map_err(|error| {
        let what = match error {
            TokenExchangeError::Refused(error) => {
                return refusal(answer.status, &error, actor_is_configured, environment);
            }
            TokenExchangeError::NotAnObject => "is not a JSON object",
            TokenExchangeError::Contradictory => "has both a token and an error",
            TokenExchangeError::NoToken => "has no access_token that fits a header",
            TokenExchangeError::NotBearer => "has a token_type that is not Bearer",
            TokenExchangeError::WrongType => "has another issued_token_type than was requested",
        };
        environment.report.add(Level::Warn, format!("the token endpoint's answer {what}"));
        Rejection::Unusable(callee)
    })?;
    let granted = issued.scope.as_ref().unwrap_or(&policy.scope);
    if policy.require_scopes && !granted.contains_all(&policy.scope) {
        environment.report.add(Level::Warn, "the issued token lacks a scope that was asked for");
        return Err(Rejection::Unusable(callee));
    }
    Ok(issued)
}

/// Whose fault an OAuth error is. Only what a new token from the client can mend is the client's.
fn refusal(
    status: u16,
    error: &ErrorResponse,
    actor_is_configured: bool,
    environment: &mut Environment<'_>,
) -> Rejection {
    let callee = Callee::TokenEndpoint;
    let (level, rejection) = match error.error.as_str() {
        "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => {
            (Level::Info, Rejection::InvalidToken(TokenFault::RefusedByTokenEndpoint))
        }
        "invalid_request" if !actor_is_configured => {
            (Level::Warn, Rejection::InvalidToken(TokenFault::RefusedByTokenEndpoint))
        }
        // Keycloak says so of a subject token that it does not take. With 401 it would be of the filter's own
        // credentials (RFC 6749 section 5.2).
        "invalid_token" if !actor_is_configured && status == 400 => {
            (Level::Warn, Rejection::InvalidToken(TokenFault::RefusedByTokenEndpoint))
        }
        "access_denied" => (Level::Info, Rejection::AccessDenied),
        "temporarily_unavailable" | "server_error" => {
            (Level::Warn, Rejection::Unavailable(callee, RetryAfter::SOON))
        }
        _ => (Level::Error, Rejection::Unusable(callee)),
    };
    let prose = error.error_description.as_deref().unwrap_or_default();
    let line =
        format!("the token endpoint answered {status}: error {} {}", Prose(&error.error), Prose(prose));
    environment.report.add(level, line);
    rejection
}

/// Until when an issued token is served from memory; `None` for one that is used once.
fn remembered_until(
    issued: &IssuedToken,
    memory: ExchangeMemory,
    validated: &ValidatedToken,
    now: UnixTime,
) -> Option<UnixTime> {
    let lifetime = match issued.lifetime {
        Lifetime::Known(lifetime) => lifetime,
        Lifetime::Unstated => memory.default_lifetime,
        Lifetime::Once => return None,
    };
    let ends =
        [Some(now.saturating_add(lifetime.min(MAX_CACHE_LIFETIME))), issued.own_expiry, validated.expires()];
    let until = ends.into_iter().flatten().min()?.saturating_sub(memory.expiry_margin);
    (until > now).then_some(until)
}
