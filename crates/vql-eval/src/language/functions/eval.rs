//! Calls a lambda.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Lambda, Scope, plugin_args};

use crate::language::scope_view::ScopeView;

pub(super) fn entry() -> Entry {
    Entry::function(Eval)
}

plugin_args! {
    /// Calls a lambda.
    pub struct EvalArgs for "eval" {
        /// The lambda, such as `x=>x + 1`.
        func: Lambda,
        /// Its arguments.
        args: Option<Vec<Value>>,
    }
}

struct Eval;

impl Function for Eval {
    type Args = EvalArgs;

    fn call(&self, args: EvalArgs, scope: &Scope) -> Result<Value, Failure> {
        // A lambda that takes one argument and is given none looks at the scope.
        let given =
            args.args.unwrap_or_else(|| vec![Value::Object(Arc::new(ScopeView(scope.clone())))]);
        Ok(scope.call(&args.func, &given))
    }
}
