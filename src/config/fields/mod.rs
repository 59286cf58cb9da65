//! The table of all fields, first those at the top. What is not in the table cannot be configured.
//!
//! A field that the filter does not act on yet says so with `not_supported_yet()`; taking that word
//! out turns it on, and a test then asks for the code that acts on it.

mod choices;
mod client;
mod exchange;
mod issuers;
mod proxy;

use crate::config::form::TextFormat;
use crate::config::table::{DefaultValue as Default, Field, FieldType, Origin};
use choices::{CACHE_SHARED, CLIENT_AUTH, INTROSPECTION_FORMAT, TOKEN_VALIDATION};
use exchange::TOKEN_EXCHANGE;
use issuers::ISSUER;
use proxy::PROXY_CONFIG;

/// The longest time in milliseconds that Kong accepts for a timeout.
const MAX_MILLISECONDS: u64 = 2_147_483_646;
/// The longest time in seconds: 68 years.
pub(super) const MAX_SECONDS: u64 = 2_147_483_647;

const NO_CONSUMERS: &str = "Kong's consumers are out of reach of a Wasm filter: pass claims on with claim_to_header or \
                            upstream_headers, and let the upstream or a later plugin use those";
const NO_CLIENT_CERTIFICATE: &str = "the gateway owns TLS: put the client certificate and key into the cluster of this \
                                     endpoint on Envoy or Istio (Kong's Wasm host has no client certificates)";
const NO_VERIFICATION_SWITCH: &str = "the gateway owns TLS: give it the authority to trust instead of switching the \
                                      check off (lua_ssl_trusted_certificate on Kong, trusted_ca of the cluster on Envoy)";
pub(super) const NO_PROXY: &str = "the gateway owns the connection: reach the authorization server through the gateway's network \
                        (on Envoy and Istio a cluster or egress gateway), not through a proxy setting here";
const NO_CONNECTION_SETTING: &str =
    "the gateway owns the connection: set this in the gateway (on Envoy in the cluster of the endpoint)";
const NO_BODY_LIMIT: &str = "the filter does not hold request bodies: bound them in the gateway (nginx_http_client_max_body_size \
                             on Kong, the buffer filter on Envoy)";

