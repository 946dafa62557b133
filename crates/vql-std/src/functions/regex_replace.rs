//! The function `regex_replace`: replaces what a regular expression matches. In the replacement `$1` and `${name}` stand

use std::sync::Arc;

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Lambda, Pattern, Scope, plugin_args};

use crate::regexes::{replace, replace_with};

pub(super) fn entry() -> Entry {
    Entry::function(RegexReplace)
}

plugin_args! {
    /// Replaces what a regular expression matches. In the replacement `$1` and `${name}` stand
    /// for groups and `$$` for a dollar sign; or a lambda computes it from the match.
    pub struct RegexReplaceArgs for "regex_replace" {
        /// The text.
        source: Text,
        /// The replacement.
        replace: Text = "",
        /// Computes the replacement from the matched text: `x=>upcase(string=x)`.
        replace_lambda: Option<Lambda>,
        /// The regular expression.
        re: Arc<Pattern>,
    }
}

struct RegexReplace;

impl Function for RegexReplace {
    type Args = RegexReplaceArgs;

    fn call(&self, args: RegexReplaceArgs, scope: &Scope) -> Result<Value, Failure> {
        let text = match &args.replace_lambda {
            None => replace(&args.re, &args.source, &args.replace),
            Some(lambda) => replace_with(&args.re, &args.source, |found, out| {
                let value = scope.call(lambda, &[Value::text(found)]);
                out.extend_from_slice(&scope.materialise(&value).to_text());
            }),
        };
        Ok(Value::text(text))
    }
}
