//! Whether any element of a list is wanted.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Lambda, Pattern, Scope, plugin_args};

use crate::language::picking::Test;

pub(super) fn entry() -> Entry {
    Entry::function(Any)
}

plugin_args! {
    /// Whether any element of a list is true, matches, or is picked by a lambda.
    pub struct AnyArgs for "any" {
        /// The list.
        items: Vec<Value>,
        /// A lambda such as `x=>x > 1`.
        filter: Option<Lambda>,
        /// Patterns, of which one must match.
        regex: Option<Vec<Arc<Pattern>>>,
    }
}

struct Any;

impl Function for Any {
    type Args = AnyArgs;

    fn call(&self, args: AnyArgs, scope: &Scope) -> Result<Value, Failure> {
        let test = Test { lambda: args.filter, patterns: args.regex };
        Ok(args.items.iter().any(|item| test.picks(item, scope)).into())
    }
}
