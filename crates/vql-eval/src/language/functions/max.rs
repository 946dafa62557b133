//! The largest value. The evaluator finds it itself, with state per context.

use rows::Value;
use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<MaxArgs>(Kind::Function)
}

plugin_args! {
    /// The largest value of the group, or so far.
    pub struct MaxArgs for "max" {
        /// The values.
        item: Value,
    }
}
