//! What can be reported: each note with its level and its text, in one exhaustive match each.

use super::left_out::LeftOutKeys;
use super::level::Level;
use super::text::{ForeignProse, Quoted};
use crate::jose::jwk::LeftOut;
use crate::jose::jws::JwsError;
use crate::oauth::endpoint::EndpointKind;
use crate::oauth::server_metadata::ServerMetadataError;
use crate::token::access_token::AccessTokenRefused;
use crate::token::claim_rules::ClaimsRefused;
use crate::token::introspection_response::IntrospectionError;
use crate::token::jwt::VerificationError;
use std::fmt;

/// Something that an operator may want to know. A note holds no credential: what another server wrote
/// is a [`ForeignProse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A token was refused.
    TokenRefused(TokenRefusal),
    /// Refused tokens have taken all the time that there is for verifying theirs.
    VerificationBudgetSpent,
    /// A callout brought no response in time.
    CalloutFailed(EndpointKind, CalloutTrouble),
    /// A response has a status that makes it no answer to the question.
    UnusableStatus(EndpointKind, u16),
    /// The authorization server refuses the filter's own request.
    ClientRefused(EndpointKind, u16),
    /// A response cannot be used.
    UnusableResponse(EndpointKind, ResponseFault),
    /// The token endpoint sent an OAuth error (RFC 6749 section 5.2).
    OAuthError {
        /// The status that came with it.
        status: u16,
        /// `error`; empty where there is none.
        error: ForeignProse,
        /// `error_description`; empty where there is none.
        description: ForeignProse,
        /// Who can mend it.
        blame: Blame,
    },
    /// A JWK Set was fetched, with keys that are left out.
    KeysLeftOut {
        /// How many keys can be used.
        usable: usize,
        /// Those that cannot.
        left_out: Vec<LeftOut>,
    },
    /// A mapped claim sets no header: it is absent, or cannot stand in one.
    ClaimHeaderUnset(String),
    /// The gateway gives no random bytes, without which nothing is written to the shared cache.
    NothingShared,
    /// The request was answered by the filter.
    Refused {
        /// The status of the reply.
        status: u16,
        /// Its `error_description`.
        description: &'static str,
        /// Who can mend it.
        blame: Blame,
    },
}

/// Who has to do something about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The client.
    Client,
    /// An authorization server.
    AuthorizationServer,
    /// The operator.
    Operator,
    /// The client or the operator: the server does not say which of what it was sent is wrong.
    ClientOrOperator,
}

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// It is not a JWS that could be verified.
    Jws(JwsError),
    /// Its signature is not proven.
    Signature(VerificationError),
    /// It has the format of a signed token, and its payload cannot be read.
    Payload,
    /// No configured issuer matches its `iss`.
    NoIssuer,
    /// A signed token breaks a rule.
    AccessToken(AccessTokenRefused),
    /// The claims break a rule.
    Claims(ClaimsRefused),
    /// It is bound to a key, and nothing shows possession of that key.
    NoPossession,
    /// The introspection response contradicts the token's claims.
    Contradicted,
}

/// Why there is no response to a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalloutTrouble {
    /// The gateway knows no such target.
    UnknownTarget,
    /// The gateway would not send the request.
    NotSent,
    /// It took too long.
    TimedOut,
    /// Refused, not resolved, not trusted, or closed before a response began.
    Unreachable,
    /// It began and broke off, or is not valid HTTP.
    Broken,
    /// It is larger than what is read.
    TooLarge,
}

/// Why a response cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// It is no introspection response.
    Introspection(IntrospectionError),
    /// It is no JWK Set.
    Jwks(crate::jose::jwk::JwkSetError),
    /// A JWK Set without a key that can be used, and those that cannot.
    NoUsableKey(Vec<LeftOut>),
    /// It is not the metadata of this issuer.
    Metadata {
        /// Whose metadata was asked for.
        issuer: String,
        /// What is wrong with it.
        error: ServerMetadataError,
    },
    /// The status says that there is no document.
    Status(u16),
    /// Its content has a coding, by its name.
    Coded(ForeignProse),
    /// A token response that cannot be read as a JSON object.
    NotAnObject,
    /// A token response with a token and an error.
    Contradictory,
    /// A token response without a token that fits a header field.
    NoToken,
    /// A token response whose `token_type` is not Bearer.
    NotBearer,
    /// A token response with another `issued_token_type` than was requested.
    WrongTokenType,
    /// A token response with a token that was presented.
    EchoedToken,
    /// The issued token lacks a scope that was asked for.
    ScopeMissing,
}

