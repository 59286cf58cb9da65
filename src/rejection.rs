//! Every way to refuse a request, in one table: who is to blame, which status, which words.
//!
//! A client learns what it can mend and nothing else: neither the authorization server's prose nor
//! the operator's mistakes leave the log.

use crate::http::LocalReply;
use crate::oauth::challenge::Challenge;
use crate::oauth::endpoint::EndpointKind;
use crate::report::note::Blame;
use crate::text;
use crate::time::UnixTime;
use serde_json::json;
use std::time::Duration;

/// What is wrong with a request before its token is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFault {
    /// More than one set of credentials.
    RepeatedCredentials,
    /// Credentials that break the grammar.
    MalformedCredentials,
    /// A token in the query (RFC 6750 section 2.3, which MCP forbids).
    TokenInQuery,
    /// A copy of a credential in the method, the target or the authority.
    TokenInTarget,
    /// A copy of a credential in a field that the gateway writes, or that frames or routes the message.
    TokenInGatewayField,
    /// A copy of a credential in the name of a field, where the gateway cannot take it off.
    TokenInFieldName,
    /// `Connection` names a field that the filter reads or sets.
    OwnedFieldInConnection,
    /// No actor token where one is needed.
    ActorTokenMissing,
    /// An actor token that cannot be read, or several.
    ActorTokenMalformed,
    /// A header that the filter sets came more than once, where the gateway cannot take it off.
    RepeatedIdentityHeader,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Longer than the operator allows.
    TooLong,
    /// Characters that no token has.
    Unreadable,
    /// A payload that cannot be read as one JSON object.
    UnreadablePayload,
    /// The authorization server says that it is not active.
    Inactive,
    /// Its `exp` has passed.
    Expired,
    /// It has no `exp`, which a JWT access token must have (RFC 9068 section 2.2).
    NoExpiry,
    /// Its `nbf` has not come.
    NotYetValid,
    /// Its issuer is not one of those configured.
    WrongIssuer,
    /// It is not for this resource.
    WrongAudience,
    /// It is bound to a key of its holder, so it is no bearer token.
    SenderConstrained,
    /// A claim that cannot be read.
    BadClaim,
    /// Its signature is not valid, or by no key of its issuer.
    BadSignature,
    /// It is a token of another kind than the one expected, which is an access token unless ID tokens are exchanged.
    WrongType,
    /// The introspection response contradicts the token's claims.
    Contradicted,
    /// The token endpoint refused it as a subject, or the actor that came with it.
    RefusedByTokenEndpoint,
}

/// A request that does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The configuration did not load.
    NotConfigured,
    /// The filter or its gateway failed.
    Internal,
    /// More header lines than the gateway can list.
    TooManyHeaderLines,
    /// The body is larger than what is read for a decision.
    BodyTooLarge,
    /// The gateway has to know how long the body is that a decision needs.
    LengthRequired,
    /// There are no Bearer credentials.
    NoCredentials,
    /// The request is malformed.
    InvalidRequest(RequestFault),
    /// The token is not valid.
    InvalidToken(TokenFault),
    /// The token is valid but lacks a scope.
    InsufficientScope,
    /// The authorization server will not issue a token for this subject and this target.
    AccessDenied,
    /// No response, or one that asks to retry later.
    Unavailable(EndpointKind, RetryAfter),
    /// No response in time.
    TimedOut(EndpointKind),
    /// A response that cannot be used.
    Unusable(EndpointKind),
    /// The signature of the token would have to be verified, and refused tokens have taken what time there
    /// is for that.
    VerificationBudgetSpent,
}

/// After how many seconds a client may try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(u32);

impl RetryAfter {
    /// Where the authorization server names no time.
    pub const SOON: RetryAfter = RetryAfter(5);

    /// For a moment's congestion.
    pub const ONE_SECOND: RetryAfter = RetryAfter(1);

