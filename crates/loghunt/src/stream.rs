//! What is remembered of a stream besides its slices.

use std::sync::Arc;

use base::Timestamp;
use model::log::{Domain, Failure, Position, Slice, StreamKey, Window};

/// The record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Which.
    pub key: StreamKey,
    /// What its positions count.
    pub domain: Domain,
    /// Where it starts.
    pub t0: Position,
    /// The end of what has been cut into windows.
    pub planned_to: Position,
    /// The end of the prefix of settled windows. Never falls.
    pub checkpoint: Position,
    /// The last token that was granted.
    pub token: u64,
    /// Whether it may run.
    pub status: StreamStatus,
    /// The engine's id of the source when it was first read.
    pub source_identity: Option<Arc<str>>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The last tick that it saw: its scheduled instant.
    pub last_tick: Option<Timestamp>,
    /// When it last committed or failed.
    pub last_run: Option<Timestamp>,
    /// Why it failed last; nothing after a commit.
    pub last_failure: Option<Failure>,
    /// When it was last seen to, even if nothing was due.
    pub heartbeat: Timestamp,
}

/// Whether a stream may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// It runs.
    Active,
    /// It waits for a person: the source is not the one that was read so far, or a window cannot be
    /// read and its rule says to wait.
    Stopped(Failure),
    /// Its epoch is over.
    Closed {
        /// Why.
        reason: String,
    },
}

impl StreamStatus {
    /// Its word in records and on screens.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Stopped(_) => "stopped",
            Self::Closed { .. } => "closed",
        }
    }
}

/// One attempt at a window, for people to look back on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Of which stream.
    pub key: StreamKey,
    /// At which window.
    pub window: Window,
    /// Who ran it.
    pub owner: Arc<str>,
    /// Under which token: it tells the runs of a stream apart.
    pub token: u64,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How.
    pub outcome: RunOutcome,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// Committed.
    Committed {
        /// Rows that matched.
        rows: u64,
        /// Of them, findings that nobody had before.
        findings_new: u64,
        /// Bytes read.
        bytes: u64,
        /// In milliseconds.
        took_millis: u64,
    },
    /// Failed, for this reason.
    Failed(Failure),
    /// The lease was over before it came back, or it was given back.
    Lost,
}

/// What must be loaded of a stream before a command is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// This slice, whatever its state.
    pub slice: Option<model::log::SliceId>,
    /// All slices that meet this window, whatever their state.
    pub window: Option<Window>,
}

/// What a step did to the records; a store writes all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Slices that are new or different.
    pub put: Vec<Slice>,
    /// Slices that another took the place of, before anybody ran them.
    pub gone: Vec<model::log::SliceId>,
    /// Attempts that ended.
    pub runs: Vec<Run>,
}
