//! What `token-exchange-lint` says of files for Envoy, Istio and Envoy Gateway that let requests go by the
//! filter, or what it sends go unprotected: each way to write it, and what comes nearest and is harmless.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that fails panics"
)]

use serde_json::{Value, json};
use token_exchange_lint::{self as lint, Checked, Verdict};

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: ingress
    address: { socket_address: { address: 0.0.0.0, port_value: 8443 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          route_config:
            virtual_hosts:
            - name: mcp
              domains: ["*"]
              routes:
              - match: { prefix: /public }
                route: { cluster: mcp }
                # of the route
              - match: { prefix: / }
                route: { cluster: mcp }
          # of the manager
          http_filters:
          - name: auth
            # of the filter
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: token_exchange
                root_id: token_exchange
                # of the plugin
                vm_config:
                  runtime: envoy.wasm.runtime.v8
                  code: { local: { filename: /etc/envoy/token_exchange.wasm } }
                configuration:
                  "@type": type.googleapis.com/google.protobuf.StringValue
                  value: |
                    { "resource": "https://api.example.com/mcp",
                      "authorization_servers": ["https://as.example.com"],
                      "jwks_endpoint": "https://as.example.com/keys" }
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: as.example.com:443
    type: STRICT_DNS
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: as.example.com
        # of the context
        common_tls_context:
          validation_context:
            # of the validation
            trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
            match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: as.example.com } }]
"#;

const HCM: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

fn check(text: &str) -> Vec<Checked> {
    lint::check(text, &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The file with `line` in place of the comment `mark`.
fn with(text: &str, mark: &str, line: &str) -> String {
    let mark = format!("# {mark}");
    assert_eq!(text.matches(&mark).count(), 1, "{mark}");
    text.replace(&mark, line)
}

/// The file with `to` in place of `from`.
fn instead(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from} in {text}");
    text.replace(from, to)
}

/// What is to be done about a file: verdict, place with pointer, and text of each line.
fn found(text: &str) -> Vec<(Verdict, String, String)> {
    let lines = check(text).into_iter().flat_map(|checked| {
        let place = checked.place;
        checked
            .lines
            .into_iter()
            .map(move |line| (line.verdict, format!("{place}{}", line.pointer), line.text))
    });
    lines.filter(|(verdict, _, _)| verdict.is_fatal() || *verdict == Verdict::Warning).collect()
}

fn assert_fine(text: &str) {
    assert_eq!(found(text), [], "{text}");
}

/// There is one thing to be done about the file: of this verdict, at this place, and it says this.
fn assert_found(text: &str, verdict: Verdict, at: &str, says: &str) {
    let found = found(text);
    let [(of_it, place, sentence)] = found.as_slice() else { panic!("{found:?}\n{text}") };
    assert_eq!((*of_it, place.as_str()), (verdict, at), "{sentence}\n{text}");
    assert!(sentence.contains(says), "{sentence}\n{text}");
}

#[test]
fn the_files_of_these_tests_are_fine() {
    for text in [BOOTSTRAP, WASM_PLUGIN, ENVOY_FILTER, EXTENSION_POLICY] {
        assert_fine(text);
        assert_fine(&in_json(text));
    }
}

/// The same file as JSON, with protobuf's other names for everything but the filter's configuration.
fn in_json(text: &str) -> String {
    fn renamed(value: &Value) -> Value {
        match value {
            Value::Object(members) if members.contains_key("authorization_servers") => value.clone(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (camel(name), renamed(value))).collect())
            }
            Value::Array(items) => items.iter().map(renamed).collect(),
            other => other.clone(),
        }
    }
    fn camel(name: &str) -> String {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |camel, word| camel + &word[..1].to_uppercase() + &word[1..])
    }
    let value: Value = serde_saphyr::from_str(text).unwrap();
    let renamed = renamed(&value).to_string();
    assert!(!renamed.contains("typed_config") && !renamed.contains("vm_config"), "{renamed}");
    renamed
}

