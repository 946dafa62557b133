//! Queries that run on a thread of their own, beside whoever takes their rows.
//!
//! A worker ends when its query does, when the run does, or when nobody wants its rows any more.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use rows::{Row, Value};
use vql_plugin::{Level, RowStream, Scope};

use crate::stack;

/// How many rows a worker may be ahead.
const AHEAD_MAX: usize = 16;
/// Waiting asks in between whether to stop.
const SLICE: Duration = Duration::from_millis(20);

/// The rows of several sources as they come, for the plugin `name`.
pub(super) fn interleaved(name: &str, sources: Vec<Value>, scope: &Scope) -> RowStream {
    let streams = sources.into_iter().map(|source| begins_later(source, scope));
    at_once(name, streams.collect(), scope)
}

/// The rows of several streams as they come. A stream does its work on a thread of its own.
pub(crate) fn at_once(name: &str, streams: Vec<RowStream>, scope: &Scope) -> RowStream {
    Box::new(receiver(name, streams, scope).into_iter())
}

/// A query that does nothing before its first row is asked for: plugins may wait when they start.
fn begins_later(source: Value, scope: &Scope) -> RowStream {
    let scope = scope.clone();
    Box::new(std::iter::once(source).flat_map(move |source| scope.rows(&source)))
}

fn receiver(name: &str, streams: Vec<RowStream>, scope: &Scope) -> Receiver<Row> {
    let (send, receive) = mpsc::sync_channel::<Row>(AHEAD_MAX);
    for stream in streams {
        let (send, worker_scope) = (send.clone(), scope.clone());
        let work = move || {
            for row in stream {
                if worker_scope.stopped() || send.send(row).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = stack::spawn_worker(work) {
            let text = format!("{name}: no thread could be started: {error}");
            scope.log(Level::Error, &text);
        }
    }
    receive
}

/// What waiting for a row led to.
pub(super) enum Waited {
    Row(Row),
    /// There is none yet.
    TimedOut,
    /// There will be none any more.
    Ended,
}

/// One query on its own thread, whose rows can be waited for with patience that ends.
pub(super) struct Beside {
    rows: Receiver<Row>,
    scope: Scope,
}

impl Beside {
    pub(super) fn start(name: &str, source: Value, scope: &Scope) -> Self {
        Self {
            rows: receiver(name, vec![begins_later(source, scope)], scope),
            scope: scope.clone(),
        }
    }

    /// Waits so long at most; without a time, until there is a row.
    pub(super) fn next_within(&self, patience: Option<Duration>) -> Waited {
        let Some(patience) = patience else {
            return self.rows.recv().map_or(Waited::Ended, Waited::Row);
        };
        let mut left = slices(patience);
        loop {
            match self.rows.try_recv() {
                Ok(row) => return Waited::Row(row),
                Err(TryRecvError::Disconnected) => return Waited::Ended,
                Err(TryRecvError::Empty) if left == 0 => return Waited::TimedOut,
                Err(TryRecvError::Empty) if self.scope.stopped() => return Waited::Ended,
                Err(TryRecvError::Empty) => self.scope.host().wait(SLICE),
            }
            left -= 1;
        }
    }
}

/// Lets time pass; false when the run has to end.
pub(super) fn wait(time: Duration, scope: &Scope) -> bool {
    for _ in 0..slices(time) {
        if scope.stopped() {
            return false;
        }
        scope.host().wait(SLICE);
    }
    !scope.stopped()
}

fn slices(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(SLICE.as_millis())).unwrap_or(u64::MAX)
}

/// So many seconds; negative ones are none.
pub(super) fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
