//! The entries of a dict, a list or a query as rows.

use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

use crate::language::entries::entries;

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
        entries(&args.item.0, scope)
    }
}
