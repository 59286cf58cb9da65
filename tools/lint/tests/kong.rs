//! What the linter says of files for Kong, in every form that Kong documents, and of what stands around the filter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a test that fails panics")]

use serde_json::{Value, json};
use token_exchange_harness::kong_examples;
use token_exchange_lint::{self as lint, Checked, Line, Verdict};

const GUARD: &str = r#"ngx.var.upstream_scheme = "token-exchange-guarded-" .. ngx.var.upstream_scheme"#;

fn check(text: &str) -> Vec<Checked> {
    lint::check(text, &|_| None).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Every line that is no mere verdict on a field: place, pointer, text.
fn found(text: &str, verdict: Verdict) -> Vec<(String, String)> {
    let of_place = |checked: Checked| {
        let lines = checked.lines.into_iter().filter(|line| line.verdict == verdict);
        lines
            .map(|Line { pointer, text, .. }| (format!("{}{pointer}", checked.place), text))
            .collect::<Vec<_>>()
    };
    check(text).into_iter().flat_map(of_place).collect()
}

fn warned(text: &str) -> Vec<String> {
    found(text, Verdict::Warning).into_iter().map(|(place, _)| place).collect()
}

fn refused(text: &str) -> Vec<String> {
    found(text, Verdict::Refused).into_iter().map(|(place, _)| place).collect()
}

/// Asserts that `text` has one warning, at `place`, that `says` so.
fn assert_warned(text: &str, place: &str, says: &str) {
    let found = found(text, Verdict::Warning);
    assert!(found.len() == 1 && found[0].0 == place && found[0].1.contains(says), "{found:?}\n{text}");
}

/// YAML with double quotes around decK's placeholders, as in files that decK alone can read.
fn unread_by_yaml(config: &Value) -> String {
    config.to_string().replace("\\\"", "\"")
}

/// Each form in which Kong documents a configuration of the plugin `name`, and where the linter finds it.
fn forms(name: &str, config: &Value) -> Vec<(&'static str, String, &'static str)> {
    let plugin = json!({"name": name, "config": config});
    let with_service = json!({"name": name, "service": {"id": "5c1f"}, "config": config, "enabled": true});
    let object = json!({
        "apiVersion": "configuration.konghq.com/v1", "kind": "KongPlugin",
        "metadata": {"name": "mcp-auth", "annotations": {"kubernetes.io/ingress.class": "kong"}},
        "plugin": name, "config": config
    });
    let raw = unread_by_yaml(config);
    vec![
        (
            "decK",
            format!("_format_version: '3.0'\nservices:\n- name: mcp\n  plugins:\n  - {plugin}\n"),
            "/services/0/plugins/0",
        ),
        (
            "decK, in JSON",
            json!({"_format_version": "3.0", "plugins": [with_service]}).to_string(),
            "/plugins/0",
        ),
        (
            "decK's placeholders in double quotes",
            format!("_format_version: '3.0'\nplugins:\n- {{name: {name}, service: mcp, config: {raw}}}\n"),
            "/plugins/0",
        ),
        ("a list of plugins under its name", format!("plugins:\n- {with_service}\n"), "/plugins/0"),
        ("a bare list of plugins", format!("- {{name: cors}}\n- {plugin}\n"), "/1"),
        ("a bare list in JSON", json!([plugin]).to_string(), "/0"),
        ("the body of a request to the Admin API or Konnect", plugin.to_string(), ""),
        (
            "an answer of theirs",
            json!({"data": [{"name": "cors"}, with_service], "next": null}).to_string(),
            "/data/1",
        ),
        ("KIC", format!("{object}\n"), ""),
        (
            "KIC, in YAML with others",
            format!("---\nkind: Secret\nmetadata: {{name: a}}\n---\n{object}\n"),
            "document 2, ",
        ),
        ("KIC, as a list", json!({"kind": "List", "items": [object]}).to_string(), "/items/0"),
    ]
}

/// Verdict and pointer of what the filter itself would say.
fn of_the_filter(config: &Value) -> Vec<(Verdict, String)> {
    let lines = check(&config.to_string()).remove(0).lines;
    lines.into_iter().map(|line| (line.verdict, line.pointer)).collect()
}

#[test]
fn each_example_is_judged_alike_in_every_form_that_kong_documents() {
    for (example, file) in kong_examples() {
        let config = &file["config"];
        let expected = of_the_filter(config);
        for name in ["ai-mcp-oauth2", "token_exchange"] {
            for (form, text, place) in forms(name, config) {
                let findings = check(&text);
                let of_it = findings.iter().find(|findings| findings.place == place);
                let of_it = of_it.unwrap_or_else(|| panic!("{example} as {form}: {findings:?}"));
                let lines = of_it.lines.iter().filter(|line| line.pointer.starts_with('/'));
                let lines: Vec<_> = lines.map(|line| (line.verdict, line.pointer.clone())).collect();
                assert_eq!(lines, expected, "{example} as {form}");
                let is_told = of_it.lines.iter().any(|line| line.text.contains("--convert"));
                assert_eq!(is_told, name == "ai-mcp-oauth2", "{example} as {form}");
                let mistakes: Vec<_> =
                    of_it.lines.iter().filter(|line| line.verdict == Verdict::Mistake).collect();
                assert!(mistakes.iter().all(|line| !line.pointer.is_empty()), "{form}: {mistakes:?}");
            }
        }
    }
}

#[test]
fn each_refused_example_has_one_line_for_each_cause() {
    for (example, file) in kong_examples() {
        let lines = check(&file["config"].to_string()).remove(0).lines;
        let mut fatal: Vec<_> =
            lines.iter().filter(|line| line.verdict.is_fatal()).map(|line| line.pointer.as_str()).collect();
        fatal.sort_unstable();
        let causes: Vec<_> =
            file["refused"].as_array().into_iter().flatten().map(|it| it.as_str().unwrap()).collect();
        if example.contains("verbatim") {
            // What decK will put in is not known here.
            assert!(fatal.iter().all(|pointer| *pointer == "/consumer_groups_claim"), "{example}: {fatal:?}");
            assert!(lines.iter().any(|line| line.verdict == Verdict::Unknown), "{example}");
        } else {
            assert_eq!(fatal, causes, "{example}");
        }
    }
}

#[test]
fn terraforms_language_is_not_read_and_its_state_is() {
    let hcl = "terraform {\n  required_providers {}\n}\n\nresource \"konnect_gateway_plugin_ai_mcp_oauth2\" \"mcp\" {\n  \
               enabled = true\n  config = {\n    resource = \"https://api.example.com\"\n  }\n}\n";
    for text in [hcl, hcl.split_once("\n\n").unwrap().1] {
        let error = lint::check(text, &|_| None).unwrap_err();
        assert!(error.contains("terraform show -json"), "{error}");
    }
    let config = json!({"resource": "https://api.example.com", "authorization_servers": ["https://as.example.com"], "ssl_verify": false});
    let state = json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"resources": [
        {"address": "a", "type": "konnect_gateway_control_plane", "values": {"config": {}}},
        {"address": "b", "type": "konnect_gateway_plugin_ai_mcp_oauth2", "values": {"config": config, "service": {"id": "1"}}}
    ]}}});
    let place = "/values/root_module/resources/1";
    assert_eq!(refused(&state.to_string()), [format!("{place}/ssl_verify")]);
    let converted = lint::convert(&state.to_string(), &|_| None).unwrap();
    assert!(
        converted[0].chain.contains("id: '1'") || converted[0].chain.contains("id: \"1\""),
        "{converted:?}"
    );
    let written = json!({"resource": {"konnect_gateway_plugin_ai_mcp_oauth2": {"mcp": {"config": config}}}});
    let error = lint::check(&written.to_string(), &|_| None).unwrap_err();
    assert!(error.contains("terraform show -json"), "{error}");
}

