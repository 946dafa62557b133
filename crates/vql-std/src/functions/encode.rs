//! The function `encode`: writes a value as text; another name of `serialize`.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::serialize::write;

pub(super) fn entry() -> Entry {
    Entry::function(Encode)
}

plugin_args! {
    /// Writes a value as text; another name of `serialize`.
    pub struct EncodeArgs for "encode" {
        /// The value.
        string: Value,
        /// `json`, `jsonl`, `csv`, `yaml`, `hex` or `base64`.
        r#type: String as "type",
    }
}

struct Encode;

impl Function for Encode {
    type Args = EncodeArgs;

    fn call(&self, args: EncodeArgs, scope: &Scope) -> Result<Value, Failure> {
        write(&scope.materialise(&args.string), &args.r#type)
    }
}
