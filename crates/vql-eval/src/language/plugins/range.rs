//! Numbers as rows.

use rows::{Row, Shape, Value};
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(Range)
}

plugin_args! {
    /// Numbers from start up to, and without, end, in the column `_value`.
    pub struct RangeArgs for "range" {
        /// The first number.
        start: i64 = 0,
        /// Where to stop; not itself a row.
        end: i64,
        /// From one number to the next.
        step: i64 = 1,
    }
}

struct Range;

impl Plugin for Range {
    type Args = RangeArgs;

    fn rows(&self, args: RangeArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        if args.step <= 0 {
            return Err("Field step should be at least 1".into());
        }
        let shape = Shape::of(["_value"]);
        let mut next = Some(args.start);
        Ok(Box::new(std::iter::from_fn(move || {
            let number = next.filter(|number| *number < args.end)?;
            next = number.checked_add(args.step);
            Some(Row::of_shape(&shape, [Value::Int(number)]))
        })))
    }
}
