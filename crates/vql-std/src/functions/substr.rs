//! The function `substr`: cuts a piece out of a text, counting characters.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Substr)
}

plugin_args! {
    /// Cuts a piece out of a text, counting characters.
    pub struct SubstrArgs for "substr" {
        /// The text.
        str: Text,
        /// The first character of the piece, from 0.
        start: i64 = 0,
        /// The first character after the piece; the end of the text when left out.
        end: Option<i64>,
    }
}

struct Substr;

impl Function for Substr {
    type Args = SubstrArgs;

    fn call(&self, args: SubstrArgs, _scope: &Scope) -> Result<Value, Failure> {
        let text = args.str.to_str_lossy();
        let index = |at: i64| usize::try_from(at).unwrap_or(0);
        let start = index(args.start);
        let end = args.end.map_or(usize::MAX, index);
        let piece: String = text.chars().take(end).skip(start).collect();
        Ok(Value::text(piece))
    }
}
