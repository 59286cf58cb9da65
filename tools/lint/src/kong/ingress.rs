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

/// Attaches what an object names, in its annotation or as filters of a route of the Gateway API.
fn attach<'a>(declaration: &mut Declaration<'a>, object: &'a Value, plugins: &mut [Plugin<'a>]) {
    let annotation = object.pointer("/metadata/annotations/konghq.com~1plugins").and_then(Value::as_str);
    let mut names: Vec<_> = annotation.unwrap_or_default().split(',').map(str::trim).collect();
    walk(object, "", &mut |_, value| {
        let extension = value.get("extensionRef").filter(|extension| is_plugin(extension));
        names.extend(extension.and_then(|extension| extension.get("name")?.as_str()));
    });
    names.retain(|name| !name.is_empty());
    if names.is_empty() {
        return;
    }
    let own = name_of(object);
    let scope = scope(declaration, object, own);
    let is_meant = |plugin: &Plugin<'a>| {
        let is_near = plugin.is_for_cluster || plugin.name.namespace == own.namespace;
        is_near && plugin.name.name.is_some_and(|name| names.contains(&name))
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
            let mut services = Vec::new();
            walk(object, "", &mut |pointer, value| {
                let is_backend = pointer.ends_with("/service") || pointer.contains("/backendRefs/");
                let name = value.get("name").and_then(Value::as_str).filter(|_| is_backend);
                services
                    .extend(name.map(|name| declaration.service(Name { name: Some(name), id: None, ..own })));
            });
            Scope { route: Some(declaration.route(own, &services)), ..Scope::default() }
        }
    }
}

fn name_of(object: &Value) -> Name<'_> {
    let text = |member: &str| object.get("metadata")?.get(member)?.as_str();
    Name { namespace: text("namespace"), name: text("name"), id: None }
}
