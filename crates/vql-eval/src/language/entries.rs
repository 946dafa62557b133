//! What is in a dict, a list or a query, as rows with `_key` and `_value`.

use rows::{ObjectKind, Row, Value};
use vql_plugin::{Failure, RowStream, Scope, stream};

/// The entries of a value. NULL has none.
pub(super) fn entries(item: &Value, scope: &Scope) -> Result<RowStream, Failure> {
    let entry = |key: Value, value: Value| Row::new().with("_key", key).with("_value", value);
    match item {
        Value::Null => Ok(stream::empty()),
        Value::Dict(dict) => {
            let entries = dict.iter().map(|(key, value)| entry(key.into(), value.clone()));
            Ok(stream::rows(entries.collect::<Vec<_>>()))
        }
        Value::Array(items) => {
            let (items, length) = (items.clone(), items.len());
            Ok(Box::new((0..length).map(move |at| entry(at.into(), items[at].clone()))))
        }
        Value::Object(object) => match object.kind() {
            ObjectKind::Lazy => entries(&object.force().unwrap_or_default(), scope),
            ObjectKind::Record => {
                let members = object.members().into_iter();
                let entries = members
                    .map(|name| entry((&name).into(), object.member(&name).unwrap_or_default()));
                Ok(stream::rows(entries.collect::<Vec<_>>()))
            }
            ObjectKind::Query | ObjectKind::Rows | ObjectKind::Scope => {
                let rows = scope.rows(item).enumerate();
                Ok(Box::new(rows.map(move |(at, row)| entry(at.into(), row.into()))))
            }
        },
        other => {
            let found = other.type_name();
            Err(format!("Field item should be a dict, an array or a query not {found}").into())
        }
    }
}
