//! The entries of a dict, a list or a query as rows.

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args, stream};

pub(super) fn entry() -> Entry {
    Entry::plugin(Items)
}

plugin_args! {
    /// The entries of a dict, an array or a query as rows with `_key` and `_value`.
    pub struct ItemsArgs for "items" {
        /// What is taken apart.
        item: Query,
    }
}

struct Items;

impl Plugin for Items {
    type Args = ItemsArgs;

    fn rows(&self, args: ItemsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let entry = |key: Value, value: Value| Row::new().with("_key", key).with("_value", value);
        match &args.item.0 {
            Value::Null => Ok(stream::empty()),
            Value::Dict(dict) => {
                let entries = dict.iter().map(|(key, value)| entry(key.into(), value.clone()));
                Ok(stream::rows(entries.collect::<Vec<_>>()))
            }
            Value::Array(items) => {
                let (items, length) = (items.clone(), items.len());
                let entry = move |at: usize| entry(at.into(), items[at].clone());
                Ok(Box::new((0..length).map(entry)))
            }
            source @ Value::Object(_) => {
                let rows = scope.rows(source).enumerate();
                Ok(Box::new(rows.map(move |(at, row)| entry(at.into(), row.into()))))
            }
            _ => Err("Field item should be a dict, an array or a query".into()),
        }
    }
}
