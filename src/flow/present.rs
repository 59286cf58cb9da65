//! What a request presents, and which of its header fields must not get through.

use super::credentials::Credentials;
use super::field_rules::{self, FieldFate, FieldRules};
use super::token_search::TokenSearch;
use crate::digest::{Digest, DigestBuilder};
use crate::http::{Headers, RequestHead};
use crate::oauth::bearer::{BearerError, BearerToken};
use crate::oauth::query;
use crate::policy::Policy;
use crate::policy::host::HostTraits;
use crate::policy::plan::UpstreamCredential;
use crate::rejection::{Rejection, RequestFault, TokenFault};
use crate::text::is_tchar;
use crate::trace_context::TraceParent;
use std::rc::Rc;

/// What a request presents. Nothing is proven yet.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) credentials: Rc<Credentials>,
    /// The cache's key of what is known of the token.
    pub(super) token_key: Digest,
    /// The trace that the request belongs to, for its callouts.
    pub(super) trace_parent: Option<TraceParent>,
    /// The names of header fields to remove, each of which the request has.
    pub(super) headers_to_remove: Vec<Vec<u8>>,
}

/// Reads everything in a request that says who sent it.
pub(super) fn presented(
    policy: &Policy,
    host: HostTraits,
    request: &RequestHead,
) -> Result<Presented, Rejection> {
    if host.header_line_limit.is_some_and(|limit| request.header_lines > limit) {
        return Err(Rejection::TooManyHeaderLines);
    }
    if request.query().is_some_and(query::has_access_token) {
        return Err(Rejection::InvalidRequest(RequestFault::TokenInQuery));
    }
    let headers = &request.headers;
    let token = BearerToken::from_authorization(headers.all(b"authorization"), policy.max_token_bytes)
        .map_err(authorization_fault)?;
    if headers.all(b"connection").any(|value| names_an_owned_field(policy, value)) {
        return Err(Rejection::InvalidRequest(RequestFault::OwnedFieldInConnection));
    }
    let credentials = Rc::new(Credentials { token, actor: actor(policy, headers)? });
    let headers_to_remove = headers_to_remove(policy, host, request, &credentials)?;
    if !host.removes_headers && repeats_an_owned_header(policy, headers, &headers_to_remove) {
        return Err(Rejection::InvalidRequest(RequestFault::RepeatedIdentityHeader));
    }
    let token_key = DigestBuilder::new("token")
        .field(policy.digest.as_bytes())
        .field(credentials.token.secret().expose().as_bytes())
        .finish();
    let trace_parent = trace_parent(policy, headers, &credentials);
    Ok(Presented { credentials, token_key, trace_parent, headers_to_remove })
}

fn authorization_fault(error: BearerError) -> Rejection {
    match error {
        BearerError::Absent => Rejection::NoCredentials,
        BearerError::Repeated => Rejection::InvalidRequest(RequestFault::RepeatedCredentials),
        BearerError::Malformed => Rejection::InvalidRequest(RequestFault::MalformedCredentials),
        BearerError::Unreadable => Rejection::InvalidToken(TokenFault::Unreadable),
        BearerError::TooLong => Rejection::InvalidToken(TokenFault::TooLong),
    }
}

/// The actor token of the request, where the policy wants one from a header.
fn actor(policy: &Policy, headers: &Headers) -> Result<Option<BearerToken>, Rejection> {
    let Some((name, optional)) = policy.upstream_credential.actor_header() else { return Ok(None) };
    match BearerToken::from_token_field(headers.all(name.as_bytes()), policy.max_token_bytes) {
        Ok(token) => Ok(Some(token)),
        Err(BearerError::Absent) if optional => Ok(None),
        Err(BearerError::Absent) => Err(Rejection::InvalidRequest(RequestFault::ActorTokenMissing)),
        Err(BearerError::TooLong) => Err(Rejection::InvalidToken(TokenFault::TooLong)),
        Err(_) => Err(Rejection::InvalidRequest(RequestFault::ActorTokenMalformed)),
    }
}

/// The trace that the request belongs to. A field that only the filter may set counts for nothing, nor does one with
/// a copy of a credential in it: it goes to servers that are not to see that.
fn trace_parent(policy: &Policy, headers: &Headers, credentials: &Credentials) -> Option<TraceParent> {
    const NAME: &[u8] = b"traceparent";
    let mut lines = headers.all(NAME);
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let parent = TraceParent::parse(line).filter(|_| !field_rules::is_owned(policy, NAME))?;
    let copies = TokenSearch::new(credentials.iter().map(|secret| secret.expose().as_bytes()));
    (!copies.finds_in(line)).then_some(parent)
}

/// Whether a Connection field names one that the filter reads or sets, which a gateway that goes by it takes
/// off, or carries on with an upgrade.
fn names_an_owned_field(policy: &Policy, connection: &[u8]) -> bool {
    // Whatever cannot stand in a name separates two, as it may for a recipient that is not strict.
    connection
        .split(|byte| !is_tchar(*byte))
        .any(|name| field_rules::is_credential(name) || field_rules::is_owned(policy, name))
}

/// The names of the header fields that carry a credential or an identity which only the filter may
/// state: those it sets itself, in every spelling that an upstream may take for the same, and, unless
/// the caller's token is to be passed on, every other field with a credential of the request in it.
///
/// # Errors
/// A credential occurs where it cannot be taken off.
fn headers_to_remove(
    policy: &Policy,
    host: HostTraits,
    request: &RequestHead,
    credentials: &Credentials,
) -> Result<Vec<Vec<u8>>, Rejection> {
    let rules = FieldRules::new(policy, credentials);
    if request.control_data().any(|value| rules.finds_copy(value)) {
        return Err(Rejection::InvalidRequest(RequestFault::TokenInTarget));
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    if matches!(policy.upstream_credential, UpstreamCredential::Removed) {
        names.push(b"authorization".to_vec());
    }
    // What becomes of the one Authorization field is the policy's word alone.
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != b"authorization") {
        let goes = match rules.fate(name, value) {
            FieldFate::GoesOn => false,
            FieldFate::Goes => true,
            FieldFate::CopyInName if host.removes_headers => true,
            FieldFate::CopyInName => return Err(Rejection::InvalidRequest(RequestFault::TokenInFieldName)),
            FieldFate::CopyInGatewayField => {
                return Err(Rejection::InvalidRequest(RequestFault::TokenInGatewayField));
            }
        };
        if goes && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// A gateway that cannot take a header off replaces only its first line, so a second one would get
/// through.
fn repeats_an_owned_header(policy: &Policy, headers: &Headers, headers_to_remove: &[Vec<u8>]) -> bool {
    let owned = field_rules::owned_names(policy).map(str::as_bytes);
    headers_to_remove.iter().map(Vec::as_slice).chain(owned).any(|name| headers.all(name).nth(1).is_some())
}
