//! Which kind of token a claims set belongs to: what its issuer calls it, and what only one kind has.
//!
//! An issuer signs more than access tokens with the same keys: ID tokens, logout tokens, authorization
//! responses, refresh tokens. Introspection finds refresh tokens and ID tokens as active as access tokens. Few
//! issuers say in the header which is which (RFC 8725 section 3.11), so the claims are looked at.

use super::claims::ClaimsSet;
use serde_json::Value;
use std::fmt;

/// The kind of token that clients are to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedKind {
    /// Access tokens.
    AccessToken,
    /// ID tokens, because the operator has ID tokens exchanged.
    IdToken,
}

/// Where claims come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsSource {
    /// They are the payload of a JWT.
    Jwt,
    /// They are an introspection response, whose `client_id`, `scope` and `token_type` are about the token and
    /// no part of it.
    Introspection,
}

/// Why a token is not of the kind expected, with the claim that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongKind {
    /// A claim names another kind.
    Stated(&'static str, &'static str),
    /// A claim that says what a token is for says something else.
    OtherUse(&'static str),
    /// `events`: a security event (RFC 8417), as logout tokens are (OpenID Connect Back-Channel Logout section 2.4).
    SecurityEvent,
    /// A parameter of an authorization response (JWT Secured Authorization Response Mode section 2.1).
    AuthorizationResponse(&'static str),
    /// `token_introspection`: an introspection response (RFC 9701 section 5).
    IntrospectionResponse,
    /// A hash that only ID tokens have (OpenID Connect Core section 3.3.2.11, FAPI 1.0).
    IdTokenHash(&'static str),
    /// `nonce`, which ID tokens have and some access tokens, without a sign of an access token.
    Nonce,
    /// Nothing that shows an access token, where the audience does not either.
    NoSignOfAccessToken,
    /// An access token where an ID token is expected.
    AccessToken(&'static str),
    /// No `sub`, which an ID token has (OpenID Connect Core section 2).
    NoSubject,
}

impl fmt::Display for WrongKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WrongKind::Stated(claim, kind) => {
                write!(formatter, "the issuer marks it as another kind of token: {claim} is {kind}")
            }
            WrongKind::OtherUse(claim) => write!(formatter, "the issuer marks it as another kind of token by {claim}"),
            WrongKind::SecurityEvent => formatter.write_str("a logout token or another security event: it has events"),
            WrongKind::AuthorizationResponse(parameter) => {
                write!(formatter, "an authorization response, not a token: it has {parameter}")
            }
            WrongKind::IntrospectionResponse => {
                formatter.write_str("an introspection response, not a token: it has token_introspection")
            }
            WrongKind::IdTokenHash(claim) => write!(formatter, "an ID token, not an access token: it has {claim}"),
            WrongKind::Nonce => formatter
                .write_str("an ID token, not an access token: it has nonce, and no sign of an access token"),
            WrongKind::NoSignOfAccessToken => formatter.write_str(
                "nothing shows that it is an access token: its audience is not resource, and it has neither scope nor \
                 client_id nor the like",
            ),
            WrongKind::AccessToken(claim) => write!(formatter, "an access token, not an ID token: it has {claim}"),
            WrongKind::NoSubject => formatter.write_str("not an ID token: it has no sub"),
        }
    }
}

/// What issuers call an ID token: Cognito, OpenIddict, Keycloak.
const ID_TOKEN: [&str; 3] = ["id", "id_token", "Serialized-ID"];

/// What issuers call other tokens than access tokens and ID tokens.
const OTHER_KINDS: [&str; 9] = [
    "refresh",
    "refresh_token",
    "offline",
    "offline_token",
    "logout",
    "logout_token",
    "authorization_code",
    "device_code",
    "user_code",
];

/// Claims that say what a token is for, and nothing else: Cognito and Hydra, OpenIddict.
const USES: [&str; 2] = ["token_use", "token_usage"];

/// Claims that only access tokens have, so that one is a sign of an access token: RFC 9068, Okta, Entra, Auth0.
/// `azp` and `roles` are none, as ID tokens have them, too.
const SIGNS: [&str; 8] = ["scope", "scp", "client_id", "cid", "appid", "appidacr", "azpacr", "gty"];

