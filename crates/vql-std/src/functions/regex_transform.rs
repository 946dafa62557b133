//! The function `regex_transform`: applies several replacements to a text, one after the other.

use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::regexes::replace;

pub(super) fn entry() -> Entry {
    Entry::function(RegexTransform)
}

plugin_args! {
    /// Applies several replacements to a text, one after the other.
    pub struct RegexTransformArgs for "regex_transform" {
        /// The text.
        source: Text,
        /// Regular expressions and what replaces each.
        map: Dict,
        /// Taken for compatibility; the expressions are compiled once per query in any case.
        key: String = "",
    }
}

struct RegexTransform;

impl Function for RegexTransform {
    type Args = RegexTransformArgs;

    fn call(&self, args: RegexTransformArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut text = args.source.as_bytes().to_vec();
        for (re, replacement) in args.map.iter() {
            let pattern = scope.pattern(&Text::from(re.as_str()), true)?;
            text = replace(&pattern, &text, &replacement.to_text());
        }
        Ok(Value::text(text))
    }
}
