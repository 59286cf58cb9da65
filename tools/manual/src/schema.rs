//! The configuration as JSON Schema, for Kong to check before it hands one to the filter.
//!
//! Kong knows draft 4 only, and reads the schema from `NAME.meta.json` beside the filter. The schema
//! says what shape each field has; what fields mean together is for the filter to say. It accepts
//! whatever the filter accepts, null included, which stands for a field that is not written.
//!
//! Two habits of Kong's validator are respected. It repeats a text that does not match its pattern,
//! so credentials have no pattern, and a URL with a password in it is left to the filter; and it takes null in a list of choices at the end of the list only.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use token_exchange::config::fields::FIELDS;
use token_exchange::config::form::TextFormat;
use token_exchange::config::table::{Choice, DefaultValue, Field, FieldType, Support};

/// The schema that the values are described in.
const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// Kong's `NAME.meta.json`, as a document.
pub fn meta() -> Value {
    json!({ "config_schema": schema() })
}

/// The schema of the whole configuration.
pub fn schema() -> Value {
    let mut schema = object(FIELDS);
    schema.insert("$schema".to_owned(), DRAFT_4.into());
    schema.insert("title".to_owned(), "token_exchange".into());
    schema.insert("type".to_owned(), "object".into());
    Value::Object(schema)
}

/// What holds of an object with these `fields`, but its type.
fn object(fields: &[Field]) -> Map<String, Value> {
    let properties: Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), Value::Object(property(field)))).collect();
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = members(json!({ "properties": properties, "additionalProperties": false }));
    if !required.is_empty() {
        object.insert("required".to_owned(), required.into());
    }
    let waivers = waivers(fields);
    if !waivers.is_empty() {
        object.insert("allOf".to_owned(), waivers.into());
    }
    object
}

/// For each switch by which fields are accepted that are not acted on: it is on, or they say no more than their
/// defaults.
fn waivers(fields: &[Field]) -> Vec<Value> {
    let switches: BTreeSet<_> = fields.iter().filter_map(|field| field.waived_by).collect();
    let waiver = |switch: &str| {
        let waived = fields.iter().filter(|field| field.waived_by == Some(switch));
        let defaults: Map<_, _> = waived
            .map(|field| {
                let mut schema = only_defaults(field);
                accept_null(&mut schema);
                (field.name.to_owned(), Value::Object(schema))
            })
            .collect();
        let is_on = json!({ "properties": { switch: { "enum": [true] } }, "required": [switch] });
        json!({ "anyOf": [is_on, { "properties": defaults }] })
    };
    switches.into_iter().map(waiver).collect()
}

fn property(field: &Field) -> Map<String, Value> {
    let mut schema = match field.support {
        Support::NotSupportedYet | Support::HostProvides(_) if field.waived_by.is_none() => {
            only_defaults(field)
        }
        _ => written(field.kind),
    };
    if !field.required {
        accept_null(&mut schema);
    }
    schema.insert("description".to_owned(), description(field).into());
    let default = field.default.to_json();
    if !default.is_null() {
        schema.insert("default".to_owned(), default);
    }
    schema
}

/// What may be written for a field that the filter acts on.
fn written(kind: FieldType) -> Map<String, Value> {
    let schema = match kind {
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::Integer { minimum, maximum, .. } => {
            json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
        }
        FieldType::Number => json!({ "type": "number" }),
        FieldType::OneOf(choices) => json!({ "enum": words(choices) }),
        FieldType::Text(form) => Value::Object(text(form)),
        FieldType::List { of, at_least } => {
            json!({ "type": "array", "items": text(of), "minItems": at_least })
        }
        FieldType::TextOrList(form) => {
            let mut schema = text(form);
            schema.insert("type".to_owned(), json!(["string", "array"]));
            schema.insert("items".to_owned(), Value::Object(text(form)));
            Value::Object(schema)
        }
        FieldType::TextMap { names, values } => map(names, FieldType::Text(values)),
        FieldType::ListMap { names, values } => map(names, FieldType::List { of: values, at_least: 1 }),
        FieldType::Object(fields) => {
            let mut schema = object(fields);
            schema.insert("type".to_owned(), "object".into());
            Value::Object(schema)
        }
        FieldType::Objects(fields) => {
            json!({ "type": "array", "items": written(FieldType::Object(fields)) })
        }
        FieldType::Jwk => json!({
            "type": ["object", "string"],
            "properties": { "kty": { "type": "string" } },
            "required": ["kty"]
        }),
        FieldType::JwkSet => json!({
            "type": ["object", "string"],
            "properties": { "keys": { "type": "array", "items": { "type": "object" } } },
            "required": ["keys"]
        }),
    };
    members(schema)
}

