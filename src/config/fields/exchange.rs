//! The fields of `token_exchange`.

use super::MAX_SECONDS;
use crate::config::form::Form;
use crate::config::table::{Choice, DefaultValue as Default, Field, Kind};
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
        Kind::Boolean,
        "Whether tokens are exchanged; passthrough_credentials must then be true.",
    )
    .or(Default::Boolean(false)),
    Field::kong(
        "token_endpoint",
        Kind::Text(Form::Url),
        "The URL of the token endpoint; needed where tokens are exchanged.",
    ),
    Field::kong(
        "client_auth",
        Kind::OneOf(CLIENT_AUTH),
        "How the filter authenticates to the token endpoint; inherit takes over the client \
         of introspection.",
    )
    .or(Default::Text("client_secret_basic")),
    Field::kong("client_id", Kind::Text(Form::Text), "The client_id at the token endpoint."),
    Field::kong("client_secret", Kind::Text(Form::Secret), "The client_secret at the token endpoint."),
    Field::ours(
        "require_scopes",
        Kind::Boolean,
        "Refuse an issued token that lacks a scope that was asked for.",
    )
    .or(Default::Boolean(false)),
    Field::kong("request", Kind::Object(REQUEST), "What is asked for in an exchange."),
    Field::kong("cache", Kind::Object(CACHE), "How issued tokens are remembered."),
];

const REQUEST: &[Field] = &[
    Field::kong("subject_token_type", Kind::Text(Form::Uri), "The type of the validated token.")
        .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong(
        "requested_token_type",
        Kind::Text(Form::UriOrNothing),
        "The type of the token asked for; empty text leaves the parameter out.",
    )
    .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong("actor_token_type", Kind::Text(Form::Uri), "The type of the actor token.")
        .or(Default::Text(TokenTypeIdentifier::ACCESS_TOKEN)),
    Field::kong("actor_token_source", Kind::OneOf(ACTOR_TOKEN_SOURCE), "Where the actor token comes from.")
        .or(Default::Text("none")),
    Field::kong(
        "actor_token_header",
        Kind::Text(Form::HeaderName),
        "The request's header field with the actor token; Authorization means the validated \
         token itself.",
    ),
    Field::kong("actor_token", Kind::Text(Form::Secret), "The actor token, where its source is config."),
    Field::ours(
        "actor_token_optional",
        Kind::Boolean,
        "Whether a request without an actor header is exchanged without an actor.",
    )
    .or(Default::Boolean(false)),
    Field::kong(
        "audience",
        Kind::List { of: Form::Text, at_least: 0 },
        "The audiences of the token asked for.",
    ),
    Field::kong("scopes", Kind::List { of: Form::Scope, at_least: 0 }, "The scopes of the token asked for."),
    Field::kong("resource", Kind::TextOrList(Form::Uri), "The resources of the token asked for (RFC 8707)."),
];

const CACHE: &[Field] = &[
    Field::kong("enabled", Kind::Boolean, "Whether issued tokens are remembered.").or(Default::Boolean(true)),
    Field::kong(
        "ttl",
        Kind::Integer {
            minimum: 1,
            maximum: MAX_SECONDS,
            instead_of_zero: Some("set cache.enabled to false to remember no issued token"),
        },
        "The lifetime of an issued token whose answer names none, in seconds.",
    )
    .or(Default::Integer(3600)),
    Field::ours(
        "expiry_margin",
        Kind::integer(0, MAX_SECONDS),
        "How many seconds before its end an issued token is no longer used.",
    )
    .or(Default::Integer(15)),
];
