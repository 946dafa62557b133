//! Log hunts: what people do to streams, tenants and windows, and what that would touch.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

/// Pause a tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogPauseRequest {
    /// `hold`: the time is read afterwards; `skip`: it is left out, explicitly.
    pub mode: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub preview: bool,
}

/// Do something for a reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogActRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub preview: bool,
}

/// Leave a stretch of a stream out, on purpose.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogWaiveRequest {
    /// From this position.
    pub from: String,
    /// Up to this position.
    pub to: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub preview: bool,
}

/// What an action touches, or has touched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogActReport {
    /// It was done; `false` for a preview.
    pub done: bool,
    /// What it does, as a sentence with its size.
    pub sentence: String,
    /// Streams that it touches.
    pub streams: u64,
    /// Windows that it touches.
    pub windows: u64,
}

/// Read a stretch of the past again, in a lane of its own.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogBackfillRequest {
    /// Which rule.
    pub rule: String,
    /// At which tenants: names or patterns with `*`; all that the rule runs at, when empty.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// From this moment, or this day.
    pub from: String,
    /// Up to this moment; a day means to its end.
    pub to: String,
    /// `each`, `digest` or `nothing`; `digest` when left out.
    #[serde(default)]
    pub tell: Option<String>,
    /// How much it may read, such as `50GiB`.
    #[serde(default)]
    pub bytes_max: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub preview: bool,
}

/// What a backfill would touch, or the job that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogBackfillReport {
    /// It was made; `false` for a preview.
    pub done: bool,
    /// Its name.
    pub job: Option<String>,
    /// Tenants whose logs are read.
    pub tenants: u64,
    /// Streams: tenants by datasets.
    pub streams: u64,
    /// Windows that are read.
    pub windows: u64,
    /// Bytes as the engines estimate, where all that were asked know.
    pub bytes: Option<u64>,
    /// Streams whose engine was asked for that estimate.
    pub estimated: u64,
    /// What stands in the way, or should be known.
    pub problems: Vec<Problem>,
}

/// A backfill.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogBackfillView {
    /// Its name: part of the lanes of its streams.
    pub name: String,
    /// Which rule.
    pub rule: String,
    /// At which tenants.
    pub tenants: Vec<String>,
    /// From which moment.
    pub from: String,
    /// Up to which.
    pub to: String,
    /// `each`, `digest` or `nothing`.
    pub tell: String,
    /// How many bytes it may read.
    pub bytes_max: Option<u64>,
    /// When it was asked for.
    pub at: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// `running`, `done`, `over_budget` or `cancelled`.
    pub state: String,
    /// Streams that have begun.
    pub streams: u64,
    /// Windows that are settled.
    pub windows_settled: u64,
    /// Windows that are open.
    pub windows_open: u64,
}

/// A page of backfills, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogBackfillPage {
    /// The backfills.
    pub items: Vec<LogBackfillView>,
    /// In all.
    pub total: u64,
}

/// A message that waits for its channel.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogDeliveryView {
    /// Its number.
    pub id: u64,
    /// The same each time it is sent.
    pub key: String,
    /// Which channel.
    pub channel: String,
    /// Of which findings.
    pub findings: Vec<String>,
    /// When it was written.
    pub at: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this moment.
    pub not_before: String,
    /// Why it failed last.
    pub error: Option<String>,
    /// No longer tried.
    pub given_up: bool,
}

/// A page of messages, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogDeliveryPage {
    /// The messages.
    pub items: Vec<LogDeliveryView>,
    /// In all.
    pub total: u64,
}

/// Who changed what of log hunts, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogNoteView {
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why, and with which values.
    pub reason: String,
}

/// A page of notes, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogNotePage {
    /// The notes.
    pub items: Vec<LogNoteView>,
    /// In all.
    pub total: u64,
}
