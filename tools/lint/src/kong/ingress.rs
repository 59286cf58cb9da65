//! The same for Kong's ingress controller: a plugin is an object of its own, and what it is on names it.

use super::super::walk::walk;
use super::declaration::{Attached, Declaration, Name, Scope};
use serde_json::Value;

/// A plugin of Kong's as an object, which may be for a namespace or for the whole cluster.
pub(super) fn is_plugin(object: &Value) -> bool {
    matches!(object.get("kind").and_then(Value::as_str), Some("KongPlugin" | "KongClusterPlugin"))
}

/// A plugin, and whether anything in the file names it.
struct Plugin<'a> {
    attached: Attached<'a>,
    name: Name<'a>,
    is_for_cluster: bool,
    is_named: bool,
}

/// What the objects of all documents say together.
pub(super) fn declaration(documents: &[Value]) -> Declaration<'_> {
    let mut declaration = Declaration::default();
    let (mut objects, mut plugins) = (Vec::new(), Vec::new());
    for (document, value) in documents.iter().enumerate() {
        walk(value, "", &mut |pointer, value| {
            if value.get("kind").is_some_and(Value::is_string) && value.get("metadata").is_some() {
                objects.push(value);
                plugins.extend(plugin(document, pointer, value));
            }
        });
    }
    for object in objects {
        set_scheme(&mut declaration, object);
        attach(&mut declaration, object, &mut plugins);
    }
    for Plugin { attached, is_named, .. } in plugins {
        let labels = attached.entry.pointer("/metadata/labels/global").and_then(Value::as_str);
        if labels == Some("true") {
            declaration.attach(attached);
        } else if !is_named && attached.name == super::FILTER {
            declaration.unattached.push(attached);
        }
    }
    declaration
}

fn plugin<'a>(document: usize, pointer: &str, entry: &'a Value) -> Option<Plugin<'a>> {
    if !is_plugin(entry) || !super::is_enabled(entry) {
        return None;
    }
    let name = entry.get("plugin").and_then(Value::as_str)?;
    let (pointer, scope) = (pointer.to_owned(), Scope::default());
    Some(Plugin {
        attached: Attached { document, pointer, name, entry, common: None, scope },
        name: name_of(entry),
        is_for_cluster: entry.get("kind").and_then(Value::as_str) == Some("KongClusterPlugin"),
        is_named: false,
    })
}

/// Notes how Kong speaks with a service of Kubernetes'.
fn set_scheme<'a>(declaration: &mut Declaration<'a>, object: &'a Value) {
    let scheme = object.pointer("/metadata/annotations/konghq.com~1protocol").and_then(Value::as_str);
    if scheme.is_some() && object.get("kind").and_then(Value::as_str) == Some("Service") {
        let service = declaration.service(name_of(object));
        declaration.set_scheme(service, scheme);
    }
}

/// Attaches what an object names in its annotation, and what each rule of a route of the Gateway API names as a filter:
/// every rule is a route of Kong's.
fn attach<'a>(declaration: &mut Declaration<'a>, object: &'a Value, plugins: &mut [Plugin<'a>]) {
    let annotation = object.pointer("/metadata/annotations/konghq.com~1plugins").and_then(Value::as_str);
    let annotated: Vec<_> =
        annotation.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let own = name_of(object);
    let is_route = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("Route"));
    let rules = object.pointer("/spec/rules").and_then(Value::as_array).filter(|_| is_route);
    let Some(rules) = rules else {
        if !annotated.is_empty() {
            let scope = scope(declaration, object, own);
            attach_to(declaration, scope, &annotated, own, plugins);
        }
        return;
    };
    for rule in rules {
        let mut names = annotated.clone();
        walk(rule, "", &mut |_, value| {
            let extension = value.get("extensionRef").filter(|extension| is_plugin(extension));
            names.extend(extension.and_then(|extension| extension.get("name")?.as_str()));
        });
        if !names.is_empty() {
            // Nothing else refers to the rule, so that it needs no name.
            let services = services(declaration, rule, own);
            let scope =
                Scope { route: Some(declaration.route(Name::default(), &services)), ..Scope::default() };
            attach_to(declaration, scope, &names, own, plugins);
        }
    }
}

/// Attaches the plugins of these names, each of which may have its namespace in front.
fn attach_to<'a>(
    declaration: &mut Declaration<'a>,
    scope: Scope,
    names: &[&str],
    own: Name<'a>,
    plugins: &mut [Plugin<'a>],
) {
    let is_meant = |plugin: &Plugin<'a>| {
        names.iter().any(|name| {
            let (namespace, name) = match name.split_once(':') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (own.namespace, *name),
            };
            let is_near = plugin.is_for_cluster || plugin.name.namespace == namespace;
            is_near && plugin.name.name == Some(name)
        })
    };
    for plugin in plugins.iter_mut().filter(|plugin| is_meant(plugin)) {
        plugin.is_named = true;
        declaration.attach(Attached { scope, ..plugin.attached.clone() });
    }
}

/// What a plugin is on that this object names.
fn scope<'a>(declaration: &mut Declaration<'a>, object: &'a Value, own: Name<'a>) -> Scope {
    match object.get("kind").and_then(Value::as_str) {
        Some("Service" | "KongServiceFacade") => {
            Scope { service: Some(declaration.service(own)), ..Scope::default() }
        }
        Some("KongConsumer" | "KongConsumerGroup") => Scope { is_for_consumer: true, ..Scope::default() },
        _ => {
            let services = services(declaration, object, own);
            Scope { route: Some(declaration.route(own, &services)), ..Scope::default() }
        }
    }
}

/// The services that an object, or a rule of it, leads to.
fn services<'a>(declaration: &mut Declaration<'a>, object: &'a Value, own: Name<'a>) -> Vec<usize> {
    let mut services = Vec::new();
    walk(object, "", &mut |pointer, value| {
        let is_backend = pointer.ends_with("/service") || pointer.contains("/backendRefs/");
        let name = value.get("name").and_then(Value::as_str).filter(|_| is_backend);
        services.extend(name.map(|name| declaration.service(Name { name: Some(name), id: None, ..own })));
    });
    services
}

fn name_of(object: &Value) -> Name<'_> {
    let text = |member: &str| object.get("metadata")?.get(member)?.as_str();
    Name { namespace: text("namespace"), name: text("name"), id: None }
}
