//! The function `to_dict`: turns rows with the columns `_key` and `_value` into one dict. A dict or record becomes a

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(ToDict)
}

plugin_args! {
    /// Turns rows with the columns `_key` and `_value` into one dict. A dict or record becomes a
    /// dict of its members.
    pub struct ToDictArgs for "to_dict" {
        /// A query, rows, or a record.
        item: Value,
    }
}

struct ToDict;

impl Function for ToDict {
    type Args = ToDictArgs;

    fn call(&self, args: ToDictArgs, scope: &Scope) -> Result<Value, Failure> {
        if let Value::Dict(dict) = &args.item {
            return Ok(Value::Dict(dict.clone()));
        }
        if let Value::Object(object) = &args.item
            && object.kind() == rows::ObjectKind::Record
        {
            let members = object.members().into_iter();
            let dict: Dict = members
                .map(|name| (name.clone(), object.member(&name).unwrap_or_default()))
                .collect();
            return Ok(Value::Dict(dict));
        }
        let mut dict = Dict::new();
        for row in scope.rows(&args.item) {
            scope.check()?;
            if let Some(key) = row.get("_key") {
                let value = row.get("_value").map(|value| scope.materialise(value));
                let key = scope.materialise(key).to_text();
                dict.update(key.to_str_lossy(), value.unwrap_or_default());
            }
        }
        Ok(Value::Dict(dict))
    }
}
