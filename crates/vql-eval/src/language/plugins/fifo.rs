//! The last rows of a query that runs beside the one that asks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::Timestamp;
use parking_lot::Mutex;
use rows::{Row, Value};
use vql_plugin::{Entry, Failure, Level, Plugin, Query, RowStream, Scope, plugin_args, stream};

use crate::language::background::seconds;
use crate::objects::StoredQuery;
use crate::stack;

pub(super) fn entry() -> Entry {
    Entry::plugin(Fifo)
}

plugin_args! {
    /// Remembers the last rows of a query, which begins to run when this is first asked and goes
    /// on beside. Every time it is asked it yields the rows that it remembers then. For looking back
    /// when an event comes: what was there in the minute before?
    pub struct FifoArgs for "fifo" {
        /// The rows, usually events.
        query: Query,
        /// Seconds for which a row is remembered; 0 means 5.
        max_age: i64 = 5,
        /// How many rows are remembered; 0 means 10.
        max_rows: i64 = 10,
        /// Forgets the rows that it has yielded.
        flush: bool = false,
    }
}

struct Fifo;

impl Plugin for Fifo {
    type Args = FifoArgs;

    fn rows(&self, args: FifoArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let or = |given: i64, usual: i64| if given <= 0 { usual } else { given };
        let rows_max = usize::try_from(or(args.max_rows, 10)).unwrap_or(10);
        let window = window_of(&args.query, rows_max, scope);
        let oldest = scope.host().clock().now().minus(seconds(or(args.max_age, 5)));
        let mut kept = window.rows.lock();
        kept.retain(|(since, _)| *since >= oldest);
        let found: Vec<Row> = kept.iter().map(|(_, row)| row.clone()).collect();
        if args.flush {
            kept.clear();
        }
        Ok(stream::rows(found))
    }
}

/// What one `fifo(…)` of the text remembers, however often it is asked.
struct Window {
    rows: Mutex<VecDeque<(Timestamp, Row)>>,
    started: AtomicBool,
    /// Keeps the query, and with it its place in the text, from being another's.
    _query: Query,
}

fn window_of(query: &Query, rows_max: usize, scope: &Scope) -> Arc<Window> {
    let key = match StoredQuery::of(&query.0) {
        Some(stored) => format!("fifo {}", stored.place()),
        None => format!("fifo of {}", query.0),
    };
    let window = scope.keep(&key, || Window {
        rows: Mutex::default(),
        started: AtomicBool::new(false),
        _query: query.clone(),
    });
    if !window.started.swap(true, Ordering::SeqCst) {
        let (source, worker_scope, worker) = (query.0.clone(), scope.clone(), window.clone());
        let work = move || remember(&worker, &source, rows_max, &worker_scope);
        if let Err(error) = stack::spawn_worker(work) {
            scope.log(Level::Error, &format!("fifo: no thread could be started: {error}"));
        }
    }
    window
}

/// Pushes rows until the query or the run ends.
fn remember(window: &Window, source: &Value, rows_max: usize, scope: &Scope) {
    for row in scope.rows(source) {
        if scope.stopped() {
            return;
        }
        let mut rows = window.rows.lock();
        rows.push_back((scope.host().clock().now(), row));
        let surplus = rows.len().saturating_sub(rows_max);
        drop(rows.drain(..surplus).collect::<Vec<_>>());
    }
}
