//! What a query engine must be able to do for log hunts.
//!
//! The query runs where the data is and only matches travel, so matches are plain rows here; how an
//! engine keeps them (Arrow batches, JSON) stays inside it.
//!
//! # Contract
//!
//! - Bounds of windows and values that come from a tenant's files reach the engine as bound
//!   parameters, or where a protocol has none, as literals written by the adapter itself, never as
//!   spliced text of others.
//! - An engine is made for one tenant with that tenant's credential; what it is asked never reaches
//!   the connection of another tenant.
//! - Rows of equal position are in the same answer.
//! - In the time domains a row whose clock is NULL, or cannot be read as a moment, stands at
//!   [`Position::MIN`]: a window that begins there has it, and no other.
//! - `Ok` with [`Completeness::Complete`] means that every row that matched was handed over. Failed
//!   shards, cancelled tasks, partial flags and row caps are [`Completeness::Partial`] or
//!   [`Completeness::Truncated`], never silence.
//! - Dropping the future of a call cancels it as far as the engine allows.
//!
//! Every implementation runs `testkit::engine_suite`.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use model::log::{Completeness, Domain, Failure, FailureClass, Position, Window};
use rows::{Name, Row};
use sigma::Predicate;

/// A query engine, connected as one tenant.
#[async_trait]
pub trait SqlEngine: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// What is known of a source. Fails when it does not exist or is not allowed.
    async fn describe(&self, source: &Source) -> Result<Description, EngineError>;

    /// Up to where the source can be read without a row appearing behind it later, as far as the
    /// engine can tell, and the source's clock.
    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError>;

    /// What reading this window would cost.
    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError>;

    /// The state of the source in this window, cheaply: changed when a row was added, changed or
    /// taken away. `None` where nothing cheap exists.
    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError>;

    /// Evaluates one query over one window and hands matches to `sink` as they come.
    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError>;

    /// Evaluates many queries over the same source and window, in one pass where the engine can.
    /// `sinks` and the answers stand in the order of `scans`.
    async fn run_together(
        &self,
        scans: &[Scan],
        sinks: &mut [Box<dyn MatchSink>],
    ) -> Vec<Result<Report, EngineError>> {
        let mut reports = Vec::with_capacity(scans.len());
        for (scan, sink) in scans.iter().zip(sinks) {
            reports.push(self.run(scan, sink.as_mut()).await);
        }
        reports
    }

    /// Ends the query with this tag, wherever it was started from. Unknown tags are not an error.
    async fn cancel(&self, tag: &str) -> Result<(), EngineError>;
}

/// Takes matches. Breaking off ends the query; the report then says [`Completeness::Partial`].
pub trait MatchSink: Send {
    /// Takes some more.
    fn take(&mut self, matches: Vec<Match>) -> ControlFlow<()>;
}

impl MatchSink for Vec<Match> {
    fn take(&mut self, matches: Vec<Match>) -> ControlFlow<()> {
        self.extend(matches);
        ControlFlow::Continue(())
    }
}

/// A row that matched, and where it stands.
#[derive(Clone, Debug)]
pub struct Match {
    /// The row, without the columns below unless the query asked for them.
    pub row: Row,
    /// Its position in the stream's domain. Of a windowed or opaque query without one: the end of
    /// the window, less one.
    pub position: Position,
    /// When it happened, where the source says.
    pub event_time: Option<Timestamp>,
    /// The engine's stable identity of the row, where it has one: document id, primary key, offset.
    pub identity: Option<Arc<str>>,
}

/// What an engine is asked.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Of which table.
    pub source: Source,
    /// What.
    pub query: Query,
    /// What may be read: the window of the slice, or more of it for a windowed rule.
    pub read: Window,
    /// What is emitted: rows whose position lies here. For windowed rules the caller judges.
    pub emit: Window,
    /// By which [`SqlEngine::cancel`] finds it again; letters, digits and `-`.
    pub tag: Arc<str>,
    /// What it may use.
    pub limits: ScanLimits,
}

/// What is asked of the rows.
#[derive(Clone, Debug)]
pub enum Query {
    /// SQL with `{table}`, `{from}`, `{to}` (and `{read_from}` for windowed rules).
    Sql {
        /// The text as the rule's author wrote it.
        text: Arc<str>,
        /// Values by name for `{name}` in it, bound as parameters; lists stand for `IN` lists.
        values: Arc<[(String, rows::Value)]>,
        /// How its answer depends on the window.
        class: QueryClass,
    },
    /// Rows that satisfy a typed predicate whose fields are columns of the source; with which
    /// columns (all, when empty).
    Predicate {
        /// What is asked.
        predicate: Arc<Predicate>,
        /// Which columns travel.
        columns: Arc<[Name]>,
    },
}

