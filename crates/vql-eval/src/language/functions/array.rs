//! Lists of arguments.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, free_args};

pub(super) fn entry() -> Entry {
    Entry::function(ArrayOf)
}

free_args! {
    /// An array of its arguments; arrays and rows among them give their elements.
    pub struct ArrayArgs for "array";
}

struct ArrayOf;

impl Function for ArrayOf {
    type Args = ArrayArgs;

    fn call(&self, args: ArrayArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut items = Vec::new();
        for (_, value) in args.0.0 {
            match scope.materialise(&value) {
                Value::Array(more) => items.extend(more.iter().cloned()),
                other => items.push(other),
            }
        }
        Ok(Value::from(items))
    }
}
