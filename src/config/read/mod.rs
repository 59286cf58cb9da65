//! Holds what the operator wrote against the table of fields.
//!
//! What comes out is the effective configuration: only fields that the filter acts on, defaults
//! filled in, references resolved. A mistake is noted and its field treated as not written, so that
//! reading goes on and finds the others.

mod secrets;
mod suggest;
mod value;
mod waived;

pub(super) use value::name_of;

use crate::config::diagnostics::{Diagnostics, MAX_ERRORS};
use crate::config::table::{DefaultValue, Field, FieldType, Support};
use crate::diagnostic::DiagnosticKind;
use crate::text::pointer_to;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads one configuration.
pub(super) struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    diagnostics: Diagnostics,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Reader<'a> {
        Reader { environment, diagnostics: Diagnostics::default() }
    }

    /// What was found.
    pub(super) fn finish(self) -> Diagnostics {
        self.diagnostics
    }

    /// The effective form of the object that stands `at` and has these `fields`.
    pub(super) fn object(
        &mut self,
        fields: &[Field],
        mut written: Map<String, Value>,
        at: &str,
    ) -> Map<String, Value> {
        let mut parts: BTreeMap<_, Map<String, Value>> = BTreeMap::new();
        for field in fields.iter().filter(|field| field.waived_by.is_none()) {
            let pointer = pointer_to(at, field.name);
            let value = self.field(field, written.remove(field.name).unwrap_or_default(), &pointer);
            if field.support == Support::Honoured {
                // The written form keeps each value with its pointer.
                let written = Value::Array(vec![Value::String(pointer), value]);
                parts.entry(field.part).or_default().insert(field.name.to_owned(), written);
            }
        }
        self.waived(fields, &mut written, at);
        for name in written.keys().take(MAX_ERRORS.saturating_add(1)) {
            let sentence = suggest::unknown_field(name, fields);
            self.diagnostics.error(DiagnosticKind::UnknownField, &pointer_to(at, name), sentence);
        }
        let mut effective = parts.remove(&None).unwrap_or_default();
        for (part, members) in parts {
            effective.extend(part.map(|part| (part.to_owned(), Value::Object(members))));
        }
        effective
    }

    /// The effective value of a field; null for none.
    fn field(&mut self, field: &Field, value: Value, at: &str) -> Value {
        if value.is_null() {
            if field.required {
                let sentence = format!("this field is required: {}", field.description);
                self.diagnostics.error(DiagnosticKind::Required, at, sentence);
            }
        } else if field.support == Support::Honoured {
            if let Some(value) = self.value(field.kind, value, at) {
                return value;
            }
        } else if !field.is_default(&value) {
            self.refuse(field.support, field.default, at);
        }
        match field.kind {
            FieldType::Object(fields) if field.support == Support::Honoured => {
                Value::Object(self.object(fields, Map::new(), at))
            }
            _ => field.default.to_json(),
        }
    }

    fn refuse(&mut self, support: Support, default: DefaultValue, at: &str) {
        let instead = instead(default);
        let (kind, sentence) = match support {
            Support::Honoured => return,
            Support::NotSupportedYet => {
                (DiagnosticKind::NotSupported, format!("this release does not support this yet: {instead}"))
            }
            Support::HostProvides(reason) => (DiagnosticKind::SetInGateway, format!("{reason}; {instead}")),
        };
        self.diagnostics.error(kind, at, sentence);
    }
}

/// What to do about a field that is not acted on.
fn instead(default: DefaultValue) -> String {
    match default.to_json() {
        Value::Null => "leave this out".to_owned(),
        default => format!("leave this out or write {default}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIELDS: &[Field] = &[
        Field::kong("needed", FieldType::Boolean, "It is needed.").required(),
        Field::kong("boolean", FieldType::Boolean, "B.").or(DefaultValue::Boolean(true)),
        Field::kong("later", FieldType::integer(0, 9), "La.")
            .or(DefaultValue::Integer(5))
            .not_supported_yet(),
        Field::kong("host", FieldType::Boolean, "H.").host_provides("set it in the gateway"),
        Field::kong("size", FieldType::Number, "Si.")
            .or(DefaultValue::Integer(2))
            .formerly(&[DefaultValue::Integer(1), DefaultValue::Integer(0)])
            .host_provides("set it in the gateway"),
    ];

    fn read(written: &Value) -> Result<Value, Vec<String>> {
        let mut reader = Reader::new(&|_| None);
        let effective = reader.object(FIELDS, written.as_object().unwrap().clone(), "");
        let mistakes = reader.finish().into_warnings();
        let values = effective.into_iter().map(|(name, located)| (name, located[1].clone()));
        let values = Value::Object(values.filter(|(_, value)| !value.is_null()).collect());
        mistakes.map(|_| values).map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_or_null_is_the_default() {
        let expected = json!({"needed": false, "boolean": true});
        assert_eq!(read(&json!({"needed": false})), Ok(expected.clone()));
        let nulls = json!({"needed": false, "boolean": null, "later": null, "host": null, "size": null});
        assert_eq!(read(&nulls), Ok(expected));
        let missing = vec!["/needed: this field is required: It is needed.".to_owned()];
        assert_eq!(read(&json!({})), Err(missing.clone()));
        assert_eq!(read(&json!({"needed": null})), Err(missing));
    }

    #[test]
    fn only_the_default_is_accepted_where_the_filter_does_not_act() {
        for (name, value) in [
            ("later", json!(5)),
            ("later", json!(5.0)),
            ("size", json!(0)),
            ("size", json!(1)),
            ("size", json!(2)),
        ] {
            let expected = json!({"needed": true, "boolean": true});
            assert_eq!(read(&json!({"needed": true, name: value})), Ok(expected), "{name}");
        }
        for (name, value, expected) in [
            ("later", json!(4), "/later: this release does not support this yet: leave this out or write 5"),
            ("host", json!("a"), "/host: set it in the gateway; leave this out"),
            ("size", json!(3), "/size: set it in the gateway; leave this out or write 2"),
        ] {
            assert_eq!(read(&json!({"needed": true, name: value})), Err(vec![expected.to_owned()]));
        }
    }

    #[test]
    fn a_mistake_does_not_hide_the_next() {
        let mistakes = read(&json!({"boolean": 5, "later": 1, "colour": "red"})).unwrap_err();
        let pointers: Vec<_> = mistakes.iter().map(|mistake| mistake.split(':').next().unwrap()).collect();
        assert_eq!(pointers, ["/needed", "/boolean", "/later", "/colour"]);
    }
}
