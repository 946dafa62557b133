//! Runs a query for every row of another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
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
            return Ok(Box::new(InParallel::new(rows, query, scope, workers)));
        }
        Ok(one_by_one(rows, query, scope.clone()))
    }
}

fn one_by_one(rows: RowStream, query: Query, scope: Scope) -> RowStream {
    Box::new(rows.flat_map(move |row| query.rows(&scope.child(row))))
}

/// So many workers of one query at most, however its loops are nested; beyond, a loop runs in the
/// thread that asks for its rows.
const RUNNING_MAX: usize = 256;

/// How many workers of a query are running.
#[derive(Default)]
struct Running(AtomicUsize);

/// Workers take rows from one source and put what the query yields for them onto one belt. They
/// end when the source does, when the run does, or when nobody wants more rows.
struct Workers {
    source: Mutex<std::iter::Fuse<RowStream>>,
    query: Query,
    scope: Scope,
    belt: Belt,
    started: AtomicUsize,
    workers_max: usize,
    running: Arc<Running>,
}

impl Workers {
    /// Starts one more; false when there are enough.
    fn start(self: &Arc<Self>) -> bool {
        let count = |count: usize, max: usize| (count < max).then_some(count + 1);
        let take = |counter: &AtomicUsize, max: usize| {
            counter
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| count(now, max))
                .is_ok()
        };
        if !take(&self.started, self.workers_max) {
            return false;
        }
        if !take(&self.running.0, RUNNING_MAX) {
            self.started.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.belt.enter();
        let working = Working(self.clone());
        let started = stack::spawn_worker(move || working.0.work());
        if let Err(error) = &started {
            self.scope.warn(&format!("foreach: a worker could not be started: {error}"));
        }
        started.is_ok()
    }

    fn work(self: &Arc<Self>) {
        while !self.scope.stopped() {
            let Some(row) = self.source.lock().next() else { return };
            // There may be more rows: another one looks while this one works.
            self.start();
            for found in self.query.rows(&self.scope.child(row)) {
                if !self.belt.put(found) {
                    return;
                }
            }
        }
    }
}

/// A worker at work; however it ends, the reader is told.
struct Working(Arc<Workers>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.running.0.fetch_sub(1, Ordering::Relaxed);
        self.0.belt.leave();
    }
}

/// Rows on their way from the workers to the one who reads them.
#[derive(Default)]
struct Belt {
    state: Mutex<BeltState>,
    /// The reader is waiting.
    filled: Condvar,
    /// Workers are waiting.
    emptied: Condvar,
}

#[derive(Default)]
struct BeltState {
    rows: VecDeque<Row>,
    workers: usize,
    /// Nobody wants more rows.
    closed: bool,
    /// The reader wants to be told of the first row.
    impatient: bool,
}

/// What fits on the belt: so far workers run ahead.
const BELT_ROWS: usize = 128;
/// A reader who waits is told when so many rows are there, unless it has waited for long.
const WORTH_TELLING: usize = 32;
/// How long a reader waits for more than one row.
const LONG: Duration = Duration::from_millis(1);

impl Belt {
    fn enter(&self) {
        self.state.lock().workers += 1;
    }

    fn leave(&self) {
        let mut state = self.state.lock();
        state.workers -= 1;
        if state.workers == 0 {
            self.filled.notify_one();
        }
    }

    /// Puts a row on the belt; false when nobody wants it.
    fn put(&self, row: Row) -> bool {
        let mut state = self.state.lock();
        while state.rows.len() >= BELT_ROWS && !state.closed {
            self.emptied.wait(&mut state);
        }
        if state.closed {
            return false;
        }
        state.rows.push_back(row);
        // Waking a thread takes longer than many a query.
        if state.impatient || state.rows.len() == WORTH_TELLING {
            state.impatient = false;
            drop(state);
            self.filled.notify_one();
        }
        true
    }

    /// Waits for rows and takes all that are there; none when no worker is left.
    fn take(&self, into: &mut VecDeque<Row>) {
        let mut state = self.state.lock();
        while state.rows.is_empty() && state.workers > 0 {
            self.filled.wait_for(&mut state, LONG);
            if state.rows.is_empty() && state.workers > 0 {
                state.impatient = true;
                self.filled.wait(&mut state);
                state.impatient = false;
            }
        }
        std::mem::swap(&mut state.rows, into);
        drop(state);
        self.emptied.notify_all();
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let rows = std::mem::take(&mut state.rows);
        drop(state);
        drop(rows);
        self.emptied.notify_all();
    }
}

/// Reads the belt. Workers start when the first row is asked for.
struct InParallel {
    workers: Arc<Workers>,
    ready: VecDeque<Row>,
    begun: bool,
    /// The rest of the rows when no worker may run.
    alone: Option<RowStream>,
}

impl InParallel {
    fn new(rows: RowStream, query: Query, scope: &Scope, workers_max: usize) -> Self {
        let workers = Arc::new(Workers {
            source: Mutex::new(rows.fuse()),
            query,
            scope: scope.clone(),
            belt: Belt::default(),
            started: AtomicUsize::new(0),
            workers_max,
            running: scope.keep("workers of foreach", Running::default),
        });
        Self { workers, ready: VecDeque::new(), begun: false, alone: None }
    }

    fn begin(&mut self) {
        self.begun = true;
        if !self.workers.start() {
            let workers = self.workers.clone();
            let rows = std::iter::from_fn(move || workers.source.lock().next());
            let (query, scope) = (self.workers.query.clone(), self.workers.scope.clone());
            self.alone = Some(one_by_one(Box::new(rows), query, scope));
        }
    }
}

impl Iterator for InParallel {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if !self.begun {
            self.begin();
        }
        if let Some(alone) = &mut self.alone {
            return alone.next();
        }
        if self.ready.is_empty() {
            self.workers.belt.take(&mut self.ready);
        }
        self.ready.pop_front()
    }
}

impl Drop for InParallel {
    fn drop(&mut self) {
        self.workers.belt.close();
    }
}