#[test]
fn envoys_filters_that_fail_open_are_refused() {
    let at = format!("{HCM}/http_filters/0/typed_config");
    for (line, name) in [
        ("failure_policy: FAIL_OPEN", "failure_policy"),
        ("failurePolicy: FAIL_OPEN", "failurePolicy"),
        ("failure_policy: 3", "failure_policy"),
        ("failurePolicy: 3", "failurePolicy"),
        ("failure_policy: '3'", "failure_policy"),
        ("failure_policy: 0x3", "failure_policy"),
        ("failure_policy: '0x3'", "failure_policy"),
        ("failure_policy: fail_open", "failure_policy"),
        ("fail_open: true", "fail_open"),
        ("failOpen: true", "failOpen"),
        ("fail_open: 'true'", "fail_open"),
        ("fail_open: yes", "fail_open"),
        ("failOpen: on", "failOpen"),
    ] {
        let says = "a filter that fails open lets every request pass";
        assert_found(&with(BOOTSTRAP, "of the plugin", line), Verdict::Mistake, &format!("{at}{name}"), says);
    }
    for line in ["failure_policy: FailOpen", "failure_policy: 4", "failure_policy: [FAIL_OPEN]"] {
        let text = with(BOOTSTRAP, "of the plugin", line);
        assert_found(&text, Verdict::Mistake, &format!("{at}failure_policy"), "write FAIL_CLOSED");
    }
    for line in [
        "failure_policy: FAIL_CLOSED",
        "failurePolicy: FAIL_CLOSED",
        "failure_policy: FAIL_RELOAD",
        "failure_policy: UNSPECIFIED",
        "failure_policy: 0",
        "failure_policy: 1",
        "failure_policy: 2",
        "failurePolicy: '2'",
        "failure_policy: fail_closed",
        "failure_policy: null",
        "fail_open: false",
        "failOpen: false",
        "fail_open: 'false'",
        "failOpen: no",
        "failOpen:",
    ] {
        assert_fine(&with(BOOTSTRAP, "of the plugin", line));
    }
    let both = "failure_policy: FAIL_OPEN\n                failurePolicy: FAIL_CLOSED";
    let says = "write FAIL_CLOSED";
    assert_found(
        &with(BOOTSTRAP, "of the plugin", both),
        Verdict::Mistake,
        &format!("{at}failure_policy"),
        says,
    );
}

#[test]
fn what_fails_open_is_found_wherever_a_filter_can_stand() {
    let says = "fails open";
    let open = with(BOOTSTRAP, "of the plugin", "failurePolicy: 3");
    let filter =
        "\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n";
    let wrapped = filter.replace("envoy.extensions.filters.http.wasm.v3.Wasm", "xds.type.v3.TypedStruct");
    let types = "              type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n";
    let (head, tail) = open.split_once(filter).unwrap();
    let (config, router) = tail.split_once("          - name: envoy.filters.http.router").unwrap();
    let config = config.replace('\n', "\n  ").trim_end().to_owned();
    let in_struct = format!(
        "{head}{wrapped}{types}              value:\n  {config}\n          - name: envoy.filters.http.router{router}"
    );
    let at = format!("{HCM}/http_filters/0/typed_config");
    assert_found(&in_struct, Verdict::Mistake, &format!("{at}failurePolicy"), says);

    let value: Value = serde_saphyr::from_str(&open).unwrap();
    let manager = value.pointer(HCM).unwrap();
    let wasm = manager.pointer("/http_filters/0/typed_config").unwrap();
    let extension = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    for (file, place) in [
        // A file for LDS.
        (
            json!({"version_info": "1", "resources": [{
                "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "ingress",
                "filterChains": [{"filters": [{"name": "http", "typedConfig": manager}]}]
            }]}),
            "/resources/0/filterChains/0/filters/0/typedConfig/http_filters/0/typed_config",
        ),
        // One for ECDS, and the default of a filter that is discovered.
        (
            json!({"resources": [{"@type": extension, "name": "auth", "typed_config": wasm}]}),
            "/resources/0/typed_config",
        ),
        (
            json!({"http_filters": [{"name": "auth", "config_discovery": {
                "default_config": wasm, "type_urls": ["envoy.extensions.filters.http.wasm.v3.Wasm"]
            }}]}),
            "/http_filters/0/config_discovery/default_config",
        ),
        // On one route.
        (
            json!({"routes": [{"typed_per_filter_config": {"auth": {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": wasm
            }}}]}),
            "/routes/0/typed_per_filter_config/auth/config",
        ),
    ] {
        assert_found(&file.to_string(), Verdict::Mistake, &format!("{place}failurePolicy"), says);
        assert_fine(&file.to_string().replace("\"failurePolicy\":3", "\"failurePolicy\":2"));
    }
}

