//! Which fields of a request may go on to the upstream, in its header and in its trailers.

use super::credentials::Credentials;
use super::token_search::TokenSearch;
use crate::policy::Policy;
use crate::policy::plan::UpstreamCredential;

/// The rules of one request.
pub(super) struct FieldRules<'a> {
    policy: &'a Policy,
    copies: TokenSearch<'a>,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldFate {
    /// It goes on as it is.
    GoesOn,
    /// It is taken off.
    Goes,
    /// It has a copy of a credential, and is not the client's alone: taking it off would erase what the gateway
    /// has written, or change how the message is framed or routed.
    CopyInGatewayField,
    /// Its name has a copy of a credential.
    CopyInName,
}

impl<'a> FieldRules<'a> {
    /// The rules for a request with these credentials. Where the caller's token is passed on, copies of it
    /// are no concern.
    pub(super) fn new(policy: &'a Policy, credentials: &'a Credentials) -> FieldRules<'a> {
        let passes_on = matches!(policy.upstream_credential, UpstreamCredential::Original);
        let sought = credentials.iter().map(|secret| secret.expose().as_bytes()).filter(|_| !passes_on);
        FieldRules { policy, copies: TokenSearch::new(sought) }
    }

    /// Whether a text contains a credential that is not to go on.
    pub(super) fn finds_copy(&self, text: &[u8]) -> bool {
        self.copies.finds_in(text)
    }

    /// What becomes of a field other than the one Authorization field; its name is in lower case.
    pub(super) fn fate(&self, name: &[u8], value: &[u8]) -> FieldFate {
        if is_owned(self.policy, name) || is_proxy_authorization(name) {
            return FieldFate::Goes;
        }
        let has_copy = self.copies.finds_in(value);
        // A credential that is the name of such a field would erase it; the name itself is no secret.
        if is_of_the_gateway(name) {
            return if has_copy { FieldFate::CopyInGatewayField } else { FieldFate::GoesOn };
        }
        if self.copies.finds_in_name(name) {
            FieldFate::CopyInName
        } else if has_copy {
            FieldFate::Goes
        } else {
            FieldFate::GoesOn
        }
    }
}

/// The fields that the filter sets, or reads a credential from.
pub(super) fn owned_names(policy: &Policy) -> impl Iterator<Item = &str> {
    let actor = policy.upstream_credential.actor_header().map(|(name, _)| name);
    policy.claim_headers.iter().map(|claim| claim.header.as_str()).chain(actor)
}

/// Whether an upstream may take a field of this name for one that the filter sets or reads.
pub(super) fn is_owned(policy: &Policy, name: &[u8]) -> bool {
    owned_names(policy).any(|owned| same_to_an_upstream(owned.as_bytes(), name))
}

/// Whether an upstream may take a field of this name for credentials.
pub(super) fn is_credential(name: &[u8]) -> bool {
    same_to_an_upstream(b"authorization", name) || is_proxy_authorization(name)
}

fn is_proxy_authorization(name: &[u8]) -> bool {
    same_to_an_upstream(b"proxy-authorization", name)
}

/// CGI and its heirs turn both `-` and `_` into `_`, so two spellings may reach the same variable.
fn same_to_an_upstream(owned: &[u8], name: &[u8]) -> bool {
    let folded = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    owned.iter().map(folded).eq(name.iter().map(folded))
}

/// Fields that a gateway writes or appends to, that it has copied before the filter runs, or that say how
/// the message is framed and routed (RFC 9110 section 7).
fn is_of_the_gateway(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 6] =
        [b"x-forwarded-", b"x-envoy-", b"x-kong-", b"x-consumer-", b"x-credential-", b"x-anonymous-consumer"];
    const NAMES: [&[u8]; 14] = [
        b"connection",
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-real-ip",
        b"x-request-id",
    ];
    // A proxy before the gateway hands the token on in it; the gateway itself writes no such field.
    const OF_ANOTHER_PROXY: &[u8] = b"x-forwarded-access-token";
    let has_prefix = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    (has_prefix && name != OF_ANOTHER_PROXY) || NAMES.contains(&name)
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
    fn fields_of_the_gateway() {
        for name in ["x-forwarded-for", "x-forwarded-client-cert", "x-envoy-original-path", "via", "host"] {
            assert!(is_of_the_gateway(name.as_bytes()), "{name}");
        }
        for name in [
            "x-forwarded",
            "x-forwarded-access-token",
            "x_forwarded_for",
            "x-original-forwarded-for",
            "via2",
            "cookie",
        ] {
            assert!(!is_of_the_gateway(name.as_bytes()), "{name}");
        }
    }
}
