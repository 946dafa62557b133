//! The function `parse_string_with_regex`: takes a text apart by regular expressions: a dict of the groups of all that match.

use std::sync::Arc;

use rows::{Dict, Text, Value};
use vql_plugin::{Entry, Failure, Function, Pattern, Scope, plugin_args};

use crate::regexes::{groups, names};

pub(super) fn entry() -> Entry {
    Entry::function(ParseStringWithRegex)
}

plugin_args! {
    /// Takes a text apart by regular expressions: a dict of the groups of all that match.
    pub struct ParseStringWithRegexArgs for "parse_string_with_regex" {
        /// The text.
        string: Text,
        /// Regular expressions with named groups, `(?P<Name>...)`.
        regex: Vec<Arc<Pattern>>,
    }
}

struct ParseStringWithRegex;

impl Function for ParseStringWithRegex {
    type Args = ParseStringWithRegexArgs;

    fn call(&self, args: ParseStringWithRegexArgs, _scope: &Scope) -> Result<Value, Failure> {
        let mut found = Dict::new();
        for pattern in &args.regex {
            if let Some(groups) = first_groups(pattern, &args.string) {
                for (name, value) in groups.iter() {
                    found.set(name, value.clone());
                }
            }
        }
        Ok(Value::Dict(found))
    }
}

fn first_groups(pattern: &Pattern, text: &[u8]) -> Option<Dict> {
    let captures = pattern.captures(text)?;
    Some(groups(&names(pattern), text, |index| captures.get_group(index).map(|s| s.range())))
}
