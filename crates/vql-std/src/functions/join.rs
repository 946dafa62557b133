//! The function `join`: joins the elements of an array to one text.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Join)
}

plugin_args! {
    /// Joins the elements of an array to one text.
    pub struct JoinArgs for "join" {
        /// The elements.
        array: Vec<Text>,
        /// What stands between them.
        sep: String = "",
    }
}

struct Join;

impl Function for Join {
    type Args = JoinArgs;

    fn call(&self, args: JoinArgs, _scope: &Scope) -> Result<Value, Failure> {
        let parts: Vec<&[u8]> = args.array.iter().map(Text::as_bytes).collect();
        Ok(Value::text(parts.join(args.sep.as_bytes())))
    }
}
