//! The port to whatever evaluates VQL, and what it is given.
//!
//! The agent decides limits, batches and the end of an attempt; a collector only turns queries into
//! rows, log lines and files.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use model::collect::CompiledCollection;
use vql_eval::Cancel;

/// Asks an evaluation to end. Clones ask the same one.
#[derive(Debug, Clone, Default)]
pub struct StopSign(pub(crate) Cancel);

impl StopSign {
    /// Asks.
    pub fn raise(&self) {
        self.0.cancel();
    }

    /// Whether somebody has asked.
    pub fn is_raised(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// The evaluation must end now: somebody stopped it, or a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evaluation was stopped")]
pub struct Halt;

/// A file on its way to the server.
pub struct FileToSend<'a> {
    /// The path, as text.
    pub path: String,
    /// The accessor that it is read through.
    pub accessor: String,
    /// Its size, when that is known.
    pub size: Option<u64>,
    /// Its bytes.
    pub content: &'a mut dyn Read,
}

/// What was sent of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSent {
    /// The file's number within the attempt, from 0.
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// Of these bytes.
    pub sha256: [u8; 32],
}

/// Takes what an evaluation finds. Its methods may block: for room in the spool, and to keep the
/// evaluation within its share of the processor.
pub trait Evidence: Send + Sync {
    /// A row of a source, as a JSON object.
    fn row(&self, source: &str, json: String) -> Result<(), Halt>;

    /// A line of the log; `level` as on the wire. With `failure` the attempt counts as failed.
    fn log(&self, level: &str, text: &str, failure: bool);

    /// A file. The error says why it was not sent.
    fn file(&self, file: FileToSend<'_>) -> Result<FileSent, String>;

    /// A source is through, with or without rows.
    fn source_done(&self, source: &str);

    /// A source does not run because its precondition does not hold here.
    fn source_skipped(&self, source: &str) {
        self.log("INFO", &format!("{source}: its precondition does not hold here"), false);
    }

    /// Called often by the evaluating threads: keeps them within their share of the processor and
    /// says whether to go on.
    fn breathe(&self) -> Result<(), Halt>;
}

/// A flow, as it is to be evaluated.
pub struct Order {
    /// What, in order.
    pub collections: Vec<CompiledCollection>,
    /// How long at most; zero means no limit. The agent itself watches the time too.
    pub time_max: Duration,
    /// For `config.Client_labels`.
    pub labels: Vec<String>,
    /// Ends it.
    pub stop: StopSign,
}

/// A client query, as it is to be evaluated.
pub struct Question {
    /// VQL.
    pub vql: String,
    /// How long at most.
    pub time_max: Duration,
    /// Rows at most; one more makes it fail.
    pub rows_max: usize,
    /// Bytes of rows at most; more make it fail.
    pub bytes_max: usize,
    /// For `config.Client_labels`.
    pub labels: Vec<String>,
    /// Ends it.
    pub stop: StopSign,
}

/// Evaluates VQL. Its methods block until the evaluation has ended; the agent calls them on threads
/// of their own.
pub trait Collector: Send + Sync {
    /// Runs all collections of a flow. `Err` says why it could not run at all.
    fn collect(&self, order: Order, evidence: Arc<dyn Evidence>) -> Result<(), String>;

    /// Runs a client query and gives its rows as JSON objects.
    fn ask(&self, question: Question) -> Result<Vec<String>, String>;
}