/// Every field of the configuration.
pub const FIELDS: &[Field] = &[
    // The protected resource and its metadata document.
    Field::kong(
        "resource",
        FieldType::Text(TextFormat::Url),
        "The absolute https URL of the protected resource, which the audience of a token must name; scheme and host \
         have no letter case there, and an origin with its slash is the same as without.",
    )
    .required(),
    Field::kong(
        "authorization_servers",
        FieldType::List { of: TextFormat::Url, at_least: 1 },
        "The issuer identifiers of the authorization servers that issue tokens for this \
         resource.",
    )
    .required(),
    Field::kong(
        "metadata_endpoint",
        FieldType::Text(TextFormat::Path),
        "The path at which the protected resource metadata is served.",
    )
    .or(Default::Derived("the path of `resource`, then /.well-known/oauth-protected-resource")),
    Field::kong(
        "scopes_supported",
        FieldType::List { of: TextFormat::Scope, at_least: 1 },
        "The scopes that the metadata document names.",
    ),
    Field::ours("realm", FieldType::Text(TextFormat::Quotable), "The realm that every challenge names."),
    Field::ours(
        "max_token_bytes",
        FieldType::integer(1, 1_048_576),
        "Maximum accepted token length, in bytes; a longer token is refused with \
         401.",
    )
    .or(Default::Integer(16_384)),
    // Introspection.
    Field::kong(
        "introspection_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the introspection endpoint (RFC 7662); without it, tokens are JWTs unless issuers says otherwise; \
         it vouches for no issuer with an entry in issuers, and an answer that names no issuer is taken as this \
         server's own, held to the audience and the times that the fields at the top ask for.",
    ),
    Field::kong(
        "mtls_introspection_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the introspection endpoint for clients with a certificate, used with \
         tls_client_auth and self_signed_tls_client_auth.",
    ),
    Field::kong(
        "introspection_format",
        FieldType::OneOf(INTROSPECTION_FORMAT),
        "The format of the introspection response.",
    )
    .not_supported_yet(),
    Field::kong(
        "cache_introspection",
        FieldType::Boolean,
        "Whether introspection responses are cached.",
    )
    .or(Default::Boolean(true)),
    Field::ours(
        "introspection_cache_ttl",
        FieldType::Integer {
            minimum: 1,
            maximum: MAX_SECONDS,
            instead_of_zero: Some("set cache_introspection to false to cache nothing"),
        },
        "Maximum time an active introspection response is cached, in seconds.",
    )
    .or(Default::Integer(60)),
    Field::kong(
        "args",
        FieldType::TextMap { names: TextFormat::Text, values: TextFormat::PrivateText },
        "Form parameters of the operator's own in each introspection request.",
    ),
    Field::kong(
        "headers",
        FieldType::TextMap { names: TextFormat::HeaderName, values: TextFormat::HeaderValue },
        "Header fields of the operator's own in each introspection request; User-Agent and traceparent take the place \
         of the filter's.",
    ),
    // The client that the filter is at the authorization server.
    client::client_id(Origin::Kong, "The client_id at the introspection endpoint."),
    client::client_secret(Origin::Kong, "The client_secret at the introspection endpoint."),
    client::client_auth(
        Origin::Kong,
        CLIENT_AUTH,
        client::BY_SECRET,
        "How the filter authenticates to the introspection endpoint.",
    ),
    client::basic_encoding(
        "Whether client_id and client_secret are form-encoded in a Basic header, as RFC 6749 \
         section 2.3.1 says, or raw.",
    ),
    client::client_jwk(Origin::Kong),
    client::client_alg(Origin::Kong),
    Field::kong("tls_client_auth_cert", FieldType::Text(TextFormat::Document), "The client certificate, in PEM.")
        .host_provides(NO_CLIENT_CERTIFICATE),
    Field::kong(
        "tls_client_auth_key",
        FieldType::Text(TextFormat::Document),
        "The key of the client certificate, in PEM.",
    )
    .host_provides(NO_CLIENT_CERTIFICATE),
    Field::kong(
        "tls_client_auth_ssl_verify",
        FieldType::Boolean,
        "Whether the server's certificate is verified when the filter presents one.",
    )
    .or(Default::Boolean(true))
    .host_provides(NO_VERIFICATION_SWITCH),
    // What a valid token must say.
    Field::kong(
        "insecure_relaxed_audience_validation",
        FieldType::Boolean,
        "Accept tokens whose audience does not name this resource; any token of the \
         authorization servers then opens it.",
    )
    .or(Default::Boolean(false)),
    Field::ours(
        "audience_required",
        FieldType::List { of: TextFormat::Text, at_least: 0 },
        "Audiences that are accepted beside `resource`, such as a client_id; a JWT that names none but these, and \
         that its signature alone proves, must show that it is an access token; where ID tokens are exchanged, the \
         only audiences.",
    )
    .or(Default::List(&[])),
    Field::ours(
        "audience_claim",
        FieldType::Text(TextFormat::Text),
        "The claim that names the audience, for issuers that send no aud.",
    )
    .or(Default::Text("aud")),
    Field::ours(
        "issuers_allowed",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The exact values of iss that are accepted.",
    )
    .or(Default::Derived("`authorization_servers`")),
    Field::ours(
        "scopes_required",
        FieldType::List { of: TextFormat::Scopes, at_least: 0 },
        "Scopes a token must have: entries are alternatives, and of an entry every word is \
         needed.",
    )
    .or(Default::List(&[])),
    Field::ours(
        "scope_implies",
        FieldType::ListMap { names: TextFormat::Scope, values: TextFormat::Scope },
        "The scopes implied by each scope.",
    )
    .or(Default::EmptyMap),
    Field::kong(
        "jwt_claims_leeway",
        FieldType::integer(0, MAX_SECONDS),
        "How many seconds the clocks of the issuer and the gateway may differ.",
    )
    .or(Default::Integer(0)),
    // Signed tokens and their keys.
    Field::ours(
        "token_validation",
        FieldType::OneOf(TOKEN_VALIDATION),
        "Which proof a token needs: introspection, its signature (jwt), its signature where the keys of its \
         issuer are known and else introspection (auto), or both.",
    )
    .or(Default::Derived("introspection where introspection_endpoint is set, else jwt")),
    Field::ours(
        "issuers",
        FieldType::Objects(ISSUER),
        "Authorization servers with a proof of their own; those without an entry follow the fields at the top; a token \
         is theirs where it is a JWT whose iss is the issuer of an entry, and an answer of the introspection endpoint \
         at the top that names such an issuer is refused with 401.",
    ),
    Field::ours(
        "access_token_types",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The values of the typ header that an access token may carry; none counts as JWT; with any but at+jwt the \
         claims decide whether it is an access token.",
    )
    .or(Default::List(&["at+jwt", "JWT"])),
    Field::ours("jwks", FieldType::JwkSet, "A JWK Set written out, so that none is fetched."),
    Field::ours(
        "jwt_secret",
        FieldType::Text(TextFormat::Secret),
        "The shared secret of tokens signed with HS256, HS384 or HS512, at least 32 bytes.",
    ),
    Field::kong(
        "jwks_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the authorization server's JWK Set, a response of up to 1 MiB with any number of keys; without \
         it, jwks and jwt_secret, the keys are discovered from the metadata of each authorization server.",
    ),
    Field::kong(
        "jwks_cache_ttl",
        FieldType::integer(1, MAX_SECONDS),
        "How long a JWK Set is used before it is fetched again, in seconds.",
    )
    .or(Default::Integer(3600)),
    Field::ours(
        "jwks_refetch_cooldown",
        FieldType::integer(1, MAX_SECONDS),
        "The seconds in which tokens that no known key verifies cause at most one fetch per issuer and worker.",
    )
    .or(Default::Integer(30)),
    Field::ours(
        "jwks_max_stale",
        FieldType::integer(0, MAX_SECONDS),
        "How long the last JWK Set serves while fetches fail, in seconds; a set without usable keys is no failure.",
    )
    .or(Default::Integer(86_400)),
    Field::kong(
        "metadata_discovery_endpoint",
        FieldType::Text(TextFormat::Url),
        "The URL of the authorization server's metadata document, whose path ends in oauth-authorization-server or \
         openid-configuration; a query may follow and is sent.",
    )
    .or(Default::Derived("the well-known URLs of RFC 8414 and OpenID Connect for the issuer")),
    Field::kong(
        "metadata_cache_ttl",
        FieldType::integer(1, MAX_SECONDS),
        "How long a metadata document is used before it is fetched again, in seconds.",
    )
    .or(Default::Integer(3600)),
    Field::kong(
        "metadata_discovery_retry",
        FieldType::integer(0, 100),
        "How often the fetch of a metadata document is tried for each URL; 0 counts as 1.",
    )
    .or(Default::Integer(3)),
    Field::ours(
        "refused_verification_budget",
        FieldType::integer(1, 100),
        "How many per cent of a worker's time verifying the signatures of refused tokens may take, counted by what \
         algorithms usually cost; while that is spent, a token whose signature has not been verified yet gets 503.",
    )
    .or(Default::Integer(25)),
    // What goes upstream.
    Field::kong(
        "passthrough_credentials",
        FieldType::Boolean,
        "Whether the upstream gets a credential: the issued token with token exchange, else \
         the caller's own.",
    )
    .or(Default::Boolean(false)),
    Field::kong(
        "claim_to_header",
        FieldType::Objects(CLAIM_TO_HEADER),
        "Claims of the validated token that are passed on in header fields; with several issuers, pass iss on \
         wherever you pass on sub.",
    ),
    Field::kong(
        "upstream_headers",
        FieldType::Objects(UPSTREAM_HEADERS),
        "Claims within nested objects that are passed on in header fields, as those of claim_to_header; not \
         together with that.",
    ),
    Field::kong(
        "token_exchange",
        FieldType::Object(TOKEN_EXCHANGE),
        "Exchange of the validated token for one of the upstream's own (RFC 8693).",
    ),
    // Callouts.
    Field::kong(
        "timeout",
        FieldType::integer(1, MAX_MILLISECONDS),
        "How long one call to an authorization server may take, in milliseconds.",
    )
    .or(Default::Integer(10_000)),
    Field::ours(
        "request_deadline",
        FieldType::integer(1, MAX_MILLISECONDS),
        "How long all calls for one request may take together, in milliseconds.",
    )
    .or(Default::Derived("twice `timeout`")),
    Field::ours(
        "callout_targets",
        FieldType::TextMap { names: TextFormat::Authority, values: TextFormat::Text },
        "The cluster for each authority (host:port) of an endpoint, where it has another \
         name; for Envoy and Istio.",
    )
    .or(Default::EmptyMap),
    Field::ours(
        "insecure_http",
        FieldType::Boolean,
        "Allow http for endpoints and `resource` beyond this machine; tokens and secrets \
         then travel unencrypted.",
    )
    .or(Default::Boolean(false)),
    Field::kong("keepalive", FieldType::Boolean, "Whether connections to the authorization server are kept open.")
        .or(Default::Boolean(true))
        .host_provides(NO_CONNECTION_SETTING),
    Field::kong("http_version", FieldType::Number, "The version of HTTP spoken to the authorization server.")
        .or(Default::Number(1.1))
        .host_provides(NO_CONNECTION_SETTING),
    Field::kong("ssl_verify", FieldType::Boolean, "Whether the authorization server's certificate is verified.")
        .or(Default::Boolean(true))
        .host_provides(NO_VERIFICATION_SWITCH),
    Field::kong("http_proxy", FieldType::Text(TextFormat::PrivateText), "A proxy for http.").host_provides(NO_PROXY),
    Field::kong(
        "http_proxy_authorization",
        FieldType::Text(TextFormat::Secret),
        "The credentials at the proxy for http.",
    )
    .host_provides(NO_PROXY),
    Field::kong("https_proxy", FieldType::Text(TextFormat::PrivateText), "A proxy for https.").host_provides(NO_PROXY),
    Field::kong(
        "https_proxy_authorization",
        FieldType::Text(TextFormat::Secret),
        "The credentials at the proxy for https.",
    )
    .host_provides(NO_PROXY),
    Field::kong("no_proxy", FieldType::Text(TextFormat::Text), "Hosts that are reached without a proxy.")
        .host_provides(NO_PROXY),
    Field::kong("proxy_config", FieldType::Object(PROXY_CONFIG), "The proxies, as Kong's AI Gateway writes them.")
        .host_provides(NO_PROXY),
    Field::kong(
        "max_request_body_size",
        FieldType::integer(0, MAX_SECONDS),
        "The largest request body that is read, in bytes.",
    )
    .or(Default::Integer(1_048_576))
    .formerly(&[Default::Integer(8192), Default::Integer(8_388_608), Default::Integer(0)])
    .host_provides(NO_BODY_LIMIT),
    // The gateway.
    Field::ours(
        "require_guard",
        FieldType::Boolean,
        "Whether a request is refused that Kong's guard did not hold back, as where that is missing on a service or \
         route; for Kong.",
    )
    .or(Default::Boolean(false)),
    // Memory.
    Field::ours("cache", FieldType::Object(CACHE), "The cache for all tokens and introspection responses."),
    // Kong's consumers.
    Field::kong(
        "consumer_claim",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The claim that names the consumer.",
    )
    .host_provides(NO_CONSUMERS)
    .waived_by("consumer_optional"),
    Field::kong(
        "consumer_by",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The properties by which the consumer is found.",
    )
    .or(Default::Set(&["custom_id", "username"]))
    .host_provides(NO_CONSUMERS)
    .waived_by("consumer_optional"),
    Field::kong("consumer_optional", FieldType::Boolean, "Whether a token without a consumer is accepted.")
        .or(Default::Boolean(false))
        .host_provides(NO_CONSUMERS)
        .waived_by("consumer_optional"),
    Field::kong(
        "consumer_groups_claim",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The claim that names the consumer's groups.",
    )
    .host_provides(NO_CONSUMERS)
    .waived_by("consumer_groups_optional"),
    Field::kong(
        "consumer_groups_optional",
        FieldType::Boolean,
        "Whether a token without consumer groups is accepted.",
    )
    .or(Default::Boolean(false))
    .host_provides(NO_CONSUMERS)
    .waived_by("consumer_groups_optional"),
    Field::kong(
        "credential_claim",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The claim that names the credential.",
    )
    .or(Default::List(&["sub"]))
    .host_provides(NO_CONSUMERS)
    .waived_by("consumer_optional"),
];

