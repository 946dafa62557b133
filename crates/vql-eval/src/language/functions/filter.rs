//! The elements of a list that are wanted.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Lambda, Pattern, Scope, plugin_args};

use crate::language::picking::Test;

pub(super) fn entry() -> Entry {
    Entry::function(Filter)
}

plugin_args! {
    /// The elements of a list that a lambda or a pattern picks.
    pub struct FilterArgs for "filter" {
        /// The list.
        list: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        condition: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<Pattern>>>,
    }
}

struct Filter;

impl Function for Filter {
    type Args = FilterArgs;

    fn call(&self, args: FilterArgs, scope: &Scope) -> Result<Value, Failure> {
        if args.condition.is_none() && args.regex.is_none() {
            return Err("one of the fields condition and regex is required".into());
        }
        let test = Test { lambda: args.condition, patterns: args.regex };
        let kept = args.list.into_iter().filter(|item| test.picks(item, scope));
        Ok(Value::from(kept.collect::<Vec<_>>()))
    }
}
