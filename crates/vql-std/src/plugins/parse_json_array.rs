//! The plugin `parse_json_array`: reads JSON text that holds an array: one row per element.

use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, plugin_args, stream};

use crate::json::{self, not_an_array, read};

pub(super) fn entry() -> Entry {
    Entry::plugin(JsonArrayRows)
}

plugin_args! {
    /// Reads JSON text that holds an array: one row per element.
    pub struct JsonArrayRowsArgs for "parse_json_array" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against it, which is logged.
        schema: Option<Value>,
    }
}

struct JsonArrayRows;

impl Plugin for JsonArrayRows {
    type Args = JsonArrayRowsArgs;

    fn rows(&self, args: JsonArrayRowsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        json::unchecked("parse_json_array", args.schema.as_ref(), scope);
        match read(&args.data)? {
            Value::Array(values) => {
                Ok(stream::rows((0..values.len()).map(move |index| as_row(values[index].clone()))))
            }
            other => Err(not_an_array(&other)),
        }
    }
}

/// A dict is a row; anything else is the one column of a row.
fn as_row(value: Value) -> Dict {
    match value {
        Value::Dict(row) => row,
        other => Dict::new().with("_value", other),
    }
}
