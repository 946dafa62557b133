//! The function `unhex`: reads bytes from hex digits.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Unhex)
}

plugin_args! {
    /// Reads bytes from hex digits.
    pub struct UnhexArgs for "unhex" {
        /// The digits.
        string: Text = "",
    }
}

struct Unhex;

impl Function for Unhex {
    type Args = UnhexArgs;

    fn call(&self, args: UnhexArgs, _scope: &Scope) -> Result<Value, Failure> {
        let digits = args.string.trim_ascii();
        let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
        Ok(Value::text(hex::decode(digits)?))
    }
}
