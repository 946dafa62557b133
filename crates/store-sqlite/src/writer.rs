//! The one thread that writes, and how calls share its transactions.
//!
//! Jobs wait in a queue. The thread takes all that are there (up to [`BATCH_MAX`]), runs each inside
//! a savepoint of one transaction, commits once, and only then answers. A job that fails takes back
//! its own savepoint and disturbs nobody; when the commit fails, all of them failed.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use model::store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::codec::Done;

/// Most jobs that share one transaction.
const BATCH_MAX: usize = 512;

/// Most jobs that wait; callers beyond it wait before they queue.
const QUEUE_MAX: usize = 4_096;

/// Answers a caller once it is known whether the commit went well.
type Reply = Box<dyn FnOnce(Result<(), &str>) + Send>;

type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// A handle to the writing thread. The thread ends when the handle is dropped.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. A lock keeps other processes away as long as it lives.
    pub(crate) fn start(
        connection: Connection,
        lock: Option<File>,
    ) -> Result<Self, std::io::Error> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let thread =
            std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
                write_all(&connection, queue);
                drop(connection);
                drop(lock);
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `job` in a transaction; returns when it is durable.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = in_savepoint(connection, doing, job);
            Box::new(move |committed: Result<(), &str>| {
                let outcome = match committed {
                    Ok(()) => outcome,
                    Err(why) => Err(StoreError::broken(doing, why.to_owned())),
                };
                // A caller that was cancelled does not want its answer.
                let _ = answer.send(outcome);
            })
        });
        let stopped = || StoreError::broken(doing, "the store was closed");
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread's own panic has been reported when it happened.
            let _ = thread.join();
        }
    }
}

fn write_all(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    let mut batch: Vec<Job> = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH_MAX {
            match queue.try_recv() {
                Ok(next) => batch.push(next),
                Err(_) => break,
            }
        }
        write_batch(connection, &mut batch);
    }
}

fn write_batch(connection: &Connection, batch: &mut Vec<Job>) {
    let begun =
        connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
    let replies: Vec<Reply> = batch.drain(..).map(|job| job(connection)).collect();
    let committed = begun.and_then(|_| {
        connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]))
    });
    let committed = committed.map(|_| ()).map_err(|error| {
        if !connection.is_autocommit() {
            // Nothing more can be done about a transaction that can be neither kept nor undone; the
            // next one will say so too.
            let _ = connection.execute_batch("ROLLBACK");
        }
        error.to_string()
    });
    for reply in replies {
        reply(committed.as_ref().copied().map_err(String::as_str));
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    doing: &'static str,
    job: impl FnOnce(&Connection) -> Done<T>,
) -> Result<T, StoreError> {
    let step = |sql: &str| {
        let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        done.map_err(|error| StoreError::broken(doing, error))
    };
    if connection.is_autocommit() {
        return Err(StoreError::broken(doing, "no transaction could be begun"));
    }
    step("SAVEPOINT job")?;
    // What a job that panics has written is taken back with its savepoint.
    let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
    let outcome = match outcome {
        Ok(outcome) => outcome.map_err(|failure| failure.while_doing(doing)),
        Err(_) => {
            Err(StoreError::broken(doing, "the job panicked; this is a fault in the program"))
        }
    };
    if outcome.is_err() {
        step("ROLLBACK TO job")?;
    }
    step("RELEASE job")?;
    outcome
}