#[test]
fn what_a_kong_plugin_takes_out_of_a_secret_is_not_judged() {
    for from in [
        "configFrom: {secretKeyRef: {name: a, key: b}}",
        "config: {timeout: 0}\nconfigPatches: [{path: /client_secret}]",
    ] {
        let yaml = format!("kind: KongPlugin\nmetadata: {{name: a}}\nplugin: token_exchange\n{from}\n");
        let unknown = found(&yaml, Verdict::Unknown);
        assert!(unknown.len() == 1 && unknown[0].1.contains("out of a Secret"), "{unknown:?}");
        assert!(!check(&yaml)[0].is_fatal());
    }
    let off = "kind: KongPlugin\nmetadata: {name: a}\nplugin: token_exchange\ndisabled: true\nconfig: {}\n";
    assert!(found(off, Verdict::Warning)[0].1.contains("does not run the filter"));
    let another = "kind: KongPlugin\nmetadata: {name: token_exchange}\nplugin: cors\nconfig: {}\n";
    assert!(lint::check(another, &|_| None).unwrap_err().contains("no configuration"));
    let kongs = "kind: KongPlugin\nmetadata: {name: a}\nplugin: ai-mcp-oauth2\nconfig: {resource: https://a.example.com}\n";
    let converted = lint::convert(kongs, &|_| None).unwrap();
    assert!(
        converted[0].lines.iter().any(|line| line.text.contains("plugin: token_exchange")),
        "{converted:?}"
    );
    assert!(converted[0].is_fatal() && converted[0].chain.contains("resource: https://a.example.com"));
}

