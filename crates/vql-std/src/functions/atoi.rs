//! The function `atoi`: reads an integer from text: decimal, or with the prefix `0x`, `0o`, `0b` or `0`.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::numbers::parse_int;

pub(super) fn entry() -> Entry {
    Entry::function(Atoi)
}

plugin_args! {
    /// Reads an integer from text: decimal, or with the prefix `0x`, `0o`, `0b` or `0`.
    pub struct AtoiArgs for "atoi" {
        /// The text.
        string: Text,
    }
}

struct Atoi;

impl Function for Atoi {
    type Args = AtoiArgs;

    fn call(&self, args: AtoiArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(parse_int(&args.string).into())
    }
}