/// The hashes that bind an ID token to what was issued with it.
const HASHES: [&str; 3] = ["at_hash", "c_hash", "s_hash"];

impl ExpectedKind {
    /// Refuses a token that its issuer calls another kind. That holds for every token, whatever its header says.
    ///
    /// The kind stands in `typ` (Keycloak), `token_use` (Hydra, Cognito), `token_usage` (OpenIddict), `tokenName`
    /// (ForgeRock) or `token_type`.
    ///
    /// # Errors
    /// The claim, and what it names.
    pub fn check_stated(self, claims: &ClaimsSet) -> Result<(), WrongKind> {
        const CLAIMS: [&str; 5] = ["typ", "token_use", "token_usage", "token_type", "tokenName"];
        let id_token: &[&'static str] = match self {
            ExpectedKind::AccessToken => &ID_TOKEN,
            ExpectedKind::IdToken => &[],
        };
        let stated = |claim: &'static str| {
            let mut others = OTHER_KINDS.iter().chain(id_token);
            Some((claim, *others.find(|kind| names(claims, claim, kind))?))
        };
        match CLAIMS.into_iter().find_map(stated) {
            Some((claim, kind)) => Err(WrongKind::Stated(claim, kind)),
            None => Ok(()),
        }
    }

    /// Refuses a token with the marks of another kind. A JWT whose header says that it is an access token needs no
    /// such look.
    ///
    /// # Errors
    /// The first mark that is found.
    pub fn check_evidence(self, claims: &ClaimsSet, source: ClaimsSource) -> Result<(), WrongKind> {
        if has(claims, "events") {
            return Err(WrongKind::SecurityEvent);
        }
        if has(claims, "token_introspection") {
            return Err(WrongKind::IntrospectionResponse);
        }
        if let Some(parameter) = self.response_parameter(claims) {
            return Err(WrongKind::AuthorizationResponse(parameter));
        }
        match self {
            ExpectedKind::AccessToken => check_for_id_token(claims, source),
            ExpectedKind::IdToken => check_for_access_token(claims, source),
        }
    }

    /// The parameter that shows an authorization response. It has `code` or `error`, mostly with `state`, or the
    /// tokens themselves, and no subject. Claims of an operator's own can have these names, so that one of them
    /// alone counts only where a subject or a sign of an access token is missing.
    fn response_parameter(self, claims: &ClaimsSet) -> Option<&'static str> {
        let first = |names: &[&'static str]| names.iter().copied().find(|name| has(claims, name));
        let carried = first(&["access_token", "id_token"]);
        let state = first(&["state"]);
        let parameter = first(&["code", "error", "response"]);
        let is_unlike_a_token =
            !has(claims, "sub") || self == ExpectedKind::AccessToken && !has_sign_of_access_token(claims);
        carried
            .or(parameter.filter(|_| state.is_some() || is_unlike_a_token))
            .or(state.filter(|_| !has(claims, "sub")))
    }
}

/// Whether the claims show an access token: by a claim that ID tokens do not have, or by its name.
pub fn has_sign_of_access_token(claims: &ClaimsSet) -> bool {
    SIGNS.iter().any(|claim| says(claims, claim))
        || names_access_token(claims, "token_use")
        || is_bearer(claims)
}

fn check_for_id_token(claims: &ClaimsSet, source: ClaimsSource) -> Result<(), WrongKind> {
    if let Some(claim) = HASHES.into_iter().find(|claim| has(claims, claim)) {
        return Err(WrongKind::IdTokenHash(claim));
    }
    if let Some(claim) =
        USES.into_iter().find(|claim| has(claims, claim) && !names_access_token(claims, claim))
    {
        return Err(WrongKind::OtherUse(claim));
    }
    // The type with which a token is used (RFC 7662 section 2.2) is that of an access token.
    let is_used = source == ClaimsSource::Introspection && says(claims, "token_type");
    if has(claims, "nonce") && !is_used && !has_sign_of_access_token(claims) {
        return Err(WrongKind::Nonce);
    }
    Ok(())
}