#[test]
fn a_filter_chain_of_the_admin_api_is_read() {
    let filter =
        json!({"name": "token_exchange", "config": {"resource": "https://a.example.com", "timeout": 0}});
    for (text, place) in [
        (json!({"service": {"id": "1"}, "filters": [filter]}), "/filters/0"),
        (json!({"data": [{"filters": [{"name": "other"}, filter]}]}), "/data/0/filters/1"),
    ] {
        let mistakes: Vec<_> =
            found(&text.to_string(), Verdict::Mistake).into_iter().map(|(place, _)| place).collect();
        assert_eq!(mistakes, [format!("{place}/timeout"), format!("{place}/authorization_servers")]);
    }
}

/// A declaration: what is on the service, on its route, on everything, with the filter on the service.
struct Declared {
    on_service: Vec<Value>,
    on_route: Vec<Value>,
    on_everything: Vec<Value>,
}

fn filter() -> Value {
    json!({"name": "token_exchange", "config": {
        "resource": "https://api.example.com/mcp", "authorization_servers": ["https://as.example.com"]
    }})
}

fn function(code: &str) -> Value {
    json!({"name": "post-function", "config": {"access": [code]}})
}

impl Declared {
    fn new(on_service: &[&Value], on_route: &[&Value], on_everything: &[&Value]) -> Declared {
        let list = |plugins: &[&Value]| plugins.iter().copied().cloned().collect();
        let [on_service, on_route, on_everything] = [on_service, on_route, on_everything].map(list);
        Declared { on_service, on_route, on_everything }
    }

    fn text(&self) -> String {
        json!({
            "_format_version": "3.0",
            "services": [
                {"name": "mcp", "url": "http://mcp:1", "plugins": self.on_service, "routes": [
                    {"name": "r", "paths": ["/"], "plugins": self.on_route}
                ]},
                {"name": "other", "plugins": [function("kong.log('another')")]}
            ],
            "plugins": self.on_everything
        })
        .to_string()
    }

    /// The same with everything at the top, each naming what it is on.
    fn flat(&self) -> String {
        let on = |list: &[Value], name: &str, value: Value| {
            let named = list.iter().map(|plugin| {
                let mut plugin = plugin.clone();
                plugin[name] = value.clone();
                plugin
            });
            named.collect::<Vec<_>>()
        };
        let plugins = [
            on(&self.on_service, "service", json!({"id": "s1"})),
            on(&self.on_route, "route", json!("r")),
            self.on_everything.clone(),
        ];
        json!({
            "_format_version": "3.0",
            "plugins": plugins.concat(),
            "routes": [{"name": "r", "service": {"name": "mcp"}}],
            "services": [{"name": "mcp", "id": "s1"}]
        })
        .to_string()
    }
}

