//! Istio's `DestinationRule`, which says how the clusters that Istio makes are protected.

use super::super::protobuf::{self, Enum, at, field, items, text};
use super::super::walk::walk;
use serde_json::Value;

/// `istio.networking.v1alpha3.ClientTLSSettings.TLSmode`.
const TLS_MODE: Enum = Enum(&[("DISABLE", 0), ("SIMPLE", 1), ("MUTUAL", 2), ("ISTIO_MUTUAL", 3)]);

/// What the TLS of Istio's own cluster `name` lacks, `outbound|port|subset|host`, where a
/// `DestinationRule` of these `documents` is for its host.
pub(crate) fn weaknesses(name: &str, documents: &[Value]) -> Vec<&'static str> {
    const NO_TLS: &str = "has no TLS: write tls with mode SIMPLE into its trafficPolicy";
    const NO_TRUST: &str = "trusts any certificate: take insecureSkipVerify out";
    let mut parts = name.split('|');
    let (Some("outbound"), Some(port), Some(_), Some(host)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let mut rules = Vec::new();
    for document in documents {
        walk(document, "", &mut |_, value| {
            let is_rule = text(value, &["kind"]) == Some("DestinationRule");
            rules.extend(Some(value).filter(|value| is_rule && text(value, &["spec", "host"]) == Some(host)));
        });
    }
    let Some(rule) = rules.first() else { return Vec::new() };
    let policy = at(rule, &["spec", "traffic_policy"]);
    let of_port = policy.and_then(|policy| {
        let number = Some(port.parse::<u64>().ok()?);
        let mut ports = items(policy, "port_level_settings").iter();
        ports.find(|it| at(it, &["port", "number"]).and_then(Value::as_u64) == number)
    });
    let tls = of_port.or(policy).and_then(|policy| field(policy, "tls"));
    let is_encrypted = tls.is_some_and(|tls| {
        field(tls, "mode").is_some_and(|mode| TLS_MODE.name_of(mode).is_some_and(|mode| mode != "DISABLE"))
    });
    let skips = tls.is_some_and(|tls| field(tls, "insecure_skip_verify").is_some_and(protobuf::is_on));
    let findings = [(!is_encrypted, NO_TLS), (is_encrypted && skips, NO_TRUST)];
    findings.into_iter().filter_map(|(is_found, weakness)| is_found.then_some(weakness)).collect()
}
