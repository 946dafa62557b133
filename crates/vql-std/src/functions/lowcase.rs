//! The function `lowcase`: a text in small letters.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Lowcase)
}

plugin_args! {
    /// A text in small letters.
    pub struct LowcaseArgs for "lowcase" {
        /// The text.
        string: Text,
    }
}

struct Lowcase;

impl Function for Lowcase {
    type Args = LowcaseArgs;

    fn call(&self, args: LowcaseArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(match args.string.as_str() {
            Some(text) => Value::text(text.to_lowercase()),
            None => Value::text(args.string.to_ascii_lowercase()),
        })
    }
}
