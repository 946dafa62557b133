//! Picks one of two values. The evaluator does it itself, because one is not computed.

use rows::Value;
use vql_plugin::{Entry, Kind, LazyArg, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::intrinsic::<IfArgs>(Kind::Function)
}

plugin_args! {
    /// Picks one of two values; the other one is not computed.
    pub struct IfArgs for "if" {
        /// What decides.
        condition: Value,
        /// The value when the condition is true.
        then: Option<LazyArg>,
        /// The value when it is not; NULL when left out.
        r#else: Option<LazyArg> as "else",
    }
}
