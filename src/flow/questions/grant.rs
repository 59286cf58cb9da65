//! Which token does a token endpoint issue? (RFC 8693)

use crate::cache::token_cache::Retention;
use crate::digest::Digest;
use crate::flow::accept::ValidatedToken;
use crate::flow::environment::Environment;
use crate::flow::outcome::TimelyResponse;
use crate::flow::request::Request;
use crate::flow::server::ResourceServer;
use crate::flow::upstream_token::UpstreamToken;
use crate::http::{Callout, FlightKey};
use crate::json;
use crate::oauth::endpoint::EndpointKind;
use crate::oauth::error_response::ErrorResponse;
use crate::oauth::form;
use crate::oauth::token_exchange::{
    IssuedToken, Lifetime, TokenExchangeError, TokenExchangeRequest, TypedToken,
};
use crate::policy::plan::{Grant, Leg, LegCache, LegId, TokenSource, TypedSource, UpstreamCredential};
use crate::rejection::{Rejection, TokenFault};
use crate::report::Note;
use crate::report::note::{Blame, ResponseFault};
use crate::secret::Secret;
use crate::time::UnixTime;
use std::time::Duration;

const ENDPOINT: EndpointKind = EndpointKind::Token;

/// Issued tokens are cached no longer than this, whatever `expires_in` says.
const MAX_CACHE_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl ResourceServer {
    /// The cache's key of the token that a leg issues for this request, where it is cached.
    pub(in crate::flow) fn grant_key(&self, request: &Request, leg: LegId) -> Option<Digest> {
        self.leg(leg).ok()?.cache?;
        self.leg_keys.key(leg, &request.presented)
    }

    /// What is cached under such a key.
    pub(in crate::flow) fn known_grant(
        &mut self,
        key: &Digest,
        environment: &mut Environment<'_>,
    ) -> Option<UpstreamToken> {
        self.cache.issued(key, environment.now, environment.store, UpstreamToken::from_entry)
    }

    fn configured_actors(&self) -> impl Iterator<Item = &Secret> {
        self.policy.upstream_credential.legs().iter().filter_map(Leg::configured_actor)
    }

    fn leg(&self, leg: LegId) -> Result<&Leg, Rejection> {
        match &self.policy.upstream_credential {
            UpstreamCredential::Issued(plan) => plan.leg(leg).ok_or(Rejection::Internal),
            UpstreamCredential::Original | UpstreamCredential::Removed => Err(Rejection::Internal),
        }
    }
}

/// A request that asks the leg's token endpoint for its token.
pub(in crate::flow) fn callout(
    server: &ResourceServer,
    request: &Request,
    leg: LegId,
) -> Result<Callout, Rejection> {
    let key = request.settled.leg_key.filter(|_| !request.settled.unshared_leg);
    let leg = server.leg(leg)?;
    let subject = typed_token(&leg.subject, request)?.ok_or(Rejection::Internal)?;
    let actor = match &leg.actor {
        Some(actor) => typed_token(actor, request)?,
        None => None,
    };
    let Grant::TokenExchange { requested_token_type } = &leg.grant;
    let exchange = TokenExchangeRequest {
        subject: &subject,
        actor: actor.as_ref(),
        requested_token_type: requested_token_type.as_ref(),
        audience: &leg.target.audience,
        resource: &leg.target.resource,
        scope: &leg.target.scope,
    };
    let (mut form, mut headers) = (exchange.form(), form::post_headers());
    leg.client.apply(&mut form, &mut headers);
    let mut callout = Callout::post(&leg.endpoint, headers, form.encode());
    callout.flight = key.map(|key| FlightKey(*key.as_bytes()));
    Ok(callout)
}

/// The token of a source; `None` where the request lacks it and may.
fn typed_token(typed: &TypedSource, request: &Request) -> Result<Option<TypedToken>, Rejection> {
    let token: Option<&Secret> = match &typed.source {
        TokenSource::ValidatedToken => {
            Some(request.settled.token.as_deref().map(ValidatedToken::secret).ok_or(Rejection::Internal)?)
        }
        TokenSource::Header { optional, .. } => {
            let actor = request.presented.credentials.actor.as_ref().map(|actor| actor.secret());
            if actor.is_none() && !optional {
                return Err(Rejection::Internal);
            }
            actor
        }
        TokenSource::Configured(token) => Some(token),
        TokenSource::Leg(leg) => {
            let earlier = request.settled.legs.get(leg.index()).and_then(UpstreamToken::issued);
            Some(earlier.ok_or(Rejection::Internal)?)
        }
    };
    let token_type = typed.token_type.clone();
    Ok(token.map(|token| TypedToken { token: token.clone(), token_type }))
}

