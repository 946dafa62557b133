//! The function `rot13`: shifts letters by thirteen places.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Rot13)
}

plugin_args! {
    /// Shifts letters by thirteen places.
    pub struct Rot13Args for "rot13" {
        /// The text.
        string: Text = "",
    }
}

struct Rot13;

impl Function for Rot13 {
    type Args = Rot13Args;

    fn call(&self, args: Rot13Args, _scope: &Scope) -> Result<Value, Failure> {
        let shift = |byte: u8, first: u8| first + (byte - first + 13) % 26;
        let shifted: Vec<u8> = args
            .string
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' => shift(*byte, b'a'),
                b'A'..=b'Z' => shift(*byte, b'A'),
                other => *other,
            })
            .collect();
        Ok(Value::text(shifted))
    }
}
