//! Which kind of token its issuer calls it.

use super::claims::ClaimsSet;
use serde_json::Value;

/// What the issuer says of a token's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatedKind {
    /// Nothing, or that it is an access token.
    AccessToken,
    /// That it is a refresh token or an ID token.
    Other,
}

/// Reads the kind that `claims` state.
///
/// A refresh token is for the authorization server alone (RFC 6749 section 1.5) and an ID token for the
/// client, yet introspection finds the former as active as an access token (RFC 7662 section 2.1). The
/// kind stands in `typ` (Keycloak), `token_use` (Hydra, Cognito), `token_usage` (OpenIddict) or
/// `token_type`.
pub fn stated(claims: &ClaimsSet) -> StatedKind {
    const CLAIMS: [&str; 4] = ["typ", "token_use", "token_usage", "token_type"];
    const OTHER_KINDS: [&str; 6] = ["id", "id_token", "refresh", "refresh_token", "offline", "offline_token"];
    let names_other = |claim: &&str| {
        let kind = claims.get(claim).and_then(Value::as_str).unwrap_or_default();
        OTHER_KINDS.iter().any(|other| kind.eq_ignore_ascii_case(other))
    };
    if CLAIMS.iter().any(names_other) { StatedKind::Other } else { StatedKind::AccessToken }
}