#[test]
fn only_this_filter_is_judged() {
    let other = BOOTSTRAP.replace("token_exchange", "another");
    for line in ["failure_policy: FAIL_OPEN", "fail_open: true"] {
        let error = lint::check(&with(&other, "of the plugin", line), &|_| None).unwrap_err();
        assert!(error.contains("none whose name"), "{error}");
    }
    let route = "typed_per_filter_config: { other: { '@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, \
                 disabled: true } }";
    assert_fine(&with(BOOTSTRAP, "of the route", route));
}

#[test]
fn a_filter_that_is_switched_off_is_a_warning() {
    let filter = format!("{HCM}/http_filters/0");
    for (line, at) in [
        ("disabled: true", "disabled"),
        ("disabled: 'true'", "disabled"),
        ("is_optional: true", "is_optional"),
        ("isOptional: true", "isOptional"),
    ] {
        let says = "take this out";
        assert_found(
            &with(BOOTSTRAP, "of the filter", line),
            Verdict::Warning,
            &format!("{filter}/{at}"),
            says,
        );
    }
    for line in ["disabled: false", "disabled: 'false'", "is_optional: false", "disabled:"] {
        assert_fine(&with(BOOTSTRAP, "of the filter", line));
    }
    let router =
        instead(BOOTSTRAP, "- name: envoy.filters.http.router", "- name: other\n            disabled: true");
    assert_fine(&router);
}

#[test]
fn a_route_that_switches_the_filter_off_is_a_warning() {
    let at = format!("{HCM}/route_config/virtual_hosts/0/routes/0");
    let config = |members: &str| {
        format!("{{ '@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, {members} }}")
    };
    for (name, members) in [
        ("typed_per_filter_config", "disabled: true"),
        ("typedPerFilterConfig", "disabled: true"),
        ("typed_per_filter_config", "disabled: 'true'"),
        ("typed_per_filter_config", "disabled: yes"),
    ] {
        let text = with(BOOTSTRAP, "of the route", &format!("{name}: {{ auth: {} }}", config(members)));
        assert_found(&text, Verdict::Warning, &format!("{at}/{name}/auth/disabled"), "off here");
    }
    for members in ["disabled: false", "config: {}", "config: {}, disabled: false"] {
        let line = format!("typed_per_filter_config: {{ auth: {} }}", config(members));
        assert_fine(&with(BOOTSTRAP, "of the route", &line));
    }
    // A file for RDS has no filter; the name says whose it is.
    let routes = |name: &str, members: &str| {
        format!(
            "resources:\n- '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration\n  name: r\n  \
             virtual_hosts:\n  - name: a\n    domains: ['*']\n    typed_per_filter_config: {{ {name}: {} }}\n",
            config(members)
        )
    };
    let at = "/resources/0/virtual_hosts/0/typed_per_filter_config/token_exchange/disabled";
    assert_found(&routes("token_exchange", "disabled: true"), Verdict::Warning, at, "off here");
    for text in [routes("token_exchange", "disabled: false"), routes("cors", "disabled: true")] {
        assert!(lint::check(&text, &|_| None).is_err(), "there is nothing to be said of {text}");
    }
}

