//! Log hunts: streams, and the windows and attempts of their ledgers.
//!
//! Positions are texts as a person reads them: a moment in the time domains, a number in `cursor`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::log::LogCount;

/// What is asked of `GET /log/streams`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogStreamsQuery {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this dataset.
    pub dataset: Option<String>,
    /// In this state; `trouble` for `behind`, `failing`, `gap` and `stopped`.
    pub state: Option<String>,
    /// Part of a tenant's, rule's or dataset's name, or of a failure.
    pub search: Option<String>,
    /// `tenant`, `rule`, `dataset`, `state`, `lag`, `checkpoint`, `last_run`.
    pub sort: Option<String>,
    /// Descending.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// A stream in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogStreamSummary {
    /// Whose logs.
    pub tenant: String,
    /// Which of them.
    pub dataset: String,
    /// A shard or partition; empty for the whole.
    pub part: String,
    /// Which rule.
    pub rule: String,
    /// How often its position was started anew.
    pub epoch: u32,
    /// See `LogCell::state`.
    pub state: String,
    /// See `LogCell::lag_millis`.
    pub lag_millis: Option<u64>,
    /// The end of what is settled; a moment or a number. `null` before the first run.
    pub checkpoint: Option<String>,
    /// When it last committed or failed.
    pub last_run: Option<String>,
    /// Windows that were given up.
    pub gaps: u32,
    /// Why it failed last or waits.
    pub failure: Option<String>,
}

/// A page of streams.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogStreamPage {
    /// The streams.
    pub items: Vec<LogStreamSummary>,
    /// In all.
    pub total: u64,
}

/// Which of the ledgers of one tenant, dataset and rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogStreamQuery {
    /// A shard or partition; the whole when left out.
    pub part: Option<String>,
    /// The newest when left out.
    pub epoch: Option<u32>,
    /// `live` when left out, `repair.N`, `backfill.NAME`.
    pub lane: Option<String>,
}

/// One of the ledgers of one tenant, dataset and rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLedgerName {
    /// A shard or partition.
    pub part: String,
    /// How often its position was started anew.
    pub epoch: u32,
    /// `live`, `repair.N`, `backfill.NAME`.
    pub lane: String,
}

/// A stream.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogStreamView {
    /// Whose logs.
    pub tenant: String,
    /// Which of them.
    pub dataset: String,
    /// Which rule.
    pub rule: String,
    /// Which ledger.
    pub ledger: LogLedgerName,
    /// All ledgers of this tenant, dataset and rule.
    pub ledgers: Vec<LogLedgerName>,
    /// See `LogCell::state`; `closed` when its epoch is over.
    pub state: String,
    /// Why it waits, is closed, or failed last.
    pub failure: Option<String>,
    /// `transient`, `throttled`, `too_large`, `permanent` or `source_changed`.
    pub failure_class: Option<String>,
    /// What positions count: `event_time`, `ingest_time` or `cursor`.
    pub domain: String,
    /// Where it starts.
    pub t0: String,
    /// The end of the prefix of settled windows.
    pub checkpoint: String,
    /// The end of what has been cut into windows.
    pub planned_to: String,
    /// See `LogCell::lag_millis`.
    pub lag_millis: Option<u64>,
    /// The interval of its rule, in milliseconds, where it has one.
    pub interval_millis: Option<u64>,
    /// When it runs, as a sentence.
    pub schedule: String,
    /// The last lease that was granted.
    pub token: u64,
    /// The source's identity when it was first read.
    pub source_identity: Option<String>,
    /// When it was opened.
    pub opened_at: String,
    /// The last tick that it saw.
    pub last_tick: Option<String>,
    /// When it last committed or failed.
    pub last_run: Option<String>,
    /// The next tick of its rule.
    pub next_tick: Option<String>,
    /// When it was last seen to.
    pub heartbeat: String,
    /// `hold` or `skip` while its tenant is paused.
    pub paused: Option<String>,
    /// Its windows by state.
    pub windows: Vec<LogCount>,
}

/// What is asked of `GET /log/streams/…/timeline`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogTimelineQuery {
    /// A shard or partition; the whole when left out.
    pub part: Option<String>,
    /// The newest when left out.
    pub epoch: Option<u32>,
    /// `live` when left out.
    pub lane: Option<String>,
    /// From this position; the newest windows when left out.
    pub from: Option<String>,
    /// Up to this position.
    pub to: Option<String>,
    /// Segments at most: neighbours are joined to stay below; 400 when left out.
    pub segments: Option<u32>,
}