#[test]
fn a_guard_on_the_service_or_route_of_the_filter_is_enough() {
    let guard = function(&format!("-- a comment\n  {GUARD}\n"));
    let (filter, commented) = (filter(), function(&format!("-- {GUARD}")));
    for (declared, is_guarded) in [
        (Declared::new(&[&filter, &guard], &[], &[]), true),
        (Declared::new(&[], &[&filter, &guard], &[]), true),
        (Declared::new(&[&guard], &[&filter], &[]), true),
        (Declared::new(&[&filter, &guard], &[&guard], &[&guard]), true),
        (Declared::new(&[&filter], &[], &[]), false),
        (Declared::new(&[&filter], &[], &[&guard]), false),
        (Declared::new(&[&filter], &[&guard], &[]), false),
        (Declared::new(&[&filter, &commented], &[], &[]), false),
        (Declared::new(&[&filter, &guard], &[&function("x()")], &[]), false),
    ] {
        for text in [declared.text(), declared.flat()] {
            assert_eq!(warned(&text).is_empty(), is_guarded, "{:?}\n{text}", found(&text, Verdict::Warning));
            assert!(refused(&text).is_empty());
        }
    }
}

#[test]
fn the_guard_is_the_one_for_the_scheme_of_its_service() {
    const HTTPS: &str = r#"ngx.var.upstream_uri = ":token-exchange-guarded-" .. ngx.var.upstream_uri"#;
    let both = format!("if ngx.var.upstream_scheme == 'https' then\n  {HTTPS}\nelse\n  {GUARD}\nend");
    let declared = |service: Value, code: &str| {
        let mut service = service;
        service["name"] = json!("mcp");
        service["plugins"] = json!([filter(), function(code)]);
        json!({"_format_version": "3.0", "services": [service]}).to_string()
    };
    let of =
        |scheme: &str| [json!({"url": format!("{scheme}://mcp.example.com")}), json!({"protocol": scheme})];
    for service in [of("http"), of("https")].concat() {
        assert!(warned(&declared(service.clone(), &both)).is_empty(), "{service}");
    }
    let by_deck = ["${{ env \"DECK_URL\" }}", "${{ env \"DECK_SCHEME\" }}://mcp.example.com"];
    let by_deck = by_deck.map(|url| json!({"url": url}));
    for service in [of("https").to_vec(), by_deck.to_vec()].concat() {
        assert_warned(
            &declared(service.clone(), GUARD),
            "/services/0/plugins/1",
            "connections of other services",
        );
        assert!(warned(&declared(service, HTTPS)).is_empty());
    }
    let named = format!("kong.service.request.set_header(\":authority\", \"mcp.example.com\")\n{GUARD}");
    for service in [of("grpc"), of("grpcs")].concat() {
        assert!(warned(&declared(service.clone(), &named)).is_empty());
        for code in [GUARD, &both] {
            let place = "/services/0/plugins/1";
            assert_warned(&declared(service.clone(), code), place, "call every upstream kong_upstream");
        }
        assert_warned(&declared(service, HTTPS), "/services/0/plugins/1", "lacks the guard");
    }
    for service in [of("http").to_vec(), vec![json!({"host": "mcp.example.com"})]].concat() {
        assert!(warned(&declared(service.clone(), GUARD)).is_empty());
        assert!(warned(&declared(service, HTTPS)).is_empty());
    }
}

