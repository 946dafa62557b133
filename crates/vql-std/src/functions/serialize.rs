//! The function `serialize`: writes a value as text.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::serialize::write;

pub(super) fn entry() -> Entry {
    Entry::function(Serialize)
}

plugin_args! {
    /// Writes a value as text.
    pub struct SerializeArgs for "serialize" {
        /// The value.
        item: Value,
        /// `json`, `jsonl`, `csv`, `yaml`, `hex` or `base64`.
        format: String = "json",
    }
}

struct Serialize;

impl Function for Serialize {
    type Args = SerializeArgs;

    fn call(&self, args: SerializeArgs, scope: &Scope) -> Result<Value, Failure> {
        write(&scope.materialise(&args.item), &args.format)
    }
}
