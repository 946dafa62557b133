//! The function `utf16`: reads UTF-16 (little endian): bytes to text.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Utf16)
}

plugin_args! {
    /// Reads UTF-16 (little endian): bytes to text.
    pub struct Utf16Args for "utf16" {
        /// The bytes.
        string: Text,
    }
}

struct Utf16;

impl Function for Utf16 {
    type Args = Utf16Args;

    fn call(&self, args: Utf16Args, _scope: &Scope) -> Result<Value, Failure> {
        let units = args.string.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Ok(Value::text(text))
    }
}
