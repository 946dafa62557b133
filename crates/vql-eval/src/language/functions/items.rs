//! The entries of a dict, a list or a query as a list.

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Function, Query, Scope, plugin_args};

use crate::language::entries::entries;

pub(super) fn entry() -> Entry {
    Entry::function(Items)
}

plugin_args! {
    /// The entries of a dict, an array or a query as a list of dicts with `_key` and `_value`.
    /// `to_dict()` makes a dict of such a list again.
    pub struct ItemsArgs for "items" {
        /// What is taken apart.
        item: Query,
    }
}

struct Items;

impl Function for Items {
    type Args = ItemsArgs;

    fn call(&self, args: ItemsArgs, scope: &Scope) -> Result<Value, Failure> {
        let mut found: Vec<Row> = Vec::new();
        for row in entries(&args.item.0, scope)? {
            scope.check()?;
            found.push(row);
        }
        Ok(Value::array(found))
    }
}
