//! Streams of rows, and the usual ways to make one.

use std::sync::mpsc;

use rows::Row;

use crate::{Failure, Level, Scope};

/// Rows, pulled one at a time. Dropping it stops the work behind it.
pub type RowStream = Box<dyn Iterator<Item = Row> + Send>;

/// No rows.
pub fn empty() -> RowStream {
    Box::new(std::iter::empty())
}

/// These rows.
pub fn rows<I>(rows: I) -> RowStream
where
    I: IntoIterator<Item = Row>,
    I::IntoIter: Send + 'static,
{
    Box::new(rows.into_iter())
}

/// Rows until the first failure, which is logged behind `name` and ends the stream; also ends when
/// the query is stopped.
pub fn fallible<I>(name: &'static str, scope: &Scope, rows: I) -> RowStream
where
    I: IntoIterator<Item = Result<Row, Failure>>,
    I::IntoIter: Send + 'static,
{
    let scope = scope.clone();
    let mut rows = rows.into_iter().fuse();
    let mut failed = false;
    Box::new(std::iter::from_fn(move || {
        if failed || scope.stopped() {
            return None;
        }
        match rows.next()? {
            Ok(row) => Some(row),
            Err(failure) => {
                scope.log(Level::Default, &format!("{name}: {failure}"));
                failed = true;
                None
            }
        }
    }))
}

/// Where [`produce`] puts its rows.
pub struct Out(mpsc::SyncSender<Row>);

/// The consumer wants no more rows: return.
#[derive(Debug)]
pub struct Enough;

impl Out {
    /// Hands over one row; waits while the consumer is behind.
    pub fn emit(&self, row: Row) -> Result<(), Enough> {
        self.0.send(row).map_err(|_| Enough)
    }
}

/// How many rows a producer may be ahead of its consumer.
const AHEAD_MAX: usize = 16;

/// For work that is easier to write as a loop that hands rows over: runs `work` on a thread of
/// its own, at most a few rows ahead of the consumer. A failure is logged behind `name`.
///
/// [`Out::emit`] fails when the consumer is gone; `work` then has to return.
pub fn produce<W>(name: &'static str, scope: &Scope, work: W) -> RowStream
where
    W: FnOnce(&Out) -> Result<(), Failure> + Send + 'static,
{
    let (send, receive) = mpsc::sync_channel(AHEAD_MAX);
    let log = scope.clone();
    let run = move || {
        if let Err(failure) = work(&Out(send)) {
            log.log(Level::Default, &format!("{name}: {failure}"));
        }
    };
    match std::thread::Builder::new().name(format!("vql {name}")).spawn(run) {
        Ok(_) => Box::new(receive.into_iter()),
        Err(error) => {
            scope.log(Level::Error, &format!("{name}: no thread could be started: {error}"));
            empty()
        }
    }
}

impl std::fmt::Display for Enough {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more rows are wanted")
    }
}
