//! Counts rows. The evaluator does it itself, with state per context.

use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<CountArgs>(Kind::Function)
}

plugin_args! {
    /// Counts rows: of the group with GROUP BY, up to this row without.
    pub struct CountArgs for "count" {}
}
