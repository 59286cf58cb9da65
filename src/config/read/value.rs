//! What may be written for a field, kind by kind.

use super::Reader;
use super::secrets::{self, Resolved};
use super::suggest;
use crate::config::defaults::whole_number;
use crate::config::form::TextFormat;
use crate::config::table::{Choice, Field, FieldType, Support};
use crate::diagnostic::DiagnosticKind;
use crate::report::text::Quoted;
use crate::text::pointer_to;
use serde_json::{Map, Value};

impl Reader<'_> {
    /// The effective form of `value`; `None` when it is a mistake, which is noted.
    pub(super) fn value(&mut self, kind: FieldType, value: Value, at: &str) -> Option<Value> {
        match kind {
            FieldType::Boolean => match value {
                Value::Bool(_) => Some(value),
                other => self.wrong_kind(at, "true or false, without quotes", &other),
            },
            FieldType::Integer { minimum, maximum, instead_of_zero } => {
                self.integer(&value, minimum..=maximum, instead_of_zero, at)
            }
            FieldType::Number => match value {
                Value::Number(_) => Some(value),
                other => self.wrong_kind(at, "a number, without quotes", &other),
            },
            FieldType::OneOf(choices) => self.choice(choices, &value, at),
            FieldType::Text(form) => self.text(form, value, at),
            FieldType::List { of, at_least } => self.list(of, at_least, value, at),
            FieldType::TextOrList(form) => match value {
                Value::String(_) => Some(Value::Array(vec![self.text(form, value, at)?])),
                other => self.list(form, 0, other, at),
            },
            FieldType::TextMap { names, values } => {
                self.map(names, value, at, |reader, value, at| reader.text(values, value, at))
            }
            FieldType::ListMap { names, values } => {
                self.map(names, value, at, |reader, value, at| reader.list(values, 1, value, at))
            }
            FieldType::Object(fields) => match members_of(value) {
                Ok(members) => Some(Value::Object(self.object(fields, members, at))),
                Err(other) => self.wrong_kind(at, "an object, {...}", &other),
            },
            FieldType::Objects(fields) => self.objects(fields, value, at),
            FieldType::Jwk => self.key(value, "kty", |member| member.is_string(), at),
            FieldType::JwkSet => self.key(value, "keys", is_list_of_objects, at),
        }
    }

    fn wrong_kind(&mut self, at: &str, wanted: &str, found: &Value) -> Option<Value> {
        let sentence = format!("write {wanted}; this is {}", name_of(found));
        self.diagnostics.error(DiagnosticKind::WrongType, at, sentence);
        None
    }

    fn integer(
        &mut self,
        value: &Value,
        bounds: std::ops::RangeInclusive<u64>,
        instead_of_zero: Option<&'static str>,
        at: &str,
    ) -> Option<Value> {
        let number = whole_number(value);
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Some(Value::from(number));
        }
        let wanted = format!("a whole number from {} to {}, without quotes", bounds.start(), bounds.end());
        match (value, instead_of_zero) {
            (Value::Number(_), Some(instead)) if number == Some(0) => {
                let sentence = format!("{instead}, or write {wanted}");
                self.diagnostics.error(DiagnosticKind::WrongValue, at, sentence);
            }
            (Value::Number(number), _) => {
                let sentence = format!("write {wanted}; this is {number}");
                self.diagnostics.error(DiagnosticKind::WrongValue, at, sentence);
            }
            _ => return self.wrong_kind(at, &wanted, value),
        }
        None
    }

    fn choice(&mut self, choices: &'static [Choice], value: &Value, at: &str) -> Option<Value> {
        let honoured = || choices.iter().filter(|choice| choice.support == Support::Honoured);
        let words = || honoured().map(|choice| choice.word).collect::<Vec<_>>().join(", ");
        let Value::String(text) = value else {
            return self.wrong_kind(at, &format!("one of {}", words()), value);
        };
        match choices.iter().find(|choice| choice.word == text) {
            Some(Choice { support: Support::Honoured, .. }) => Some(Value::from(text.as_str())),
            Some(Choice { word, support: Support::HostProvides(reason) }) => {
                let sentence = format!("{word}: {reason}; write one of {}", words());
                self.diagnostics.error(DiagnosticKind::SetInGateway, at, sentence);
                None
            }
            Some(Choice { word, .. }) => {
                let sentence = format!("this release does not support {word} yet: write one of {}", words());
                self.diagnostics.error(DiagnosticKind::NotSupported, at, sentence);
                None
            }
            None => {
                let near = suggest::nearest(text, honoured().map(|choice| choice.word));
                let near = near.map(|word| format!(": did you mean {word}?")).unwrap_or_default();
                let sentence = format!("write one of {}; this is {}{near}", words(), Quoted(text));
                self.diagnostics.error(DiagnosticKind::WrongValue, at, sentence);
                None
            }
        }
    }

    fn text(&mut self, form: TextFormat, value: Value, at: &str) -> Option<Value> {
        let Value::String(written) = value else {
            return self.wrong_kind(at, "text, in quotes", &value);
        };
        let (mut text, trims) = match secrets::resolve(written, self.environment) {
            Ok(Resolved::AsWritten(text)) => (text, form == TextFormat::Secret),
            Ok(Resolved::FromEnvironment(text)) => (text, true),
            Err(sentence) => {
                self.diagnostics.error(DiagnosticKind::UnresolvedReference, at, sentence);
                return None;
            }
        };
        if let Some(trimmed) = secrets::without_line_end(&text).filter(|_| trims) {
            let sentence = "the line end at the end of this value was taken off";
            self.diagnostics.warning(DiagnosticKind::Ambiguous, at, sentence);
            text = trimmed.to_owned();
        }
        match form.check(&text) {
            Ok(()) => Some(Value::String(text)),
            Err(sentence) => {
                self.diagnostics.error(DiagnosticKind::MalformedText, at, sentence);
                None
            }
        }
    }

    /// An item that is a mistake leaves an empty text, so that the others keep their places.
    fn list(&mut self, of: TextFormat, at_least: usize, value: Value, at: &str) -> Option<Value> {
        let items = match items_of(value) {
            Ok(items) => items,
            Err(other) => return self.wrong_kind(at, "a list of texts, [\"...\"]", &other),
        };
        if items.len() < at_least {
            let sentence = "the list is empty: write at least one text, or leave the field out";
            self.diagnostics.error(DiagnosticKind::WrongValue, at, sentence);
            return None;
        }
        let texts = items.into_iter().enumerate().map(|(index, item)| {
            self.text(of, item, &format!("{at}/{index}")).unwrap_or_else(|| Value::from(""))
        });
        Some(texts.collect())
    }

    fn map(
        &mut self,
        names: TextFormat,
        value: Value,
        at: &str,
        mut read: impl FnMut(&mut Self, Value, &str) -> Option<Value>,
    ) -> Option<Value> {
        let members = match members_of(value) {
            Ok(members) => members,
            Err(other) => return self.wrong_kind(at, "an object, {\"name\": ...}", &other),
        };
        let mut effective = Map::new();
        for (name, value) in members {
            let pointer = pointer_to(at, &name);
            if let Err(sentence) = names.check(&name) {
                let sentence = format!("the name is not right: {sentence}");
                self.diagnostics.error(DiagnosticKind::MalformedText, &pointer, sentence);
            } else if let Some(value) = read(self, value, &pointer) {
                effective.insert(name, value);
            }
        }
        Some(Value::Object(effective))
    }

    /// An item that is a mistake leaves null, so that the others keep their places.
    fn objects(&mut self, fields: &'static [Field], value: Value, at: &str) -> Option<Value> {
        let items = match items_of(value) {
            Ok(items) => items,
            Err(other) => return self.wrong_kind(at, "a list of objects, [{...}]", &other),
        };
        let mut effective = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let pointer = format!("{at}/{index}");
            let object = self.value(FieldType::Object(fields), item, &pointer);
            effective.push(object.filter(|_| !self.diagnostics.concern(&pointer)).unwrap_or_default());
        }
        Some(Value::Array(effective))
    }

    /// A JSON object, or text that holds one, whose `member` is as it should be.
    fn key(&mut self, value: Value, member: &str, is_right: fn(&Value) -> bool, at: &str) -> Option<Value> {
        let value = match value {
            Value::String(_) => {
                let text = self.text(TextFormat::Document, value, at)?;
                // What serde_json says of a syntax error repeats nothing of the text.
                crate::json::parse(text.as_str().unwrap_or_default().as_bytes())
                    .map_err(|error| error.to_string())
            }
            other => Ok(other),
        };
        let sentence = match value {
            Ok(value) if value.get(member).is_some_and(is_right) => return Some(value),
            Ok(value) if value.is_object() => format!("write an object with a proper member \"{member}\""),
            Ok(_) => format!("write an object with the member \"{member}\", or text that holds one"),
            Err(error) => {
                format!("write a JSON object, or text that holds one; this text is not JSON: {error}")
            }
        };
        self.diagnostics.error(DiagnosticKind::WrongType, at, sentence);
        None
    }
}

