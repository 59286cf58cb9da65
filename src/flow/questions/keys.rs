//! Which keys has an issuer? (RFC 7517 section 5)

use crate::digest::{Digest, DigestBuilder};
use crate::flow::environment::Environment;
use crate::flow::issuers::IssuerId;
use crate::flow::keys::FetchEnd;
use crate::flow::outcome::TimelyResponse;
use crate::flow::question::{KeyFetch, Question};
use crate::flow::server::ResourceServer;
use crate::http::{Callout, Endpoint, FlightKey};
use crate::jose::jwk::JwkSet;
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
            None => Question::Metadata(issuer, self.issuers.get(issuer)?.discovery.turn()),
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
    let Some(response) = response else { return Ok((FetchEnd::Superseded, KeyFetch::Done)) };
    let known = server.issuers.get(issuer)?.keys.digest();
    let (end, rejection) = match response.and_then(|response| read_keys(&response, known, environment)) {
        Ok(FetchEnd::Withdrawn) => (FetchEnd::Withdrawn, Rejection::Unusable(EndpointKind::Jwks)),
        Ok(end) => return Ok((end, KeyFetch::Done)),
        Err(rejection) => (FetchEnd::Failed, rejection),
    };
    // A server that answers, with something else, may have moved its keys.
    if matches!(rejection, Rejection::Unusable(_)) {
        server.issuers.get_mut(issuer)?.discovery.lose_endpoint();
    }
    Ok((end, KeyFetch::Failed(rejection)))
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
        Some(KeySource::Discovered(_)) => Ok(issuer.discovery.endpoint(now)),
        _ => Err(Rejection::Internal),
    }
}

/// Every request that needs the keys of an issuer asks the same, at the same URL.
pub(super) fn fetch_callout(endpoint: &Endpoint, kind: EndpointKind, issuer: IssuerId) -> Callout {
    let flight = DigestBuilder::new(kind.as_str())
        .field(&issuer.to_bytes())
        .field(endpoint.host_field().as_bytes())
        .field(endpoint.path_and_query.as_bytes())
        .finish();
    let accept = match kind {
        // The media type of a JWK Set (RFC 7517 section 8.5.2), which some servers insist on.
        EndpointKind::Jwks => "application/jwk-set+json, application/json",
        EndpointKind::Metadata | EndpointKind::Introspection | EndpointKind::Token => "application/json",
    };
    Callout { flight: Some(FlightKey(*flight.as_bytes())), ..Callout::get(endpoint, accept) }
}

/// Reads what the issuer publishes, unless it is the set with the digest `known`, which is at hand. A JWK Set is
/// the issuer's word also where it has no key that can be used.
fn read_keys(
    response: &TimelyResponse<'_>,
    known: Option<&Digest>,
    environment: &mut Environment<'_>,
) -> Result<FetchEnd, Rejection> {
    let read = response.document(environment, |body| {
        let digest = DigestBuilder::new("JWK Set").field(body).finish();
        if known == Some(&digest) {
            return Ok(None);
        }
        let set = JwkSet::parse(body).map_err(ResponseFault::Jwks)?;
        Ok(Some((set, digest)))
    })?;
    let Some((set, digest)) = read else { return Ok(FetchEnd::Unchanged) };
    let left_out = set.left_out().to_vec();
    if set.is_empty() {
        let fault = ResponseFault::NoUsableKey(left_out);
        environment.report.add(Note::UnusableResponse(EndpointKind::Jwks, fault));
        return Ok(FetchEnd::Withdrawn);
    }
    if !left_out.is_empty() {
        environment.report.add(Note::KeysLeftOut { usable: set.len(), left_out });
    }
    Ok(FetchEnd::Fetched(set, digest))
}
