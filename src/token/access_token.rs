//! Which verified JWTs are access tokens (RFC 9068), and not some other token of the same issuer.
//!
//! RFC 9068 gives access tokens the type `at+jwt`, but the largest issuers still send `JWT`, as
//! they do for ID tokens. Under that type a token is refused that bears the marks of another kind.

use super::claim_rules::{ClaimRules, ClaimsRefused, Presence};
use super::claims::ClaimsSet;
use super::jwt::VerifiedJwt;
use crate::time::UnixTime;
use serde_json::Value;
use std::fmt;

/// The type that says by itself that a token is an access token (RFC 9068 section 2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// What a token without `typ` counts as (RFC 7519 section 5.1).
const UNSTATED_TYPE: &str = "JWT";

/// What access tokens are held to.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenRules<'a> {
    /// The rules for the claims. `iss` and `exp` must be there, whatever these say.
    pub claims: ClaimRules<'a>,
    /// The values of `typ` that are accepted, in any case, with or without `application/`.
    pub token_types: &'a [String],
}

/// Why a verified JWT was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessTokenRefused {
    /// `typ` is none of those accepted.
    TokenType,
    /// It has the marks of an ID token (OpenID Connect Core section 2).
    IdToken,
    /// A rule for its claims is broken.
    Claims(ClaimsRefused),
}

impl fmt::Display for AccessTokenRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            AccessTokenRefused::TokenType => "the type is not one of those accepted",
            AccessTokenRefused::IdToken => "an ID token, not an access token",
            AccessTokenRefused::Claims(refused) => return refused.fmt(formatter),
        })
    }
}

impl std::error::Error for AccessTokenRefused {}

impl From<ClaimsRefused> for AccessTokenRefused {
    fn from(refused: ClaimsRefused) -> AccessTokenRefused {
        AccessTokenRefused::Claims(refused)
    }
}

impl AccessTokenRules<'_> {
    /// Holds `jwt` to all rules at `now`.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, jwt: &VerifiedJwt, now: UnixTime) -> Result<(), AccessTokenRefused> {
        let token_type = jwt.token_type().unwrap_or(UNSTATED_TYPE);
        if !self.token_types.iter().any(|accepted| same_type(accepted, token_type)) {
            return Err(AccessTokenRefused::TokenType);
        }
        if !same_type(ACCESS_TOKEN_TYPE, token_type) {
            self.check_for_id_token(jwt.claims())?;
        }
        let rules = ClaimRules { presence: Presence::Required, ..self.claims };
        Ok(rules.check(jwt.claims(), now)?)
    }

    /// Looks for what only ID tokens have: their hashes and their nonce. Some issuers copy the nonce
    /// into access tokens, so that one counts only where the audience is not ours and the payload's own
    /// `typ` is not that of Keycloak's access tokens.
    fn check_for_id_token(&self, claims: &ClaimsSet) -> Result<(), AccessTokenRefused> {
        let has = |name| claims.get(name).is_some();
        if has("at_hash") || has("c_hash") {
            return Err(AccessTokenRefused::IdToken);
        }
        let is_bearer = claims.get("typ").and_then(Value::as_str) == Some("Bearer");
        if has("nonce")
            && !is_bearer
            && !self.claims.names_our_audience(claims).map_err(ClaimsRefused::from)?
        {
            return Err(AccessTokenRefused::IdToken);
        }
        Ok(())
    }
}

/// Whether two media types are one: case does not matter, and `application/` may be left out (RFC
/// 7515 section 4.1.9).
fn same_type(one: &str, other: &str) -> bool {
    without_application(one).eq_ignore_ascii_case(without_application(other))
}

fn without_application(media_type: &str) -> &str {
    match media_type.split_once('/') {
        Some((main, rest)) if main.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => media_type,
    }
}
