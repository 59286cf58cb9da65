//! Is a token active, and what does it say? (RFC 7662)

use crate::cache::token_cache::Retention;
use crate::digest::{Digest, DigestBuilder};
use crate::flow::environment::Environment;
use crate::flow::outcome::{TimelyBody, TimelyResponse};
use crate::flow::proven::{Introspected, ProvenClaims, Voucher};
use crate::flow::question::Introspector;
use crate::flow::refusals::Refusal;
use crate::flow::request::Request;
use crate::flow::server::ResourceServer;
use crate::http::{Callout, FlightKey};
use crate::oauth::endpoint::EndpointKind;
use crate::oauth::{form, introspection};
use crate::policy::issuers::IntrospectionPolicy;
use crate::rejection::{Rejection, TokenFault};
use crate::report::Note;
use crate::report::note::ResponseFault;
use std::time::Duration;

const ENDPOINT: EndpointKind = EndpointKind::Introspection;

/// How long a refusal is cached: long enough to answer a client that hammers, short enough that
/// a token which becomes active is not kept waiting.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(5);

impl ResourceServer {
    /// How tokens are introspected there; `None` where they are not.
    pub(in crate::flow) fn introspection_policy(
        &self,
        introspector: Introspector,
    ) -> Result<Option<&IntrospectionPolicy>, Rejection> {
        Ok(match introspector.voucher() {
            Voucher::Others => self.policy.validation.others.as_ref(),
            Voucher::Issuer(issuer) => self.issuers.get(issuer)?.policy.proof.introspection(),
        })
    }

    /// What is cached of a token: its claims.
    ///
    /// # Errors
    /// It is cached that the token was refused.
    pub(in crate::flow) fn known_introspection(
        &mut self,
        request: &Request,
        introspector: Introspector,
        environment: &mut Environment<'_>,
    ) -> Result<Option<ProvenClaims>, Rejection> {
        let (key, now) = (cache_key(introspector, request), environment.now);
        if self.refusals.get(&key, now).is_some() {
            return Err(Rejection::InvalidToken(TokenFault::Inactive));
        }
        let read = |entry: &_| ProvenClaims::from_entry(entry, introspector.voucher());
        Ok(self.cache.claims(&key, now, environment.store, read))
    }
}

/// A request that asks about the token.
pub(in crate::flow) fn callout(
    server: &ResourceServer,
    request: &Request,
    introspector: Introspector,
) -> Result<Callout, Rejection> {
    let policy = server.introspection_policy(introspector)?.ok_or(Rejection::Internal)?;
    let mut form = introspection::request(&request.presented.credentials.token, &policy.arguments);
    let mut headers = form::post_headers();
    policy.client.apply(&mut form, &mut headers);
    headers.extend(policy.headers.iter().cloned());
    let mut callout = Callout::post(&policy.endpoint, headers, form.encode());
    callout.flight = policy.cache_ttl.map(|_| FlightKey(*cache_key(introspector, request).as_bytes()));
    Ok(callout)
}

/// Takes what the introspection endpoint answered.
///
/// # Errors
/// The token is not active, or the response cannot be used.
pub(in crate::flow) fn learn(
    server: &mut ResourceServer,
    request: &mut Request,
    introspector: Introspector,
    response: &TimelyResponse<'_>,
    environment: &mut Environment<'_>,
) -> Result<(), Rejection> {
    let ttl = server.introspection_policy(introspector)?.and_then(|policy| policy.cache_ttl);
    let (key, now) = (cache_key(introspector, request), environment.now);
    let body = successful_body(response, environment)?;
    match read(body, introspector.voucher(), environment)? {
        Introspected::Active(claims) => {
            if let Some(ttl) = ttl {
                let until = now.saturating_add(ttl);
                let expires = claims.claims().expires().ok().flatten().map_or(until, |it| it.min(until));
                let body = body.bytes();
                let retention = Retention { expires, shared_form: Some(body) };
                server.cache.insert_claims(
                    key,
                    claims.clone(),
                    body.len(),
                    retention,
                    now,
                    &mut environment.shared_access(),
                );
            }
            request.settled.introspected = Some(claims);
            Ok(())
        }
        Introspected::Inactive => {
            if ttl.is_some() {
                server.refusals.insert(key, Refusal::Inactive, REFUSAL_LIFETIME, now);
            }
            Err(Rejection::InvalidToken(TokenFault::Inactive))
        }
    }
}

fn successful_body<'a>(
    response: &TimelyResponse<'a>,
    environment: &mut Environment<'_>,
) -> Result<TimelyBody<'a>, Rejection> {
    response.check_status(environment)?;
    if !response.is_success() {
        environment.report.add(Note::ClientRefused(ENDPOINT, response.status()));
        return Err(Rejection::Unusable(ENDPOINT));
    }
    response.body(environment)
}

fn read(
    body: TimelyBody<'_>,
    voucher: Voucher,
    environment: &mut Environment<'_>,
) -> Result<Introspected, Rejection> {
    ProvenClaims::introspected(body, voucher).map_err(|error| {
        environment.report.add(Note::UnusableResponse(ENDPOINT, ResponseFault::Introspection(error)));
        Rejection::Unusable(ENDPOINT)
    })
}

/// The cache's key: apart from that of the token's own claims where both are kept.
fn cache_key(introspector: Introspector, request: &Request) -> Digest {
    let token_key = request.presented.token_key;
    match introspector {
        Introspector::Others | Introspector::Issuer(_) => token_key,
        Introspector::BesideSignature(_) => {
            DigestBuilder::new("introspection").field(token_key.as_bytes()).finish()
        }
    }
}