/// Takes what the token endpoint answered. `joined` where another request made the callout and the
/// token is not cached.
///
/// # Errors
/// No token was issued, or none that can be used.
pub(in crate::flow) fn learn(
    server: &mut ResourceServer,
    request: &mut Request,
    leg: LegId,
    response: &TimelyResponse<'_>,
    joined: bool,
    environment: &mut Environment<'_>,
) -> Result<(), Rejection> {
    if joined && response.is_success() {
        response.body(environment)?;
        // A token that is not cached may be used once only, and the request that made the callout has
        // used it.
        request.settled.unshared_leg = true;
        return Ok(());
    }
    let leg = server.leg(leg)?;
    let (token, issued) = read(server, request, response, leg, environment)?;
    let now = environment.now;
    let validated = request.settled.token.as_deref().ok_or(Rejection::Internal)?;
    match leg.cache.and_then(|cache| cached_until(&issued, cache, validated, now)) {
        Some(expires) => {
            let key = request.settled.leg_key.ok_or(Rejection::Internal)?;
            let text = issued.token.expose().as_bytes();
            let retention = Retention { expires, shared_form: Some(text) };
            server.cache.insert_issued(
                key,
                token.clone(),
                text.len(),
                retention,
                now,
                &mut environment.shared_access(),
            );
        }
        None => request.settled.leg_key = None,
    }
    request.settled.legs.push(token);
    request.settled.unshared_leg = false;
    Ok(())
}

fn read(
    server: &ResourceServer,
    request: &Request,
    response: &TimelyResponse<'_>,
    leg: &Leg,
    environment: &mut Environment<'_>,
) -> Result<(UpstreamToken, IssuedToken), Rejection> {
    let status = response.status();
    response.check_status(environment)?;
    let body = response.body(environment)?;
    let refused = |error: ErrorResponse, environment: &mut Environment<'_>| {
        let (blame, rejection) = judged(response, &error.error, leg, environment.now);
        environment.report.add(Note::OAuthError {
            status,
            error: server.foreign_prose(request, &error.error),
            description: server.foreign_prose(request, &error.error_description.unwrap_or_default()),
            blame,
        });
        rejection
    };
    if !response.is_success() {
        let error = json::parse_object(body.bytes()).ok().and_then(|it| ErrorResponse::from_members(&it));
        let error = error.unwrap_or_else(|| ErrorResponse { error: String::new(), error_description: None });
        return Err(refused(error, environment));
    }
    let Grant::TokenExchange { requested_token_type } = &leg.grant;
    let unusable = |fault, environment: &mut Environment<'_>| {
        environment.report.add(Note::UnusableResponse(ENDPOINT, fault));
        Rejection::Unusable(ENDPOINT)
    };
    let presented = request.tokens().chain(server.configured_actors());
    let granted = UpstreamToken::granted(body, requested_token_type.as_ref(), presented);
    let (token, issued) = granted.map_err(|error| match error {
        TokenExchangeError::Refused(error) => refused(error, environment),
        TokenExchangeError::NotAnObject => unusable(ResponseFault::NotAnObject, environment),
        TokenExchangeError::Contradictory => unusable(ResponseFault::Contradictory, environment),
        TokenExchangeError::NoToken => unusable(ResponseFault::NoToken, environment),
        TokenExchangeError::NotBearer => unusable(ResponseFault::NotBearer, environment),
        TokenExchangeError::WrongType => unusable(ResponseFault::WrongTokenType, environment),
        TokenExchangeError::Echo => unusable(ResponseFault::EchoedToken, environment),
    })?;
    let asked_for = &leg.target.scope;
    if leg.require_scopes && !issued.scope.as_ref().unwrap_or(asked_for).contains_all(asked_for) {
        return Err(unusable(ResponseFault::ScopeMissing, environment));
    }
    Ok((token, issued))
}

/// Whose fault an OAuth error is. Only what a new token from the client can mend is the client's; a
/// complaint about the operator's own actor token is the operator's to mend.
fn judged(response: &TimelyResponse<'_>, error: &str, leg: &Leg, now: UnixTime) -> (Blame, Rejection) {
    let actor_is_configured = leg.configured_actor().is_some();
    let refused = Rejection::InvalidToken(TokenFault::RefusedByTokenEndpoint);
    match error {
        "invalid_grant" | "interaction_required" | "login_required" | "consent_required" => {
            (Blame::Client, refused)
        }
        "invalid_request" if !actor_is_configured => (Blame::ClientOrOperator, refused),
        // Keycloak says so of a subject token that it does not take. With 401 it would be of the filter's own
        // credentials (RFC 6749 section 5.2).
        "invalid_token" if !actor_is_configured && response.status() == 400 => {
            (Blame::ClientOrOperator, refused)
        }
        "access_denied" => (Blame::Client, Rejection::AccessDenied),
        "temporarily_unavailable" | "server_error" => {
            (Blame::AuthorizationServer, Rejection::Unavailable(ENDPOINT, response.retry_after(now)))
        }
        _ => (Blame::Operator, Rejection::Unusable(ENDPOINT)),
    }
}

/// Until when an issued token is cached; `None` for one that is used once. The margin is for ends that a server has
/// stated, of the issued token or of its subject: the lifetime that the operator has named is used whole.
fn cached_until(
    issued: &IssuedToken,
    cache: LegCache,
    validated: &ValidatedToken,
    now: UnixTime,
) -> Option<UnixTime> {
    let before_end = |end: UnixTime| end.saturating_sub(cache.expiry_margin);
    let end = match issued.lifetime {
        Lifetime::Known(lifetime) => before_end(now.saturating_add(lifetime.min(MAX_CACHE_LIFETIME))),
        Lifetime::Unstated => now.saturating_add(cache.default_lifetime),
        Lifetime::Once => return None,
    };
    let stated = [issued.own_expiry, validated.expires()].into_iter().flatten().map(before_end);
    stated.chain([end]).min().filter(|until| *until > now)
}