    /// The whole seconds that cover `wait`, one at least.
    pub fn at_least(wait: Duration) -> RetryAfter {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        RetryAfter(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// What the authorization server said: a number of seconds, or a date (RFC 9110 section 10.2.3). A longer wait
    /// than an hour is an hour, and a date that has passed is the shortest wait. What is neither says nothing.
    pub fn from_field(value: Option<&[u8]>, now: UnixTime) -> RetryAfter {
        const MAX_SECONDS: u32 = 3600;
        let text = value.and_then(|value| std::str::from_utf8(text::trim_blanks(value)).ok());
        let wait = match text {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                // One that cannot be held is long.
                Some(digits.parse().map_or(RetryAfter(MAX_SECONDS), RetryAfter))
            }
            Some(date) => UnixTime::from_http_date(date).map(|date| RetryAfter::at_least(now.until(date))),
            None => None,
        };
        wait.map_or(RetryAfter::SOON, |RetryAfter(seconds)| RetryAfter(seconds.min(MAX_SECONDS)))
    }
}

/// What the challenges of one configuration have in common.
#[derive(Clone, Debug)]
pub struct ChallengeContext {
    /// `realm`
    pub realm: Option<String>,
    /// `scope`, where a scope is required
    pub scope: Option<String>,
    /// `resource_metadata`
    pub resource_metadata: String,
}

/// What the reply to a rejection is made of: the columns of the table of every ending.
struct Row {
    blame: Blame,
    status: u16,
    /// `error` of the challenge; a challenge without one for `None`.
    challenge: Option<Option<&'static str>>,
    /// `error` of the body.
    error: &'static str,
    description: &'static str,
}

impl Rejection {
    /// The one table.
    fn row(self) -> Row {
        use Blame::{AuthorizationServer, Client, Operator};
        let (blame, status, challenge, error, description) = match self {
            Rejection::NotConfigured => {
                (Operator, 500, None, "server_error", "The gateway's authorization is not configured.")
            }
            Rejection::Internal => {
                (Operator, 500, None, "server_error", "The gateway failed to authorize the request.")
            }
            Rejection::TooManyHeaderLines => {
                (Client, 431, None, "invalid_request", "The request has too many header fields.")
            }
            Rejection::BodyTooLarge => {
                (Client, 413, None, "invalid_request", "The request body is too large.")
            }
            Rejection::LengthRequired => {
                (Client, 411, None, "invalid_request", "The request has to state the length of its body.")
            }
            Rejection::NoCredentials => {
                (Client, 401, Some(None), "unauthorized", "The access token is missing.")
            }
            Rejection::InvalidRequest(fault) => {
                (Client, 400, Some(Some("invalid_request")), "invalid_request", fault.description())
            }
            Rejection::InvalidToken(fault) => {
                (Client, 401, Some(Some("invalid_token")), "invalid_token", fault.description())
            }
            Rejection::InsufficientScope => (
                Client,
                403,
                Some(Some("insufficient_scope")),
                "insufficient_scope",
                "The access token lacks a scope that this resource requires.",
            ),
            Rejection::AccessDenied => (
                Client,
                403,
                Some(None),
                "access_denied",
                "The authorization server denies access to this resource.",
            ),
            Rejection::Unavailable(..) => (
                AuthorizationServer,
                503,
                None,
                "temporarily_unavailable",
                "The authorization server is not available. Try again later.",
            ),
            Rejection::TimedOut(_) => (
                AuthorizationServer,
                504,
                None,
                "temporarily_unavailable",
                "The authorization server did not answer in time.",
            ),
            Rejection::Unusable(_) => (
                AuthorizationServer,
                502,
                None,
                "server_error",
                "The authorization server returned an invalid response.",
            ),
            Rejection::VerificationBudgetSpent => (
                Client,
                503,
                None,
                "temporarily_unavailable",
                "The gateway is busy verifying tokens. Try again later.",
            ),
        };
        Row { blame, status, challenge, error, description }
    }

    /// Who has to do something about it.
    pub fn blame(self) -> Blame {
        self.row().blame
    }

    /// The status code.
    pub fn status(self) -> u16 {
        self.row().status
    }