const CLAIM_TO_HEADER: &[Field] = &[
    Field::kong("claim", FieldType::Text(TextFormat::Text), "The claim's name.").required(),
    Field::kong("header", FieldType::Text(TextFormat::HeaderName), "The header field's name.").required(),
];

const UPSTREAM_HEADERS: &[Field] = &[
    Field::kong("header", FieldType::Text(TextFormat::HeaderName), "The header field's name.").required(),
    Field::kong(
        "path",
        FieldType::List { of: TextFormat::Text, at_least: 1 },
        "The path to the claim, one name for each level.",
    )
    .required(),
];

const CACHE: &[Field] = &[
    Field::ours(
        "shared",
        FieldType::OneOf(CACHE_SHARED),
        "Whether workers share what they cache through the gateway's shared data: where \
         there is some, always, or never.",
    )
    .or(Default::Text("auto")),
    Field::ours(
        "shared_slots",
        FieldType::Integer {
            minimum: 2,
            maximum: 1_048_576,
            instead_of_zero: Some("set cache.shared to off to share nothing"),
        },
        "How many entries the shared data holds, of 4 kB each, whatever they hold; what is longer stays in the worker.",
    )
    .or(Default::Integer(4096)),
    Field::ours(
        "max_bytes",
        FieldType::Integer {
            minimum: 65_536,
            maximum: 1_073_741_824,
            instead_of_zero: Some(
                "set cache_introspection and token_exchange.cache.enabled to false to cache \
         nothing",
            ),
        },
        "Maximum size of each worker's own cache, in bytes: half of it for issued tokens, 35 % for claims, 15 % for \
         refused tokens.",
    )
    .or(Default::Integer(8_388_608)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::{Origin, Support};
    use crate::config::testing::{loads, message, with};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    /// Calls `visit` for every field of the table with the pointer to the object it stands in.
    fn walk(fields: &[Field], at: &str, visit: &mut impl FnMut(&str, &Field)) {
        for field in fields {
            visit(at, field);
            if let FieldType::Object(inner) | FieldType::Objects(inner) = field.kind {
                walk(inner, &format!("{at}/{}", field.name), visit);
            }
        }
    }

    #[test]
    fn every_field_has_its_own_name_and_one_sentence() {
        let mut pointers = BTreeSet::new();
        walk(FIELDS, "", &mut |at, field| {
            assert!(pointers.insert(format!("{at}/{}", field.name)), "{at}/{} stands twice", field.name);
            let description = field.description;
            assert!(description.ends_with('.') && !description.contains(". "), "{description}");
            assert!(!field.required || field.default.to_json().is_null(), "{}", field.name);
        });
    }

    #[test]
    fn every_default_is_accepted_when_it_is_written_out() {
        let mut written = with(&[]);
        let mut count = 0;
        walk(FIELDS, "", &mut |at, field| {
            let object = written.pointer_mut(at).and_then(Value::as_object_mut);
            let is_list_entry = at.starts_with("/issuers") || at.contains("header");
            let Some(object) = object.filter(|_| !is_list_entry) else { return };
            let default = match field.kind {
                FieldType::Object(_) => json!({}),
                _ => field.default.to_json(),
            };
            object.entry(field.name).or_insert(default);
            count += 1;
        });
        assert_eq!(loads(&written).unwrap().policy.digest, loads(&with(&[])).unwrap().policy.digest);
        assert!(count > 80, "{count}");
    }

    #[test]
    fn every_field_that_is_not_honoured_says_what_to_do() {
        for (name, value, expected) in [
            ("ssl_verify", json!(false), "lua_ssl_trusted_certificate"),
            ("tls_client_auth_ssl_verify", json!(false), "trusted_ca"),
            ("tls_client_auth_cert", json!("-----BEGIN CERTIFICATE-----\n"), "cluster"),
            ("tls_client_auth_key", json!("-----BEGIN PRIVATE KEY-----\n"), "cluster"),
            ("http_proxy", json!("http://u:p@proxy.example.com"), "gateway's network"),
            ("https_proxy_authorization", json!("Basic abc"), "gateway's network"),
            ("keepalive", json!(false), "cluster"),
            ("http_version", json!(1.0), "write 1.1"),
            ("proxy_config", json!({"http_proxy_host": "proxy.example.com"}), "gateway's network"),
            ("proxy_config", json!({"proxy_scheme": "https"}), "gateway's network"),
            ("max_request_body_size", json!(1), "client_max_body_size"),
            ("consumer_claim", json!(["sub"]), "claim_to_header"),
            ("consumer_by", json!(["id"]), "claim_to_header"),
            ("consumer_groups_claim", json!(["groups"]), "claim_to_header"),
            ("credential_claim", json!(["email"]), "write [\"sub\"]"),
            ("introspection_format", json!("string"), "yet"),
            ("client_jwk", json!("not json"), "yet"),
            ("client_alg", json!("ES256"), "yet"),
        ] {
            let pointer = format!("/{name}");
            let sentence = message(&[(&pointer, value)], &pointer);
            assert!(sentence.contains(expected), "{name}: {sentence}");
            assert!(sentence.contains("leave this out"), "{name}: {sentence}");
        }
    }

    #[test]
    fn the_body_size_of_every_kong_is_accepted() {
        for size in [json!(8192), json!(1_048_576), json!(8_388_608), json!(8_388_608.0), json!(0)] {
            let written = with(&[("/max_request_body_size", size)]);
            assert_eq!(loads(&written).unwrap().policy.digest, loads(&with(&[])).unwrap().policy.digest);
        }
        for size in [json!(8193), json!(-1), json!("0"), json!(0.5), json!(false)] {
            message(&[("/max_request_body_size", size)], "/max_request_body_size");
        }
    }

    #[test]
    fn kongs_fields_are_all_here_and_marked_as_kongs() {
        const KONG: [(&str, &str); 5] = [
            (
                "",
                "resource authorization_servers metadata_endpoint scopes_supported introspection_endpoint \
                 mtls_introspection_endpoint introspection_format cache_introspection client_id \
                 client_secret client_jwk client_auth client_alg tls_client_auth_cert tls_client_auth_key \
                 tls_client_auth_ssl_verify args headers insecure_relaxed_audience_validation \
                 jwks_endpoint jwks_cache_ttl metadata_discovery_endpoint metadata_cache_ttl \
                 metadata_discovery_retry jwt_claims_leeway claim_to_header upstream_headers \
                 consumer_claim consumer_by consumer_optional consumer_groups_claim \
                 consumer_groups_optional credential_claim passthrough_credentials max_request_body_size \
                 timeout keepalive http_version ssl_verify http_proxy https_proxy \
                 http_proxy_authorization https_proxy_authorization no_proxy proxy_config token_exchange",
            ),
            ("/token_exchange", "enabled token_endpoint client_auth client_id client_secret request cache"),
            (
                "/token_exchange/request",
                "subject_token_type requested_token_type actor_token_type actor_token_source \
                 actor_token_header actor_token audience scopes resource",
            ),
            ("/token_exchange/cache", "enabled ttl"),
            (
                "/proxy_config",
                "http_proxy_host http_proxy_port https_proxy_host https_proxy_port proxy_scheme auth_username \
                 auth_password no_proxy",
            ),
        ];
        let mut marked = BTreeSet::new();
        walk(FIELDS, "", &mut |at, field| {
            if field.origin == Origin::Kong && !at.contains("header") {
                marked.insert(format!("{at}/{}", field.name));
            }
        });
        let expected: BTreeSet<_> = KONG
            .iter()
            .flat_map(|(at, names)| names.split(' ').map(move |name| format!("{at}/{name}")))
            .collect();
        assert_eq!(marked, expected);
    }

    #[test]
    fn what_must_not_be_shown_is_marked() {
        let mut private = BTreeSet::new();
        walk(FIELDS, "", &mut |at, field| {
            if field.is_private() && !at.starts_with("/issuers") {
                private.insert(format!("{at}/{}", field.name));
            }
            assert!(field.support != Support::Honoured || !matches!(field.kind, FieldType::Number));
        });
        let expected = [
            "/args",
            "/client_jwk",
            "/client_secret",
            "/headers",
            "/http_proxy",
            "/http_proxy_authorization",
            "/https_proxy",
            "/https_proxy_authorization",
            "/jwt_secret",
            "/proxy_config/auth_password",
            "/tls_client_auth_cert",
            "/tls_client_auth_key",
            "/token_exchange/client_secret",
            "/token_exchange/request/actor_token",
        ];
        assert_eq!(private.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}
