//! Whether every element of a list is wanted.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Lambda, Pattern, Scope, plugin_args};

use crate::language::picking::Test;

pub(super) fn entry() -> Entry {
    Entry::function(All)
}

plugin_args! {
    /// Whether every element of a list is true, matches, or is picked by a lambda.
    pub struct AllArgs for "all" {
        /// The list.
        items: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        filter: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<Pattern>>>,
    }
}

struct All;

impl Function for All {
    type Args = AllArgs;

    fn call(&self, args: AllArgs, scope: &Scope) -> Result<Value, Failure> {
        let test = Test { lambda: args.filter, patterns: args.regex };
        Ok(args.items.iter().all(|item| test.picks(item, scope)).into())
    }
}