fn check_for_access_token(claims: &ClaimsSet, source: ClaimsSource) -> Result<(), WrongKind> {
    let is_id_token = |claim: &str| ID_TOKEN.iter().any(|kind| names(claims, claim, kind));
    if is_bearer(claims) {
        return Err(WrongKind::AccessToken("typ"));
    }
    if let Some(claim) = USES.into_iter().find(|claim| has(claims, claim) && !is_id_token(claim)) {
        return Err(WrongKind::OtherUse(claim));
    }
    if source == ClaimsSource::Introspection {
        return Ok(());
    }
    if !says(claims, "sub") {
        return Err(WrongKind::NoSubject);
    }
    // Some issuers give ID tokens a client_id or a scope, too.
    let shows_id_token = HASHES.iter().any(|claim| has(claims, claim))
        || has(claims, "nonce")
        || ["typ", "token_use", "token_usage", "tokenName"].into_iter().any(is_id_token);
    match SIGNS.into_iter().find(|claim| says(claims, claim)) {
        Some(sign) if !shows_id_token => Err(WrongKind::AccessToken(sign)),
        _ => Ok(()),
    }
}

/// The payload's own type that Keycloak gives access tokens.
fn is_bearer(claims: &ClaimsSet) -> bool {
    claims.get("typ").and_then(Value::as_str) == Some("Bearer")
}

fn names_access_token(claims: &ClaimsSet, claim: &str) -> bool {
    names(claims, claim, "access") || names(claims, claim, "access_token")
}

fn names(claims: &ClaimsSet, claim: &str, kind: &str) -> bool {
    claims.get(claim).and_then(Value::as_str).is_some_and(|named| named.eq_ignore_ascii_case(kind))
}

/// Whether the claim is there.
fn has(claims: &ClaimsSet, claim: &str) -> bool {
    claims.get(claim).is_some()
}

