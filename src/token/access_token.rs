//! Which verified JWTs are access tokens (RFC 9068), and not some other token of the same issuer; or ID tokens,
//! where the operator has ID tokens exchanged.
//!
//! RFC 9068 gives access tokens the type `at+jwt`, but the largest issuers still send `JWT`, as they do for every
//! other token. Under that type evidence decides.

use super::claim_rules::{AudienceMatch, ClaimRules, ClaimsRefused, Presence};
use super::jwt::VerifiedJwt;
use super::kind::{self, ClaimsSource, ExpectedKind, WrongKind};
use crate::time::UnixTime;
use std::fmt;

/// The type that says by itself that a token is an access token (RFC 9068 section 2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// What a token without `typ` counts as (RFC 7519 section 5.1).
const UNSTATED_TYPE: &str = "JWT";

/// What signed tokens are held to.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenRules<'a> {
    /// The rules for the claims. `iss` and `exp` must be there, whatever these say.
    pub claims: ClaimRules<'a>,
    /// The values of `typ` that access tokens may have, in any case, with or without `application/`.
    pub token_types: &'a [String],
    /// Whether the signature is all that proves the token. Introspection would show that it is an access token.
    pub is_only_proof: bool,
}

/// Why a verified JWT was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessTokenRefused {
    /// `typ` is none of those accepted.
    TokenType,
    /// A rule for its claims is broken.
    Claims(ClaimsRefused),
}

impl fmt::Display for AccessTokenRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessTokenRefused::TokenType => formatter.write_str("the type is not one of those accepted"),
            AccessTokenRefused::Claims(refused) => refused.fmt(formatter),
        }
    }
}

impl std::error::Error for AccessTokenRefused {}

impl From<ClaimsRefused> for AccessTokenRefused {
    fn from(refused: ClaimsRefused) -> AccessTokenRefused {
        AccessTokenRefused::Claims(refused)
    }
}

impl From<WrongKind> for AccessTokenRefused {
    fn from(wrong: WrongKind) -> AccessTokenRefused {
        AccessTokenRefused::Claims(wrong.into())
    }
}

impl AccessTokenRules<'_> {
    /// Holds `jwt` to all rules at `now`.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, jwt: &VerifiedJwt, now: UnixTime) -> Result<(), AccessTokenRefused> {
        let token_type = jwt.token_type().unwrap_or(UNSTATED_TYPE);
        if !self.accepts(token_type) {
            return Err(AccessTokenRefused::TokenType);
        }
        let says_access_token = same_type(ACCESS_TOKEN_TYPE, token_type);
        if !says_access_token {
            self.claims.kind.check_evidence(jwt.claims(), ClaimsSource::Jwt)?;
        }
        let rules = ClaimRules { presence: Presence::Required, ..self.claims };
        let audience = rules.check(jwt.claims(), now)?;
        // An ID token's audience is its client, which an operator may have named as an audience, too.
        let needs_sign = audience == AudienceMatch::Another
            && self.claims.kind == ExpectedKind::AccessToken
            && self.is_only_proof
            && !says_access_token;
        if needs_sign && !kind::has_sign_of_access_token(jwt.claims()) {
            return Err(WrongKind::NoSignOfAccessToken.into());
        }
        Ok(())
    }

    /// ID tokens have no type of their own.
    fn accepts(&self, token_type: &str) -> bool {
        match self.claims.kind {
            ExpectedKind::AccessToken => {
                self.token_types.iter().any(|accepted| same_type(accepted, token_type))
            }
            ExpectedKind::IdToken => same_type(UNSTATED_TYPE, token_type),
        }
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