#[test]
fn an_upgrade_that_bypasses_the_filter_is_a_warning() {
    const ROUTER: &str = "{ name: r, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }";
    const OURS: &str = "{ name: auth, typedConfig: { '@type': \
                        type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: { name: \
                        token_exchange } } }";
    for name in ["upgrade_configs", "upgradeConfigs"] {
        let line = format!("{name}: [{{ upgrade_type: websocket, filters: [{ROUTER}] }}]");
        let text = with(BOOTSTRAP, "of the manager", &line);
        assert_found(
            &text,
            Verdict::Warning,
            &format!("{HCM}/{name}/0/filters"),
            "upgrades websocket bypass",
        );
    }
    for line in [
        "upgrade_configs: [{ upgrade_type: websocket }]".to_owned(),
        "upgrade_configs: [{ upgrade_type: websocket, filters: [] }]".to_owned(),
        format!("upgrade_configs: [{{ upgrade_type: websocket, filters: [{OURS}, {ROUTER}] }}]"),
    ] {
        assert_fine(&with(BOOTSTRAP, "of the manager", &line));
    }
}

#[test]
fn a_cluster_that_does_not_protect_https_is_a_warning() {
    let says = |text: &str, expected: &[&str]| {
        let found = found(text);
        assert_eq!(found.len(), expected.len(), "{found:?}\n{text}");
        for ((verdict, at, sentence), expected) in found.iter().zip(expected) {
            assert_eq!((*verdict, at), (Verdict::Warning, &format!("{HCM}/http_filters/0/typed_config")));
            let cluster = "the cluster as.example.com:443, /static_resources/clusters/0, is for https at \
                           as.example.com:443 but ";
            assert!(sentence.starts_with(cluster) && sentence.contains(expected), "{sentence}");
        }
    };
    const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    const RAW: &str = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    const NAMES: &str =
        "match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: as.example.com } }]";
    const CA: &str = "trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }";
    let (head, _) = BOOTSTRAP.split_once("    transport_socket:\n").unwrap();
    let cluster = |members: &str| format!("{head}    {members}\n");
    let socket = |context: &str| {
        cluster(&format!("transport_socket: {{ name: tls, typed_config: {{ '@type': {TLS}, {context} }} }}"))
    };
    let validation =
        |members: &str| socket(&format!("common_tls_context: {{ validation_context: {{ {members} }} }}"));
    // No TLS.
    says(head, &["has no TLS"]);
    says(
        &cluster(&format!("transport_socket: {{ name: raw, typed_config: {{ '@type': {RAW} }} }}")),
        &["has no TLS"],
    );
    says(
        &cluster(&format!(
            "transportSocket: {{ name: proxy, typedConfig: {{ '@type': \
             type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, \
             transportSocket: {{ name: raw, typedConfig: {{ '@type': {RAW} }} }} }} }}"
        )),
        &["has no TLS"],
    );
    says(&cluster("transport_socket_matches: []"), &["has no TLS"]);
    says(
        &format!(
            "{BOOTSTRAP}    transport_socket_matches: [{{ name: a, transport_socket: {{ name: raw, typed_config: {{ '@type': \
             {RAW} }} }} }}]\n"
        ),
        &["has no TLS"],
    );
    // No trust.
    says(&socket("sni: as.example.com"), &["trusts any certificate"]);
    says(&socket("common_tls_context: {}"), &["trusts any certificate"]);
    says(&validation("max_verify_depth: 3"), &["trusts any certificate"]);
    says(&validation("trusted_ca: null"), &["trusts any certificate"]);
    // Trust that does not hold.
    for chain in ["ACCEPT_UNTRUSTED", "1", "accept_untrusted"] {
        says(
            &validation(&format!("{CA}, {NAMES}, trust_chain_verification: {chain}")),
            &["accepts certificates that are not trusted"],
        );
    }
    says(&validation(&format!("{CA}, {NAMES}, allowExpiredCertificate: true")), &["have expired"]);
    // No name.
    says(&validation(CA), &["a trusted certificate of any server"]);
    says(&validation(&format!("{CA}, match_typed_subject_alt_names: []")), &["of any server"]);
    says(&validation("system_root_certs: {}"), &["of any server"]);
    for text in [
        validation(&format!("{CA}, {NAMES}")),
        validation(&format!("trustedCa: {{ inline_string: x }}, {NAMES}")),
        validation(&format!("system_root_certs: {{}}, {NAMES}")),
        validation(&format!("{CA}, {NAMES}, trust_chain_verification: VERIFY_TRUST_CHAIN")),
        validation(&format!("{CA}, {NAMES}, trust_chain_verification: 0, allow_expired_certificate: false")),
        validation(&format!("{CA}, matchSubjectAltNames: [{{ exact: as.example.com }}]")),
        validation("verify_certificate_spki: [NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=]"),
        socket(&format!(
            "sni: as.example.com, auto_sni_san_validation: true, common_tls_context: {{ validation_context: {{ {CA} }} }}"
        )),
        socket(&format!(
            "commonTlsContext: {{ combinedValidationContext: {{ defaultValidationContext: {{ {CA}, {NAMES} }} }} }}"
        )),
        socket(
            "common_tls_context: { validation_context_sds_secret_config: { name: ca, sds_config: { ads: {} } } }",
        ),
        cluster("transport_socket: { name: alts, typed_config: { '@type': type.googleapis.com/x.v3.Alts } }"),
        format!(
            "{}    typed_extension_protocol_options: {{ envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{ \
             upstream_http_protocol_options: {{ auto_sni: true, auto_san_validation: true }} }} }}\n",
            validation(CA)
        ),
    ] {
        assert_fine(&text);
    }
    // A secret in the same file says what is verified.
    let secret = |members: &str| {
        format!(
            "{}  secrets: [{{ name: ca, validation_context: {{ {members} }} }}]\n",
            socket("common_tls_context: { validation_context_sds_secret_config: { name: ca } }")
        )
    };
    says(&secret(CA), &["of any server"]);
    assert_fine(&secret(&format!("{CA}, {NAMES}")));
    // An endpoint on this machine without https needs no TLS, and a cluster that is not here is not known.
    assert_fine(
        &head
            .replace("https://as.example.com/keys", "http://127.0.0.1/keys")
            .replace("as.example.com:443", "127.0.0.1:80"),
    );
    let discovered = format!(
        "{}\ndynamic_resources: {{ cds_config: {{ ads: {{}} }} }}\n",
        head.replace("name: as.example.com:443", "name: b")
    );
    assert_fine(&discovered);
    // Another name, and the file for CDS.
    let targets = instead(
        &head.replace("name: as.example.com:443", "name: idp"),
        "as.example.com/keys\" }",
        "as.example.com/keys\",\n                      \"callout_targets\": { \"as.example.com:443\": \"idp\" } }",
    );
    assert_found(
        &targets,
        Verdict::Warning,
        &format!("{HCM}/http_filters/0/typed_config"),
        "the cluster idp, /static_resources/clusters/0, is for https at as.example.com:443 but has no TLS",
    );
    let (listeners, _) = head.split_once("  clusters:").unwrap();
    let resource = "---\nresources:\n- '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\n  \
                    name: as.example.com:443\n";
    let found = found(&format!("{listeners}{resource}"));
    assert!(found[0].2.contains("document 2, /resources/0, is for https"), "{found:?}");
}

