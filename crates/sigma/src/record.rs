//! A record, as predicates see it.

use rows::{Dict, Value};

/// A record, as predicates see it.
pub trait Fields {
    /// The value of a field, by the name that rules use.
    fn field(&self, name: &str) -> Option<Value>;

    /// Hands over every text anywhere in the record.
    fn each_text(&self, see: &mut dyn FnMut(&[u8]));
}

/// Fields by their own names; a name with dots is a path.
impl Fields for Dict {
    fn field(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.get(name) {
            return Some(value.clone());
        }
        let (first, rest) = name.split_once('.')?;
        match self.get(first)? {
            Value::Dict(inner) => inner.field(rest),
            _ => None,
        }
    }

    fn each_text(&self, see: &mut dyn FnMut(&[u8])) {
        self.values().for_each(|value| each_text(value, see));
    }
}

/// Hands over every text in a value.
fn each_text(value: &Value, see: &mut dyn FnMut(&[u8])) {
    match value {
        Value::Dict(dict) => dict.each_text(see),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, see)),
        other => with_text(other, see),
    }
}

/// Hands over the text of a value that has one.
fn with_text(value: &Value, see: &mut dyn FnMut(&[u8])) {
    match value {
        Value::Null => {}
        Value::Text(text) => see(text),
        other => see(&other.to_text()),
    }
}
