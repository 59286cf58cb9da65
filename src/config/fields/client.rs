//! The fields of a client of an authorization server, wherever one is written. They stand beside other
//! fields; the written form keeps them together.

use super::choices::{BASIC_ENCODING, CLIENT_ALG};
use crate::config::form::TextFormat;
use crate::config::table::{Choice, DefaultValue, Field, FieldType, Origin};

/// The name under which the written form keeps them.
const CLIENT: &str = "client";

const fn client(origin: Origin, name: &'static str, value: FieldType, description: &'static str) -> Field {
    Field { origin, ..Field::kong(name, value, description) }.within(CLIENT)
}

pub(super) const fn client_id(origin: Origin, description: &'static str) -> Field {
    client(origin, "client_id", FieldType::Text(TextFormat::Text), description)
}

pub(super) const fn client_secret(origin: Origin, description: &'static str) -> Field {
    client(origin, "client_secret", FieldType::Text(TextFormat::Secret), description)
}

pub(super) const fn client_auth(
    origin: Origin,
    choices: &'static [Choice],
    default: DefaultValue,
    description: &'static str,
) -> Field {
    client(origin, "client_auth", FieldType::OneOf(choices), description).or(default)
}

/// What holds for `client_auth` where nothing is written.
pub(super) const BY_SECRET: DefaultValue =
    DefaultValue::Derived("client_secret_basic where client_secret is set, else none");

pub(super) const fn basic_encoding(description: &'static str) -> Field {
    client(Origin::Ours, "client_secret_basic_encoding", FieldType::OneOf(BASIC_ENCODING), description)
        .or(DefaultValue::Text("form"))
}

pub(super) const fn client_jwk(origin: Origin) -> Field {
    client(origin, "client_jwk", FieldType::Jwk, "The key that signs the client's assertions.")
        .not_supported_yet()
}

pub(super) const fn client_alg(origin: Origin) -> Field {
    let description = "The algorithm that signs the client's assertions.";
    client(origin, "client_alg", FieldType::OneOf(CLIENT_ALG), description).not_supported_yet()
}
