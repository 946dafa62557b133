//! The function `parse_json_array`: reads JSON text that holds an array.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::json::{self, not_an_array, read};

pub(super) fn entry() -> Entry {
    Entry::function(ParseJsonArray)
}

plugin_args! {
    /// Reads JSON text that holds an array.
    pub struct ParseJsonArrayArgs for "parse_json_array" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against it, which is logged.
        schema: Option<Value>,
    }
}

struct ParseJsonArray;

impl Function for ParseJsonArray {
    type Args = ParseJsonArrayArgs;

    fn call(&self, args: ParseJsonArrayArgs, scope: &Scope) -> Result<Value, Failure> {
        json::unchecked("parse_json_array", args.schema.as_ref(), scope);
        match read(&args.data)? {
            array @ Value::Array(_) => Ok(array),
            other => Err(not_an_array(&other)),
        }
    }
}
