//! The function `upcase`: a text in capital letters.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Upcase)
}

plugin_args! {
    /// A text in capital letters.
    pub struct UpcaseArgs for "upcase" {
        /// The text.
        string: Text,
    }
}

struct Upcase;

impl Function for Upcase {
    type Args = UpcaseArgs;

    fn call(&self, args: UpcaseArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(match args.string.as_str() {
            Some(text) => Value::text(text.to_uppercase()),
            None => Value::text(args.string.to_ascii_uppercase()),
        })
    }
}
