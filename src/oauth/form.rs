//! `application/x-www-form-urlencoded` bodies (RFC 6749 appendix B).

use crate::secret::Secret;
use url::form_urlencoded;

/// The parameters of a request to an authorization server, in the order they are sent.
#[derive(Default)]
pub struct Form(Vec<(String, Secret)>);

impl Form {
    /// A form without parameters.
    pub fn new() -> Form {
        Form::default()
    }

    /// Adds a parameter; one that is there already is repeated (RFC 8693 section 2.1 does so).
    pub fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), Secret::new(value)));
    }

    /// The encoded body.
    pub fn encode(&self) -> Secret {
        let mut serializer = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            serializer.append_pair(name, value.expose());
        }
        Secret::new(serializer.finish())
    }
}

/// The header fields of a form that is posted to an authorization server, which is asked for JSON.
pub fn post_headers() -> Vec<(String, Secret)> {
    [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .to_vec()
}

/// One name or value, encoded on its own.
pub fn encode_value(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_form_encoded_and_keep_their_order() {
        let mut form = Form::new();
        form.add("scope", "a b");
        form.add("audience", "x&y=1");
        form.add("audience", "z");
        assert_eq!(form.encode().expose(), "scope=a+b&audience=x%26y%3D1&audience=z");
    }
}
