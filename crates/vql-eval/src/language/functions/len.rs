//! How much is in a value.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::spill::kept::SpilledRows;

pub(super) fn entry() -> Entry {
    Entry::function(Len)
}

plugin_args! {
    /// How many elements a list, keys a dict or bytes a text has; 0 for everything else.
    pub struct LenArgs for "len" {
        /// What is counted. A query that has not run counts as nothing.
        list: LenOf,
    }
}

/// Anything, left as it is.
struct LenOf(Value);

impl vql_plugin::ArgType for LenOf {
    const TYPE: &'static str = "any";

    fn from_value(value: Value, _cx: &vql_plugin::ArgContext<'_>) -> Result<Self, String> {
        Ok(Self(value))
    }
}

struct Len;

impl Function for Len {
    type Args = LenArgs;

    fn call(&self, args: LenArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(len(&args.list.0).into())
    }
}

fn len(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Dict(dict) => dict.len(),
        Value::Path(path) => path.components().len(),
        Value::Object(object) => match (object.force(), object.rows()) {
            (Some(value), _) => len(&value),
            (None, Some(rows)) => rows.len(),
            (None, None) => SpilledRows::of(object).map_or(0, SpilledRows::len),
        },
        _ => 0,
    }
}
