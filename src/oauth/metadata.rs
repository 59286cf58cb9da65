//! Protected resource metadata (RFC 9728).

use serde_json::{Map, Value};

/// The well-known name (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The protected resource (RFC 9728 section 1.2): an https URL without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The identifier, exactly as the operator wrote it: `aud` is compared with this.
    pub identifier: String,
    /// Scheme, host and port as they stand in a URL, without a path: `https://api.example.com`.
    pub origin: String,
    /// The path, as in a URL; empty where there is none or it is only `/`.
    pub path: String,
    /// The query, where there is one.
    pub query: Option<String>,
}

impl Resource {
    /// Where RFC 9728 section 3.1 puts the document: the well-known name between host and path.
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path)
    }

    /// The same with the resource's query, as a client builds it.
    pub fn metadata_path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.metadata_path()),
            None => self.metadata_path(),
        }
    }

    /// Where a gateway that routes by path prefix can see it: the well-known name after the path.
    pub fn metadata_path_below_resource(&self) -> String {
        format!("{}{WELL_KNOWN}", self.path.trim_end_matches('/'))
    }
}

/// The metadata document (RFC 9728 section 2), as JSON text.
pub fn document(
    resource: &Resource,
    authorization_servers: &[String],
    scopes_supported: Option<&[String]>,
) -> String {
    let mut document = Map::new();
    document.insert("resource".to_owned(), Value::from(resource.identifier.as_str()));
    document.insert("authorization_servers".to_owned(), Value::from(authorization_servers));
    if let Some(scopes) = scopes_supported {
        document.insert("scopes_supported".to_owned(), Value::from(scopes));
    }
    document.insert("bearer_methods_supported".to_owned(), Value::from(vec!["header"]));
    Value::Object(document).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str, query: Option<&str>) -> Resource {
        Resource {
            identifier: "https://api.example.com".to_owned(),
            origin: "https://api.example.com".to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        }
    }

    #[test]
    fn met_01_the_well_known_name_stands_between_host_and_path() {
        for (path, query, expected) in [
            ("/mcp", None, "/.well-known/oauth-protected-resource/mcp"),
            ("", None, "/.well-known/oauth-protected-resource"),
            ("/a/b/", None, "/.well-known/oauth-protected-resource/a/b/"),
            ("/mcp", Some("x=1"), "/.well-known/oauth-protected-resource/mcp?x=1"),
        ] {
            assert_eq!(resource(path, query).metadata_path_and_query(), expected);
        }
    }

    #[test]
    fn the_path_below_the_resource_has_no_double_slash() {
        for (path, expected) in [
            ("", "/.well-known/oauth-protected-resource"),
            ("/mcp", "/mcp/.well-known/oauth-protected-resource"),
            ("/a/b/", "/a/b/.well-known/oauth-protected-resource"),
        ] {
            assert_eq!(resource(path, None).metadata_path_below_resource(), expected);
        }
    }

    #[test]
    fn the_document_names_what_the_operator_set() {
        let servers = ["https://as.example.com".to_owned()];
        assert_eq!(
            document(&resource("", None), &servers, None),
            r#"{"authorization_servers":["https://as.example.com"],"bearer_methods_supported":["header"],"resource":"https://api.example.com"}"#
        );
        let scopes = ["a".to_owned()];
        assert!(
            document(&resource("", None), &servers, Some(&scopes)).contains(r#""scopes_supported":["a"]"#)
        );
    }
}
