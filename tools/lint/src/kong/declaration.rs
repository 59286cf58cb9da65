//! What stands where in a declaration for Kong: which plugin and which filter is on which service and route, however
//! they refer to one another.

use super::{FILTER, ingress};
use serde_json::Value;

/// One declaration: a document for decK or Kong, or all Kubernetes objects of a file.
#[derive(Default)]
pub(super) struct Declaration<'a> {
    services: Vec<Service<'a>>,
    routes: Vec<Route<'a>>,
    /// Every plugin that is attached to something, once for each thing.
    pub(super) plugins: Vec<Attached<'a>>,
    /// Every filter, in a filter chain or as a plugin.
    pub(super) filters: Vec<Attached<'a>>,
    /// Filters of which the file does not say what they are attached to.
    pub(super) unattached: Vec<Attached<'a>>,
}

/// What others refer to a service or route by.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Name<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) id: Option<&'a str>,
}

struct Service<'a> {
    name: Name<'a>,
    /// How Kong speaks with it, where the file says so.
    scheme: Option<&'a str>,
}

struct Route<'a> {
    name: Name<'a>,
    services: Vec<usize>,
}

/// A plugin or filter at its place.
#[derive(Clone)]
pub(super) struct Attached<'a> {
    /// Which document of the file it is in.
    pub(super) document: usize,
    /// JSON pointer to it there.
    pub(super) pointer: String,
    /// The plugin's name.
    pub(super) name: &'a str,
    /// The entry itself.
    pub(super) entry: &'a Value,
    /// What decK adds to its configuration.
    pub(super) common: Option<&'a Value>,
    /// What it is on.
    pub(super) scope: Scope,
}

/// What a plugin is on; everything where it is on nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Index of a route.
    pub(super) route: Option<usize>,
    /// Index of a service.
    pub(super) service: Option<usize>,
    /// Whether it is for a consumer or a group of them alone.
    pub(super) is_for_consumer: bool,
}

/// Every declaration in the documents of a file.
pub(super) fn declarations(documents: &[Value]) -> Vec<Declaration<'_>> {
    let mut declarations: Vec<_> =
        documents.iter().enumerate().filter_map(|(index, document)| of_document(index, document)).collect();
    declarations.push(ingress::declaration(documents));
    declarations
}

/// The declaration in a document for decK or Kong, in a list of plugins, or in an answer of the Admin API.
fn of_document(index: usize, document: &Value) -> Option<Declaration<'_>> {
    const LISTS: [&str; 4] = ["services", "routes", "plugins", "filter_chains"];
    let mut reader = Reader { document, index, declaration: Declaration::default() };
    if document.is_array() {
        // What is listed together is for one service or route, whichever that is.
        let scope = Scope { service: Some(reader.declaration.service(Name::default())), ..Scope::default() };
        reader.plugins(document, "", scope);
    } else if document.get("data").is_some_and(Value::is_array) && document.get("_format_version").is_none() {
        reader.list(document, "", "data", |reader, plugin, at| reader.plugin(plugin, at, Scope::default()));
    } else if LISTS.iter().any(|list| document.get(list).is_some_and(Value::is_array)) {
        reader.whole();
    } else {
        return None;
    }
    Some(reader.declaration)
}

impl<'a> Declaration<'a> {
    /// The index of the service of this name, which may stand further down or in another file.
    pub(super) fn service(&mut self, name: Name<'a>) -> usize {
        let known = self.services.iter().position(|known| known.name.is(&name));
        known.unwrap_or_else(|| {
            self.services.push(Service { name, scheme: None });
            self.services.len().saturating_sub(1)
        })
    }

    /// Notes how Kong speaks with a service.
    pub(super) fn set_scheme(&mut self, service: usize, scheme: Option<&'a str>) {
        self.services.iter_mut().skip(service).take(1).for_each(|it| it.scheme = scheme.or(it.scheme));
    }

    /// How Kong speaks with the services behind a scope, as far as the file says so.
    pub(super) fn schemes(&self, scope: Scope) -> Vec<&'a str> {
        let services = self.services_of(scope).into_iter();
        services.filter_map(|index| self.services.get(index)?.scheme).collect()
    }

    /// The same for a route, which leads to these services.
    pub(super) fn route(&mut self, name: Name<'a>, services: &[usize]) -> usize {
        if let Some(index) = self.routes.iter().position(|route| route.name.is(&name)) {
            self.routes.iter_mut().skip(index).take(1).for_each(|route| route.services.extend(services));
            return index;
        }
        self.routes.push(Route { name, services: services.to_vec() });
        self.routes.len().saturating_sub(1)
    }

    /// Puts a plugin, or a filter of a chain, where it belongs.
    pub(super) fn attach(&mut self, attached: Attached<'a>) {
        if attached.name == FILTER {
            self.filters.push(attached);
        } else {
            self.plugins.push(attached);
        }
    }

    /// The services that a request on this route, or on this service, goes to.
    pub(super) fn services_of(&self, scope: Scope) -> Vec<usize> {
        match scope.route.and_then(|route| self.routes.get(route)) {
            Some(route) => route.services.iter().copied().chain(scope.service).collect(),
            None => scope.service.into_iter().collect(),
        }
    }

    /// Whether some request meets both.
    pub(super) fn overlap(&self, one: Scope, other: Scope) -> bool {
        let routes = match (one.route, other.route) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let (services, others) = (self.services_of(one), self.services_of(other));
        let shares_service = services.is_empty()
            || others.is_empty()
            || services.iter().any(|service| others.contains(service));
        routes && shares_service
    }
}

