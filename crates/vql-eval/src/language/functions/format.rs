//! Puts values into a text.

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::language::printf::format;

pub(super) fn entry() -> Entry {
    Entry::function(Format)
}

plugin_args! {
    /// Puts values into a text: `%v` as it prints, `%d` and `%x` numbers, `%s` text, `%q` quoted,
    /// `%f` with a fraction, `%T` the type. What does not fit is said in the text itself.
    pub struct FormatArgs for "format" {
        /// The text with its verbs.
        format: Text,
        /// The values: an array, or a single one.
        args: Option<Value>,
    }
}

struct Format;

impl Function for Format {
    type Args = FormatArgs;

    fn call(&self, args: FormatArgs, scope: &Scope) -> Result<Value, Failure> {
        let values = scope.materialise(&args.args.unwrap_or(Value::Array(Default::default())));
        Ok(Value::Text(format(&args.format, &values)))
    }
}