#[test]
fn a_guard_that_is_missing_global_or_replaced_is_a_warning() {
    let guard = function(GUARD);
    let with = |name: &str, value: Value| {
        let mut guard = guard.clone();
        guard[name] = value;
        guard
    };
    let filter = filter();
    let on_service = "/services/0/plugins/0";
    let missing = Declared::new(&[&filter], &[], &[]).text();
    assert_warned(&missing, on_service, "there is no guard");
    for not_one in [
        with("enabled", json!(false)),
        with("config", json!({"rewrite": [GUARD]})),
        with("config", json!({"access": [GUARD.replace("guarded-", "guarded")]})),
        with("config", json!(null)),
        with("consumer", json!("a")),
        with("name", json!("pre-function")),
    ] {
        let is_function = not_one["name"] == "post-function"
            && not_one["enabled"].is_null()
            && not_one["consumer"].is_null();
        let text = Declared::new(&[&filter, &not_one], &[], &[]).text();
        if is_function {
            assert_warned(&text, "/services/0/plugins/1", "lacks the guard");
        } else {
            assert_warned(&text, on_service, "there is no guard");
        }
    }
    let global = Declared::new(&[&filter], &[], &[&guard]).text();
    assert_warned(&global, on_service, "global only");
    let replaced = Declared::new(&[&filter, &guard], &[&function("x()")], &[]).text();
    assert_warned(&replaced, "/services/0/routes/0/plugins/0", "replaces the guard");
    let other_route = Declared::new(&[&guard], &[&filter], &[]).text();
    assert!(warned(&other_route).is_empty());
    let off = json!({"name": "token_exchange", "enabled": false, "config": filter["config"]});
    let off = Declared::new(&[&off], &[], &[]).text();
    assert_warned(&off, on_service, "enabled is false");
}

#[test]
fn filters_of_chains_and_what_plugins_share_count_too() {
    let declared = |chain: &str, plugin: &str| {
        format!(
            "
_format_version: '3.0'
_plugin_configs:
  guard: {{access: ['{GUARD}']}}
services:
- name: mcp
  filter_chains:
  - {chain}filters:
    - {}
  plugins:
  - {plugin}
",
            filter()
        )
    };
    assert!(warned(&declared("", "{name: post-function, _config: guard}")).is_empty());
    let without = declared("", "{name: cors}");
    assert_warned(&without, "/services/0/filter_chains/0/filters/0", "there is no guard");
    let overridden = declared("", "{name: post-function, _config: guard, config: {access: ['x()']}}");
    assert_warned(&overridden, "/services/0/plugins/0", "lacks the guard");
    let listed = format!("- {}\n- {{name: post-function, config: {{access: ['{GUARD}']}}}}\n", filter());
    assert!(warned(&listed).is_empty());
    assert_warned(&format!("- {}\n", filter()), "/0", "there is no guard");
    assert!(warned(&filter().to_string()).is_empty(), "a body of the Admin API shows nothing else");
}

#[test]
fn what_is_converted_has_the_guard() {
    let own = |name: &str, value: Value| {
        let mut plugin = filter();
        plugin["name"] = json!("ai-mcp-oauth2");
        plugin[name] = value;
        plugin
    };
    let plugin = own("tags", json!(["a"]));
    let chain_of = |text: &str| {
        let converted = lint::convert(text, &|_| None).unwrap();
        let says = converted[0].lines.iter().any(|line| line.text.contains("guard"));
        (serde_saphyr::from_str::<Value>(&converted[0].chain).unwrap(), says)
    };
    for text in [
        Declared::new(&[&plugin], &[], &[]).text(),
        Declared::new(&[], &[&plugin], &[]).text(),
        Declared::new(&[&plugin], &[], &[&function("x()")]).text(),
        Declared::new(&[&plugin], &[], &[]).flat(),
        json!([plugin]).to_string(),
        plugin.to_string(),
    ] {
        let (fragment, says) = chain_of(&text);
        assert!(says, "{text}");
        assert_eq!(fragment["plugins"][0]["tags"], json!(["a"]));
        assert_eq!(fragment["plugins"][0]["service"], fragment["filter_chains"][0]["service"]);
        let (guard, chain) = (fragment["plugins"].clone(), fragment["filter_chains"].clone());
        let service = json!({"name": "mcp", "url": "https://mcp.example.com", "plugins": guard,
            "filter_chains": chain});
        let whole = json!({"_format_version": "3.0", "services": [service]}).to_string();
        assert!(warned(&whole).is_empty(), "{:?}\n{whole}", found(&whole, Verdict::Warning));
    }
    let guard = function(GUARD);
    for (text, says) in [
        (Declared::new(&[&plugin, &guard], &[], &[]).text(), false),
        (Declared::new(&[&guard], &[&plugin], &[]).flat(), false),
        (Declared::new(&[&plugin, &function("x()")], &[], &[]).text(), true),
        (Declared::new(&[&function("x()")], &[&plugin], &[]).flat(), true),
        (Declared::new(&[&plugin], &[], &[]).text().replace("http://", "grpc://"), true),
    ] {
        let (fragment, is_said) = chain_of(&text);
        assert_eq!((fragment.get("plugins"), is_said), (None, says), "{text}");
    }
    let (off, _) = chain_of(&Declared::new(&[&own("enabled", json!(false))], &[], &[]).text());
    let is_off = |list: &str| off[list][0]["enabled"] == json!(false);
    assert!(is_off("plugins") && is_off("filter_chains"), "a guard alone would shut the service");
}

