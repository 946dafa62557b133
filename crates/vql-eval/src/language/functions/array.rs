//! Lists of arguments.

use rows::{ObjectKind, Row, Value};
use vql_plugin::{Entry, Failure, Function, Scope, free_args};

pub(super) fn entry() -> Entry {
    Entry::function(ArrayOf)
}

free_args! {
    /// An array of its arguments. Arrays among them give their elements, queries their rows; rows of
    /// one column the values of that column.
    pub struct ArrayArgs for "array";
}

struct ArrayOf;

impl Function for ArrayOf {
    type Args = ArrayArgs;

    fn call(&self, args: ArrayArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut items = Vec::new();
        for (_, value) in args.0.0 {
            if value.object_kind() == Some(ObjectKind::Query) {
                items.extend(scope.rows(&value).map(only_value));
                continue;
            }
            match scope.materialise(&value) {
                Value::Array(more) => items.extend(more.iter().cloned()),
                other => items.push(other),
            }
        }
        Ok(Value::from(items))
    }
}

/// Rows of one column stand for its values.
fn only_value(row: Row) -> Value {
    match row.at(0) {
        Some((_, only)) if row.len() == 1 => only.clone(),
        _ => Value::Dict(row),
    }
}