/// A ledger as a line of segments.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTimeline {
    /// What positions count.
    pub domain: String,
    /// The first position of the line.
    pub from: i64,
    /// The position after its last.
    pub to: i64,
    /// Where the stream starts.
    pub t0: i64,
    /// The end of what is settled.
    pub checkpoint: i64,
    /// The end of what has been cut.
    pub planned_to: i64,
    /// The server's clock as a position, in the time domains.
    pub now: Option<i64>,
    /// The segments, in order.
    pub segments: Vec<LogSegment>,
    /// Windows in this stretch.
    pub windows: u64,
    /// Windows at its beginning that were too many to read.
    pub left_out: u64,
}

/// One window, or neighbours of one state joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogSegment {
    /// Microseconds since 1970, or the cursor's number.
    pub from: i64,
    /// The position after.
    pub to: i64,
    /// The state of its windows; of joined ones the one that matters most.
    pub state: String,
    /// How many windows.
    pub windows: u32,
    /// The window's id, when it is one.
    pub window: Option<String>,
    /// Rows that matched.
    pub rows: u64,
    /// Findings that nobody had before.
    pub findings: u64,
    /// The revision of the rule's logic, when it is one.
    pub revision: Option<String>,
}

/// What is asked of `GET /log/streams/…/windows`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogWindowsQuery {
    /// A shard or partition; the whole when left out.
    pub part: Option<String>,
    /// The newest when left out.
    pub epoch: Option<u32>,
    /// `live` when left out.
    pub lane: Option<String>,
    /// From this position.
    pub from: Option<String>,
    /// Up to this position.
    pub to: Option<String>,
    /// In this state: `planned`, `leased`, `running`, `committed`, `backoff`, `quarantined`,
    /// `waived`, `split`, `superseded`.
    pub state: Option<String>,
    /// Newest first.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// One window of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogWindowView {
    /// `W.…`
    pub id: String,
    /// Whose logs.
    pub tenant: String,
    /// Which of them.
    pub dataset: String,
    /// Which rule.
    pub rule: String,
    /// Which ledger.
    pub ledger: LogLedgerName,
    /// The first position inside.
    pub from: String,
    /// The first position after.
    pub to: String,
    /// Its state's word.
    pub state: String,
    /// The tick that cut it.
    pub tick: String,
    /// Attempts that failed so far.
    pub attempts: u32,
    /// When it was cut.
    pub planned_at: String,
    /// When it last moved.
    pub moved_at: String,
    /// Why it failed last, why it was waived.
    pub reason: Option<String>,
    /// Who waived it, or which scheduler has it.
    pub actor: Option<String>,
    /// Not tried again before this moment; or until when its lease runs.
    pub until: Option<String>,
    /// What its commit knows.
    pub evidence: Option<LogEvidence>,
}

/// What a commit knows of its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEvidence {
    /// Under which token.
    pub token: u64,
    /// Which revision of the rule's logic ran.
    pub revision: String,
    /// Rows that matched.
    pub rows: u64,
    /// Findings that nobody had before.
    pub findings_new: u64,
    /// Bytes that the engine says it read.
    pub bytes: u64,
    /// How long the engine took, in milliseconds.
    pub took_millis: u64,
    /// The state of the source before the query.
    pub fingerprint: Option<String>,
    /// The source's clock.
    pub source_clock: Option<String>,
    /// When it was committed.
    pub committed_at: String,
    /// When its source is looked at again for rows that came late.
    pub audit_at: Option<String>,
    /// How often it was looked at again.
    pub audits: u32,
}

/// A page of windows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogWindowPage {
    /// The windows.
    pub items: Vec<LogWindowView>,
    /// In all.
    pub total: u64,
}

/// Why a window is as it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogWindowExplanation {
    /// The window.
    pub window: LogWindowView,
    /// Why these bounds, who ran it, what it read; one sentence each.
    pub sentences: Vec<String>,
    /// The attempts at windows that meet it, newest first.
    pub runs: Vec<LogRunView>,
    /// Findings of this window.
    pub findings: u64,
    /// What may be done: `waive`, `reopen`.
    pub actions: Vec<String>,
}

/// One attempt at a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogRunView {
    /// The first position of its window.
    pub from: String,
    /// The first position after.
    pub to: String,
    /// Which scheduler.
    pub owner: String,
    /// Under which token.
    pub token: u64,
    /// When it ended.
    pub ended_at: String,
    /// `committed`, `failed` or `lost`.
    pub outcome: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Rows that matched.
    pub rows: Option<u64>,
    /// Findings that nobody had before.
    pub findings_new: Option<u64>,
    /// Bytes read.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub took_millis: Option<u64>,
}

/// A page of attempts, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogRunPage {
    /// The attempts.
    pub items: Vec<LogRunView>,
    /// In all.
    pub total: u64,
}

/// What is asked of `GET /log/streams/…/runs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogRunsQuery {
    /// A shard or partition; the whole when left out.
    pub part: Option<String>,
    /// The newest when left out.
    pub epoch: Option<u32>,
    /// `live` when left out.
    pub lane: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}
