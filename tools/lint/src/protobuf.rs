//! JSON and YAML as protobuf reads them (ProtoJSON): each field has two names, each value of an enum a
//! name and a number.
//!
//! Envoy is more lenient than the mapping says, and so is what is here: names of enums in any case,
//! numbers and switches as text, and YAML 1.1's words for true and false. What is not known to be
//! harmless is not taken for harmless.

use serde_json::Value;

/// A field as it is written.
pub(crate) struct Written<'a> {
    /// The name that it is written by.
    pub(crate) name: String,
    /// Its value, which is not null.
    pub(crate) value: &'a Value,
}

/// An enum.
pub(crate) struct Enum(pub(crate) &'static [(&'static str, i64)]);

impl Enum {
    /// The name of `value`, by whichever spelling it is written; `None` where it is no value of this
    /// enum.
    pub(crate) fn name_of(&self, value: &Value) -> Option<&'static str> {
        let text = value.as_str();
        let number = text.map_or_else(|| value.as_i64(), number);
        let found = self.0.iter().find(|(name, of_it)| {
            text.is_some_and(|text| text.eq_ignore_ascii_case(name)) || number == Some(*of_it)
        });
        found.map(|(name, _)| *name)
    }

    /// Whether the field `name` of `message` is written as `wanted`.
    pub(crate) fn is(&self, message: &Value, name: &str, wanted: &str) -> bool {
        written(message, name).iter().any(|field| self.name_of(field.value) == Some(wanted))
    }
}

/// The field `name`, which is in snake case, of a `message` by each name under which it is written.
pub(crate) fn written<'a>(message: &'a Value, name: &str) -> Vec<Written<'a>> {
    let mut names = vec![name.to_owned()];
    names.extend(Some(lower_camel_case(name)).filter(|camel| camel != name));
    let field = |name: String| {
        let value = message.get(&name).filter(|value| !value.is_null())?;
        Some(Written { name, value })
    };
    names.into_iter().filter_map(field).collect()
}

/// The value of the field `name` of a `message`.
pub(crate) fn field<'a>(message: &'a Value, name: &str) -> Option<&'a Value> {
    written(message, name).first().map(|field| field.value)
}

/// The value at the end of a `path` of fields.
pub(crate) fn at<'a>(message: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(message, |message, name| field(message, name))
}

/// The text at the end of a `path` of fields.
pub(crate) fn text<'a>(message: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(message, path)?.as_str()
}

/// The items of the repeated field `name`, which are none where it is not written.
pub(crate) fn items<'a>(message: &'a Value, name: &str) -> &'a [Value] {
    field(message, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a switch may be on.
pub(crate) fn is_on(value: &Value) -> bool {
    const OFF: [&str; 6] = ["false", "f", "no", "n", "off", "0"];
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !OFF.iter().any(|off| text.eq_ignore_ascii_case(off)),
        _ => true,
    }
}

/// The message in a `google.protobuf.Any` of a type whose name ends in `wanted`, also where it is
/// written as a `TypedStruct`.
pub(crate) fn unpack<'a>(any: &'a Value, wanted: &str) -> Option<&'a Value> {
    let is = |name: &str, wanted: &str| text(any, &[name]).is_some_and(|found| found.ends_with(wanted));
    if is("@type", wanted) {
        Some(any)
    } else if is("@type", ".TypedStruct") && is("type_url", wanted) {
        any.get("value")
    } else {
        None
    }
}

fn lower_camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.extend(letters);
        camel
    })
}

/// A number as text, in each way that Envoy reads.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_has_two_names() {
        for (message, expected) in [
            (json!({"a_b_c": 1}), vec!["a_b_c"]),
            (json!({"aBC": 1}), vec!["aBC"]),
            (json!({"aBC": 1, "a_b_c": 2}), vec!["a_b_c", "aBC"]),
            (json!({"aBC": null, "a-b-c": 1, "ABC": 1}), vec![]),
            (json!([]), vec![]),
        ] {
            let names: Vec<_> = written(&message, "a_b_c").into_iter().map(|field| field.name).collect();
            assert_eq!(names, expected, "{message}");
        }
        assert_eq!(written(&json!({"a": 1}), "a").len(), 1);
        assert_eq!(text(&json!({"vmConfig": {"vm_id": "x"}}), &["vm_config", "vm_id"]), Some("x"));
    }

    #[test]
    fn a_value_of_an_enum_has_a_name_and_a_number() {
        const COLOUR: Enum = Enum(&[("RED", 0), ("DARK_BLUE", 3)]);
        for value in [json!("DARK_BLUE"), json!("dark_blue"), json!(3), json!("3"), json!("0x3"), json!("+3")]
        {
            assert_eq!(COLOUR.name_of(&value), Some("DARK_BLUE"), "{value}");
        }
        for value in
            [json!("DarkBlue"), json!(4), json!(" 3"), json!(3.5), json!(true), json!([3]), json!("")]
        {
            assert_eq!(COLOUR.name_of(&value), None, "{value}");
        }
        assert!(COLOUR.is(&json!({"aColour": 0}), "a_colour", "RED"));
        assert!(!COLOUR.is(&json!({}), "a_colour", "RED"), "what is not written is not asked for");
    }

    #[test]
    fn a_switch_is_off_only_where_that_is_known() {
        for value in [json!(true), json!("true"), json!("yes"), json!("on"), json!("t"), json!(1), json!({})]
        {
            assert!(is_on(&value), "{value}");
        }
        for value in [json!(false), json!(null), json!("false"), json!("no"), json!("Off"), json!("n")] {
            assert!(!is_on(&value), "{value}");
        }
    }

    #[test]
    fn a_message_is_found_in_its_wrappers() {
        let plain = json!({"@type": "type.googleapis.com/x.v3.Wasm", "a": 1});
        assert_eq!(unpack(&plain, ".v3.Wasm"), Some(&plain));
        for name in ["type_url", "typeUrl"] {
            let mut wrapped =
                json!({"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "value": {"a": 1}});
            wrapped[name] = json!("type.googleapis.com/x.v3.Wasm");
            assert_eq!(unpack(&wrapped, ".v3.Wasm"), Some(&json!({"a": 1})));
            assert_eq!(unpack(&wrapped, ".v3.Lua"), None);
        }
    }
}
