//! The scope as a value.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

use crate::language::scope_view::ScopeView;

pub(super) fn entry() -> Entry {
    Entry::function(ScopeOf)
}

plugin_args! {
    /// The scope as a value: its members are the variables.
    pub struct ScopeArgs for "scope" {}
}

struct ScopeOf;

impl Function for ScopeOf {
    type Args = ScopeArgs;

    fn call(&self, _args: ScopeArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Object(Arc::new(ScopeView(scope.clone()))))
    }
}
