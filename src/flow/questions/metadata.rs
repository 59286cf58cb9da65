//! Where are the keys of an issuer? (RFC 8414 section 3, OpenID Connect Discovery section 4)

use super::keys::fetch_callout;
use crate::flow::discovery::Turn;
use crate::flow::environment::Environment;
use crate::flow::issuers::IssuerId;
use crate::flow::keys::{FetchEnd, FetchNumber};
use crate::flow::outcome::TimelyResponse;
use crate::flow::question::KeyFetch;
use crate::flow::request::Request;
use crate::flow::server::ResourceServer;
use crate::http::{Callout, Endpoint};
use crate::oauth::endpoint::EndpointKind;
use crate::oauth::server_metadata;
use crate::policy::issuers::KeySource;
use crate::rejection::Rejection;
use crate::report::note::ResponseFault;

/// A request for the metadata, at the URL whose turn it is.
pub(in crate::flow) fn callout(
    server: &ResourceServer,
    issuer: IssuerId,
    turn: Turn,
) -> Result<Callout, Rejection> {
    let urls = urls(server, issuer)?;
    let url = urls.get(turn.url(urls.len())).ok_or(Rejection::Internal)?;
    Ok(fetch_callout(url, EndpointKind::Metadata, issuer))
}

/// Takes what the URL brought; `None` where another request has processed it, or found the metadata meanwhile. A response that is not the
/// metadata leads to the next URL; where there was no response, a later request tries again. What is given
/// back is how that ends the fetch, and how far this request's own is.
pub(in crate::flow) fn learn(
    server: &mut ResourceServer,
    request: &Request,
    (issuer, turn, fetch): (IssuerId, Turn, FetchNumber),
    response: Option<Result<TimelyResponse<'_>, Rejection>>,
    environment: &mut Environment<'_>,
) -> Result<(FetchEnd, KeyFetch), Rejection> {
    let (urls, lifetimes) = (urls(server, issuer)?.len(), server.policy.validation.key_lifetimes);
    let (metadata_callouts, since) = match request.settled.keys {
        Some(KeyFetch::GoesOn { metadata_callouts, since }) => (metadata_callouts.saturating_add(1), since),
        _ => (1, fetch),
    };
    let goes_on = (FetchEnd::GoesOn, KeyFetch::GoesOn { metadata_callouts, since });
    let failed = |rejection| (FetchEnd::Failed, KeyFetch::Failed(rejection));
    let Some(response) = response else { return Ok(goes_on) };
    let read = response.map(|response| read_metadata(server, issuer, &response, environment));
    let discovery = &mut server.issuers.get_mut(issuer)?.discovery;
    Ok(match read {
        Ok(Ok(endpoint)) => {
            let until = environment.now.saturating_add(lifetimes.metadata);
            discovery.discover(server.policy.with_cluster(endpoint), until);
            goes_on
        }
        Ok(Err(rejection)) => {
            discovery.next_url(turn);
            if metadata_callouts < urls { goes_on } else { failed(rejection) }
        }
        Err(rejection) => {
            discovery.retry_same_url(turn, lifetimes.metadata_tries);
            failed(rejection)
        }
    })
}

/// The URLs of an issuer's metadata, in the order in which they are tried.
pub(in crate::flow) fn urls(server: &ResourceServer, issuer: IssuerId) -> Result<&[Endpoint], Rejection> {
    match server.issuers.get(issuer)?.policy.proof.keys() {
        Some(KeySource::Discovered(urls)) => Ok(urls),
        _ => Err(Rejection::Internal),
    }
}

fn read_metadata(
    server: &ResourceServer,
    issuer: IssuerId,
    response: &TimelyResponse<'_>,
    environment: &mut Environment<'_>,
) -> Result<Endpoint, Rejection> {
    let issuer = &server.issuers.get(issuer)?.policy.issuer;
    let insecure_http = server.policy.validation.key_lifetimes.insecure_http;
    response.document(environment, |body| {
        server_metadata::keys_endpoint(body, issuer, insecure_http)
            .map_err(|error| ResponseFault::Metadata { issuer: issuer.clone(), error })
    })
}
