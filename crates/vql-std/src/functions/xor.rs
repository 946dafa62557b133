//! The function `xor`: combines bytes with a key that repeats, by exclusive or.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Xor)
}

plugin_args! {
    /// Combines bytes with a key that repeats, by exclusive or.
    pub struct XorArgs for "xor" {
        /// The bytes.
        string: Text,
        /// The key.
        key: Text,
    }
}

struct Xor;

impl Function for Xor {
    type Args = XorArgs;

    fn call(&self, args: XorArgs, _scope: &Scope) -> Result<Value, Failure> {
        if args.key.is_empty() {
            return Err(Failure::new("key must not be empty"));
        }
        let bytes: Vec<u8> =
            args.string.iter().zip(args.key.iter().cycle()).map(|(a, b)| a ^ b).collect();
        Ok(Value::text(bytes))
    }
}
