//! Collects values. The evaluator does it itself, with state per context.

use rows::Value;
use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<EnumerateArgs>(Kind::Function)
}

plugin_args! {
    /// Collects the values of the group, or those so far.
    pub struct EnumerateArgs for "enumerate" {
        /// The values.
        items: Value,
    }
}