    /// `error_description`, a sentence.
    pub fn description(self) -> &'static str {
        self.row().description
    }

    /// The whole reply. A challenge is on each 401, 400 and 403 (RFC 9728 section 5.1), and so is
    /// the scope that is required on each but the 400.
    pub fn reply(self, context: &ChallengeContext) -> LocalReply {
        let row = self.row();
        let mut response = plain(&row);
        if let Some(error) = row.challenge {
            let challenge = Challenge {
                realm: context.realm.as_deref(),
                error,
                error_description: error.map(|_| row.description),
                scope: context.scope.as_deref().filter(|_| row.status != 400),
                resource_metadata: Some(&context.resource_metadata),
            };
            response.headers.push(("www-authenticate", challenge.to_string()));
        }
        if let Some(RetryAfter(seconds)) = self.retry_after() {
            response.headers.push(("retry-after", seconds.to_string()));
        }
        response
    }

    fn retry_after(self) -> Option<RetryAfter> {
        match self {
            Rejection::Unavailable(_, after) => Some(after),
            Rejection::VerificationBudgetSpent => Some(RetryAfter::ONE_SECOND),
            _ => None,
        }
    }
}

/// The reply while no configuration is loaded.
pub fn not_configured() -> LocalReply {
    plain(&Rejection::NotConfigured.row())
}

/// The reply where the filter or its gateway failed.
pub fn internal_error() -> LocalReply {
    plain(&Rejection::Internal.row())
}

fn plain(row: &Row) -> LocalReply {
    LocalReply {
        status: row.status,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ],
        body: json!({"error": row.error, "error_description": row.description}).to_string(),
    }
}

impl RequestFault {
    fn description(self) -> &'static str {
        match self {
            RequestFault::RepeatedCredentials => "The request carries more than one set of credentials.",
            RequestFault::MalformedCredentials => "The Authorization header is malformed.",
            RequestFault::TokenInQuery => "An access token in the query is not accepted.",
            RequestFault::TokenInTarget => "The request target contains a token of the request.",
            RequestFault::TokenInGatewayField => {
                "A header that the gateway writes contains a token of the request."
            }
            RequestFault::TokenInFieldName => "The name of a header contains a token of the request.",
            RequestFault::OwnedFieldInConnection => {
                "The Connection header names a header that the gateway sets."
            }
            RequestFault::ActorTokenMissing => "The actor token is missing.",
            RequestFault::ActorTokenMalformed => "The actor token is malformed.",
            RequestFault::RepeatedIdentityHeader => "A header that the gateway sets is repeated.",
        }
    }
}

