//! Runs a query for every row of another.

use std::sync::{Arc, mpsc};

use parking_lot::Mutex;
use rows::{Row, Text};
use vql_plugin::{Entry, Failure, Plugin, Query, RowStream, Scope, plugin_args, stream};

use crate::stack;

pub(super) fn entry() -> Entry {
    Entry::plugin(Foreach)
}

plugin_args! {
    /// Runs a query for every row of another one; the row's columns are variables in it. Without a
    /// query the rows themselves are handed on.
    pub struct ForeachArgs for "foreach" {
        /// The rows: a query, an array (elements that are no rows become `_value`) or a dict.
        row: Query,
        /// What runs for each of them.
        query: Option<Query>,
        /// How many run at once; more than one mixes the order.
        workers: i64 = 1,
        /// Runs many at once.
        r#async: bool as "async" = false,
        /// Takes this column of the row in place of the row.
        column: Option<Text>,
    }
}

struct Foreach;

const WORKERS_MAX: usize = 100;

impl Plugin for Foreach {
    type Args = ForeachArgs;

    fn rows(&self, args: ForeachArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let mut rows = args.row.rows(scope);
        if let Some(column) = args.column {
            let (scope, column) = (scope.clone(), column.to_string());
            rows = Box::new(rows.flat_map(move |row| match row.get(&column) {
                Some(value) => scope.rows(value),
                None => stream::empty(),
            }));
        }
        let Some(query) = args.query else { return Ok(rows) };
        let workers = if args.r#async {
            WORKERS_MAX
        } else {
            usize::try_from(args.workers).unwrap_or(1).clamp(1, WORKERS_MAX)
        };
        if workers > 1 {
            return Ok(in_parallel(rows, query, scope, workers));
        }
        let scope = scope.clone();
        Ok(Box::new(rows.flat_map(move |row| query.rows(&scope.child(row)))))
    }
}

/// Workers take rows from one source and put what the query yields into one channel. They end
/// when the source does, when the run does, or when nobody wants more rows.
fn in_parallel(rows: RowStream, query: Query, scope: &Scope, workers: usize) -> RowStream {
    let (send, receive) = mpsc::sync_channel::<Row>(workers);
    let source = Arc::new(Mutex::new(rows.fuse()));
    for _ in 0..workers {
        let (source, query, send) = (source.clone(), query.clone(), send.clone());
        let worker_scope = scope.clone();
        let work = move || {
            while !worker_scope.stopped() {
                let Some(row) = source.lock().next() else { return };
                for found in query.rows(&worker_scope.child(row)) {
                    if send.send(found).is_err() {
                        return;
                    }
                }
            }
        };
        if let Err(error) = stack::spawn_worker(work) {
            scope.warn(&format!("foreach: a worker could not be started: {error}"));
        }
    }
    Box::new(receive.into_iter())
}
