//! The fields of `token_exchange`.

use super::{MAX_SECONDS, client};
use crate::config::form::TextFormat;
use crate::config::table::{Choice, DefaultValue as Default, Field, FieldType, Origin};
use crate::oauth::token_type::TokenTypeIdentifier;

const CLIENT_AUTH: &[Choice] = &[
    Choice::honoured("client_secret_basic"),
    Choice::honoured("client_secret_post"),
    Choice::honoured("inherit"),
    Choice::honoured("none"),
];

const ACTOR_TOKEN_SOURCE: &[Choice] =
    &[Choice::honoured("none"), Choice::honoured("header"), Choice::honoured("config")];

/// Every field of `token_exchange`.
pub(super) const TOKEN_EXCHANGE: &[Field] = &[
    Field::kong(
        "enabled",
        FieldType::Boolean,
        "Whether tokens are exchanged; passthrough_credentials must then be true.",
    )
    .or(Default::Boolean(false)),
    Field::kong(
        "token_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the token endpoint; needed where tokens are exchanged.",
    ),
    client::client_auth(
        Origin::Kong,
        CLIENT_AUTH,
        Default::Text("client_secret_basic"),
        "How the filter authenticates to the token endpoint; inherit takes over the client \
         of introspection.",
    ),
    client::client_id(Origin::Kong, "The client_id at the token endpoint."),
    client::client_secret(Origin::Kong, "The client_secret at the token endpoint."),
    Field::ours(
        "require_scopes",
        FieldType::Boolean,
        "Refuse an issued token that lacks a scope that was asked for.",
    )
    .or(Default::Boolean(false)),
    Field::kong("request", FieldType::Object(REQUEST), "What is asked for in an exchange."),
    Field::kong("cache", FieldType::Object(CACHE), "How issued tokens are cached."),
];

const REQUEST: &[Field] = &[
    Field::kong(
        "subject_token_type",
        FieldType::Text(TextFormat::Uri),
        "The type of the validated token; with urn:ietf:params:oauth:token-type:id_token clients send ID tokens, whose \
         aud must be in audience_required, and access tokens are refused.",
    )
    .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong(
        "requested_token_type",
        FieldType::Text(TextFormat::UriOrNothing),
        "The type of the token asked for; empty text leaves the parameter out.",
    )
    .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong("actor_token_type", FieldType::Text(TextFormat::Uri), "The type of the actor token.")
        .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong(
        "actor_token_source",
        FieldType::OneOf(ACTOR_TOKEN_SOURCE),
        "Where the actor token comes from.",
    )
    .or(Default::Text("none")),
    Field::kong(
        "actor_token_header",
        FieldType::Text(TextFormat::HeaderName),
        "The request's header field with the actor token; Authorization means the validated \
         token itself.",
    ),
    Field::kong(
        "actor_token",
        FieldType::Text(TextFormat::Secret),
        "The actor token, where its source is config.",
    ),
    Field::ours(
        "actor_token_optional",
        FieldType::Boolean,
        "Whether a request without an actor header is exchanged without an actor.",
    )
    .or(Default::Boolean(false)),
    Field::kong(
        "audience",
        FieldType::List { of: TextFormat::Text, at_least: 0 },
        "The audiences of the token asked for.",
    ),
    Field::kong(
        "scopes",
        FieldType::List { of: TextFormat::Scope, at_least: 0 },
        "The scopes of the token asked for.",
    ),
    Field::kong(
        "resource",
        FieldType::TextOrList(TextFormat::Uri),
        "The resources of the token asked for (RFC 8707).",
    ),
];

const CACHE: &[Field] = &[
    Field::kong("enabled", FieldType::Boolean, "Whether issued tokens are cached.")
        .or(Default::Boolean(true)),
    Field::kong(
        "ttl",
        FieldType::Integer {
            minimum: 1,
            maximum: MAX_SECONDS,
            instead_of_zero: Some("set cache.enabled to false to cache no issued token"),
        },
        "How long an issued token is cached whose answer names no lifetime, in seconds.",
    )
    .or(Default::Integer(3600)),
    Field::ours(
        "expiry_margin",
        FieldType::integer(0, MAX_SECONDS),
        "How many seconds before its end, as expires_in, its own exp or that of its subject states it, an issued token is \
         no longer used.",
    )
    .or(Default::Integer(15)),
];