impl TokenFault {
    fn description(self) -> &'static str {
        match self {
            TokenFault::TooLong => "The access token is too long.",
            TokenFault::Unreadable => "The access token is malformed.",
            TokenFault::UnreadablePayload => "The access token's payload cannot be read.",
            TokenFault::Inactive => "The access token is not active.",
            TokenFault::Expired => "The access token has expired.",
            TokenFault::NoExpiry => "The access token has no exp claim.",
            TokenFault::NotYetValid => "The access token is not valid yet.",
            TokenFault::WrongIssuer => "The access token's issuer is not accepted here.",
            TokenFault::WrongAudience => "The access token was not issued for this resource.",
            TokenFault::SenderConstrained => {
                "The access token is sender-constrained and cannot be used as a bearer token."
            }
            TokenFault::BadClaim => "The access token has a claim that cannot be read.",
            TokenFault::BadSignature => "The access token's signature is not valid.",
            TokenFault::WrongType => "The token is not of the kind that is accepted here.",
            TokenFault::Contradicted => "The access token does not match its introspection response.",
            TokenFault::RefusedByTokenEndpoint => "The access token was refused by the authorization server.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(response: &'a LocalReply, name: &str) -> Option<&'a str> {
        response.headers.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value.as_str())
    }

    fn context() -> ChallengeContext {
        ChallengeContext {
            realm: None,
            scope: Some("mcp:read mcp:call".to_owned()),
            resource_metadata: "https://api.example.com/.well-known/x".to_owned(),
        }
    }

    #[test]
    fn hdr_13_insufficient_scope_names_what_is_needed() {
        let response = Rejection::InsufficientScope.reply(&context());
        assert_eq!(response.status, 403);
        assert_eq!(
            header(&response, "www-authenticate"),
            Some(
                "Bearer error=\"insufficient_scope\", error_description=\"The access token lacks a scope that \
                 this resource requires.\", scope=\"mcp:read mcp:call\", \
                 resource_metadata=\"https://api.example.com/.well-known/x\""
            )
        );
    }

    #[test]
    fn hdr_12_no_credentials_no_error() {
        let context = ChallengeContext { scope: None, ..context() };
        let response = Rejection::NoCredentials.reply(&context);
        assert_eq!(
            header(&response, "www-authenticate"),
            Some("Bearer resource_metadata=\"https://api.example.com/.well-known/x\"")
        );
        assert_eq!(
            response.body,
            r#"{"error":"unauthorized","error_description":"The access token is missing."}"#
        );
        assert_eq!(header(&response, "content-type"), Some("application/json"));
    }

    #[test]
    fn a_fault_of_the_server_is_no_challenge() {
        for rejection in [
            Rejection::Unavailable(EndpointKind::Token, RetryAfter::SOON),
            Rejection::TimedOut(EndpointKind::Token),
            Rejection::Unusable(EndpointKind::Introspection),
            Rejection::VerificationBudgetSpent,
            Rejection::Internal,
        ] {
            assert_eq!(header(&rejection.reply(&context()), "www-authenticate"), None, "{rejection:?}");
        }
    }

    #[test]
    fn f2_28_retry_after_is_a_number_or_a_date_and_an_hour_at_most() {
        let now = UnixTime::from_milliseconds(1_800_000_000_400);
        for (value, expected) in [
            (Some(&b"7"[..]), 7),
            (Some(b" 120\t"), 120),
            (Some(b"0"), 0),
            (Some(b"3600"), 3600),
            (Some(b"3601"), 3600),
            (Some(b"86400"), 3600),
            (Some(b"4294967296"), 3600),
            (Some(b"9999999999999999999999999999999999999999"), 3600),
            (Some(b"Fri, 15 Jan 2027 08:01:30 GMT"), 90),
            (Some(b"Friday, 15-Jan-27 08:01:30 GMT"), 90),
            (Some(b"Fri Jan 15 08:01:30 2027"), 90),
            (Some(b"Fri, 15 Jan 2027 10:00:00 GMT"), 3600),
            (Some(b"Fri, 31 Dec 9999 23:59:59 GMT"), 3600),
            (Some(b"Fri, 15 Jan 2027 08:00:00 GMT"), 1),
            (Some(b"Wed, 21 Oct 2026 07:28:00 GMT"), 1),
            (Some(b"Thu, 01 Jan 1970 00:00:00 GMT"), 1),
            (Some(b"Fri, 15 Jan 2027 08:01:30"), 5),
            (Some(b"Fri, 15 Jan 2027 08:01:30 CET"), 5),
            (Some(b"Mon, 15 Jan 2027 08:01:30 GMT"), 5),
            (Some(b"Fri, 32 Jan 2027 08:01:30 GMT"), 5),
            (Some(b"2027-01-15T08:01:30Z"), 5),
            (Some(b"soon"), 5),
            (Some(b"1.5"), 5),
            (Some(b"1e3"), 5),
            (Some(b"-1"), 5),
            (Some(b"+30"), 5),
            (Some(b"0x10"), 5),
            (Some(b"30, 60"), 5),
            (Some(b"30 s"), 5),
            (Some("\u{a0}30".as_bytes()), 5),
            (Some("\u{663}".as_bytes()), 5),
            (Some(b""), 5),
            (Some(b"\xff"), 5),
            (None, 5),
        ] {
            let shown = value.map(String::from_utf8_lossy);
            assert_eq!(RetryAfter::from_field(value, now), RetryAfter(expected), "{shown:?}");
        }
    }
}
