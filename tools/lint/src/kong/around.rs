//! What stands around the filter in a declaration: the guard that keeps the gate shut where the filter does not run,
//! and plugins that answer a request, or have it answered, before the filter sees it.

use super::super::walk::place_before;
use super::super::{Line, Verdict};
use super::AI_MCP_OAUTH2;
use super::declaration::{Attached, Declaration, Scope, declarations};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the guard does, as a line of a `post-function` plugin for the access phase.
const GUARD: &str = r#"ngx.var.upstream_scheme = "token-exchange-guarded-" .. ngx.var.upstream_scheme"#;

/// What it does for https, where another scheme makes Kong share kept connections between services.
const HTTPS_GUARD: &str = r#"ngx.var.upstream_uri = ":token-exchange-guarded-" .. ngx.var.upstream_uri"#;

/// What stands before the guard for gRPC, where Kong would not know the upstream's name.
const AUTHORITY: &str = r#"kong.service.request.set_header(":authority""#;

/// The plugin that runs the guard.
pub(crate) const POST_FUNCTION: &str = "post-function";

/// Plugins that turn on buffered proxying: Kong then calls the upstream before any filter runs.
const BUFFERING: [&str; 4] =
    ["ai-proxy", "ai-proxy-advanced", "ai-request-transformer", "ai-response-transformer"];

/// Plugins that answer with what the upstream has said to another request.
const CACHING: [&str; 4] =
    ["proxy-cache", "proxy-cache-advanced", "graphql-proxy-cache-advanced", "ai-semantic-cache"];

/// Plugins that call something else than the service, themselves, and answer with what it says.
const CALLING: [&str; 9] = [
    "aws-lambda",
    "azure-functions",
    "forward-proxy",
    "kafka-upstream",
    "kafka-consume",
    "confluent",
    "confluent-consume",
    "solace-upstream",
    "solace-consume",
];

/// The tag by which an operator says that what a plugin answers with is for requests without a token, too.
const ACCEPTED: &str = "token-exchange-accepted";

/// What is to be said, by the number of the document.
pub(crate) fn around(documents: &[Value]) -> BTreeMap<usize, Vec<Line>> {
    let mut lines = Lines::default();
    for declaration in declarations(documents) {
        for filter in &declaration.filters {
            lines.guard(&declaration, filter);
        }
        for plugin in &declaration.plugins {
            lines.neighbour(&declaration, plugin);
        }
        for filter in &declaration.unattached {
            let text = format!(
                "nothing in this file names this plugin, so that its guard is not seen: name it in the same \
                 konghq.com/plugins as a {POST_FUNCTION} plugin with the guard of docs/kong.md"
            );
            lines.add(filter, Verdict::Warning, text);
        }
    }
    lines.by_document
}

#[derive(Default)]
struct Lines {
    by_document: BTreeMap<usize, Vec<Line>>,
    said: BTreeSet<(usize, String, String)>,
}

impl Lines {
    /// One plugin may be on several services: what holds of each is said once.
    fn add(&mut self, attached: &Attached<'_>, verdict: Verdict, text: String) {
        let Attached { document, pointer, .. } = attached;
        if self.said.insert((*document, pointer.clone(), text.clone())) {
            let lines = self.by_document.entry(*document).or_default();
            lines.push(Line::new(verdict, pointer, text));
        }
    }

