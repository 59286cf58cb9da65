//! What a cluster's TLS verifies of the server.

use super::super::protobuf::{self, Enum, at, field, is_on, items, text};
use super::clusters::secret_of;
use serde_json::Value;

const NO_TLS: &str = "has no TLS: give it a transport_socket with an UpstreamTlsContext";
const NO_TRUST: &str = "trusts any certificate: write trusted_ca or system_root_certs into \
                        common_tls_context.validation_context";
const UNTRUSTED: &str = "accepts certificates that are not trusted: take trust_chain_verification out";
const EXPIRED: &str = "accepts certificates that have expired: take allow_expired_certificate out";
const NO_NAME: &str = "accepts a trusted certificate of any server: write match_typed_subject_alt_names beside \
                       the trusted CA, or auto_sni_san_validation with an sni";

/// `envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.TrustChainVerification`.
const TRUST_CHAIN: Enum = Enum(&[("VERIFY_TRUST_CHAIN", 0), ("ACCEPT_UNTRUSTED", 1)]);

/// What the TLS of a `cluster` lacks; nothing where that is not known from this file's `documents`.
pub(crate) fn weaknesses(cluster: &Value, documents: &[Value]) -> Vec<&'static str> {
    let matches = items(cluster, "transport_socket_matches").iter();
    let matched = matches.filter_map(|socket| field(socket, "transport_socket"));
    let sockets: Vec<_> = matched.chain(field(cluster, "transport_socket")).collect();
    if sockets.is_empty() {
        return vec![NO_TLS];
    }
    let verifies_names = verifies_names(cluster);
    let mut weaknesses: Vec<_> =
        sockets.into_iter().flat_map(|socket| of_socket(socket, verifies_names, documents)).collect();
    weaknesses.sort_unstable();
    weaknesses.dedup();
    weaknesses
}

fn of_socket(socket: &Value, verifies_names: bool, documents: &[Value]) -> Vec<&'static str> {
    if let Some(context) = find(socket, &|value| tls_context(value)) {
        return of_context(context, verifies_names, documents);
    }
    let is_raw = find(socket, &|value| {
        text(value, &["@type"]).is_some_and(|found| found.ends_with(".RawBuffer")).then_some(value)
    });
    if is_raw.is_some() { vec![NO_TLS] } else { Vec::new() }
}

/// The TLS context that `value` is, or has for QUIC.
fn tls_context(value: &Value) -> Option<&Value> {
    protobuf::unpack(value, ".UpstreamTlsContext").or_else(|| field(value, "upstream_tls_context"))
}

/// The first that `pick` picks in `value` and what is wrapped in it.
fn find<'a>(value: &'a Value, pick: &dyn Fn(&'a Value) -> Option<&'a Value>) -> Option<&'a Value> {
    pick(value).or_else(|| match value {
        Value::Object(members) => members.values().find_map(|member| find(member, pick)),
        Value::Array(members) => members.iter().find_map(|member| find(member, pick)),
        _ => None,
    })
}

fn of_context(context: &Value, verifies_names: bool, documents: &[Value]) -> Vec<&'static str> {
    let Some(validations) = validations(context, documents) else { return Vec::new() };
    let has = |names: &[&str]| {
        validations.iter().any(|validation| names.iter().any(|name| is_there(field(validation, name))))
    };
    let is_set = |name: &str| validations.iter().filter_map(|it| field(it, name)).any(is_on);
    let is_pinned = has(&["verify_certificate_spki", "verify_certificate_hash", "custom_validator_config"]);
    let is_trusted =
        is_pinned || has(&["trusted_ca", "system_root_certs", "ca_certificate_provider_instance"]);
    let is_named = is_pinned
        || verifies_names
        || field(context, "auto_sni_san_validation").is_some_and(is_on)
        || has(&["match_typed_subject_alt_names", "match_subject_alt_names"]);
    let accepts_untrusted =
        validations.iter().any(|it| TRUST_CHAIN.is(it, "trust_chain_verification", "ACCEPT_UNTRUSTED"));
    let findings = [
        (!is_trusted, NO_TRUST),
        (accepts_untrusted, UNTRUSTED),
        (is_set("allow_expired_certificate"), EXPIRED),
        (is_trusted && !is_named, NO_NAME),
    ];
    findings.into_iter().filter_map(|(is_found, weakness)| is_found.then_some(weakness)).collect()
}

/// What is verified of the server's certificate; `None` where another file says it.
fn validations<'a>(context: &'a Value, documents: &'a [Value]) -> Option<Vec<&'a Value>> {
    let Some(common) = field(context, "common_tls_context") else { return Some(Vec::new()) };
    let combined = field(common, "combined_validation_context");
    let written = [
        field(common, "validation_context"),
        combined.and_then(|combined| field(combined, "default_validation_context")),
    ];
    let mut validations: Vec<_> = written.into_iter().flatten().collect();
    for message in [Some(common), combined].into_iter().flatten() {
        const PROVIDERS: [&str; 2] =
            ["validation_context_certificate_provider", "validation_context_certificate_provider_instance"];
        if PROVIDERS.iter().any(|name| field(message, name).is_some()) {
            return None;
        }
        if let Some(secret) = field(message, "validation_context_sds_secret_config") {
            validations.push(secret_of(documents, text(secret, &["name"])?)?);
        }
    }
    Some(validations)
}

/// Whether the protocol options of a `cluster` have the server's name verified.
fn verifies_names(cluster: &Value) -> bool {
    let extensions = field(cluster, "typed_extension_protocol_options").and_then(Value::as_object);
    let options = extensions.into_iter().flat_map(|extensions| extensions.values()).chain([cluster]);
    options
        .filter_map(|options| at(options, &["upstream_http_protocol_options", "auto_san_validation"]))
        .any(is_on)
}

fn is_there(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_array().is_none_or(|items| !items.is_empty()))
}
