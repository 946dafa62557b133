//! Patterns over the rows of several queries.

use std::collections::VecDeque;

use base::Timestamp;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Plugin, RowStream, Scope, free_args, stream};

use crate::language::background::{interleaved, seconds};

pub(super) fn entry() -> Entry {
    Entry::plugin(Sequence)
}

free_args! {
    /// Runs several queries at once and looks for patterns in their rows.
    ///
    /// Every argument is a query, apart from `query` and `max_age`. After each row of any of them,
    /// `query` runs; in it the variable `SEQUENCE` holds the rows that came in the last `max_age`
    /// seconds (60 when left out), the oldest first. What `query` yields is yielded, and the rows
    /// that led to it are forgotten.
    pub struct SequenceArgs for "sequence";
}

struct Sequence;

/// Beyond this the oldest row is forgotten whatever its age.
const ROWS_MAX: usize = 10_000;

impl Plugin for Sequence {
    type Args = SequenceArgs;

    fn rows(&self, args: SequenceArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let Some(query) = args.0.get("query").cloned() else {
            return Err("Field query is required".into());
        };
        let age_max = match args.0.get("max_age").map(|given| scope.materialise(given)) {
            None | Some(Value::Null) => seconds(60),
            Some(Value::Int(given)) => seconds(given),
            Some(other) => {
                let found = other.type_name();
                return Err(format!("Field max_age should be an int not {found}").into());
            }
        };
        let is_source = |name: &str| !matches!(name, "query" | "max_age");
        let sources = args.0.0.into_iter().filter(|(name, _)| is_source(name));
        let sources = sources.map(|(_, source)| source).collect();
        let rows = interleaved("sequence", sources, scope);
        let scope = scope.clone();
        let mut window: VecDeque<(Timestamp, Row)> = VecDeque::new();
        Ok(Box::new(rows.flat_map(move |row| {
            let now = scope.host().clock().now();
            let oldest = now.minus(age_max);
            window.retain(|(since, _)| *since >= oldest);
            window.push_back((now, row));
            if window.len() > ROWS_MAX {
                window.pop_front();
            }
            let so_far = Value::array(window.iter().map(|(_, row)| row.clone()));
            let found = scope.child(Row::new().with("SEQUENCE", so_far)).rows(&query);
            let found: Vec<Row> = found.collect();
            if !found.is_empty() {
                window.clear();
            }
            stream::rows(found)
        })))
    }
}