const WASM_PLUGIN: &str = r#"
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: mcp-auth
  namespace: mcp
spec:
  selector:
    matchLabels: { app: mcp }
  url: oci://registry.example.com/token-exchange:1
  phase: AUTHN
  # of the plugin
  pluginConfig:
    resource: https://api.example.com/mcp
    authorization_servers: [https://as.example.com]
    jwks_endpoint: https://as.example.com/keys
    callout_targets: { "as.example.com:443": "outbound|443||as.example.com" }
"#;

/// The same filter in the resource that supersedes `WasmPlugin` from Istio 1.30 on.
fn traffic_extension(line: &str) -> String {
    let (front, plugin) = WASM_PLUGIN.split_once("  url: ").unwrap();
    let front = front.replace("WasmPlugin", "TrafficExtension");
    let plugin = with(&format!("  url: {plugin}"), "of the plugin", line).replace("  phase: AUTHN\n", "");
    format!("{front}  phase: AUTHN\n  wasm:{}", format!("\n{plugin}").trim_end().replace('\n', "\n  "))
}

#[test]
fn istios_filters_that_fail_open_are_refused() {
    for (line, name) in [
        ("failStrategy: FAIL_OPEN", "failStrategy"),
        ("fail_strategy: FAIL_OPEN", "fail_strategy"),
        ("failStrategy: 1", "failStrategy"),
        ("failStrategy: '1'", "failStrategy"),
        ("failStrategy: fail_open", "failStrategy"),
        ("failStrategy: FAIL_CLOSED", "failStrategy"),
        ("failStrategy: 3", "failStrategy"),
    ] {
        let plugin = with(WASM_PLUGIN, "of the plugin", line);
        assert_found(&plugin, Verdict::Mistake, name, "write FAIL_CLOSE:");
        assert_found(&traffic_extension(line), Verdict::Mistake, name, "write FAIL_CLOSE:");
        let list =
            format!("apiVersion: v1\nkind: List\nitems:\n-{}", plugin.trim_end().replace('\n', "\n  "));
        assert_found(
            &list.replacen("-\n  ", "- ", 1),
            Verdict::Mistake,
            &format!("/items/0{name}"),
            "FAIL_CLOSE",
        );
    }
    for line in [
        "failStrategy: FAIL_CLOSE",
        "fail_strategy: FAIL_CLOSE",
        "failStrategy: FAIL_RELOAD",
        "failStrategy: 0",
        "failStrategy: 2",
        "failStrategy:",
    ] {
        assert_fine(&with(WASM_PLUGIN, "of the plugin", line));
        assert_fine(&traffic_extension(line));
    }
}

#[test]
fn a_filter_for_what_a_sidecar_sends_alone_is_a_warning() {
    for line in [
        "match: [{ mode: CLIENT }]",
        "match: [{ mode: 1 }]",
        "match: [{ mode: '1' }]",
        "match: [{ mode: CLIENT, ports: [{ number: 80 }] }, { mode: CLIENT }]",
    ] {
        let plugin = with(WASM_PLUGIN, "of the plugin", line);
        assert_found(&plugin, Verdict::Warning, "match", "write SERVER");
        let extension =
            instead(&traffic_extension(""), "  phase: AUTHN", &format!("  phase: AUTHN\n  {line}"));
        assert_found(&extension, Verdict::Warning, "match", "write SERVER");
        let for_gateway = "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: ingress }]";
        assert_fine(&instead(&plugin, "selector:\n    matchLabels: { app: mcp }", for_gateway));
    }
    for line in [
        "match: [{ mode: SERVER }]",
        "match: [{ mode: 2 }]",
        "match: [{ mode: CLIENT_AND_SERVER }]",
        "match: [{ mode: 3 }]",
        "match: [{ mode: CLIENT }, { mode: SERVER }]",
        "match: []",
        "match: [{ ports: [{ number: 80 }] }]",
    ] {
        assert_fine(&with(WASM_PLUGIN, "of the plugin", line));
    }
}

#[test]
fn a_destination_rule_that_does_not_protect_https_is_a_warning() {
    let rule = |host: &str, policy: &str| {
        format!(
            "{WASM_PLUGIN}---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{ name: as }}\n\
             spec: {{ host: {host}, trafficPolicy: {{ {policy} }} }}\n"
        )
    };
    const HOST: &str = "as.example.com";
    for (policy, says) in [
        ("", "has no TLS"),
        ("tls: { mode: DISABLE }", "has no TLS"),
        ("tls: { mode: 0 }", "has no TLS"),
        ("tls: { mode: SIMPLE, insecureSkipVerify: true }", "trusts any certificate"),
        ("tls: { mode: SIMPLE, insecure_skip_verify: true }", "trusts any certificate"),
        (
            "tls: { mode: SIMPLE }, portLevelSettings: [{ port: { number: 443 }, tls: { mode: DISABLE } }]",
            "no TLS",
        ),
    ] {
        let text = rule(HOST, policy);
        assert_found(&text, Verdict::Warning, "document 1, ", says);
    }
    for policy in [
        "tls: { mode: SIMPLE }",
        "tls: { mode: 1, insecureSkipVerify: false }",
        "tls: { mode: DISABLE }, portLevelSettings: [{ port: { number: 443 }, tls: { mode: SIMPLE } }]",
    ] {
        assert_fine(&rule(HOST, policy));
    }
    assert_fine(&rule("other.example.com", "tls: { mode: DISABLE }"));
}

const ENVOY_FILTER: &str = r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: mcp-auth
spec:
  workloadSelector: { labels: { app: mcp } }
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }
    patch:
      operation: INSERT_BEFORE
      value:
        name: mcp.token-exchange
        # of the filter
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
          config:
            name: token_exchange
            # of the plugin
            vm_config: { code: { local: { filename: /var/lib/filters/te.wasm } } }
            configuration:
              "@type": type.googleapis.com/google.protobuf.StringValue
              value: |
                { "resource": "https://api.example.com/mcp",
                  "authorization_servers": ["https://as.example.com"],
                  "jwks_endpoint": "https://as.example.com/keys" }
