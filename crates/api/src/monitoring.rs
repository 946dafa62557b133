//! Monitoring: which event artifacts run on which clients, and what they bring.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a monitored artifact may use on one client; texts such as `64KiB` and `5s`. What is left out
/// is as the artifact's author wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringLimits {
    /// Percent of one processor for each source: `5%`, or `0` for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Rows in a second for each source; a source that gives more is slowed down. 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<u32>,
    /// Rows in one batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<u32>,
    /// Bytes in one batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_bytes: Option<String>,
    /// How long a row waits for its batch to fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_wait: Option<String>,
}

/// One event artifact that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MonitoringEntry {
    /// The artifact's name.
    pub artifact: String,
    /// On clients with this label; left out: on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Parameters that differ from their default, as text.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Within which limits.
    #[serde(default)]
    pub limits: MonitoringLimits,
}

/// All event artifacts that are wanted, instead of those before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MonitoringSet {
    /// The entries. Of two with the same label and artifact the last counts.
    pub entries: Vec<MonitoringEntry>,
    /// The revision that they were made from; when another change came between, nothing is changed.
    #[serde(default)]
    pub revision: Option<u64>,
}

/// One event artifact that is not wanted any more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MonitoringRemove {
    /// The artifact's name.
    pub artifact: String,
    /// The label of the entry; left out: the entry for all clients.
    #[serde(default)]
    pub label: Option<String>,
}

/// One entry, with what is wrong with it now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MonitoringEntryView {
    /// The artifact's name.
    pub artifact: String,
    /// On clients with this label; `null`: on all.
    pub label: Option<String>,
    /// Parameters that differ from their default, as text.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Within which limits.
    pub limits: MonitoringLimits,
    /// Why it does not run anywhere, when it was good before and is not now.
    pub problem: Option<String>,
}

/// What is monitored.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MonitoringView {
    /// Grows by one with each change.
    pub revision: u64,
    /// Those for all clients first, then by label.
    pub entries: Vec<MonitoringEntryView>,
}

/// How much one source brought on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventDayView {
    /// `Artifact` or `Artifact/Source`.
    pub source: String,
    /// `rows` or `log`.
    pub kind: String,
    /// The day of arrival in UTC, for example `2026-11-22`.
    pub day: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of them as JSON.
    pub bytes: u64,
    /// Its columns, in the order in which they were first met.
    pub columns: Vec<String>,
}

/// What is monitored on one client, and what that brought.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientMonitoring {
    /// What runs there, or will when it connects.
    pub entries: Vec<MonitoringEntryView>,
    /// What it brought each day, by source.
    pub days: Vec<EventDayView>,
}

/// What is asked of `GET /clients/{client}/monitoring/rows`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// `Artifact` or `Artifact/Source`. Needed.
    pub source: Option<String>,
    /// The source's log instead of its rows.
    pub log: Option<bool>,
    /// Arrived at this moment or later: RFC 3339, or a day such as `2026-11-22`.
    pub from: Option<String>,
    /// Arrived before this moment; a day means to the end of that day.
    pub to: Option<String>,
    /// Rows in which any column has this text, letter case ignored.
    pub search: Option<String>,
    /// Conditions, all of which must hold, one a line: `Column=text`, `Column!=text`,
    /// `Column~text` (has it inside), `Column>text`, `Column<text`.
    pub filter: Option<String>,
    /// A column, or `_stored`, `_observed`.
    pub sort: Option<String>,
    /// Descending.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// What is asked of `GET /monitoring/scan` and `GET /monitoring/export.jsonl`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventScanQuery {
    /// `Artifact` or `Artifact/Source`. Needed.
    pub source: Option<String>,
    /// Of this client only.
    pub client: Option<String>,
    /// The source's log instead of its rows.
    pub log: Option<bool>,
    /// Arrived at this moment or later: RFC 3339, or a day such as `2026-11-22`.
    pub from: Option<String>,
    /// Arrived before this moment; a day means to the end of that day.
    pub to: Option<String>,
    /// After this place of an earlier answer; `now` for only what arrives from now on. Scans only.
    pub after: Option<String>,
}

/// One row of an event artifact, with where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRowView {
    /// `C.…`
    pub client: String,
    /// That client's name.
    pub hostname: String,
    /// The source.
    pub source: String,
    /// When it arrived, by the server's clock.
    pub stored: String,
    /// When the agent met it, by the client's clock.
    pub observed: String,
    /// The row itself.
    #[schema(value_type = Object)]
    pub row: serde_json::Map<String, serde_json::Value>,
}

/// A page of rows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRowPage {
    /// The rows.
    pub items: Vec<EventRowView>,
    /// How many pass the filters in all.
    pub total: u64,
}

/// A stretch of rows in order of arrival.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventScanPage {
    /// The rows.
    pub items: Vec<EventRowView>,
    /// Where to go on, also for what arrives later.
    pub place: String,
    /// Whether nothing is behind it now.
    pub end: bool,
}
