//! Values that are not known where the linter runs: references to the environment of a gateway, and
//! decK's placeholders.

use serde_json::Value;

/// What every stand-in begins with: a URL, as most forms of text accept one.
const STAND_IN: &str = "https://unknown.invalid/";

/// An environment in which every variable has a value: a stand-in where it is not known.
pub(crate) fn or_stand_in(environment: &dyn Fn(&str) -> Option<String>) -> impl Fn(&str) -> Option<String> {
    move |name| environment(name).or_else(|| Some(stand_in(name)))
}

/// A value for `name` that no other name has, long enough for a secret.
pub(crate) fn stand_in(name: &str) -> String {
    format!("{STAND_IN}{name}/a-value-that-is-not-known-here")
}

/// The configuration with decK's placeholders as references to the environment, which is what they
/// are.
pub(crate) fn without_placeholders(value: &Value) -> Value {
    match value {
        Value::String(text) => match placeholder(text) {
            Some(name) => Value::from(format!("{{vault://env/{name}}}")),
            None => value.clone(),
        },
        Value::Array(items) => items.iter().map(without_placeholders).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), without_placeholders(value))).collect(),
        ),
        other => other.clone(),
    }
}

/// Whether `value` has a placeholder of decK's, which may stand for any kind of value.
pub(crate) fn is_placeholder(value: &Value) -> bool {
    value.as_str().and_then(placeholder).is_some()
}

/// The variable that `value` is a reference to, as the configuration's reader spells it.
pub(crate) fn variable(value: &Value) -> Option<String> {
    let name = value.as_str()?.strip_prefix("{vault://env/")?.strip_suffix('}')?;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (!name.is_empty() && is_name(name)).then(|| name.to_ascii_uppercase().replace('-', "_"))
}

/// The variable of a placeholder, `${{ env "DECK_NAME" }}`, anywhere in `text`.
fn placeholder(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("${{")?;
    let (inner, _) = rest.split_once("}}")?;
    let (_, rest) = inner.split_once("env")?;
    let name = rest.split(['"', '`']).nth(1)?;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (!name.is_empty() && is_name(name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn placeholders_are_references_to_the_environment() {
        let value = json!({"a": ["${{- env `DECK_A` -}}"], "b": "x${{env \"DECK_B\"|toInt}}y", "c": "${x}"});
        assert_eq!(
            without_placeholders(&value),
            json!({"a": ["{vault://env/DECK_A}"], "b": "{vault://env/DECK_B}", "c": "${x}"})
        );
        assert_eq!(variable(&json!("{vault://env/my-secret}")).as_deref(), Some("MY_SECRET"));
        assert_eq!(variable(&json!("{vault://hcv/a}")), None);
        assert_eq!(variable(&json!("{vault://env/}")), None);
        assert_eq!(variable(&json!("{vault://env/a/b}")), None);
        assert_eq!(variable(&json!(1)), None);
    }
}