/// Objects for the ingress controller; `on_service` and `on_ingress` are the names that their annotations have.
fn objects(on_service: &str, on_ingress: &str) -> String {
    let config = filter()["config"].clone();
    format!(
        "
apiVersion: configuration.konghq.com/v1
kind: KongPlugin
metadata: {{name: auth, namespace: a}}
plugin: token_exchange
config: {config}
---
kind: KongPlugin
metadata: {{name: guard, namespace: a}}
plugin: post-function
config: {{access: ['{GUARD}']}}
---
kind: KongPlugin
metadata: {{name: other, namespace: a}}
plugin: post-function
config: {{access: ['x()']}}
---
kind: KongPlugin
metadata: {{name: guard, namespace: b}}
plugin: post-function
config: {{access: ['x()']}}
---
kind: KongPlugin
metadata: {{name: cache, namespace: a}}
plugin: proxy-cache
config: {{strategy: memory}}
---
kind: Service
metadata: {{name: mcp, namespace: a, annotations: {{konghq.com/plugins: '{on_service}'}}}}
---
kind: Ingress
metadata: {{name: mcp, namespace: a, annotations: {{konghq.com/plugins: '{on_ingress}'}}}}
spec: {{rules: [{{http: {{paths: [{{path: /, backend: {{service: {{name: mcp, port: {{number: 80}}}}}}}}]}}}}]}}
"
    )
}

#[test]
fn annotations_say_what_kongs_ingress_controller_puts_where() {
    for (on_service, on_ingress) in
        [("auth, guard", ""), ("", "guard,auth"), ("guard", "auth"), ("auth,guard", "guard")]
    {
        let text = objects(on_service, on_ingress);
        assert!(warned(&text).is_empty(), "{:?}", found(&text, Verdict::Warning));
    }
    assert_warned(&objects("auth", ""), "document 1, ", "there is no guard");
    assert_warned(&objects("auth", "guard"), "document 1, ", "there is no guard");
    assert_warned(&objects("auth,other", ""), "document 3, ", "lacks the guard");
    assert_warned(&objects("auth,guard", "other"), "document 3, ", "replaces the guard");
    assert_warned(&objects("", ""), "document 1, ", "nothing in this file names this plugin");
    assert_eq!(refused(&objects("auth,guard", "cache")), ["document 5, "]);
    let accepted = objects("auth,guard", "cache").replace(
        "{name: cache, namespace: a}",
        "{name: cache, namespace: a, annotations: {konghq.com/tags: 'b, token-exchange-accepted'}}",
    );
    assert!(refused(&accepted).is_empty());
    let gateway = objects("auth,guard", "").replace(
        "kind: Ingress",
        "kind: HTTPRoute\nmetadata: {name: r, namespace: a}\nspec: {rules: [{backendRefs: [{name: mcp}], filters: [{type: \
         ExtensionRef, extensionRef: {group: configuration.konghq.com, kind: KongPlugin, name: other}}]}]}\n---\nkind: Ingress",
    );
    assert_warned(&gateway, "document 3, ", "replaces the guard");
    let global = objects("auth", "").replace(
        "kind: KongPlugin\nmetadata: {name: guard, namespace: a}",
        "kind: KongClusterPlugin\nmetadata: {name: guard, labels: {global: 'true'}}",
    );
    assert_warned(&global, "document 1, ", "global only");
    let cluster = objects("auth,guard", "").replace(
        "kind: KongPlugin\nmetadata: {name: guard, namespace: a}",
        "kind: KongClusterPlugin\nmetadata: {name: guard}",
    );
    assert!(warned(&cluster).is_empty(), "{:?}", found(&cluster, Verdict::Warning));
}