/// How an answer depends on the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryClass {
    /// A filter and a projection: windows can be cut and joined at will.
    PerEvent,
    /// Matches are made of several rows, at most so far apart.
    Windowed {
        /// How far.
        span: Duration,
    },
    /// Anything. Windows are evaluated as the schedule made them.
    Opaque,
}

/// What one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// How long it may take.
    pub timeout: Duration,
    /// How many rows it may answer; one more is [`Completeness::Truncated`].
    pub rows_max: u64,
    /// How much memory it may take in this process, in bytes.
    pub memory_max: u64,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(300), rows_max: 10_000, memory_max: 1 << 30 }
    }
}

/// A table of a tenant, as the tenant's files describe it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The table, folder or index, in the engine's spelling.
    pub table: Arc<str>,
    /// What positions count.
    pub domain: Domain,
    /// The column of the event's time.
    pub event_time: Option<Arc<str>>,
    /// The column of the time at which the store took the row.
    pub ingest_time: Option<Arc<str>>,
    /// The column of a cursor; or nothing, where the engine has positions of its own.
    pub cursor: Option<Arc<str>>,
    /// Columns that tell rows apart, in addition to position and event time.
    pub identity: Arc<[String]>,
    /// From the names that rules use to columns.
    pub columns: Arc<[(String, String)]>,
    /// The shard, partition or file set that is read; empty for the whole.
    pub part: Arc<str>,
    /// How far an event's time may lie from its ingest time: prunes reads in the ingest domain.
    pub lateness_max: Option<Duration>,
}

impl Source {
    /// The column that holds the position, if one does.
    pub fn position_column(&self) -> Option<&str> {
        match self.domain {
            Domain::EventTime => self.event_time.as_deref(),
            Domain::IngestTime => self.ingest_time.as_deref(),
            Domain::Cursor => self.cursor.as_deref(),
        }
    }

    /// The column behind a name that a rule uses.
    pub fn column<'a>(&'a self, field: &'a str) -> &'a str {
        self.columns.iter().find(|(name, _)| name == field).map_or(field, |(_, column)| column)
    }
}

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The engine's own id of the table; another one means another table behind the same name.
    pub identity: Arc<str>,
    /// Columns and the engine's names of their types, in order.
    pub columns: Vec<(String, String)>,
    /// Shards or partitions that are counted by themselves; empty when the whole is one stream.
    pub parts: Vec<Arc<str>>,
    /// The oldest position that can still be read, where the engine knows.
    pub oldest: Option<Position>,
}

/// Up to where a source can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The source's own clock, where it has one.
    pub clock: Option<Timestamp>,
    /// The first position that may still change: cursor domains, and ingest columns whose engine
    /// knows its open transactions.
    pub stable: Option<Position>,
}

/// What a read would cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes read.
    pub bytes: Option<u64>,
    /// Rows read.
    pub rows: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether all of it was answered.
    pub completeness: Completeness,
    /// Bytes read, as the engine says.
    pub bytes: u64,
    /// Rows looked at, as the engine says.
    pub rows_read: u64,
    /// How long the engine took.
    pub took: Duration,
}

/// What an engine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its kind, for instance `postgresql`.
    pub kind: &'static str,
    /// The domains in which it can count positions.
    pub domains: Vec<Domain>,
    /// Whether `LIKE` looks at case.
    pub like_is_cased: bool,
    /// The regular expressions that it knows, for instance `re2`; nothing when it knows none.
    pub regex: Option<&'static str>,
    /// The most rows that one answer can have.
    pub rows_max: Option<u64>,
    /// Whether many predicates over one window are one pass.
    pub many_in_one_pass: bool,
    /// Whether its calls block a thread; they then run on the bounded pool.
    pub blocking: bool,
}

/// Why an engine did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    /// What follows from it.
    pub class: FailureClass,
    /// A whole sentence: where, what, and how to mend it. Never a credential.
    pub message: String,
}

impl EngineError {
    /// May pass by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { class: FailureClass::Transient, message: message.into() }
    }

    /// Will not pass before somebody changes something.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { class: FailureClass::Permanent, message: message.into() }
    }

    /// A smaller window may pass.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self { class: FailureClass::TooLarge, message: message.into() }
    }

    /// As the ledger records it.
    pub fn failure(&self) -> Failure {
        Failure { class: self.class, message: self.message.clone() }
    }
}