/// What kind of JSON value this is, without a word of it.
pub(in crate::config) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The members of an object. A gateway that passes the configuration through Lua cannot tell an
/// empty object from an empty list, so that stands for it.
fn members_of(value: Value) -> Result<Map<String, Value>, Value> {
    match value {
        Value::Object(members) => Ok(members),
        Value::Array(items) if items.is_empty() => Ok(Map::new()),
        other => Err(other),
    }
}

/// The items of a list, and again an empty object stands for an empty list.
fn items_of(value: Value) -> Result<Vec<Value>, Value> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Object(members) if members.is_empty() => Ok(Vec::new()),
        other => Err(other),
    }
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::{DefaultValue, Support};
    use crate::config::testing::{environment, unlocated};
    use crate::diagnostic::Diagnostic;
    use serde_json::json;

    const WORDS: &[Choice] = &[
        Choice::honoured("yes"),
        Choice::not_supported_yet("later"),
        Choice { word: "never", support: Support::HostProvides("the gateway does it") },
    ];
    const INNER: &[Field] = &[
        Field::kong("name", FieldType::Text(TextFormat::Text), "A name.").required(),
        Field::kong("count", FieldType::integer(1, 9), "A number.").or(DefaultValue::Integer(3)),
    ];
    const FIELDS: &[Field] = &[
        Field::kong("boolean", FieldType::Boolean, "B.").or(DefaultValue::Boolean(true)),
        Field::kong(
            "integer",
            FieldType::Integer { minimum: 1, maximum: 9, instead_of_zero: Some("use the switch") },
            "I.",
        ),
        Field::kong("number", FieldType::Number, "N."),
        Field::kong("word", FieldType::OneOf(WORDS), "W."),
        Field::kong("text", FieldType::Text(TextFormat::Text), "T."),
        Field::kong("secret", FieldType::Text(TextFormat::Secret), "S."),
        Field::kong("list", FieldType::List { of: TextFormat::Scope, at_least: 1 }, "L."),
        Field::kong("text_or_list", FieldType::TextOrList(TextFormat::Text), "TL."),
        Field::kong(
            "map",
            FieldType::TextMap { names: TextFormat::HeaderName, values: TextFormat::Text },
            "M.",
        ),
        Field::kong(
            "lists",
            FieldType::ListMap { names: TextFormat::Scope, values: TextFormat::Scope },
            "LM.",
        ),
        Field::kong("objects", FieldType::Objects(INNER), "O."),
        Field::kong("jwk", FieldType::Jwk, "J."),
        Field::kong("jwks", FieldType::JwkSet, "JS."),
    ];

    fn read(written: Value) -> (Value, Result<Vec<String>, Vec<String>>) {
        let Value::Object(written) = written else { panic!("an object") };
        let mut reader = Reader::new(&environment);
        let effective = Value::Object(reader.object(FIELDS, written, ""));
        let mistakes = reader.finish().into_warnings();
        let lines = |all: Vec<Diagnostic>| all.iter().map(ToString::to_string).collect();
        (unlocated(effective), mistakes.map(lines).map_err(lines))
    }

    /// Writes each value for `name` and expects it to be read as the second.
    fn accepted(name: &str, values: &[(Value, Value)]) {
        for (value, expected) in values {
            let (effective, mistakes) = read(json!({name: value}));
            assert_eq!(mistakes, Ok(vec![]), "{name}: {value}");
            assert_eq!(effective.get(name).unwrap_or(&Value::Null), expected, "{name}: {value}");
        }
    }

    /// Writes each value for `name` and expects one mistake that holds the text.
    fn refused(name: &str, values: &[(Value, &str)]) {
        for (value, expected) in values {
            let mistakes = read(json!({name: value})).1.unwrap_err();
            assert_eq!(mistakes.len(), 1, "{name}: {value}: {mistakes:?}");
            assert!(mistakes[0].starts_with(&format!("/{name}")), "{mistakes:?}");
            assert!(mistakes[0].contains(expected), "{value}: {mistakes:?} lacks {expected:?}");
        }
    }

    #[test]
    fn switches_and_numbers() {
        accepted("boolean", &[(json!(false), json!(false))]);
        refused("boolean", &[(json!("true"), "without quotes"), (json!(1), "this is a number")]);
        accepted("integer", &[(json!(1), json!(1)), (json!(9), json!(9)), (json!(3.0), json!(3))]);
        refused(
            "integer",
            &[
                (json!(0), "use the switch, or write a whole number from 1 to 9"),
                (json!(10), "this is 10"),
                (json!(-1), "this is -1"),
                (json!(2.5), "this is 2.5"),
                (json!(1e300), "from 1 to 9"),
                (json!("3"), "this is text"),
            ],
        );
        accepted("number", &[(json!(1.5), json!(1.5))]);
        refused("number", &[(json!("1.5"), "a number")]);
    }

    #[test]
    fn words() {
        accepted("word", &[(json!("yes"), json!("yes"))]);
        refused(
            "word",
            &[
                (json!("later"), "does not support later yet: write one of yes"),
                (json!("never"), "the gateway does it; write one of yes"),
                (json!("yess"), "this is \"yess\": did you mean yes?"),
                (json!("\r\n"), "\"\\r\\n\""),
                (json!(["yes"]), "this is a list"),
            ],
        );
    }

    #[test]
    fn texts_and_secrets() {
        accepted(
            "text",
            &[
                (json!("a"), json!("a")),
                (json!("x{vault://env/gateway-secret}"), json!("x{vault://env/gateway-secret}")),
            ],
        );
        refused(
            "text",
            &[(json!(""), "empty"), (json!(5), "in quotes"), (json!("{vault://env/x}"), "X is not set")],
        );
        refused("secret", &[(json!(""), "empty"), (json!("{vault://env/gateway-empty}"), "empty")]);
        for (name, value) in [
            ("secret", "s3\r\n"),
            ("secret", "{vault://env/gateway-secret}"),
            ("text", "{vault://env/GATEWAY_SECRET}"),
        ] {
            let (effective, warnings) = read(json!({name: value}));
            assert_eq!(effective[name], json!("s3"));
            let warnings = warnings.unwrap();
            assert!(warnings.len() == 1 && warnings[0].contains("line end"), "{warnings:?}");
        }
    }

    #[test]
    fn lists_and_maps() {
        accepted("list", &[(json!(["a", "b"]), json!(["a", "b"]))]);
        refused(
            "list",
            &[
                (json!([]), "the list is empty"),
                (json!({}), "the list is empty"),
                (json!("a"), "write a list of texts"),
                (json!(["a", 5]), "/list/1: write text"),
                (json!(["a", null]), "/list/1: write text"),
                (json!([["a"]]), "/list/0: write text"),
            ],
        );
        accepted(
            "text_or_list",
            &[(json!("a"), json!(["a"])), (json!(["a", "b"]), json!(["a", "b"])), (json!([]), json!([]))],
        );
        refused("text_or_list", &[(json!(5), "list of texts"), (json!(""), "empty")]);
        accepted("map", &[(json!({"A": "b"}), json!({"A": "b"})), (json!([]), json!({}))]);
        refused(
            "map",
            &[
                (json!({"a b": "c"}), "/map/a b: the name is not right"),
                (json!({"a": 5}), "/map/a: write text"),
                (json!([5]), "this is a list"),
            ],
        );
        accepted("lists", &[(json!({"a": ["b"]}), json!({"a": ["b"]}))]);
        refused("lists", &[(json!({"a": "b"}), "/lists/a: write a list"), (json!({"a": []}), "/lists/a: ")]);
    }

    #[test]
    fn objects_within() {
        accepted(
            "objects",
            &[(
                json!([{"name": "a"}, {"name": "b", "count": 1}]),
                json!([{"name": "a", "count": 3}, {"name": "b", "count": 1}]),
            )],
        );
        let (_, mistakes) = read(json!({"objects": [{"name": 5, "count": 0}, 7, {"nam": "a"}], "objcts": 1}));
        let mistakes = mistakes.unwrap_err();
        for (mistake, expected) in mistakes.iter().zip([
            "/objects/0/name: write text",
            "/objects/0/count: write a whole number",
            "/objects/1: write an object",
            "/objects/2/name: this field is required: A name.",
            "/objects/2/nam: there is no field of this name here: did you mean name?",
            "/objcts: there is no field of this name here: did you mean objects?",
        ]) {
            assert!(mistake.starts_with(expected), "{mistake} is not {expected}");
        }
        assert_eq!(mistakes.len(), 6, "{mistakes:?}");
    }

    #[test]
    fn cfg_03_keys_are_objects_or_text_that_holds_one() {
        let key = json!({"kty": "EC", "crv": "P-256"});
        accepted(
            "jwk",
            &[
                (key.clone(), key.clone()),
                (json!(key.to_string()), key.clone()),
                (json!("{\n\"kty\": \"EC\", \"crv\": \"P-256\"\n}"), key.clone()),
            ],
        );
        refused(
            "jwk",
            &[
                (json!("not json"), "this text is not JSON"),
                (json!("[]"), "write an object with the member \"kty\""),
                (json!({"crv": "P-256"}), "proper member \"kty\""),
                (json!({"kty": 5}), "proper member \"kty\""),
                (json!("{\"kty\":\"EC\",\"kty\":\"RSA\"}"), "duplicate member"),
            ],
        );
        accepted("jwks", &[(json!({"keys": [key.clone()]}), json!({"keys": [key.clone()]}))]);
        refused("jwks", &[(key, "\"keys\""), (json!({"keys": [5]}), "\"keys\""), (json!([]), "\"keys\"")]);
    }
}
