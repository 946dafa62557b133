//! The function `strip`: removes a prefix, a suffix, or the blanks around a text.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Strip)
}

plugin_args! {
    /// Removes a prefix, a suffix, or the blanks around a text.
    pub struct StripArgs for "strip" {
        /// The text.
        string: Text,
        /// What to remove from the beginning.
        prefix: String = "",
        /// What to remove from the end.
        suffix: String = "",
    }
}

struct Strip;

impl Function for Strip {
    type Args = StripArgs;

    fn call(&self, args: StripArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut text = args.string.as_bytes();
        if args.prefix.is_empty() && args.suffix.is_empty() {
            return Ok(Value::text(text.trim_ascii()));
        }
        text = text.strip_prefix(args.prefix.as_bytes()).unwrap_or(text);
        text = text.strip_suffix(args.suffix.as_bytes()).unwrap_or(text);
        Ok(Value::text(text))
    }
}
