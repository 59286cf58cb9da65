//! The fields of each entry of `issuers`.

use super::choices::CLIENT_AUTH;
use super::client;
use crate::config::form::TextFormat;
use crate::config::table::{Field, FieldType, Origin};

/// Every field of an entry of `issuers`.
pub(super) const ISSUER: &[Field] = &[
    Field::ours(
        "issuer",
        FieldType::Text(TextFormat::Text),
        "The issuer identifier, exactly as iss names it.",
    )
    .required(),
    Field::ours("jwks", FieldType::JwkSet, "The issuer's JWK Set written out."),
    Field::ours(
        "jwks_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the issuer's JWK Set; without it and jwks, the keys are discovered from the issuer's metadata.",
    ),
    Field::ours(
        "introspection_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the issuer's introspection endpoint; alone, it is the proof of this issuer's tokens, and beside \
         keys both are needed.",
    ),
    client::client_id(
        Origin::Ours,
        "The client_id at this introspection endpoint; what stands at the top (client, args, headers) is never \
         sent there.",
    ),
    client::client_secret(Origin::Ours, "The client_secret at this introspection endpoint."),
    client::client_auth(
        Origin::Ours,
        CLIENT_AUTH,
        client::BY_SECRET,
        "How the filter authenticates to this introspection endpoint.",
    ),
    client::basic_encoding("Whether client_id and client_secret are form-encoded in a Basic header or raw."),
    client::client_jwk(Origin::Ours),
    client::client_alg(Origin::Ours),
    Field::ours(
        "audiences",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "Audiences that are accepted from this issuer beside `resource`.",
    ),
];
