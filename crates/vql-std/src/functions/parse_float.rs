//! The function `parse_float`: reads a number with a fraction from text; NULL where there is none.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::numbers::parse_float;

pub(super) fn entry() -> Entry {
    Entry::function(ParseFloat)
}

plugin_args! {
    /// Reads a number with a fraction from text; NULL where there is none.
    pub struct ParseFloatArgs for "parse_float" {
        /// The text.
        string: Text,
    }
}

struct ParseFloat;

impl Function for ParseFloat {
    type Args = ParseFloatArgs;

    fn call(&self, args: ParseFloatArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(parse_float(&args.string).into())
    }
}
