//! The clusters that a file has, and how they protect what the filter sends to authorization servers.

use super::super::istio::{destination_rule, patch};
use super::super::protobuf::{self, items, text};
use super::super::walk::{place_before, walk};
use super::super::{Line, Verdict};
use super::tls;
use serde_json::Value;

/// The clusters that a file has.
pub(crate) struct Clusters<'a> {
    /// Every document of the file.
    documents: &'a [Value],
    /// Each cluster, with its place in the file.
    known: Vec<(String, &'a Value)>,
    /// Whether there are no others: one document has them all, and none is discovered.
    are_all: bool,
}

impl<'a> Clusters<'a> {
    /// The clusters for a filter in `document`, which is one of the `documents` of a file.
    pub(crate) fn of(documents: &'a [Value], document: &'a Value) -> Clusters<'a> {
        let mut known = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            let before = place_before(documents, index);
            walk(document, "", &mut |pointer, value| {
                if is_cluster(document, pointer, value) {
                    known.push((format!("{before}{pointer}"), value));
                }
            });
        }
        let discovers = protobuf::at(document, &["dynamic_resources", "cds_config"]).is_some();
        let lists = protobuf::at(document, &["static_resources", "clusters"]).is_some_and(Value::is_array);
        Clusters { documents, known, are_all: lists && !discovers }
    }

    /// Whether there is certainly no cluster of this `name`.
    pub(crate) fn lack(&self, name: &str) -> bool {
        self.are_all && self.find(name).is_none()
    }

    fn find(&self, name: &str) -> Option<&(String, &'a Value)> {
        self.known.iter().find(|(_, cluster)| text(cluster, &["name"]) == Some(name))
    }

    /// What leaves the requests unprotected that are sent to the https endpoint at `authority` through
    /// the cluster `name`.
    pub(crate) fn weaknesses(&self, name: &str, authority: &str) -> Vec<Line> {
        let (place, weaknesses) = match self.find(name) {
            Some((place, cluster)) => (place.as_str(), tls::weaknesses(cluster, self.documents)),
            None => ("by its DestinationRule", destination_rule::weaknesses(name, self.documents)),
        };
        let line = |weakness: &str| {
            let text = format!("the cluster {name}, {place}, is for https at {authority} but {weakness}");
            Line::new(Verdict::Warning, "", text)
        };
        weaknesses.into_iter().map(line).collect()
    }
}

/// Whether the `value` at `pointer` is a cluster: one in the bootstrap, a resource, or what Istio adds.
fn is_cluster(document: &Value, pointer: &str, value: &Value) -> bool {
    let is_static = || {
        let list = pointer.rsplit_once('/').map_or("", |(list, _)| list);
        matches!(list, "/static_resources/clusters" | "/staticResources/clusters")
    };
    is_static()
        || text(value, &["@type"]).is_some_and(|found| found.ends_with("envoy.config.cluster.v3.Cluster"))
        || patch::adds_cluster(document, pointer)
}

/// The validation context that a static secret of this `name` holds, wherever it stands.
pub(crate) fn secret_of<'a>(documents: &'a [Value], name: &str) -> Option<&'a Value> {
    let secrets = documents.iter().flat_map(|document| {
        let listed = protobuf::field(document, "static_resources").into_iter();
        let listed = listed.flat_map(|resources| items(resources, "secrets"));
        listed.chain(items(document, "resources"))
    });
    let mut secrets = secrets.filter(|secret| text(secret, &["name"]) == Some(name));
    secrets.find_map(|secret| protobuf::field(secret, "validation_context"))
}