#[test]
fn each_rule_of_a_route_of_the_gateway_api_is_a_route() {
    let with_rules = |of_first: &str, of_second: &str, annotation: &str| {
        let rule = |names: &str| {
            let filters: Vec<_> = names.split(',').filter(|name| !name.is_empty()).collect();
            let filters = filters.iter().map(|name| {
                json!({"type": "ExtensionRef", "extensionRef": {
                    "group": "configuration.konghq.com", "kind": "KongPlugin", "name": name
                }})
            });
            json!({"backendRefs": [{"name": "mcp"}], "filters": filters.collect::<Vec<_>>()})
        };
        let route = json!({
            "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "a", "annotations": {"konghq.com/plugins": annotation}},
            "spec": {"rules": [rule(of_first), rule(of_second)]}
        });
        format!("{}\n---\n{route}", objects("", ""))
    };
    for (of_first, of_second, annotation) in
        [("auth,guard", "", ""), ("auth", "", "guard"), ("auth", "auth", "guard"), ("", "", "auth, guard")]
    {
        let text = with_rules(of_first, of_second, annotation);
        assert!(warned(&text).is_empty(), "{:?}\n{text}", found(&text, Verdict::Warning));
    }
    let elsewhere = with_rules("auth", "guard", "");
    assert_warned(&elsewhere, "document 1, ", "there is no guard");
    let none: [&str; 0] = [];
    assert_eq!(refused(&with_rules("auth,guard", "cache", "")), none, "the cache is on another route");
    assert_eq!(refused(&with_rules("auth,guard", "", "cache")), ["document 5, "]);
}

#[test]
fn annotations_may_have_a_namespace_and_say_how_a_service_is_spoken_to() {
    let text = objects("a:auth, a:guard", "");
    assert!(warned(&text).is_empty(), "{:?}", found(&text, Verdict::Warning));
    assert_warned(&objects("a:auth, b:guard", ""), "document 4, ", "lacks the guard");
    let https = objects("auth,guard", "")
        .replace("konghq.com/plugins: 'auth", "konghq.com/protocol: https, konghq.com/plugins: 'auth");
    assert_warned(&https, "document 2, ", "connections of other services");
    assert_warned(&objects("b:auth, a:guard", ""), "document 1, ", "nothing in this file names this plugin");
}

#[test]
fn a_guard_in_another_style_is_one_and_a_comment_is_none() {
    for code in [
        GUARD.replace('"', "'"),
        GUARD.replace(" .. ", ".."),
        GUARD.replace(" = ", "\n\t=\r\n  "),
        format!("--[[ ours ]] {GUARD} -- the end"),
        format!("if true then {GUARD} end"),
    ] {
        let text = Declared::new(&[&filter(), &function(&code)], &[], &[]).text();
        assert!(warned(&text).is_empty(), "{code}");
    }
    for code in [
        format!("--[[\n{GUARD}\n]]"),
        format!("x() --[[ {GUARD}"),
        format!("x() -- {GUARD}"),
        GUARD.replace("guarded-", "guarded_"),
    ] {
        let text = Declared::new(&[&filter(), &function(&code)], &[], &[]).text();
        assert_warned(&text, "/services/0/plugins/1", "lacks the guard");
    }
}

