//! Log hunts: how they stand, the grid of tenants by rules, the definition files.

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
    /// The server's clock.
    pub now: String,
    /// When the streams were counted last; lags are those of this moment.
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
