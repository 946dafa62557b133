//! Runs a query that is given as text. The evaluator does it itself.

use rows::{Dict, Value};
use vql_plugin::{Entry, Kind, Permission, plugin_args};

pub(super) fn entry() -> Entry {
    let mut entry = Entry::intrinsic::<QueryArgs>(Kind::Plugin);
    entry.spec.needs = &[Permission::NestedQuery];
    entry
}

plugin_args! {
    /// Runs a query that is given as text, below the scope of the caller.
    pub struct QueryArgs for "query" {
        /// The text, or a query.
        query: Value,
        /// Variables that the query sees.
        env: Option<Dict>,
    }
}
