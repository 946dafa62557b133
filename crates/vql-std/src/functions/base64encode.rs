//! The function `base64encode`: writes bytes as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Base64Encode)
}

plugin_args! {
    /// Writes bytes as base64.
    pub struct Base64EncodeArgs for "base64encode" {
        /// The bytes.
        string: Text,
    }
}

struct Base64Encode;

impl Function for Base64Encode {
    type Args = Base64EncodeArgs;

    fn call(&self, args: Base64EncodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(STANDARD.encode(args.string.as_bytes())))
    }
}
