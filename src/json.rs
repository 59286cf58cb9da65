//! JSON from outside, read strictly: one object, no duplicate members anywhere, at most
//! [`MAX_DEPTH`] levels.
//!
//! A lone surrogate escape (`"\ud83d"`) is not read either: what receivers make of it is unpredictable (RFC 8259
//! section 8.2). JavaScript writes one where it cuts a text within a character.
//!
//! RFC 8259 section 4 leaves duplicate members to the reader, and two readers that choose
//! differently are how a token comes to mean one thing to a gateway and another to its upstream.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 32;

/// Why bytes were not accepted as a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON, a duplicate member, too deep, a lone surrogate, or a number that cannot be held.
    Malformed,
    /// JSON, but not an object.
    NotAnObject,
}

/// Reads `bytes` as one JSON object (RFC 8259). A leading byte order mark is skipped, as section
/// 8.1 permits.
///
/// # Errors
/// [`JsonError`] where the bytes are anything else.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes).map_err(|_| JsonError::Malformed)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Reads `bytes` as one JSON value, with the same strictness.
///
/// # Errors
/// What serde_json says, with the line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Builds a [`Value`] as serde_json would, but refuses duplicate members and deep nesting.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Strict, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Strict { depth }),
            None => Err(E::custom("nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = br#"{"a":[1,-2,3.5,"x",null,true],"b":{"c":{}},"d":18446744073709551615}"#;
        let expected: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(Value::Object(parse_object(text).unwrap()), expected);
    }

    #[test]
    fn refuses_duplicate_members_at_any_level() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::Malformed), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_one_object() {
        for text in ["null", "[]", "\"x\"", "1"] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::NotAnObject), "{text}");
        }
        for text in ["", "{", "{}{}", "{\"a\":1e309}", "{\"a\":\"\u{1}\"}", "<html>", "{'a':1}"] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::Malformed), "{text}");
        }
        assert_eq!(parse_object(b"{\"a\":\"\xff\"}"), Err(JsonError::Malformed));
        for text in [r#"{"a":"\ud83d"}"#, r#"{"a":"\ude00 x"}"#, r#"{"a":"\ud83dx"}"#, r#"{"\ud83d":1}"#] {
            assert_eq!(parse_object(text.as_bytes()), Err(JsonError::Malformed), "{text}");
        }
        assert!(parse_object(br#"{"a":"\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}{}", "{\"a\":".repeat(levels), 1, "}".repeat(levels));
        assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(parse_object(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::Malformed));
        assert_eq!(parse_object("[".repeat(100_000).as_bytes()), Err(JsonError::Malformed));
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert!(parse_object(b"\xef\xbb\xbf{}").is_ok());
    }
}
