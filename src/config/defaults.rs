//! Which values say no more than a default does: what an exported configuration carries of a field that was never set.

use super::table::{DefaultValue, Field, FieldType};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl Field {
    /// Whether `value` is what holds without it: null, the default, or that of another release of Kong's. An object
    /// is where each of its members is.
    pub fn is_default(&self, value: &Value) -> bool {
        match self.kind {
            _ if value.is_null() => true,
            FieldType::Object(fields) => {
                members_of(value).is_some_and(|members| members.is_none_or(|it| are_defaults(fields, it)))
            }
            _ => std::iter::once(&self.default).chain(self.other_defaults).any(|default| default.is(value)),
        }
    }
}

fn are_defaults(fields: &[Field], members: &Map<String, Value>) -> bool {
    let field = |name: &str| fields.iter().find(|field| field.name == name);
    members.iter().all(|(name, value)| field(name).is_some_and(|field| field.is_default(value)))
}

/// The members of an object, of which an empty one may have become an empty list on its way through Lua.
fn members_of(value: &Value) -> Option<Option<&Map<String, Value>>> {
    match value {
        Value::Object(members) => Some(Some(members)),
        Value::Array(items) if items.is_empty() => Some(None),
        _ => None,
    }
}

impl DefaultValue {
    fn is(self, value: &Value) -> bool {
        match self {
            DefaultValue::Integer(number) => whole_number(value) == Some(number),
            DefaultValue::Set(texts) => {
                let items = value.as_array().map(|items| items.iter().map(Value::as_str).collect());
                items == Some(texts.iter().copied().map(Some).collect::<BTreeSet<_>>())
            }
            default => *value == default.to_json(),
        }
    }
}

/// The whole number, also where it is written as `3600.0`, as some encoders do.
pub(super) fn whole_number(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    format!("{number:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::form::TextFormat;
    use serde_json::json;

    const TEXTS: FieldType = FieldType::List { of: TextFormat::Text, at_least: 1 };
    const INNER: &[Field] = &[
        Field::kong("host", FieldType::Text(TextFormat::Text), "H."),
        Field::kong("scheme", FieldType::Text(TextFormat::Text), "S.").or(DefaultValue::Text("http")),
    ];

    #[test]
    fn what_an_export_carries_is_a_default() {
        let set = Field::kong("set", TEXTS, "S.").or(DefaultValue::Set(&["custom_id", "username"]));
        let list = Field::kong("list", TEXTS, "L.").or(DefaultValue::List(&["a", "b"]));
        let size = Field::kong("size", FieldType::integer(0, 99), "Si.")
            .or(DefaultValue::Integer(2))
            .formerly(&[DefaultValue::Integer(1), DefaultValue::Integer(0)]);
        let object = Field::kong("object", FieldType::Object(INNER), "O.");
        for (field, value, expected) in [
            (set, json!(["username", "custom_id"]), true),
            (set, json!(["custom_id", "username"]), true),
            (set, json!(["custom_id", "username", "username"]), true),
            (set, json!(["username"]), false),
            (set, json!(["custom_id", "username", "id"]), false),
            (set, json!(["custom_id", "username", 5]), false),
            (set, json!("username"), false),
            (set, json!([]), false),
            (list, json!(["a", "b"]), true),
            (list, json!(["b", "a"]), false),
            (size, json!(0), true),
            (size, json!(1.0), true),
            (size, json!(2), true),
            (size, json!(3), false),
            (size, json!("2"), false),
            (size, json!(-0.5), false),
            (object, json!({}), true),
            (object, json!([]), true),
            (object, json!({"host": null, "scheme": "http"}), true),
            (object, json!({"host": "", "scheme": "http"}), false),
            (object, json!({"scheme": "https"}), false),
            (object, json!({"hots": null}), false),
            (object, json!("x"), false),
            (object, json!([{}]), false),
        ] {
            assert_eq!(field.is_default(&value), expected, "{} {value}", field.name);
            assert!(field.is_default(&json!(null)));
        }
    }
}