impl Note {
    /// How urgent it is.
    pub fn level(&self) -> Level {
        match self {
            Note::ClaimHeaderUnset(_) | Note::Refused { blame: Blame::Client, .. } => Level::Debug,
            Note::TokenRefused(_)
            | Note::KeysLeftOut { .. }
            | Note::OAuthError { blame: Blame::Client, .. } => Level::Info,
            Note::VerificationBudgetSpent
            | Note::CalloutFailed(..)
            | Note::UnusableStatus(..)
            | Note::UnusableResponse(..)
            | Note::NothingShared
            | Note::OAuthError { blame: Blame::AuthorizationServer | Blame::ClientOrOperator, .. }
            | Note::Refused { blame: Blame::AuthorizationServer | Blame::ClientOrOperator, .. } => {
                Level::Warn
            }
            Note::ClientRefused(..)
            | Note::OAuthError { blame: Blame::Operator, .. }
            | Note::Refused { blame: Blame::Operator, .. } => Level::Error,
        }
    }
}

/// The text of its log line.
impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::TokenRefused(refusal) => write!(formatter, "a token was refused: {refusal}"),
            Note::VerificationBudgetSpent => formatter.write_str(
                "verifying refused tokens has used up refused_verification_budget; until it is refilled, tokens \
                 that have not been verified yet are answered 503",
            ),
            Note::CalloutFailed(endpoint, trouble) => {
                write!(formatter, "the {} {trouble}", endpoint.as_str())
            }
            Note::UnusableStatus(endpoint, status) => {
                write!(formatter, "the {} answered {status}", endpoint.as_str())
            }
            Note::ClientRefused(endpoint, status) => {
                let hint = if matches!(status, 401 | 403) {
                    "; check client_id, client_secret and client_auth"
                } else {
                    ""
                };
                write!(formatter, "the {} answered {status}{hint}", endpoint.as_str())
            }
            Note::UnusableResponse(endpoint, fault) => {
                write!(formatter, "the response of the {} {fault}", endpoint.as_str())
            }
            Note::OAuthError { status, error, description, .. } => {
                write!(formatter, "the token endpoint answered {status}: error {error} {description}")
            }
            Note::KeysLeftOut { usable, left_out } => {
                write!(formatter, "{usable} keys fetched; left out: {}", LeftOutKeys(left_out))
            }
            Note::ClaimHeaderUnset(header) => write!(formatter, "no value for the header {}", Quoted(header)),
            Note::NothingShared => formatter.write_str(
                "shared cache not written to: the gateway gives no random bytes; each worker caches for itself",
            ),
            Note::Refused { status, description, .. } => {
                write!(formatter, "answered {status}: {description}")
            }
        }
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenRefusal::Jws(error) => error.fmt(formatter),
            TokenRefusal::Signature(error) => error.fmt(formatter),
            TokenRefusal::Payload => formatter.write_str("the payload cannot be read as a JSON object"),
            TokenRefusal::NoIssuer => formatter.write_str("no configured issuer matches iss"),
            TokenRefusal::AccessToken(refused) => refused.fmt(formatter),
            TokenRefusal::Claims(refused) => refused.fmt(formatter),
            TokenRefusal::NoPossession => {
                formatter.write_str("sender-constrained token (cnf) without proof of possession")
            }
            TokenRefusal::Contradicted => {
                formatter.write_str("the introspection response contradicts the token's claims")
            }
        }
    }
}

impl fmt::Display for CalloutTrouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            CalloutTrouble::UnknownTarget => "is not a target known to the gateway",
            CalloutTrouble::NotSent => "could not be called: the gateway refused to send the request",
            CalloutTrouble::TimedOut => "did not answer in time",
            CalloutTrouble::Unreachable => {
                "cannot be reached (connection refused, name not resolved, certificate not trusted, or connection \
                 closed before a response)"
            }
            CalloutTrouble::Broken => "sent a response that broke off or is not valid HTTP",
            CalloutTrouble::TooLarge => "sent a response that is larger than the filter reads",
        })
    }
}

