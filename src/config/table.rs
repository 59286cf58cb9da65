//! What the table of fields is made of. It is data only: the reader, the JSON schema for Kong and
//! the reference in the documentation are all drawn from it.

use super::form::TextFormat;
use serde_json::{Value, json};

/// One field of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The member's name in JSON.
    pub name: &'static str,
    /// Whose field it is.
    pub origin: Origin,
    /// What may be written.
    pub kind: FieldType,
    /// What holds when nothing, or null, is written.
    pub default: DefaultValue,
    /// What other releases of Kong have as their default: accepted like the default itself.
    pub other_defaults: &'static [DefaultValue],
    /// Whether it must be written.
    pub required: bool,
    /// Whether the filter acts on it.
    pub support: Support,
    /// The switch beside it, or it itself, with which Kong refuses no token for want of what this field asks for.
    /// Where that is true, any value is accepted, and none is acted on.
    pub waived_by: Option<&'static str>,
    /// The part of the written form that keeps it together with others; `None` where it stands alone.
    pub part: Option<&'static str>,
    /// One sentence for operators.
    pub description: &'static str,
}

/// Whose field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kong's plugin `ai-mcp-oauth2` has it.
    Kong,
    /// Only this filter has it.
    Ours,
}

/// Whether the filter acts on a field, or on one choice of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Yes.
    Honoured,
    /// Not in this release: only the default is accepted.
    NotSupportedYet,
    /// Never, because it is the gateway's to do; only the default is accepted. Says what to do
    /// instead.
    HostProvides(&'static str),
}

/// What may be written for a field.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds, both included.
    Integer {
        /// The smallest.
        minimum: u64,
        /// The largest.
        maximum: u64,
        /// What to write instead of 0, where 0 might be meant to switch something off.
        instead_of_zero: Option<&'static str>,
    },
    /// Any number.
    Number,
    /// One of some words.
    OneOf(&'static [Choice]),
    /// Text.
    Text(TextFormat),
    /// A list of texts.
    List {
        /// Each text.
        of: TextFormat,
        /// How many there must be, when the list is written at all.
        at_least: usize,
    },
    /// One text, or a list of them.
    TextOrList(TextFormat),
    /// An object with names of the operator's own, each for a text.
    TextMap {
        /// Each name.
        names: TextFormat,
        /// Each text.
        values: TextFormat,
    },
    /// An object with names of the operator's own, each for a list of texts.
    ListMap {
        /// Each name.
        names: TextFormat,
        /// Each text.
        values: TextFormat,
    },
    /// An object with fields of its own.
    Object(&'static [Field]),
    /// A list of such objects.
    Objects(&'static [Field]),
    /// A JWK (RFC 7517 section 4), as an object or as text that holds one.
    Jwk,
    /// A JWK Set (RFC 7517 section 5), as an object or as text that holds one.
    JwkSet,
}

/// One word of [`FieldType::OneOf`].
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// Whether the filter acts on it.
    pub support: Support,
}

/// What holds when nothing is written.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// Nothing.
    Unset,
    /// It follows from other fields, in these words.
    Derived(&'static str),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(u64),
    /// A number.
    Number(f64),
    /// Text.
    Text(&'static str),
    /// A list of texts.
    List(&'static [&'static str]),
    /// A list of texts whose order means nothing.
    Set(&'static [&'static str]),
    /// An object without members.
    EmptyMap,
}

impl DefaultValue {
    /// The default as JSON; null for one that is unset or derived.
    pub fn to_json(self) -> Value {
        match self {
            DefaultValue::Unset | DefaultValue::Derived(_) => Value::Null,
            DefaultValue::Boolean(value) => json!(value),
            DefaultValue::Integer(value) => json!(value),
            DefaultValue::Number(value) => json!(value),
            DefaultValue::Text(value) => json!(value),
            DefaultValue::List(values) | DefaultValue::Set(values) => json!(values),
            DefaultValue::EmptyMap => json!({}),
        }
    }
}

impl Field {
    /// A field of Kong's: optional, honoured, unset by default.
    pub(super) const fn kong(name: &'static str, kind: FieldType, description: &'static str) -> Field {
        Field {
            name,
            origin: Origin::Kong,
            kind,
            default: DefaultValue::Unset,
            other_defaults: &[],
            required: false,
            support: Support::Honoured,
            waived_by: None,
            part: None,
            description,
        }
    }

    /// A field of ours: optional, honoured, unset by default.
    pub(super) const fn ours(name: &'static str, kind: FieldType, description: &'static str) -> Field {
        Field { origin: Origin::Ours, ..Field::kong(name, kind, description) }
    }

    pub(super) const fn or(self, default: DefaultValue) -> Field {
        Field { default, ..self }
    }

    pub(super) const fn formerly(self, other_defaults: &'static [DefaultValue]) -> Field {
        Field { other_defaults, ..self }
    }

    pub(super) const fn waived_by(self, switch: &'static str) -> Field {
        Field { waived_by: Some(switch), ..self }
    }

    pub(super) const fn within(self, part: &'static str) -> Field {
        Field { part: Some(part), ..self }
    }

    pub(super) const fn required(self) -> Field {
        Field { required: true, ..self }
    }

    pub(super) const fn not_supported_yet(self) -> Field {
        Field { support: Support::NotSupportedYet, ..self }
    }

    pub(super) const fn host_provides(self, instead: &'static str) -> Field {
        Field { support: Support::HostProvides(instead), ..self }
    }

    /// Whether what is written here must never be shown.
    pub fn is_private(&self) -> bool {
        match self.kind {
            FieldType::Text(form) | FieldType::TextOrList(form) => form.is_private(),
            FieldType::List { of, .. } => of.is_private(),
            FieldType::TextMap { values, .. } | FieldType::ListMap { values, .. } => values.is_private(),
            FieldType::Jwk => true,
            _ => false,
        }
    }
}

impl Choice {
    pub(super) const fn honoured(word: &'static str) -> Choice {
        Choice { word, support: Support::Honoured }
    }

    pub(super) const fn not_supported_yet(word: &'static str) -> Choice {
        Choice { word, support: Support::NotSupportedYet }
    }
}

impl FieldType {
    /// A whole number without a word about 0.
    pub(super) const fn integer(minimum: u64, maximum: u64) -> FieldType {
        FieldType::Integer { minimum, maximum, instead_of_zero: None }
    }
}
