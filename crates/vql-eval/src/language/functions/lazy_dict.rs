//! Dicts whose values are computed when they are looked at.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, free_args};

pub(super) fn entry() -> Entry {
    let mut entry = Entry::function(LazyDict);
    entry.spec.lazy_form = true;
    entry
}

free_args! {
    /// A dict of its arguments, in the order written. Unlike `dict()` it computes a value only when
    /// somebody looks at it.
    pub struct LazyDictArgs for "lazy_dict";
}

struct LazyDict;

impl Function for LazyDict {
    type Args = LazyDictArgs;

    fn call(&self, args: LazyDictArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::Dict(args.0.into_dict()))
    }
}
