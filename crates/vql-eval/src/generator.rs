//! A query that is run once for many readers.
//!
//! The query runs on a thread of its own. Each reader has a queue; the query waits while even the
//! fastest reader has enough to do. What the slower ones have not taken is charged to the run, so a
//! reader that never reads ends the run with its limit of memory rather than stopping the others.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rows::{Row, Value};
use vql_plugin::{Level, RowStream, Scope};

use crate::scope::Env;
use crate::session::Charge;
use crate::stack;

/// How far the query may be ahead of its fastest reader.
const AHEAD_MAX: usize = 64;
/// Waiting asks in between whether to stop.
const SLICE: Duration = Duration::from_millis(20);

/// When a round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// So long after the first reader came.
    After(Duration),
    /// When there are so many readers.
    Readers(usize),
}

/// A query with many readers.
pub(crate) struct Generator {
    query: Value,
    start: Start,
    scope: Scope,
    round: Mutex<Option<Arc<Round>>>,
}

/// One execution of the query.
struct Round {
    state: Mutex<RoundState>,
    changed: Condvar,
}

#[derive(Default)]
struct RoundState {
    readers: Vec<Weak<Reader>>,
    /// How many have ever joined.
    joined: usize,
    ended: bool,
}

struct Reader {
    queue: Mutex<Queue>,
}

struct Queue {
    rows: VecDeque<(Row, usize)>,
    charge: Charge,
}

impl Generator {
    pub(crate) fn new(query: Value, start: Start, scope: Scope) -> Self {
        Self { query, start, scope, round: Mutex::new(None) }
    }

    /// The rows from now on.
    pub(crate) fn rows(&self, env: &Env) -> RowStream {
        let queue = Queue { rows: VecDeque::new(), charge: Charge::new(env.session()) };
        let reader = Arc::new(Reader { queue: Mutex::new(queue) });
        let mut current = self.round.lock();
        let round = match &*current {
            Some(round) if round.join(&reader) => round.clone(),
            _ => {
                let round = Arc::new(Round { state: Mutex::default(), changed: Condvar::new() });
                round.join(&reader);
                self.begin(&round);
                current.insert(round).clone()
            }
        };
        drop(current);
        Box::new(Reading { reader: Some(reader), round, scope: env.handle() })
    }

    fn begin(&self, round: &Arc<Round>) {
        let (round, query) = (round.clone(), self.query.clone());
        let (scope, start) = (self.scope.clone(), self.start);
        let failed = round.clone();
        let work = move || {
            let _end = EndsWithScope(&round);
            if round.wait_for_start(start, &scope) {
                for row in scope.rows(&query) {
                    if !round.hand_out(&row, &scope) {
                        return;
                    }
                }
            }
        };
        if let Err(error) = stack::spawn_worker(work) {
            failed.end();
            let text = format!("generate: no thread could be started: {error}");
            self.scope.log(Level::Error, &text);
        }
    }
}

/// Readers must not wait for a thread that is gone, however it went.
struct EndsWithScope<'r>(&'r Round);

impl Drop for EndsWithScope<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Round {
    /// False when it is over.
    fn join(&self, reader: &Arc<Reader>) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return false;
        }
        state.readers.push(Arc::downgrade(reader));
        state.joined += 1;
        self.changed.notify_all();
        true
    }

    fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }

    /// False when the run has to end, or nobody is left who wants to read.
    fn wait_for_start(&self, start: Start, scope: &Scope) -> bool {
        let mut slices = match start {
            Start::After(delay) => delay.as_millis().div_ceil(SLICE.as_millis()),
            Start::Readers(_) => u128::MAX,
        };
        let wanted = match start {
            Start::After(_) => usize::MAX,
            Start::Readers(wanted) => wanted,
        };
        while slices > 0 {
            let mut state = self.state.lock();
            if state.joined >= wanted {
                return true;
            }
            if scope.stopped() || !state.readers.iter().any(|reader| reader.strong_count() > 0) {
                return false;
            }
            if wanted == usize::MAX {
                drop(state);
                scope.host().wait(SLICE);
                slices -= 1;
            } else {
                self.changed.wait_for(&mut state, SLICE);
            }
        }
        true
    }

    /// Gives a row to every reader. False when there is none any more, or the run has to end.
    fn hand_out(&self, row: &Row, scope: &Scope) -> bool {
        let mut state = self.state.lock();
        loop {
            let readers: Vec<_> = state.readers.iter().filter_map(Weak::upgrade).collect();
            if readers.is_empty() || scope.stopped() {
                return false;
            }
            let ahead = readers.iter().map(|reader| reader.queue.lock().rows.len()).min();
            if ahead.unwrap_or(0) < AHEAD_MAX {
                let pushed = readers.iter().all(|reader| reader.queue.lock().push(row.clone()));
                self.changed.notify_all();
                return pushed;
            }
            drop(readers);
            self.changed.wait_for(&mut state, SLICE);
            state.readers.retain(|reader| reader.strong_count() > 0);
        }
    }
}

impl Queue {
    fn push(&mut self, row: Row) -> bool {
        let size = self.charge.add_row(&row);
        let Ok(size) = size else { return false };
        self.rows.push_back((row, size));
        true
    }

    fn pop(&mut self) -> Option<Row> {
        let (row, size) = self.rows.pop_front()?;
        self.charge.subtract(size);
        Some(row)
    }
}

/// The stream of one reader.
struct Reading {
    reader: Option<Arc<Reader>>,
    round: Arc<Round>,
    scope: Scope,
}

impl Iterator for Reading {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let reader = self.reader.as_ref()?;
        let mut state = self.round.state.lock();
        loop {
            if let Some(row) = reader.queue.lock().pop() {
                self.round.changed.notify_all();
                return Some(row);
            }
            if state.ended || self.scope.stopped() {
                break;
            }
            self.round.changed.wait_for(&mut state, SLICE);
        }
        drop(state);
        self.reader = None;
        None
    }
}
