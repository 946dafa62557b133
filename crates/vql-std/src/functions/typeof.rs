//! The function `typeof`: the name of a value's type, as `format(format="%T")` prints it.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(TypeOf)
}

plugin_args! {
    /// The name of a value's type, as `format(format="%T")` prints it.
    pub struct TypeOfArgs for "typeof" {
        /// The value.
        a: Option<Value>,
    }
}

struct TypeOf;

impl Function for TypeOf {
    type Args = TypeOfArgs;

    fn call(&self, args: TypeOfArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(args.a.unwrap_or_default().type_name()))
    }
}