impl fmt::Display for ResponseFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseFault::Introspection(error) => error.fmt(formatter),
            ResponseFault::Jwks(error) => error.fmt(formatter),
            ResponseFault::NoUsableKey(left_out) if left_out.is_empty() => {
                formatter.write_str("has no usable key")
            }
            ResponseFault::NoUsableKey(left_out) => {
                write!(formatter, "has no usable key; left out: {}", LeftOutKeys(left_out))
            }
            ResponseFault::Metadata { issuer, error } => {
                write!(formatter, "for {} {}", Quoted(issuer), error.as_str())
            }
            ResponseFault::Status(status) => write!(formatter, "has the status {status}"),
            ResponseFault::Coded(coding) => {
                write!(formatter, "has the content coding {coding}, although the request asked for none")
            }
            ResponseFault::NotAnObject => formatter.write_str("cannot be read as a JSON object"),
            ResponseFault::Contradictory => formatter.write_str("has both a token and an error"),
            ResponseFault::NoToken => formatter.write_str("has no access_token that fits a header"),
            ResponseFault::NotBearer => formatter.write_str("has a token_type that is not Bearer"),
            ResponseFault::WrongTokenType => {
                formatter.write_str("has another issued_token_type than was requested")
            }
            ResponseFault::EchoedToken => {
                formatter.write_str("repeats a token that it was sent, in place of a new one")
            }
            ResponseFault::ScopeMissing => {
                formatter.write_str("grants less than the scope that was asked for")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jwk::Unusable;
    use crate::token::kind::WrongKind;

    #[test]
    fn each_note_is_one_line_and_hides_credentials() {
        let endpoint = EndpointKind::Token;
        for (note, level, line) in [
            (
                Note::TokenRefused(TokenRefusal::NoPossession),
                Level::Info,
                "a token was refused: sender-constrained token (cnf) without proof of possession",
            ),
            (
                Note::VerificationBudgetSpent,
                Level::Warn,
                "verifying refused tokens has used up refused_verification_budget; until it is refilled, tokens that \
                 have not been verified yet are answered 503",
            ),
            (
                Note::TokenRefused(TokenRefusal::Claims(ClaimsRefused::WrongKind(WrongKind::Stated(
                    "typ", "refresh",
                )))),
                Level::Info,
                "a token was refused: the issuer marks it as another kind of token: typ is refresh",
            ),
            (
                Note::CalloutFailed(endpoint, CalloutTrouble::TimedOut),
                Level::Warn,
                "the token endpoint did not answer in time",
            ),
            (
                Note::ClientRefused(EndpointKind::Introspection, 401),
                Level::Error,
                "the introspection endpoint answered 401; check client_id, client_secret and client_auth",
            ),
            (
                Note::OAuthError {
                    status: 400,
                    error: ForeignProse::without("invalid_target", std::iter::empty()),
                    description: ForeignProse::without("no\r\ntoken abcdef0123456789", std::iter::empty()),
                    blame: Blame::Operator,
                },
                Level::Error,
                r#"the token endpoint answered 400: error "invalid_target" "no\r\ntoken [...]""#,
            ),
            (
                Note::KeysLeftOut {
                    usable: 1,
                    left_out: vec![LeftOut {
                        reason: Unusable::Symmetric,
                        count: 2,
                        key_ids: vec!["h1".to_owned()],
                    }],
                },
                Level::Info,
                r#"1 keys fetched; left out: 2 published secret ("h1" and 1 more)"#,
            ),
            (
                Note::UnusableResponse(EndpointKind::Jwks, ResponseFault::NoUsableKey(Vec::new())),
                Level::Warn,
                "the response of the JWKS endpoint has no usable key",
            ),
            (
                Note::UnusableResponse(
                    EndpointKind::Jwks,
                    ResponseFault::Coded(ForeignProse::without(
                        "gzip\u{1}abcdef0123456789",
                        std::iter::empty(),
                    )),
                ),
                Level::Warn,
                r#"the response of the JWKS endpoint has the content coding "gzip\u{1}[...]", although the request asked for none"#,
            ),
            (
                Note::NothingShared,
                Level::Warn,
                "shared cache not written to: the gateway gives no random bytes; each worker caches for itself",
            ),
        ] {
            assert_eq!((note.level(), note.to_string().as_str()), (level, line));
            assert!(!format!("{note:?}").contains("abcdef0123456789"));
        }
    }
}
