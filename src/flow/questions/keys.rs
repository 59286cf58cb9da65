//! Which keys has an issuer? (RFC 7517 section 5)

use crate::digest::DigestBuilder;
use crate::flow::environment::Environment;
use crate::flow::issuers::IssuerId;
use crate::flow::keys::FetchEnd;
use crate::flow::outcome::TimelyResponse;
use crate::flow::question::{KeyFetch, Question};
use crate::flow::server::ResourceServer;
use crate::http::{Callout, Endpoint, FlightKey};
use crate::jose::jwk::{JwkSet, Unusable};
use crate::oauth::endpoint::EndpointKind;
use crate::policy::issuers::KeySource;
use crate::rejection::Rejection;
use crate::report::Note;
use crate::report::note::ResponseFault;
use crate::time::UnixTime;

impl ResourceServer {
    /// What to ask for the keys of an issuer: where they are, unless that is known.
    pub(in crate::flow) fn key_question(
        &self,
        issuer: IssuerId,
        now: UnixTime,
    ) -> Result<Question, Rejection> {
        Ok(match jwks_endpoint(self, issuer, now)? {
            Some(_) => Question::Keys(issuer),
            None => Question::Metadata(issuer),
        })
    }
}

/// A request for the key set.
pub(in crate::flow) fn callout(
    server: &ResourceServer,
    issuer: IssuerId,
    now: UnixTime,
) -> Result<Callout, Rejection> {
    let endpoint = jwks_endpoint(server, issuer, now)?.ok_or(Rejection::Internal)?;
    Ok(fetch_callout(endpoint, EndpointKind::Jwks, issuer))
}

/// Takes what the endpoint brought; `None` where another request has processed it. What is given back is how
/// that ends the fetch, and how far this request's own is.
pub(in crate::flow) fn learn(
    server: &mut ResourceServer,
    issuer: IssuerId,
    response: Option<Result<TimelyResponse<'_>, Rejection>>,
    environment: &mut Environment<'_>,
) -> Result<(FetchEnd, KeyFetch), Rejection> {
    Ok(match response.map(|response| response.and_then(|it| read_keys(&it, environment))) {
        None => (FetchEnd::Superseded, KeyFetch::Done),
        Some(Ok(set)) => (FetchEnd::Fetched(set), KeyFetch::Done),
        Some(Err(rejection)) => {
            // A server that answers, with something else, may have moved its keys.
            if matches!(rejection, Rejection::Unusable(_)) {
                server.issuers.get_mut(issuer)?.keys.lose_endpoint();
            }
            (FetchEnd::Failed, KeyFetch::Failed(rejection))
        }
    })
}

/// Where the keys are, as far as that is known.
fn jwks_endpoint(
    server: &ResourceServer,
    issuer: IssuerId,
    now: UnixTime,
) -> Result<Option<&Endpoint>, Rejection> {
    let issuer = server.issuers.get(issuer)?;
    match issuer.policy.proof.keys() {
        Some(KeySource::Endpoint(endpoint)) => Ok(Some(endpoint)),
        Some(KeySource::Discovered(_)) => Ok(issuer.keys.endpoint(now)),
        _ => Err(Rejection::Internal),
    }
}

/// Every request that needs the keys of an issuer asks the same.
pub(super) fn fetch_callout(endpoint: &Endpoint, kind: EndpointKind, issuer: IssuerId) -> Callout {
    let flight = DigestBuilder::new(kind.as_str()).field(&issuer.to_bytes()).finish();
    let accept = match kind {
        // The media type of a JWK Set (RFC 7517 section 8.5.2), which some servers insist on.
        EndpointKind::Jwks => "application/jwk-set+json, application/json",
        EndpointKind::Metadata | EndpointKind::Introspection | EndpointKind::Token => "application/json",
    };
    Callout { flight: Some(FlightKey(*flight.as_bytes())), ..Callout::get(endpoint, accept) }
}

fn read_keys(response: &TimelyResponse<'_>, environment: &mut Environment<'_>) -> Result<JwkSet, Rejection> {
    let set = response.document(environment, |body| {
        let set = JwkSet::parse(body).map_err(ResponseFault::Jwks)?;
        if set.is_empty() { Err(ResponseFault::NoUsableKey(left_out(&set))) } else { Ok(set) }
    })?;
    let left_out = left_out(&set);
    if !left_out.is_empty() {
        environment.report.add(Note::KeysLeftOut { usable: set.len(), left_out });
    }
    Ok(set)
}

fn left_out(set: &JwkSet) -> Vec<(Unusable, usize)> {
    set.left_out().collect()
}
