//! The function `parse_json`: reads JSON text: an object becomes a dict.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::json::{self, read};

pub(super) fn entry() -> Entry {
    Entry::function(ParseJson)
}

plugin_args! {
    /// Reads JSON text: an object becomes a dict.
    pub struct ParseJsonArgs for "parse_json" {
        /// The text.
        data: Text,
        /// Taken for compatibility; the text is not checked against it, which is logged.
        schema: Option<Value>,
    }
}

struct ParseJson;

impl Function for ParseJson {
    type Args = ParseJsonArgs;

    fn call(&self, args: ParseJsonArgs, scope: &Scope) -> Result<Value, Failure> {
        json::unchecked("parse_json", args.schema.as_ref(), scope);
        read(&args.data)
    }
}
