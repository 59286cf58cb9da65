//! What an operator may have meant by a name that is not a field's.

use crate::config::fields::FIELDS;
use crate::config::table::{Field, FieldType};

/// Names longer than this are no misspelling of a field's.
const MAX_NAME_CHARACTERS: usize = 64;

/// The sentence for `name`, which is none of `fields`.
pub(super) fn unknown_field(name: &str, fields: &[Field]) -> String {
    let mut sentence = "there is no field of this name here".to_owned();
    if let Some(near) = nearest(name, fields.iter().map(|field| field.name)) {
        sentence.push_str(&format!(": did you mean {near}?"));
    } else if let Some(path) = elsewhere(name, FIELDS, "") {
        sentence.push_str(&format!(": did you mean {path}?"));
    } else {
        sentence.push_str(": take it out");
    }
    sentence
}

/// The word of `words` that `name` is most likely a misspelling of.
pub(super) fn nearest(name: &str, words: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if name.chars().nth(MAX_NAME_CHARACTERS).is_some() {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let name = plain(name);
    // A third of a short name may differ, three letters of a long one.
    let farthest = name.chars().count().div_euclid(3).clamp(1, 3);
    words
        .map(|word| (strsim::osa_distance(&name, &plain(word)), word))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// The path to a field called exactly `name` in some object of the configuration.
fn elsewhere(name: &str, fields: &[Field], at: &str) -> Option<String> {
    fields.iter().find_map(|field| {
        let path = if at.is_empty() { field.name.to_owned() } else { format!("{at}.{}", field.name) };
        if field.name == name {
            return Some(path);
        }
        match field.kind {
            FieldType::Object(inner) => elsewhere(name, inner, &path),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_and_misplaced_names_are_recognised() {
        for (name, expected) in [
            ("resourse", "did you mean resource?"),
            ("client-secret", "did you mean client_secret?"),
            ("authorization_server", "did you mean authorization_servers?"),
            ("Timeout", "did you mean timeout?"),
            ("timeuot", "did you mean timeout?"),
            ("token_endpoint", "did you mean token_exchange.token_endpoint?"),
            ("actor_token", "did you mean token_exchange.request.actor_token?"),
            ("xyzzy", "take it out"),
            ("", "take it out"),
            ("\u{1f600}", "take it out"),
        ] {
            let sentence = unknown_field(name, FIELDS);
            assert!(sentence.ends_with(expected), "{name}: {sentence}");
        }
        assert!(unknown_field(&"resource".repeat(100_000), FIELDS).ends_with("take it out"));
    }
}
