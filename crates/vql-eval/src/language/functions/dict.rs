//! Dicts of arguments.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, free_args};

pub(super) fn entry() -> Entry {
    Entry::function(DictOf)
}

free_args! {
    /// A dict of its arguments, in the order written.
    pub struct DictArgs for "dict";
}

struct DictOf;

impl Function for DictOf {
    type Args = DictArgs;

    fn call(&self, args: DictArgs, scope: &Scope) -> Result<Value, Failure> {
        let pairs = args.0.0.into_iter();
        let pairs = pairs.map(|(name, value)| (name, scope.materialise(&value)));
        Ok(Value::Dict(pairs.collect()))
    }
}
