//! The function `utf16_encode`: writes text as UTF-16 (little endian).

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Utf16Encode)
}

plugin_args! {
    /// Writes text as UTF-16 (little endian).
    pub struct Utf16EncodeArgs for "utf16_encode" {
        /// The text.
        string: String,
    }
}

struct Utf16Encode;

impl Function for Utf16Encode {
    type Args = Utf16EncodeArgs;

    fn call(&self, args: Utf16EncodeArgs, _scope: &Scope) -> Result<Value, Failure> {
        let bytes: Vec<u8> = args.string.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Ok(Value::text(bytes))
    }
}