fn words(choices: &[Choice]) -> Vec<&'static str> {
    choices.iter().filter(|choice| choice.support == Support::Honoured).map(|choice| choice.word).collect()
}

fn map(names: TextFormat, values: FieldType) -> Value {
    let value = written(values);
    match pattern(names) {
        Some(pattern) => json!({
            "type": "object",
            "patternProperties": { format!("^{pattern}$"): value },
            "additionalProperties": false
        }),
        None => json!({ "type": "object", "additionalProperties": value }),
    }
}

/// The defaults that exported configurations carry, and nothing else.
fn only_defaults(field: &Field) -> Map<String, Value> {
    match (field.kind, field.default) {
        (FieldType::Object(_), _) => written(field.kind),
        // Kong knows no sets: a text that stands twice in place of another is left to the filter.
        (_, DefaultValue::Set(texts)) => {
            members(json!({ "type": "array", "items": { "enum": texts }, "minItems": texts.len() }))
        }
        _ => {
            let defaults = std::iter::once(&field.default).chain(field.other_defaults);
            let values = defaults.map(|default| default.to_json()).filter(|value| !value.is_null());
            members(json!({ "enum": values.collect::<Vec<_>>() }))
        }
    }
}

fn accept_null(schema: &mut Map<String, Value>) {
    if let Some(types) = schema.get_mut("type") {
        match types {
            Value::Array(types) => types.push("null".into()),
            one => *one = json!([one.clone(), "null"]),
        }
    } else if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

fn text(form: TextFormat) -> Map<String, Value> {
    let mut schema = members(json!({ "type": "string" }));
    match pattern(form).filter(|_| !form.is_private()) {
        Some(pattern) => {
            schema.insert("pattern".to_owned(), format!("^({VAULT}|{pattern})$").into());
        }
        None if form != TextFormat::PrivateText => {
            schema.insert("minLength".to_owned(), 1.into());
        }
        None => {}
    }
    schema
}

/// A reference to an environment variable, which may stand for any text.
const VAULT: &str = r"\{vault://env/[0-9A-Za-z_-]+\}";

/// What a text of this form looks like, as a regular expression that Perl, ECMAScript, Python and
/// Rust read alike; `None` where anything goes.
fn pattern(form: TextFormat) -> Option<&'static str> {
    Some(match form {
        TextFormat::Text => r"[^\x00-\x1f\x7f]+",
        TextFormat::Secret | TextFormat::PrivateText | TextFormat::Document | TextFormat::HeaderValue => {
            return None;
        }
        TextFormat::HeaderName => r"[0-9A-Za-z!#$%&'*+.^_`|~-]+",
        TextFormat::Url => concat!(
            r"[Hh][Tt][Tt][Pp][Ss]?://[0-9A-Za-z._~:\[\]@!$&'()*+,;=%-]+",
            r"([/?][0-9A-Za-z._~:/?\[\]@!$&'()*+,;=%-]*)?"
        ),
        TextFormat::Uri => r"[A-Za-z][0-9A-Za-z+.-]*:[0-9A-Za-z._~:/?\[\]@!$&'()*+,;=%-]*",
        TextFormat::UriOrNothing => r"|[A-Za-z][0-9A-Za-z+.-]*:[0-9A-Za-z._~:/?\[\]@!$&'()*+,;=%-]*",
        TextFormat::Path => r"/[0-9A-Za-z._~:/\[\]@!$&'()*+,;=%-]*",
        TextFormat::Scope => r"[!#-\[\]-~]+",
        TextFormat::Scopes => r"[!#-\[\]-~]+( [!#-\[\]-~]+)*",
        TextFormat::Quotable => r"[ !#-\[\]-~]+",
        TextFormat::Authority => r"[^\s/@]+:[0-9]+",
    })
}

fn description(field: &Field) -> String {
    let mut description = field.description.to_owned();
    match field.support {
        Support::Honoured => {}
        Support::NotSupportedYet => description.push_str(" Not supported yet."),
        Support::HostProvides(instead) => {
            description.push_str(" Not for the filter: ");
            description.push_str(instead);
            description.push('.');
        }
    }
    if let DefaultValue::Derived(from) = field.default {
        description.push_str(" Default: ");
        description.push_str(from);
        description.push('.');
    }
    description
}

/// The members of a value that was written as an object.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
