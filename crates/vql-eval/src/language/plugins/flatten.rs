//! Rows whose cells are lists, as rows of single values.

use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args};

pub(super) fn entry() -> Entry {
    Entry::plugin(Flatten)
}

plugin_args! {
    /// Makes several rows of a row whose cells are arrays: every combination of their elements.
    /// The first column varies fastest.
    pub struct FlattenArgs for "flatten" {
        /// The rows.
        query: Query,
    }
}

struct Flatten;

impl Plugin for Flatten {
    type Args = FlattenArgs;

    fn rows(&self, args: FlattenArgs, scope: &Scope) -> Result<RowStream, Failure> {
        Ok(Box::new(args.query.rows(scope).flat_map(Combinations::of)))
    }
}

/// Counts through the elements of a row's array cells like an odometer.
struct Combinations {
    row: Row,
    wheels: Vec<usize>,
    done: bool,
}

impl Combinations {
    fn of(row: Row) -> Self {
        let done = row.values().any(|value| wheel_length(value) == 0);
        Self { wheels: vec![0; row.len()], row, done }
    }
}

fn wheel_length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        _ => 1,
    }
}

impl Iterator for Combinations {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.done {
            return None;
        }
        let pairs = self.row.iter().zip(&self.wheels).map(|((name, value), at)| match value {
            Value::Array(items) => (name, items[*at].clone()),
            other => (name, other.clone()),
        });
        let row: Row = pairs.collect();
        self.done = true;
        for (wheel, value) in self.wheels.iter_mut().zip(self.row.values()) {
            *wheel += 1;
            if *wheel < wheel_length(value) {
                self.done = false;
                break;
            }
            *wheel = 0;
        }
        Some(row)
    }
}