"#;

#[test]
fn what_an_envoy_filter_inserts_is_judged_as_envoys_own() {
    const PATCH: &str = "/spec/configPatches/0";
    for (line, name) in [
        ("failure_policy: FAIL_OPEN", "failure_policy"),
        ("failurePolicy: 3", "failurePolicy"),
        ("failOpen: true", "failOpen"),
    ] {
        let at = format!("{PATCH}/patch/value/typed_config{name}");
        assert_found(&with(ENVOY_FILTER, "of the plugin", line), Verdict::Mistake, &at, "fails open");
    }
    for line in ["failure_policy: FAIL_CLOSED", "failurePolicy: 2", "failOpen: false"] {
        assert_fine(&with(ENVOY_FILTER, "of the plugin", line));
    }
    let off = with(ENVOY_FILTER, "of the filter", "disabled: true");
    assert_found(&off, Verdict::Warning, &format!("{PATCH}/patch/value/disabled"), "is off");
    for (context, is_found) in
        [("SIDECAR_OUTBOUND", true), ("2", true), ("GATEWAY", false), ("ANY", false), ("1", false)]
    {
        let text = instead(ENVOY_FILTER, "SIDECAR_INBOUND", context);
        if is_found {
            assert_found(&text, Verdict::Warning, &format!("{PATCH}/match/context"), "write SIDECAR_INBOUND");
        } else {
            assert_fine(&text);
        }
    }
    let cluster =
        "  - applyTo: CLUSTER\n    patch:\n      operation: ADD\n      value: { name: as.example.com:443 }\n";
    let text = format!("{ENVOY_FILTER}{cluster}");
    let says = "the cluster as.example.com:443, /spec/configPatches/1/patch/value, is for https";
    assert_found(&text, Verdict::Warning, &format!("{PATCH}/patch/value/typed_config"), says);
}

