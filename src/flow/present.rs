//! The credentials that a request presents, and the headers that must not get through.

use crate::digest::{Digest, DigestBuilder};
use crate::http::{Headers, RequestHead};
use crate::oauth::bearer::{BearerError, BearerToken};
use crate::oauth::form;
use crate::policy::Policy;
use crate::policy::host::HostTraits;
use crate::policy::plan::UpstreamCredential;
use crate::rejection::{Rejection, RequestFault, TokenFault};
use crate::text::is_b64token_byte;

/// The credentials of a request. Nothing is proven yet.
#[derive(Debug)]
pub(super) struct Presented {
    /// The subject token.
    pub(super) token: BearerToken,
    /// The cache's key of what is known of the token.
    pub(super) token_key: Digest,
    /// The actor token of the request.
    pub(super) actor: Option<BearerToken>,
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
    if request.query().is_some_and(|query| form::has_parameter(query, "access_token")) {
        return Err(Rejection::InvalidRequest(RequestFault::TokenInQuery));
    }
    let token =
        BearerToken::from_authorization(request.headers.all(b"authorization"), policy.max_token_bytes)
            .map_err(authorization_fault)?;
    if request.query().is_some_and(|query| passes_token_on(policy, query, &token)) {
        return Err(Rejection::InvalidRequest(RequestFault::TokenInQuery));
    }
    let headers_to_remove = headers_to_remove(policy, &request.headers, &token);
    if !host.removes_headers && repeats_an_owned_header(policy, &request.headers, &headers_to_remove) {
        return Err(Rejection::InvalidRequest(RequestFault::RepeatedIdentityHeader));
    }
    Ok(Presented {
        actor: actor(policy, &request.headers)?,
        token_key: DigestBuilder::new("token")
            .field(policy.digest.as_bytes())
            .field(token.secret().expose().as_bytes())
            .finish(),
        token,
        headers_to_remove,
    })
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

/// The names of the header fields that carry a credential or an identity which only the filter may
/// state: those it sets itself, in every spelling that an upstream may take for the same, and, unless
/// the caller's token is to be passed on, every other field with that token in it.
fn headers_to_remove(policy: &Policy, headers: &Headers, token: &BearerToken) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for (name, value) in headers.iter() {
        let goes = if name == b"authorization" {
            matches!(policy.upstream_credential, UpstreamCredential::Removed)
        } else {
            name == b"proxy-authorization"
                || owned_names(policy).any(|owned| same_to_an_upstream(owned.as_bytes(), name))
                || passes_token_on(policy, value, token)
        };
        if goes && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The fields that the filter sets, or reads a credential from.
fn owned_names(policy: &Policy) -> impl Iterator<Item = &str> {
    let actor = policy.upstream_credential.actor_header().map(|(name, _)| name);
    policy.claim_headers.iter().map(|claim| claim.header.as_str()).chain(actor)
}

/// CGI and its heirs turn both `-` and `_` into `_`, so two spellings may reach the same variable.
fn same_to_an_upstream(owned: &[u8], name: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    owned.iter().map(folded).eq(name.iter().map(folded))
}

/// Whether the upstream would get the caller's token from `value`, and is not to have it.
fn passes_token_on(policy: &Policy, value: &[u8], token: &BearerToken) -> bool {
    !matches!(policy.upstream_credential, UpstreamCredential::Original)
        && holds_token(value, token.secret().expose().as_bytes())
}

/// Whether `token` stands in `value` as a whole word, plain or percent-encoded as cookies and URLs are.
fn holds_token(value: &[u8], token: &[u8]) -> bool {
    // Decoding makes nothing longer.
    value.len() >= token.len()
        && (has_word(value, token)
            || (value.contains(&b'%') && form::decoded(value).any(|part| has_word(part.as_bytes(), token))))
}

/// A word ends at every byte that no token has. `=` is one a token can end with, so what stands before
/// the word may be the name that it is given.
fn has_word(value: &[u8], token: &[u8]) -> bool {
    value
        .split(|byte| !is_b64token_byte(*byte))
        .filter_map(|word| word.strip_suffix(token))
        .any(|name| name.is_empty() || name.ends_with(b"="))
}

/// A gateway that cannot take a header off replaces only its first line, so a second one would get
/// through.
fn repeats_an_owned_header(policy: &Policy, headers: &Headers, headers_to_remove: &[Vec<u8>]) -> bool {
    let owned = owned_names(policy).map(str::as_bytes);
    headers_to_remove.iter().map(Vec::as_slice).chain(owned).any(|name| headers.all(name).nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_reach_the_same_variable() {
        assert!(same_to_an_upstream(b"x-user-id", b"X_User-ID"));
        assert!(!same_to_an_upstream(b"x-user-id", b"x-userid"));
    }

    #[test]
    fn a_token_is_found_as_a_word() {
        for value in [
            "T.0",
            "Bearer T.0",
            "a=1; token=T.0; b=2",
            "\"T.0\"",
            "x,T.0",
            "/mcp?token=T.0&x=1",
            "{'token':'T.0'}",
            "a|T.0",
            "a=Bearer%20T.0; b=2",
        ] {
            assert!(holds_token(value.as_bytes(), b"T.0"), "{value}");
        }
        for value in ["T/0==", "token=T/0==; a=1", "token=T%2F0%3D%3D"] {
            assert!(holds_token(value.as_bytes(), b"T/0=="), "{value}");
        }
        for value in ["T.01", "aT.0", "", "T", "a/T.0", "T.0=", "T%2E01"] {
            assert!(!holds_token(value.as_bytes(), b"T.0"), "{value}");
        }
    }
}