/// Whether the claim is there and says something.
fn says(claims: &ClaimsSet, claim: &str) -> bool {
    claims.get(claim).is_some_and(|value| match value {
        Value::Null | Value::Bool(_) | Value::Object(_) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Number(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClaimsSource::{Introspection, Jwt};
    use serde_json::json;

    /// An access token's claims, as plain as can be, with `changes`; null takes one out.
    fn claims(changes: &Value) -> ClaimsSet {
        let mut members = serde_json::Map::new();
        let plain =
            json!({"iss": "https://as.example.com", "sub": "u1", "aud": "client-1", "exp": 1_800_000_600});
        for (name, value) in plain.as_object().unwrap().iter().chain(changes.as_object().unwrap()) {
            members.insert(name.clone(), value.clone());
        }
        if changes.get("sub").is_some_and(Value::is_null) {
            members.remove("sub");
        }
        ClaimsSet::from_members(members)
    }

    #[test]
    fn the_issuers_word_counts() {
        for (said, access_token, id_token) in [
            (json!({"typ": "Refresh"}), Err(("typ", "refresh")), Err(("typ", "refresh"))),
            (json!({"typ": "Offline"}), Err(("typ", "offline")), Err(("typ", "offline"))),
            (json!({"typ": "Logout"}), Err(("typ", "logout")), Err(("typ", "logout"))),
            (json!({"typ": "ID"}), Err(("typ", "id")), Ok(())),
            (json!({"typ": "Serialized-ID"}), Err(("typ", "Serialized-ID")), Ok(())),
            (json!({"typ": "Bearer"}), Ok(()), Ok(())),
            (json!({"token_use": "id"}), Err(("token_use", "id")), Ok(())),
            (
                json!({"token_use": "refresh_token"}),
                Err(("token_use", "refresh_token")),
                Err(("token_use", "refresh_token")),
            ),
            (json!({"token_use": "access_token"}), Ok(()), Ok(())),
            (json!({"token_usage": "id_token"}), Err(("token_usage", "id_token")), Ok(())),
            (json!({"tokenName": "id_token"}), Err(("tokenName", "id_token")), Ok(())),
            (
                json!({"token_type": "refresh_token"}),
                Err(("token_type", "refresh_token")),
                Err(("token_type", "refresh_token")),
            ),
            (json!({"token_type": "Bearer"}), Ok(()), Ok(())),
            (json!({"token_type": 7}), Ok(()), Ok(())),
            (json!({"typ": null}), Ok(()), Ok(())),
            (json!({"typ": "identity"}), Ok(()), Ok(())),
        ] {
            let stated = |kind: ExpectedKind| match kind.check_stated(&claims(&said)) {
                Err(WrongKind::Stated(claim, kind)) => Err((claim, kind)),
                Err(other) => panic!("{other:?}"),
                Ok(()) => Ok(()),
            };
            assert_eq!(stated(ExpectedKind::AccessToken), access_token, "{said}");
            assert_eq!(stated(ExpectedKind::IdToken), id_token, "{said}");
        }
    }

    #[test]
    fn signs_of_an_access_token() {
        for (patch, expected) in [
            (json!({"typ": "Bearer"}), true),
            (json!({"scope": "a"}), true),
            (json!({"scp": ["a"]}), true),
            (json!({"client_id": "c"}), true),
            (json!({"cid": "c"}), true),
            (json!({"appid": "c"}), true),
            (json!({"appidacr": "0"}), true),
            (json!({"azpacr": "1"}), true),
            (json!({"azpacr": 1}), true),
            (json!({"gty": "client-credentials"}), true),
            (json!({"token_use": "access"}), true),
            (json!({}), false),
            (json!({"azp": "c", "roles": ["admin"]}), false),
            (json!({"typ": "JWT"}), false),
            (json!({"typ": "Bearer "}), false),
            (json!({"token_use": "id"}), false),
            (json!({"scope": null}), false),
            (json!({"scope": ""}), false),
            (json!({"scp": []}), false),
            (json!({"client_id": false}), false),
            (json!({"Scope": "a"}), false),
            (json!({"client_ID": "c"}), false),
        ] {
            assert_eq!(has_sign_of_access_token(&claims(&patch)), expected, "{patch}");
        }
    }

    #[test]
    fn marks_of_another_kind_where_an_access_token_is_expected() {
        use WrongKind::{
            AuthorizationResponse, IdTokenHash, IntrospectionResponse, Nonce, OtherUse, SecurityEvent,
        };
        let logout =
            json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "s"});
        for (patch, jwt, introspected) in [
            (json!({}), Ok(()), Ok(())),
            (
                json!({"auth_time": 1, "acr": "1", "amr": ["pwd"], "azp": "c", "sid": "s", "jti": "j"}),
                Ok(()),
                Ok(()),
            ),
            (logout.clone(), Err(SecurityEvent), Err(SecurityEvent)),
            (json!({"events": {}, "scope": "a"}), Err(SecurityEvent), Err(SecurityEvent)),
            (json!({"events": null}), Ok(()), Ok(())),
            (json!({"at_hash": "x", "scope": "a"}), Err(IdTokenHash("at_hash")), Err(IdTokenHash("at_hash"))),
            (json!({"c_hash": "x"}), Err(IdTokenHash("c_hash")), Err(IdTokenHash("c_hash"))),
            (json!({"s_hash": "x"}), Err(IdTokenHash("s_hash")), Err(IdTokenHash("s_hash"))),
            (json!({"nonce": "n"}), Err(Nonce), Err(Nonce)),
            (json!({"nonce": "n", "token_type": "Bearer"}), Err(Nonce), Ok(())),
            (json!({"nonce": "n", "azp": "c", "roles": ["a"]}), Err(Nonce), Err(Nonce)),
            (json!({"nonce": "n", "scope": "a"}), Ok(()), Ok(())),
            (json!({"nonce": "n", "typ": "Bearer"}), Ok(()), Ok(())),
            (json!({"nonce": null}), Ok(()), Ok(())),
            (json!({"token_use": "access"}), Ok(()), Ok(())),
            (json!({"token_use": "access_token"}), Ok(()), Ok(())),
            (json!({"token_use": "id"}), Err(OtherUse("token_use")), Err(OtherUse("token_use"))),
            (json!({"token_use": "session"}), Err(OtherUse("token_use")), Err(OtherUse("token_use"))),
            (json!({"token_use": ["access"]}), Err(OtherUse("token_use")), Err(OtherUse("token_use"))),
            (
                json!({"token_usage": "device_code"}),
                Err(OtherUse("token_usage")),
                Err(OtherUse("token_usage")),
            ),
            (
                json!({"token_introspection": {"active": true}}),
                Err(IntrospectionResponse),
                Err(IntrospectionResponse),
            ),
            (
                json!({"sub": null, "code": "c", "state": "s"}),
                Err(AuthorizationResponse("code")),
                Err(AuthorizationResponse("code")),
            ),
            (
                json!({"sub": null, "code": "c"}),
                Err(AuthorizationResponse("code")),
                Err(AuthorizationResponse("code")),
            ),
            (
                json!({"sub": null, "error": "access_denied", "state": "s"}),
                Err(AuthorizationResponse("error")),
                Err(AuthorizationResponse("error")),
            ),
            (
                json!({"sub": null, "state": "s"}),
                Err(AuthorizationResponse("state")),
                Err(AuthorizationResponse("state")),
            ),
            (
                json!({"access_token": "t", "token_type": "Bearer", "scope": "a", "state": "s"}),
                Err(AuthorizationResponse("access_token")),
                Err(AuthorizationResponse("access_token")),
            ),
            (
                json!({"id_token": "t"}),
                Err(AuthorizationResponse("id_token")),
                Err(AuthorizationResponse("id_token")),
            ),
            (
                json!({"scope": "a", "code": "c", "state": "s"}),
                Err(AuthorizationResponse("code")),
                Err(AuthorizationResponse("code")),
            ),
            (json!({"code": "c"}), Err(AuthorizationResponse("code")), Err(AuthorizationResponse("code"))),
            (json!({"scope": "a", "code": "49"}), Ok(()), Ok(())),
            (json!({"state": "CA"}), Ok(()), Ok(())),
        ] {
            let check = |source| ExpectedKind::AccessToken.check_evidence(&claims(&patch), source);
            assert_eq!(check(Jwt), jwt, "{patch}");
            assert_eq!(check(Introspection), introspected, "{patch}");
        }
    }

    #[test]
    fn marks_of_another_kind_where_an_id_token_is_expected() {
        use WrongKind::{AccessToken, AuthorizationResponse, NoSubject, OtherUse, SecurityEvent};
        for (patch, jwt, introspected) in [
            (json!({}), Ok(()), Ok(())),
            (json!({"at_hash": "x", "c_hash": "y", "s_hash": "z", "nonce": "n"}), Ok(()), Ok(())),
            (json!({"typ": "ID", "azp": "c", "roles": ["a"]}), Ok(()), Ok(())),
            (json!({"token_use": "id"}), Ok(()), Ok(())),
            (json!({"token_usage": "id_token"}), Ok(()), Ok(())),
            (json!({"at_hash": "x", "client_id": "c", "scope": ["openid"]}), Ok(()), Ok(())),
            (json!({"typ": "Bearer", "nonce": "n"}), Err(AccessToken("typ")), Err(AccessToken("typ"))),
            (json!({"token_use": "access"}), Err(OtherUse("token_use")), Err(OtherUse("token_use"))),
            (json!({"scope": "a"}), Err(AccessToken("scope")), Ok(())),
            (json!({"client_id": "c"}), Err(AccessToken("client_id")), Ok(())),
            (json!({"azpacr": "1", "azp": "c"}), Err(AccessToken("azpacr")), Ok(())),
            (json!({"sub": null}), Err(NoSubject), Ok(())),
            (json!({"sub": ""}), Err(NoSubject), Ok(())),
            (json!({"events": {}, "nonce": "n"}), Err(SecurityEvent), Err(SecurityEvent)),
            (
                json!({"code": "c", "state": "s", "nonce": "n"}),
                Err(AuthorizationResponse("code")),
                Err(AuthorizationResponse("code")),
            ),
            (
                json!({"sub": null, "code": "c"}),
                Err(AuthorizationResponse("code")),
                Err(AuthorizationResponse("code")),
            ),
            (json!({"code": "49"}), Ok(()), Ok(())),
        ] {
            let check = |source| ExpectedKind::IdToken.check_evidence(&claims(&patch), source);
            assert_eq!(check(Jwt), jwt, "{patch}");
            assert_eq!(check(Introspection), introspected, "{patch}");
        }
    }
}
