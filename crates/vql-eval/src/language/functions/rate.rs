//! Change per unit. The evaluator computes it itself, with state per context.

use rows::Value;
use vql_plugin::{Entry, Kind, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<RateArgs>(Kind::Function)
}

plugin_args! {
    /// How much x changes per y from row to row; NULL for the first row.
    pub struct RateArgs for "rate" {
        /// What changes.
        x: Value,
        /// What it changes with, usually a time.
        y: Value,
    }
}
