//! Rows and values from and to JSON text.
//!
//! Writing is `rows`' own (a dict's text form *is* JSON); this crate adds reading, for rows that
//! come from an agent, from a file, or from a person. Key order is kept; integers that fit 64 bits
//! stay integers; a key that appears twice keeps its first place and its last value.
//!
//! # Invariants
//!
//! - **RJ-1** Whatever the text, reading returns a value or an error that names the line and column;
//!   nesting deeper than 128 is an error, not a stack overflow.
//! - **RJ-2** Reading what was written gives the same plain data, moments and paths having become text.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::fmt;

use rows::{Dict, Name, Row, Value};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

pub use rows::{write_json, write_json_row};

/// A text that is not the JSON that was wanted.
#[derive(Debug, thiserror::Error)]
pub enum BadJson {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// JSON, but not an object.
    #[error("a row is a JSON object such as {{\"Name\": \"x\"}}, this is {found}")]
    NotARow {
        /// What it is instead.
        found: &'static str,
    },
}

/// A value as JSON text.
pub fn to_json(value: &Value) -> String {
    let mut out = Vec::new();
    write_json(value, &mut out);
    into_string(out)
}

/// A row as JSON text.
pub fn row_to_json(row: &Row) -> String {
    let mut out = Vec::new();
    write_json_row(row, &mut out);
    into_string(out)
}

fn into_string(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("the writer replaces what is not UTF-8")
}

/// Reads one JSON value.
pub fn from_json(text: &[u8]) -> Result<Value, BadJson> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = AnyValue.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads one row.
pub fn row_from_json(text: &[u8]) -> Result<Row, BadJson> {
    match from_json(text)? {
        Value::Dict(row) => Ok(row),
        other => Err(BadJson::NotARow { found: kind(&other) }),
    }
}

/// A value from the library's own tree, for code that already has one.
pub fn from_serde(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::text(text.as_str()),
        serde_json::Value::Array(values) => Value::array(values.iter().map(from_serde)),
        serde_json::Value::Object(map) => Value::Dict(
            map.iter().map(|(key, value)| (key.as_str(), from_serde(value))).collect::<Dict>(),
        ),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Array(_) => "an array",
        Value::Dict(_) => "an object",
        _ => "a text",
    }
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(AnyValue)? {
            values.push(value);
        }
        Ok(Value::from(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            dict.update(key, entries.next_value_seed(AnyValue)?);
        }
        Ok(Value::Dict(dict))
    }
}

/// A key, which most likely came before.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Name, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Name, E> {
        Ok(Name::from(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(json: &str, answer: &str) {
        let read = from_json(json.as_bytes());
        assert_eq!(read.map_or_else(|e| e.to_string(), |value| to_json(&value)), answer);
    }

    #[test]
    fn values_are_read_and_written() {
        check(r#"{"b": 1, "a": [1.5, null, "x\u00e9"]}"#, r#"{"b":1,"a":[1.5,null,"xé"]}"#);
        check("4.0", "4");
        check("18446744073709551615", "18446744073709552000");
        check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
        check("[1", "not JSON: EOF while parsing a list at line 1 column 2");
        check("1 2", "not JSON: trailing characters at line 1 column 3");
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(from_json("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_row_is_an_object() {
        let error = row_from_json(b"[1]").unwrap_err().to_string();
        assert_eq!(error, r#"a row is a JSON object such as {"Name": "x"}, this is an array"#);
    }

    fn plain() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|pairs| Value::Dict(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in plain()) {
            let json = to_json(&value);
            prop_assert_eq!(to_json(&from_json(json.as_bytes()).unwrap()), json);
        }

        #[test]
        fn no_text_panics(text in any::<Vec<u8>>()) {
            let _ = from_json(&text);
        }
    }
}