    /// Whether the gate is shut where this filter does not run.
    fn guard(&mut self, declaration: &Declaration<'_>, filter: &Attached<'_>) {
        if filter.scope.route.is_none() && filter.scope.service.is_none() {
            // Kong refuses it.
            return;
        }
        let functions: Vec<_> = functions(declaration).collect();
        let nearest = nearest(declaration, filter.scope);
        let schemes = declaration.schemes(filter.scope);
        if nearest.iter().any(|function| is_guard(function, &schemes)) {
            self.replaced(declaration, filter, &functions);
            for function in nearest {
                self.side_effects(function, &schemes);
            }
        } else if let Some(function) = nearest.first() {
            let text = format!(
                "this runs where the filter is and lacks the guard, without which requests pass unchecked where the \
                 filter does not run: add the guard of docs/kong.md, `{GUARD}`"
            );
            self.add(function, Verdict::Warning, text);
        } else if functions.iter().any(|it| it.scope == Scope::default() && is_guard(it, &schemes)) {
            let text = format!(
                "the guard is global only, and any {POST_FUNCTION} on this service or one of its routes replaces it: \
                 put it on the service or route that has the filter"
            );
            self.add(filter, Verdict::Warning, text);
        } else {
            let text = format!(
                "there is no guard, and where the filter does not run (a node without wasm, another filter that \
                 failed to configure, buffered proxying) requests pass unchecked: add a {POST_FUNCTION} plugin to the \
                 same service or route, whose access code is the guard of docs/kong.md, `{GUARD}`"
            );
            self.add(filter, Verdict::Warning, text);
        }
    }

    /// What a guard does to requests that pass, where Kong reads its word.
    fn side_effects(&mut self, function: &Attached<'_>, schemes: &[&str]) {
        if schemes.contains(&"https") && !runs(function, HTTPS_GUARD) {
            let text = format!(
                "before https this makes Kong use the connections of other services at the same address, also those \
                 with another client certificate or without verification: add the line `{HTTPS_GUARD}` for https, as \
                 docs/kong.md has it"
            );
            self.add(function, Verdict::Warning, text);
        }
        let is_grpc = schemes.iter().any(|scheme| scheme.starts_with("grpc"));
        if is_grpc && !runs(function, AUTHORITY) {
            let text = format!(
                "before grpc this makes Kong call every upstream kong_upstream: name it before the guard, `{AUTHORITY}, \
                 \"grpc.example.com\")`, as docs/kong.md has it"
            );
            self.add(function, Verdict::Warning, text);
        }
    }

    /// A route's own function replaces that of its service.
    fn replaced(
        &mut self,
        declaration: &Declaration<'_>,
        filter: &Attached<'_>,
        functions: &[&Attached<'_>],
    ) {
        let is_replacing = |it: &&&Attached<'_>| {
            it.scope.route.is_some()
                && declaration.overlap(it.scope, filter.scope)
                && !is_guard(it, &declaration.schemes(it.scope))
        };
        for function in functions.iter().filter(is_replacing) {
            let text = format!(
                "this replaces the guard of its service on this route, so that requests pass unchecked where the filter \
                 does not run: add the guard of docs/kong.md, `{GUARD}`"
            );
            self.add(function, Verdict::Warning, text);
        }
    }

    /// What a plugin does to the filters that some request meets together with it.
    fn neighbour(&mut self, declaration: &Declaration<'_>, plugin: &Attached<'_>) {
        let Attached { name, entry, scope, .. } = plugin;
        if !declaration.filters.iter().any(|filter| declaration.overlap(filter.scope, *scope)) {
            return;
        }
        if BUFFERING.contains(name) {
            let text = format!(
                "{name} turns on buffered proxying, and Kong then calls the upstream before any filter runs"
            );
            self.add(plugin, Verdict::Warning, text);
        }
        if is_accepted(entry) {
            return;
        }
        if CACHING.contains(name) {
            let text = format!(
                "{name} answers from its cache before the filter runs, so that what one caller may read is given to \
                 requests without a token: take it away from where the filter is, or, if all that it caches is \
                 public, give this entry the tag {ACCEPTED}"
            );
            self.add(plugin, Verdict::Refused, text);
        }
        if CALLING.contains(name) {
            let text = format!(
                "{name} makes its call before the filter runs, so that requests without a token are let through to \
                 it: take it away from where the filter is, or, if what it calls is public, give this entry the tag \
                 {ACCEPTED}"
            );
            self.add(plugin, Verdict::Refused, text);
        }
    }
}

/// What an entry of Kong's own plugin has beside it, of which a filter is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// No function, so that there is room for the guard.
    Nothing,
    /// The guard.
    Guard,
    /// A function without the guard. Kong runs one for a request.
    Function,
    /// A service over gRPC, for which the guard has to know its name.
    Grpc,
}

