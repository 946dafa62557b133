//! The smallest value. The evaluator finds it itself, with state per context.

use rows::Value;
use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<MinArgs>(Kind::Function)
}

plugin_args! {
    /// The smallest value of the group, or so far.
    pub struct MinArgs for "min" {
        /// The values.
        item: Value,
    }
}