#[test]
fn a_patch_of_the_filter_is_judged_too() {
    let patch = |name: &str, patch: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{ name: patch }}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      listener:
        filterChain: {{ filter: {{ name: http, subFilter: {{ name: {name} }} }} }}
    patch: {patch}
"
        )
    };
    const OURS: &str = "extensions.istio.io/wasmplugin/mcp.token-exchange";
    const OTHER: &str = "envoy.filters.http.cors";
    let merged = |line: &str| {
        format!(
            "{{ operation: MERGE, value: {{ typed_config: {{ '@type': \
             type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {{ {line} }} }} }} }}"
        )
    };
    let at = "/spec/configPatches/0/patch/value";
    let open = merged("failure_policy: FAIL_OPEN");
    assert_found(
        &patch(OURS, &open),
        Verdict::Mistake,
        &format!("{at}/typed_configfailure_policy"),
        "fails open",
    );
    let named = merged("name: token_exchange, failOpen: true");
    assert_found(
        &patch(OTHER, &named),
        Verdict::Mistake,
        &format!("{at}/typed_configfailOpen"),
        "fails open",
    );
    assert_fine(&patch(OURS, &merged("failure_policy: FAIL_CLOSED")));
    let off = "{ operation: MERGE, value: { disabled: true } }";
    let by_number = "{ operation: 1, value: { disabled: true } }";
    assert_found(&patch(OURS, by_number), Verdict::Warning, &format!("{at}/disabled"), "is off");
    assert_found(&patch(OURS, off), Verdict::Warning, &format!("{at}/disabled"), "is off");
    for gone in [
        "{ operation: REMOVE }",
        "{ operation: 3 }",
        "{ operation: REPLACE, value: { name: other, typed_config: {} } }",
    ] {
        assert_found(
            &patch(OURS, gone),
            Verdict::Warning,
            "/spec/configPatches/0/patch",
            "takes the filter out",
        );
        assert!(lint::check(&patch(OTHER, gone), &|_| None).is_err(), "{gone}");
    }
    for harmless in [
        "{ operation: MERGE, value: { disabled: false } }",
        "{ operation: INSERT_BEFORE, value: { name: cors, disabled: true } }",
    ] {
        assert!(lint::check(&patch(OURS, harmless), &|_| None).is_err(), "{harmless}");
    }
    assert!(lint::check(&patch(OTHER, &open), &|_| None).is_err(), "it is of another filter");
}