/// What stands beside each entry of Kong's own plugin, by the place of the entry.
pub(crate) fn beside(documents: &[Value]) -> BTreeMap<String, Beside> {
    let mut beside = BTreeMap::new();
    for declaration in declarations(documents) {
        for plugin in declaration.plugins.iter().filter(|plugin| plugin.name == AI_MCP_OAUTH2) {
            let schemes = declaration.schemes(plugin.scope);
            let functions = nearest(&declaration, plugin.scope);
            let found = if functions.iter().any(|function| is_guard(function, &schemes)) {
                Beside::Guard
            } else if !functions.is_empty() {
                Beside::Function
            } else if schemes.iter().any(|scheme| scheme.starts_with("grpc")) {
                Beside::Grpc
            } else {
                Beside::Nothing
            };
            beside.insert(format!("{}{}", place_before(documents, plugin.document), plugin.pointer), found);
        }
    }
    beside
}

/// The guard of docs/kong.md.
pub(crate) fn guard() -> String {
    format!("if ngx.var.upstream_scheme == \"https\" then\n  {HTTPS_GUARD}\nelse\n  {GUARD}\nend\n")
}

/// Of the functions for a request one runs, the nearest: those on the route of this scope, or else on its services.
fn nearest<'a>(declaration: &'a Declaration<'a>, scope: Scope) -> Vec<&'a Attached<'a>> {
    let services = declaration.services_of(scope);
    let on_route =
        functions(declaration).filter(|it| it.scope.route.is_some() && it.scope.route == scope.route);
    let on_route: Vec<_> = on_route.collect();
    if !on_route.is_empty() {
        return on_route;
    }
    let is_on_service = |it: &&Attached<'_>| {
        it.scope.route.is_none() && it.scope.service.is_some_and(|service| services.contains(&service))
    };
    functions(declaration).filter(is_on_service).collect()
}

/// The `post-function` plugins that run for every caller.
fn functions<'a>(declaration: &'a Declaration<'a>) -> impl Iterator<Item = &'a Attached<'a>> {
    declaration.plugins.iter().filter(|plugin| plugin.name == POST_FUNCTION && !plugin.scope.is_for_consumer)
}

/// Whether a function guards services of these schemes. For gRPC there is no URI to put a word before.
fn is_guard(function: &Attached<'_>, schemes: &[&str]) -> bool {
    let has_uri = !schemes.iter().any(|scheme| scheme.starts_with("grpc"));
    runs(function, GUARD) || (has_uri && runs(function, HTTPS_GUARD))
}

/// Whether the code of a function for the access phase has this line.
fn runs(function: &Attached<'_>, wanted: &str) -> bool {
    let access = |config: &'_ Value| config.get("access").filter(|access| !access.is_null()).cloned();
    let own = function.entry.get("config").and_then(access);
    let code = match own.or_else(|| function.common.and_then(access)) {
        Some(Value::Array(pieces)) => pieces,
        Some(piece) => vec![piece],
        None => Vec::new(),
    };
    let wanted = without_style(wanted);
    code.iter().filter_map(Value::as_str).any(|code| without_style(code).contains(&wanted))
}

/// Lua code without comments and spaces, and with one kind of quotes.
fn without_style(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some((before, rest)) = code.split_once("--[[") {
        let after = rest.split_once("]]").map_or("", |(_, after)| after);
        code = format!("{before} {after}");
    }
    // What stands after two hyphens is a comment.
    let lines = code.lines().filter_map(|line| line.split("--").next());
    lines
        .flat_map(str::chars)
        .filter(|it| !it.is_whitespace())
        .map(|it| if it == '\'' { '"' } else { it })
        .collect()
}

fn is_accepted(entry: &Value) -> bool {
    let tags = entry.get("tags").and_then(Value::as_array).into_iter().flatten();
    let annotation = entry.pointer("/metadata/annotations/konghq.com~1tags").and_then(Value::as_str);
    let annotated = annotation.unwrap_or_default().split(',').map(str::trim);
    tags.filter_map(Value::as_str).chain(annotated).any(|tag| tag == ACCEPTED)
}
