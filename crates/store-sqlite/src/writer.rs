//! The one thread that writes, and how calls share its transactions.
//!
//! Jobs wait in a queue. The thread takes all that are there (up to [`BATCH_MAX`]), runs them in
//! one transaction, commits once, and only then answers. A job that fails takes back what it wrote
//! and disturbs nobody; when the commit fails, all of them failed.
//!
//! There are two kinds. A job that runs once has a savepoint of its own. A job that may run again
//! has none, because a savepoint makes SQLite copy every page that the job is the first to touch:
//! these jobs run first, and when one of them fails after it has written, the transaction begins
//! anew and each of them runs again in a savepoint.
//!
//! Under load the thread lets jobs gather for a moment: many share a page, a commit, an `fsync`.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::Duration;

use model::store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::codec::Done;

/// Most jobs that share one transaction.
const BATCH_MAX: usize = 2_048;

/// Most jobs that wait; callers beyond it wait before they queue.
const QUEUE_MAX: usize = 8_192;

/// For each job of the transaction before, the next one waits so long for its jobs to gather: alone
/// nobody waits, and thousands share the pages that they change.
const GATHER_FOR_EACH: Duration = Duration::from_micros(200);

/// Nobody waits longer than this.
const GATHER_MAX: Duration = Duration::from_millis(100);

/// What a transaction's jobs are told once it is known whether the commit went well.
type Committed<'a> = Result<(), &'a str>;

/// Answers a caller.
type Reply = Box<dyn FnOnce(Committed<'_>) + Send>;

/// A job that runs once, in a savepoint.
type Once = Box<dyn FnOnce(&Connection) -> Reply + Send>;

/// A job that may run again in place of what it did before.
trait Again: Send {
    /// Runs. Whether it succeeded; a job that did not is to leave nothing behind.
    fn run(&mut self, connection: &Connection, apart: bool) -> bool;

    /// Tells the caller.
    fn answer(self: Box<Self>, committed: Committed<'_>);
}

enum Job {
    Once(Once),
    Again(Box<dyn Again>),
}

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
        let job: Once = Box::new(move |connection| {
            let outcome = in_savepoint(connection, doing, job);
            Box::new(move |committed: Committed<'_>| tell(answer, doing, outcome, committed))
        });
        self.queue(doing, Job::Once(job), answered).await
    }

    /// The same for a job that has no other effect than what it writes, so that it may run again.
    /// Cheaper: for what there are thousands of.
    pub(crate) async fn run_again<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl Fn(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Hot { doing, job, outcome: None, answer };
        self.queue(doing, Job::Again(Box::new(job)), answered).await
    }

    async fn queue<T>(
        &self,
        doing: &'static str,
        job: Job,
        answered: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::broken(doing, "the store was closed");
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn tell<T>(
    answer: oneshot::Sender<Result<T, StoreError>>,
    doing: &'static str,
    outcome: Result<T, StoreError>,
    committed: Committed<'_>,
) {
    let outcome = match committed {
        Ok(()) => outcome,
        Err(why) => Err(StoreError::broken(doing, why.to_owned())),
    };
    // A caller that was cancelled does not want its answer.
    let _ = answer.send(outcome);
}

struct Hot<T, J> {
    doing: &'static str,
    job: J,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, J: Fn(&Connection) -> Done<T> + Send> Again for Hot<T, J> {
    fn run(&mut self, connection: &Connection, apart: bool) -> bool {
        let outcome = match apart {
            true => in_savepoint(connection, self.doing, &self.job),
            false => caught(connection, self.doing, &self.job),
        };
        let succeeded = outcome.is_ok();
        self.outcome = Some(outcome);
        succeeded
    }

    fn answer(self: Box<Self>, committed: Committed<'_>) {
        let Self { doing, outcome, answer, .. } = *self;
        let unrun = || Err(StoreError::broken(doing, "no transaction could be begun"));
        tell(answer, doing, outcome.unwrap_or_else(unrun), committed);
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
    let mut last: u32 = 0;
    while let Some(first) = queue.blocking_recv() {
        if last > 4 && queue.len() < BATCH_MAX {
            let gather = GATHER_FOR_EACH.saturating_mul(last).min(GATHER_MAX);
            std::thread::park_timeout(gather);
        }
        let (mut again, mut once) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        last = 0;
        while let Some(job) = next {
            last += 1;
            match job {
                Job::Again(job) => again.push(job),
                Job::Once(job) => once.push(job),
            }
            next = if (last as usize) < BATCH_MAX { queue.try_recv().ok() } else { None };
        }
        write_batch(connection, again, once);
        // Each is an `fsync`; whoever measures counts these lines.
        tracing::trace!(steps = last, "committed");
    }
}

fn step(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn write_batch(connection: &Connection, mut again: Vec<Box<dyn Again>>, once: Vec<Once>) {
    let begun = step(connection, "BEGIN IMMEDIATE");
    let begun = begun.and_then(|()| run_repeatable(connection, &mut again));
    let replies: Vec<Reply> = once.into_iter().map(|job| job(connection)).collect();
    let committed = begun.and_then(|()| step(connection, "COMMIT"));
    let committed = committed.map_err(|error| {
        if !connection.is_autocommit() {
            // Nothing more can be done about a transaction that can be neither kept nor undone; the
            // next one will say so too.
            let _ = connection.execute_batch("ROLLBACK");
        }
        error.to_string()
    });
    let committed = committed.as_ref().copied().map_err(String::as_str);
    for job in again {
        job.answer(committed);
    }
    for reply in replies {
        reply(committed);
    }
}

/// Runs jobs that may run again, all in the transaction that has just begun.
fn run_repeatable(connection: &Connection, jobs: &mut [Box<dyn Again>]) -> rusqlite::Result<()> {
    let left_something = |job: &mut Box<dyn Again>| {
        let before = connection.total_changes();
        !job.run(connection, false)
            && (connection.total_changes() != before || connection.is_autocommit())
    };
    if !jobs.iter_mut().any(left_something) {
        return Ok(());
    }
    if !connection.is_autocommit() {
        step(connection, "ROLLBACK")?;
    }
    step(connection, "BEGIN IMMEDIATE")?;
    for job in jobs {
        job.run(connection, true);
    }
    Ok(())
}

/// Runs a job whose panic is its own failure.
fn caught<T>(
    connection: &Connection,
    doing: &'static str,
    job: impl FnOnce(&Connection) -> Done<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(|| job(connection))) {
        Ok(outcome) => outcome.map_err(|failure| failure.while_doing(doing)),
        Err(_) => {
            Err(StoreError::broken(doing, "the job panicked; this is a fault in the program"))
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    doing: &'static str,
    job: impl FnOnce(&Connection) -> Done<T>,
) -> Result<T, StoreError> {
    let step = |sql: &str| step(connection, sql).map_err(|error| StoreError::broken(doing, error));
    if connection.is_autocommit() {
        return Err(StoreError::broken(doing, "no transaction could be begun"));
    }
    step("SAVEPOINT job")?;
    // What a job that panics has written is taken back with its savepoint.
    let outcome = caught(connection, doing, job);
    if outcome.is_err() {
        step("ROLLBACK TO job")?;
    }
    step("RELEASE job")?;
    outcome
}
