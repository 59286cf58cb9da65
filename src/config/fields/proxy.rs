//! The fields of `proxy_config`, which Kong's AI Gateway has in place of `http_proxy` and the like.

use super::NO_PROXY;
use crate::config::form::TextFormat;
use crate::config::table::{Choice, DefaultValue as Default, Field, FieldType};

const SCHEMES: &[Choice] = &[Choice::honoured("http"), Choice::honoured("https")];

/// Every field of `proxy_config`. They are refused as one, and accepted where nothing is set.
pub(super) const PROXY_CONFIG: &[Field] = &[
    Field::kong("http_proxy_host", FieldType::Text(TextFormat::Text), "The host of the proxy for http.")
        .host_provides(NO_PROXY),
    Field::kong("http_proxy_port", FieldType::integer(0, 65_535), "The port of the proxy for http.")
        .host_provides(NO_PROXY),
    Field::kong("https_proxy_host", FieldType::Text(TextFormat::Text), "The host of the proxy for https.")
        .host_provides(NO_PROXY),
    Field::kong("https_proxy_port", FieldType::integer(0, 65_535), "The port of the proxy for https.")
        .host_provides(NO_PROXY),
    Field::kong("proxy_scheme", FieldType::OneOf(SCHEMES), "How the proxy is spoken to.")
        .or(Default::Text("http"))
        .host_provides(NO_PROXY),
    Field::kong("auth_username", FieldType::Text(TextFormat::Text), "The user name at the proxy.")
        .host_provides(NO_PROXY),
    Field::kong("auth_password", FieldType::Text(TextFormat::Secret), "The password at the proxy.")
        .host_provides(NO_PROXY),
    Field::kong("no_proxy", FieldType::Text(TextFormat::Text), "Hosts that are reached without a proxy.")
        .host_provides(NO_PROXY),
];
