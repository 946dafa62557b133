//! A part of a list.

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::function(Slice)
}

plugin_args! {
    /// The elements of a list from one place up to, and without, another. What is outside of the
    /// list is left out.
    pub struct SliceArgs for "slice" {
        /// The list.
        list: Vec<Value>,
        /// The place of the first element; counted from 0, from the end when negative.
        start: i64,
        /// The place after the last element; from the end when negative.
        end: i64,
    }
}

struct Slice;

impl Function for Slice {
    type Args = SliceArgs;

    fn call(&self, args: SliceArgs, _scope: &Scope) -> Result<Value, Failure> {
        let length = args.list.len();
        let place = |at: i64| {
            let from_start = if at < 0 {
                at.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)).max(0)
            } else {
                at
            };
            usize::try_from(from_start).unwrap_or(length).min(length)
        };
        let (start, end) = (place(args.start), place(args.end));
        Ok(Value::from(args.list[start..end.max(start)].to_vec()))
    }
}
