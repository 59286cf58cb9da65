//! Holds what the operator wrote against the table of fields.
//!
//! What comes out is the effective configuration: only fields that the filter acts on, defaults
//! filled in, references resolved. A mistake is noted and its field treated as not written, so that
//! reading goes on and finds the others.

use super::error::{Mistakes, beneath};
use super::form::Form;
use super::secrets::{self, Resolved};
use super::suggest;
use super::table::{Choice, DefaultValue, Field, Kind, Support};
use crate::report::Quoted;
use serde_json::{Map, Value};

/// Reads one configuration.
pub(super) struct Reader<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Mistakes,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Reader<'a> {
        Reader { environment, mistakes: Mistakes::default(), warnings: Vec::new() }
    }

    /// The mistakes and warnings so far.
    pub(super) fn finish(self) -> (Mistakes, Vec<String>) {
        (self.mistakes, self.warnings)
    }

    /// The effective form of the object that stands `at` and has these `fields`.
    pub(super) fn object(
        &mut self,
        fields: &[Field],
        mut written: Map<String, Value>,
        at: &str,
    ) -> Map<String, Value> {
        let mut effective = Map::new();
        for field in fields {
            let pointer = beneath(at, field.name);
            let value = self.field(field, written.remove(field.name).unwrap_or_default(), &pointer);
            if field.support == Support::Honoured && !value.is_null() {
                effective.insert(field.name.to_owned(), value);
            }
        }
        for name in written.keys() {
            self.mistakes.add(&beneath(at, name), suggest::unknown_field(name, fields));
        }
        effective
    }

    /// The effective value of a field; null for none.
    fn field(&mut self, field: &Field, value: Value, at: &str) -> Value {
        if value.is_null() {
            if field.required {
                let sentence = format!("this field is required: {}", field.description);
                self.mistakes.add(at, sentence);
            }
        } else if field.support == Support::Honoured {
            if let Some(value) = self.value(field.kind, value, at) {
                return value;
            }
        } else if !is_default(field, &value) {
            self.refuse(field.support, field.default, at);
        }
        match field.kind {
            Kind::Object(fields) if field.support == Support::Honoured => {
                Value::Object(self.object(fields, Map::new(), at))
            }
            _ => field.default.to_json(),
        }
    }

    fn refuse(&mut self, support: Support, default: DefaultValue, at: &str) {
        let instead = match default.to_json() {
            Value::Null => "leave this out".to_owned(),
            default => format!("leave this out or write {default}"),
        };
        let sentence = match support {
            Support::Honoured => return,
            Support::NotSupportedYet => format!("this release does not support this yet: {instead}"),
            Support::HostProvides(reason) => format!("{reason}; {instead}"),
        };
        self.mistakes.add(at, sentence);
    }

    /// The effective form of `value`; `None` when it is a mistake, which is noted.
    fn value(&mut self, kind: Kind, value: Value, at: &str) -> Option<Value> {
        match kind {
            Kind::Boolean => match value {
                Value::Bool(_) => Some(value),
                other => self.wrong_kind(at, "true or false, without quotes", &other),
            },
            Kind::Integer { minimum, maximum, instead_of_zero } => {
                self.integer(&value, minimum..=maximum, instead_of_zero, at)
            }
            Kind::Number => match value {
                Value::Number(_) => Some(value),
                other => self.wrong_kind(at, "a number, without quotes", &other),
            },
            Kind::OneOf(choices) => self.choice(choices, &value, at),
            Kind::Text(form) => self.text(form, value, at),
            Kind::List { of, at_least } => self.list(of, at_least, value, at),
            Kind::TextOrList(form) => match value {
                Value::String(_) => Some(Value::Array(vec![self.text(form, value, at)?])),
                other => self.list(form, 0, other, at),
            },
            Kind::TextMap { names, values } => {
                self.map(names, value, at, |reader, value, at| reader.text(values, value, at))
            }
            Kind::ListMap { names, values } => {
                self.map(names, value, at, |reader, value, at| reader.list(values, 1, value, at))
            }
            Kind::Object(fields) => match members_of(value) {
                Ok(members) => Some(Value::Object(self.object(fields, members, at))),
                Err(other) => self.wrong_kind(at, "an object, {...}", &other),
            },
            Kind::Objects(fields) => self.objects(fields, value, at),
            Kind::Jwk => self.key(value, "kty", |member| member.is_string(), at),
            Kind::JwkSet => self.key(value, "keys", is_list_of_objects, at),
        }
    }

    fn wrong_kind(&mut self, at: &str, wanted: &str, found: &Value) -> Option<Value> {
        self.mistakes.add(at, format!("write {wanted}; this is {}", name_of(found)));
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
                self.mistakes.add(at, format!("{instead}, or write {wanted}"));
            }
            (Value::Number(number), _) => self.mistakes.add(at, format!("write {wanted}; this is {number}")),
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
                self.mistakes.add(at, format!("{word}: {reason}; write one of {}", words()));
                None
            }
            Some(Choice { word, .. }) => {
                let sentence = format!("this release does not support {word} yet: write one of {}", words());
                self.mistakes.add(at, sentence);
                None
            }
            None => {
                let near = suggest::nearest(text, honoured().map(|choice| choice.word));
                let near = near.map(|word| format!(": did you mean {word}?")).unwrap_or_default();
                let sentence = format!("write one of {}; this is {}{near}", words(), Quoted(text));
                self.mistakes.add(at, sentence);
                None
            }
        }
    }

    fn text(&mut self, form: Form, value: Value, at: &str) -> Option<Value> {
        let Value::String(written) = value else {
            return self.wrong_kind(at, "text, in quotes", &value);
        };
        let (mut text, trims) = match secrets::resolve(written, self.environment) {
            Ok(Resolved::AsWritten(text)) => (text, form == Form::Secret),
            Ok(Resolved::FromEnvironment(text)) => (text, true),
            Err(sentence) => {
                self.mistakes.add(at, sentence);
                return None;
            }
        };
        if let Some(trimmed) = secrets::without_line_end(&text).filter(|_| trims) {
            self.warnings.push(format!("{at}: the line end at the end of this value was taken off"));
            text = trimmed.to_owned();
        }
        match form.check(&text) {
            Ok(()) => Some(Value::String(text)),
            Err(sentence) => {
                self.mistakes.add(at, sentence);
                None
            }
        }
    }

    /// An item that is a mistake leaves an empty text, so that the others keep their places.
    fn list(&mut self, of: Form, at_least: usize, value: Value, at: &str) -> Option<Value> {
        let items = match items_of(value) {
            Ok(items) => items,
            Err(other) => return self.wrong_kind(at, "a list of texts, [\"...\"]", &other),
        };
        if items.len() < at_least {
            self.mistakes.add(at, "the list is empty: write at least one text, or leave the field out");
            return None;
        }
        let texts = items.into_iter().enumerate().map(|(index, item)| {
            self.text(of, item, &format!("{at}/{index}")).unwrap_or_else(|| Value::from(""))
        });
        Some(texts.collect())
    }

    fn map(
        &mut self,
        names: Form,
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
            let pointer = beneath(at, &name);
            if let Err(sentence) = names.check(&name) {
                self.mistakes.add(&pointer, format!("the name is not right: {sentence}"));
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
            let object = self.value(Kind::Object(fields), item, &pointer);
            effective.push(object.filter(|_| !self.mistakes.concern(&pointer)).unwrap_or_default());
        }
        Some(Value::Array(effective))
    }

    /// A JSON object, or text that holds one, whose `member` is as it should be.
    fn key(&mut self, value: Value, member: &str, is_right: fn(&Value) -> bool, at: &str) -> Option<Value> {
        let value = match value {
            Value::String(_) => {
                let text = self.text(Form::Document, value, at)?;
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
        self.mistakes.add(at, sentence);
        None
    }
}

/// What kind of JSON value this is, without a word of it.
pub(super) fn name_of(value: &Value) -> &'static str {
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

/// The whole number, also where it is written as `3600.0`, as some encoders do.
fn whole_number(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
    format!("{number:.0}").parse().ok()
}

fn is_default(field: &Field, value: &Value) -> bool {
    let defaults = [Some(field.default), field.former_default];
    defaults.into_iter().flatten().any(|default| {
        let default = default.to_json();
        *value == default || (default.is_u64() && whole_number(value) == default.as_u64())
    })
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_object))
}
