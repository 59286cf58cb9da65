//! Where are the keys of an issuer? (RFC 8414 section 3, OpenID Connect Discovery section 4)

use super::keys::fetch_callout;
use crate::flow::environment::Environment;
use crate::flow::issuers::IssuerId;
use crate::flow::keys::{FetchEnd, Ticket};
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
pub(in crate::flow) fn callout(server: &ResourceServer, issuer: IssuerId) -> Result<Callout, Rejection> {
    let urls = metadata_urls(server, issuer)?;
    let keys = &server.issuers.get(issuer)?.keys;
    let url = urls.get(keys.metadata_url(urls.len())).ok_or(Rejection::Internal)?;
    Ok(fetch_callout(url, EndpointKind::Metadata, issuer))
}

/// Takes what the URL brought; `None` where another request has processed it. A response that is not the
/// metadata leads to the next URL; where there was no response, a later request tries again.
pub(in crate::flow) fn learn(
    server: &mut ResourceServer,
    request: &mut Request,
    issuer: IssuerId,
    ticket: Option<Ticket>,
    response: Option<Result<TimelyResponse<'_>, Rejection>>,
    environment: &mut Environment<'_>,
) -> Result<(), Rejection> {
    let (ticket, now) = (ticket.ok_or(Rejection::Internal)?, environment.now);
    let urls = metadata_urls(server, issuer)?.len();
    let lifetimes = server.policy.validation.key_lifetimes;
    let read = match response {
        None => None,
        Some(Err(rejection)) => Some(Err((rejection, true))),
        Some(Ok(response)) => Some(
            read_metadata(server, issuer, response, environment)
                .map(|endpoint| server.policy.with_cluster(endpoint))
                .map_err(|rejection| (rejection, false)),
        ),
    };
    let keys = &mut server.issuers.get_mut(issuer)?.keys;
    let (end, fetch) = match read {
        None => (FetchEnd::GoesOn, KeyFetch::GoesOn),
        Some(Ok(endpoint)) => {
            keys.discover(endpoint, now.saturating_add(lifetimes.metadata));
            (FetchEnd::GoesOn, KeyFetch::GoesOn)
        }
        Some(Err((rejection, no_response))) => {
            if no_response {
                keys.retry_same_url(lifetimes.metadata_tries);
            } else {
                keys.next_url();
            }
            if no_response || keys.metadata_url(urls) == 0 {
                (FetchEnd::Failed, KeyFetch::Failed(rejection))
            } else {
                (FetchEnd::GoesOn, KeyFetch::GoesOn)
            }
        }
    };
    keys.end(ticket, end, now);
    request.settled.keys = Some(fetch);
    Ok(())
}

fn metadata_urls(server: &ResourceServer, issuer: IssuerId) -> Result<&[Endpoint], Rejection> {
    match server.issuers.get(issuer)?.policy.proof.keys() {
        Some(KeySource::Discovered(urls)) => Ok(urls),
        _ => Err(Rejection::Internal),
    }
}

fn read_metadata(
    server: &ResourceServer,
    issuer: IssuerId,
    response: TimelyResponse<'_>,
    environment: &mut Environment<'_>,
) -> Result<Endpoint, Rejection> {
    let issuer = &server.issuers.get(issuer)?.policy.issuer;
    let insecure_http = server.policy.validation.key_lifetimes.insecure_http;
    response.document(environment, |body| {
        server_metadata::keys_endpoint(body, issuer, insecure_http)
            .map_err(|error| ResponseFault::Metadata { issuer: issuer.clone(), error })
    })
}
