//! The words that fields with a choice accept.

use crate::config::table::Choice;

/// The methods of client authentication that Kong names.
pub(super) const CLIENT_AUTH: &[Choice] = &[
    Choice::honoured("client_secret_basic"),
    Choice::not_supported_yet("client_secret_jwt"),
    Choice::honoured("client_secret_post"),
    Choice::honoured("none"),
    Choice::not_supported_yet("private_key_jwt"),
    Choice::honoured("self_signed_tls_client_auth"),
    Choice::honoured("tls_client_auth"),
];

/// The algorithms of a client's assertion that Kong names.
pub(super) const CLIENT_ALG: &[Choice] = &[
    Choice::honoured("ES256"),
    Choice::honoured("ES384"),
    Choice::honoured("ES512"),
    Choice::honoured("EdDSA"),
    Choice::honoured("HS256"),
    Choice::honoured("HS384"),
    Choice::honoured("HS512"),
    Choice::honoured("PS256"),
    Choice::honoured("PS384"),
    Choice::honoured("PS512"),
    Choice::honoured("RS256"),
    Choice::honoured("RS384"),
    Choice::honoured("RS512"),
];

/// Spellings of client_id and client_secret in a Basic header.
pub(super) const BASIC_ENCODING: &[Choice] = &[Choice::honoured("form"), Choice::honoured("raw")];

/// Formats of the introspection answer that Kong names.
pub(super) const INTROSPECTION_FORMAT: &[Choice] =
    &[Choice::honoured("base64"), Choice::honoured("base64url"), Choice::honoured("string")];

/// Proofs of a token.
pub(super) const TOKEN_VALIDATION: &[Choice] = &[
    Choice::honoured("auto"),
    Choice::honoured("introspection"),
    Choice::honoured("jwt"),
    Choice::honoured("both"),
];

/// Use of the gateway's shared data.
pub(super) const CACHE_SHARED: &[Choice] =
    &[Choice::honoured("auto"), Choice::honoured("on"), Choice::honoured("off")];
