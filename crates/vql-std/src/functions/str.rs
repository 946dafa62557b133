//! The function `str`: the text form of any value.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Str)
}

plugin_args! {
    /// The text form of any value.
    pub struct StrArgs for "str" {
        /// The value.
        str: Text,
    }
}

struct Str;

impl Function for Str {
    type Args = StrArgs;

    fn call(&self, args: StrArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Text(args.str))
    }
}