#[test]
fn a_plugin_that_answers_by_itself_is_refused_where_the_filter_is() {
    let guard = function(GUARD);
    let filter = filter();
    for name in [
        "proxy-cache",
        "proxy-cache-advanced",
        "graphql-proxy-cache-advanced",
        "ai-semantic-cache",
        "aws-lambda",
        "azure-functions",
        "forward-proxy",
        "kafka-upstream",
        "kafka-consume",
        "confluent",
        "confluent-consume",
        "solace-upstream",
        "solace-consume",
    ] {
        let plugin = json!({"name": name, "config": {"strategy": "memory"}});
        let with = |member: &str, value: Value| {
            let mut plugin = plugin.clone();
            plugin[member] = value;
            plugin
        };
        let on_both = |on_service: &[&Value], on_route: &[&Value], on_everything: &[&Value]| {
            let declared = Declared::new(on_service, on_route, on_everything);
            let (nested, flat) = (refused(&declared.text()), refused(&declared.flat()));
            assert_eq!(nested.len(), flat.len(), "{nested:?} {flat:?}");
            nested
        };
        let on_service = [&filter, &guard];
        let beside = [&filter, &guard, &plugin];
        assert_eq!(on_both(&beside, &[], &[]), ["/services/0/plugins/2"], "{name}");
        assert_eq!(on_both(&on_service, &[&plugin], &[]), ["/services/0/routes/0/plugins/0"]);
        assert_eq!(on_both(&on_service, &[], &[&plugin]), ["/plugins/0"]);
        assert_eq!(on_both(&on_service, &[], &[&with("consumer", json!("c"))]), ["/plugins/0"]);
        assert_eq!(on_both(&[&plugin], &[&filter, &guard], &[]), ["/services/0/plugins/0"]);
        let none: [&str; 0] = [];
        assert_eq!(
            on_both(&on_service, &[], &[&with("tags", json!(["a", "token-exchange-accepted"]))]),
            none
        );
        assert_eq!(on_both(&on_service, &[], &[&with("enabled", json!(false))]), none);
        assert_eq!(on_both(&on_service, &[], &[&with("service", json!("other"))]), none);
        assert_eq!(
            on_both(&on_service, &[], &[&with("route", json!("another"))]).len(),
            1,
            "it may be of the service"
        );
        assert_eq!(on_both(&on_service, &[], &[&with("tags", json!(["token-exchange"]))]).len(), 1);
        assert!(lint::check(&Declared::new(&[], &[], &[&plugin]).text(), &|_| None).is_err(), "no filter");
    }
    let text = Declared::new(&[&filter, &guard], &[], &[&json!({"name": "proxy-cache"})]).text();
    let said = &found(&text, Verdict::Refused)[0].1;
    assert!(said.contains("without a token") && said.contains("token-exchange-accepted"), "{said}");
    assert!(check(&text).iter().any(Checked::is_fatal));
    let of_consumer = json!({"_format_version": "3.0", "services": [{"name": "mcp", "plugins": [filter, guard]}],
        "consumers": [{"username": "a", "plugins": [{"name": "proxy-cache"}]}]});
    assert_eq!(refused(&of_consumer.to_string()), ["/consumers/0/plugins/0"]);
}

#[test]
fn a_plugin_that_buffers_is_a_warning_where_the_filter_is() {
    let (filter, guard) = (filter(), function(GUARD));
    for name in ["ai-proxy", "ai-proxy-advanced", "ai-request-transformer", "ai-response-transformer"] {
        let plugin = json!({"name": name});
        let on_service = [&filter, &guard];
        let beside = Declared::new(&on_service, &[&plugin], &[]).text();
        assert_warned(&beside, "/services/0/routes/0/plugins/0", "buffered proxying");
        let global = Declared::new(&on_service, &[], &[&plugin]).text();
        assert_warned(&global, "/plugins/0", "buffered proxying");
        let elsewhere = json!({"name": name, "service": {"name": "other"}});
        assert!(warned(&Declared::new(&on_service, &[], &[&elsewhere]).text()).is_empty(), "{name}");
    }
}
