//! Log hunts: how streams, tenants, rules and engines stand, and the windows of a ledger.
//!
//! Positions are texts as a person reads them: a moment in the time domains, a number in `cursor`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

/// How log hunts stand, in numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogOverview {
    /// Whether this server has definitions of log hunts.
    pub configured: bool,
    /// Whether a scheduler runs in this server; otherwise the records are only shown.
    pub running: bool,
    /// The server's clock, from which lags are counted.
    pub now: String,
    /// When the streams were counted last.
    pub counted_at: String,
    /// Tenants.
    pub tenants: u64,
    /// Of these, paused.
    pub tenants_paused: u64,
    /// Rules that are not disabled.
    pub rules: u64,
    /// Live streams, by state.
    pub streams: LogStateCounts,
    /// The longest lag of a stream that is not paused, in milliseconds.
    pub lag_millis_max: u64,
    /// Windows that were given up and wait for somebody.
    pub gaps: u64,
    /// Findings by what people did: new, triaged, closed.
    pub findings: Vec<LogCount>,
    /// Findings that nobody has looked at, by severity.
    pub findings_new: Vec<LogCount>,
    /// Findings of the last 14 days, by day.
    pub findings_by_day: Vec<LogCount>,
    /// Messages that wait for their channel.
    pub outbox_waiting: u64,
    /// Backfills that run.
    pub backfills_running: u64,
    /// What is wrong with the definitions: errors.
    pub problems: u64,
    /// What is wrong otherwise, as sentences.
    pub troubles: Vec<String>,
}

/// A value and how often it is met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogCount {
    /// The value.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// How many streams are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogStateCounts {
    /// On time.
    pub ok: u64,
    /// Never run so far.
    pub waiting: u64,
    /// Their tenant is paused.
    pub paused: u64,
    /// Further behind than twice their interval.
    pub behind: u64,
    /// Their last run failed.
    pub failing: u64,
    /// They have windows that were given up.
    pub gap: u64,
    /// They wait for a person.
    pub stopped: u64,
}

/// What is asked of `GET /log/grid`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogGridQuery {
    /// Part of a tenant's name.
    pub tenant: Option<String>,
    /// Part of a rule's name or title.
    pub rule: Option<String>,
    /// Only tenants with a stream in this state: `ok`, `waiting`, `paused`, `behind`, `failing`,
    /// `gap`, `stopped`; `trouble` for any of the last four.
    pub state: Option<String>,
    /// `tenant` (when left out), `trouble` (worst first) or `lag` (longest first).
    pub sort: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most; 50 when left out, never more than 1000.
    pub limit: Option<u64>,
}

/// Tenants by rules.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogGrid {
    /// The columns.
    pub rules: Vec<LogGridRule>,
    /// The rows of this page.
    pub items: Vec<LogGridRow>,
    /// How many rows there are in all.
    pub total: u64,
}

/// A column of the grid.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogGridRule {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// How bad a match is.
    pub severity: String,
    /// It does not run.
    pub disabled: bool,
}

/// A row of the grid.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogGridRow {
    /// Whose logs.
    pub tenant: String,
    /// `hold` or `skip` while it is paused.
    pub paused: Option<String>,
    /// One for each rule, in the order of the columns; `null` where the rule does not run.
    pub cells: Vec<Option<LogCell>>,
}

/// All streams of one tenant and rule: the worst state and the longest lag among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogCell {
    /// `ok`, `waiting`, `paused`, `behind`, `failing`, `gap` or `stopped`.
    pub state: String,
    /// How far the checkpoint is behind the clock, in milliseconds; unknown for cursors and streams
    /// that never ran.
    pub lag_millis: Option<u64>,
    /// How many streams.
    pub streams: u32,
    /// The dataset of the worst of them.
    pub dataset: String,
    /// Its part, epoch and lane are those of the live stream with this part.
    pub part: String,
    /// Windows that were given up.
    pub gaps: u32,
    /// Why it failed last or waits.
    pub failure: Option<String>,
}

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
    /// See [`LogCell::state`].
    pub state: String,
    /// See [`LogCell::lag_millis`].
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
    /// See [`LogCell::state`]; `closed` when its epoch is over.
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
    /// See [`LogCell::lag_millis`].
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

/// The definitions of log hunts as this server read them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogDefinitionsView {
    /// Where they lie.
    pub folder: String,
    /// Changes when any file does.
    pub revision: String,
    /// When they were read.
    pub loaded_at: Option<String>,
    /// The files on disk have errors: what is in force is what was read before.
    pub stale: bool,
    /// Tenants.
    pub tenants: u64,
    /// Rules.
    pub rules: u64,
    /// Engines.
    pub engines: u64,
    /// Channels by name.
    pub channels: Vec<String>,
    /// What is wrong with the files, as `lycaon log check` says it.
    pub problems: Vec<LogFileProblem>,
}

/// Something that is wrong with a definition file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogFileProblem {
    /// The file, as the definitions name it.
    pub file: String,
    /// What and where in it.
    pub problem: Problem,
}