const EXTENSION_POLICY: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata:
  name: mcp-auth
spec:
  targetRefs:
  - { group: gateway.networking.k8s.io, kind: HTTPRoute, name: mcp }
  wasm:
  - name: other
    code: { type: Image, image: { url: registry.example.com/other:1 } }
    failOpen: true
  - name: auth
    rootID: token_exchange
    code:
      type: Image
      image: { url: registry.example.com/mcp-auth:1 }
    # of the filter
    env: { hostKeys: [GATEWAY_SECRET] }
    config:
      resource: https://api.example.com/mcp
      authorization_servers: [https://as.example.com]
      introspection_endpoint: https://as.example.com/introspect
      client_id: gateway
      client_secret: "{vault://env/gateway-secret}"
"#;

#[test]
fn envoy_gateways_filters_that_fail_open_are_refused() {
    for line in ["failOpen: true", "failOpen: 'true'", "failOpen: yes"] {
        let text = with(EXTENSION_POLICY, "of the filter", line);
        assert_found(&text, Verdict::Mistake, "/spec/wasm/1failOpen", "fails open");
    }
    for line in ["failOpen: false", "failOpen:", "failOpen: no"] {
        assert_fine(&with(EXTENSION_POLICY, "of the filter", line));
    }
    let unset = instead(EXTENSION_POLICY, "[GATEWAY_SECRET]", "[]");
    assert_found(&unset, Verdict::Mistake, "/spec/wasm/1/client_secret", "GATEWAY_SECRET");
    let (front, _) = EXTENSION_POLICY.split_once("    config:\n").unwrap();
    let quoted = format!("{front}    config: '{{}}'\n");
    assert_found(&quoted, Verdict::Mistake, "/spec/wasm/1", "write an object");
}

#[test]
fn settings_that_weaken_a_check_are_warnings_in_files_too() {
    let text = instead(WASM_PLUGIN, "    jwks_endpoint", "    jwt_claims_leeway: 3600\n    jwks_endpoint");
    assert_found(&text, Verdict::Warning, "/jwt_claims_leeway", "write at most 300");
}