impl Name<'_> {
    fn is(&self, wanted: &Name<'_>) -> bool {
        let same = |one: Option<&str>, other: Option<&str>| one.is_some() && one == other;
        self.namespace == wanted.namespace
            && (same(self.name, wanted.name) || same(self.id, wanted.id) || same(self.id, wanted.name))
    }
}

/// Reads a document for decK or Kong.
struct Reader<'a> {
    document: &'a Value,
    index: usize,
    declaration: Declaration<'a>,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) {
        let document = self.document;
        self.list(document, "", "services", |reader, service, at| {
            let index = reader.declaration.service(name_of(service));
            reader.declaration.set_scheme(index, scheme_of(service));
            let scope = Scope { service: Some(index), ..Scope::default() };
            reader.list(service, at, "routes", |reader, route, at| reader.route(route, at, &[index]));
            reader.attached(service, at, scope);
        });
        self.list(document, "", "routes", |reader, route, at| {
            let service = reference(route, "service").map(|name| reader.declaration.service(name));
            reader.route(route, at, &Vec::from_iter(service));
        });
        for list in super::CONSUMERS {
            self.list(document, "", list, |reader, consumer, at| {
                reader.attached(consumer, at, Scope { is_for_consumer: true, ..Scope::default() });
            });
        }
        self.attached(document, "", Scope::default());
    }

    fn route(&mut self, route: &'a Value, at: &str, services: &[usize]) {
        let index = self.declaration.route(name_of(route), services);
        self.attached(route, at, Scope { route: Some(index), ..Scope::default() });
    }

    /// The plugins and filter chains of an entity, or of the document.
    fn attached(&mut self, owner: &'a Value, at: &str, scope: Scope) {
        if let Some(plugins) = owner.get("plugins") {
            self.plugins(plugins, &format!("{at}/plugins"), scope);
        }
        self.list(owner, at, "filter_chains", |reader, chain, at| {
            let scope = reader.scope(chain, scope);
            reader.list(chain, at, "filters", |reader, filter, at| {
                let is_off = [chain, filter].into_iter().any(|it| !super::is_enabled(it));
                if let Some(name) = filter.get("name").and_then(Value::as_str).filter(|_| !is_off) {
                    reader.attach(name, filter, at, scope);
                }
            });
        });
    }

    fn plugins(&mut self, plugins: &'a Value, at: &str, scope: Scope) {
        for (index, plugin) in plugins.as_array().into_iter().flatten().enumerate() {
            self.plugin(plugin, &format!("{at}/{index}"), scope);
        }
    }

    fn plugin(&mut self, plugin: &'a Value, at: &str, scope: Scope) {
        let name = plugin.get("name").and_then(Value::as_str).filter(|_| super::is_enabled(plugin));
        let Some(name) = name else { return };
        let scope = self.scope(plugin, scope);
        self.attach(name, plugin, at, scope);
    }

    fn attach(&mut self, name: &'a str, entry: &'a Value, at: &str, scope: Scope) {
        let named = entry.get("_config").and_then(Value::as_str);
        let common = named.and_then(|name| self.document.get("_plugin_configs")?.get(name));
        let (document, pointer) = (self.index, at.to_owned());
        self.declaration.attach(Attached { document, pointer, name, entry, common, scope });
    }

    /// The scope of an entry that stands within one, and may name another itself.
    fn scope(&mut self, entry: &'a Value, within: Scope) -> Scope {
        let mut scope = within;
        if let Some(name) = reference(entry, "route") {
            scope.route = Some(self.declaration.route(name, &[]));
        }
        if let Some(name) = reference(entry, "service") {
            scope.service = Some(self.declaration.service(name));
        }
        let names_consumer = ["consumer", "consumer_group"].into_iter().any(|name| is_set(entry, name));
        scope.is_for_consumer |= names_consumer;
        scope
    }

    fn list(
        &mut self,
        owner: &'a Value,
        at: &str,
        name: &str,
        mut read: impl FnMut(&mut Reader<'a>, &'a Value, &str),
    ) {
        for (index, item) in owner.get(name).and_then(Value::as_array).into_iter().flatten().enumerate() {
            read(self, item, &format!("{at}/{name}/{index}"));
        }
    }
}

/// What a member of `entry` refers to, by name or by id.
fn reference<'a>(entry: &'a Value, member: &str) -> Option<Name<'a>> {
    match entry.get(member)? {
        Value::String(name) => Some(Name { name: Some(name), ..Name::default() }),
        other => Some(name_of(other)).filter(|name| *name != Name::default()),
    }
}

fn is_set(entry: &Value, member: &str) -> bool {
    entry.get(member).is_some_and(|value| !value.is_null())
}

/// The scheme of a service: its protocol, or what its URL begins with; https, of which most is asked, where decK has
/// yet to put it in.
fn scheme_of(service: &Value) -> Option<&str> {
    let text = |member: &str| service.get(member).and_then(Value::as_str);
    let scheme = text("protocol").or_else(|| {
        let url = text("url")?;
        url.split_once("://").map(|(scheme, _)| scheme).or_else(|| url.contains("${{").then_some(url))
    })?;
    Some(if scheme.contains("${{") { "https" } else { scheme })
}

fn name_of(entity: &Value) -> Name<'_> {
    let text = |member: &str| entity.get(member).and_then(Value::as_str);
    Name { namespace: None, name: text("name"), id: text("id") }
}
