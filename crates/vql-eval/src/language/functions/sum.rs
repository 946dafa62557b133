//! Adds up. The evaluator does it itself, with state per context.

use rows::Value;
use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<SumArgs>(Kind::Function)
}

plugin_args! {
    /// Adds up: over the group with GROUP BY, up to this row without.
    pub struct SumArgs for "sum" {
        /// What is added; fractions are cut off.
        item: Value,
    }
}
