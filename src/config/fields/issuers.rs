//! The fields of each entry of `issuers`.

use super::choices::{BASIC_ENCODING, CLIENT_ALG, CLIENT_AUTH};
use crate::config::form::Form;
use crate::config::table::{DefaultValue as Default, Field, Kind};

/// Every field of an entry of `issuers`.
pub(super) const ISSUER: &[Field] = &[
    Field::ours("issuer", Kind::Text(Form::Text), "The issuer identifier, exactly as iss names it.")
        .required(),
    Field::ours("jwks", Kind::JwkSet, "The issuer's JWK Set written out."),
    Field::ours(
        "jwks_endpoint",
        Kind::Text(Form::Url),
        "The URL of the issuer's JWK Set; without it and jwks, the keys are discovered from the issuer's metadata.",
    ),
    Field::ours(
        "introspection_endpoint",
        Kind::Text(Form::Url),
        "The URL of the issuer's introspection endpoint; alone, it is the proof of this issuer's tokens, and beside \
         keys both are needed.",
    ),
    Field::ours(
        "client_id",
        Kind::Text(Form::Text),
        "The client_id at this introspection endpoint; what stands at the top (client, args, headers) is never \
         sent there.",
    ),
    Field::ours(
        "client_secret",
        Kind::Text(Form::Secret),
        "The client_secret at this introspection endpoint.",
    ),
    Field::ours(
        "client_auth",
        Kind::OneOf(CLIENT_AUTH),
        "How the filter authenticates to this introspection endpoint.",
    )
    .or(Default::Derived("client_secret_basic where client_secret is set, else none")),
    Field::ours(
        "client_secret_basic_encoding",
        Kind::OneOf(BASIC_ENCODING),
        "Whether client_id and client_secret are form-encoded in a Basic header or raw.",
    )
    .or(Default::Text("form")),
    Field::ours("client_jwk", Kind::Jwk, "The key that signs the client's assertions.").not_supported_yet(),
    Field::ours("client_alg", Kind::OneOf(CLIENT_ALG), "The algorithm that signs the client's assertions.")
        .not_supported_yet(),
    Field::ours(
        "audiences",
        Kind::List { of: Form::Text, at_least: 1 },
        "Audiences that are accepted from this issuer beside `resource`.",
    ),
];
