//! Bounds of hunts: budgets, canaries, repetition, schedules; and their revisions, rounds and
//! comparison.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::hunt::QueueCounts;

/// What all flows of a hunt together may use. Zero: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HuntBudgets {
    /// Rows of finished attempts.
    pub rows: u64,
    /// Bytes of their files: a number, or a text with a unit.
    #[serde(deserialize_with = "text_or_number")]
    pub upload_bytes: String,
    /// Their processor time.
    pub cpu_seconds: u64,
}

impl Default for HuntBudgets {
    fn default() -> Self {
        Self { rows: 0, upload_bytes: "0B".into(), cpu_seconds: 0 }
    }
}

/// Ends a hunt whose clients fail too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopWhen {
    /// Failed among finished clients: `20%`.
    #[serde(deserialize_with = "text_or_number")]
    pub failed_share: String,
    /// Not before so many clients have finished.
    #[serde(default)]
    pub after_clients: u64,
}

/// Tries a hunt on a few clients first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HuntCanary {
    /// So many clients are admitted before all others.
    pub clients: u64,
    /// `gate`: a person lets the others in; `auto`: the hunt does, when all canaries finished healthy.
    #[serde(default = "gate")]
    pub then: String,
}

fn gate() -> String {
    "gate".into()
}

/// How one class of failure is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRule {
    /// Attempts after the first; 0 for by hand only.
    pub times: u32,
    /// The limit that was hit, for the next attempt: `200%` doubles it.
    #[serde(default = "unchanged", deserialize_with = "text_or_number")]
    pub limit: String,
}

fn unchanged() -> String {
    "100%".into()
}

/// Rules by class of failure: `agent_restarted`, `timeout`, `no_progress`, `row_limit`, `upload_limit`,
/// `query`, `incomplete`, `refused`. Classes that are not named follow the usual rules: a restarted
/// agent once more, a timeout once more with twice the time.
pub type RetryRules = BTreeMap<String, RetryRule>;

/// When a hunt asks again. One of `every` and `cron`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HuntSchedule {
    /// So often, from the start of the hunt: `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Five fields in UTC: minute, hour, day of month, month, day of week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// A client's window ends so long before its clock.
    #[serde(default = "one_minute")]
    pub buffer: String,
    /// How far back the first window of a client reaches: `7d`; left out for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

fn one_minute() -> String {
    "1m".into()
}

/// What the finished attempts of a hunt have used, over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HuntSpent {
    /// Rows.
    pub rows: u64,
    /// Files.
    pub uploads: u64,
    /// Bytes of them.
    pub upload_bytes: u64,
    /// Processor time on the clients.
    pub cpu_seconds: u64,
}

/// One revision of a hunt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevisionView {
    /// From 1.
    pub revision: u32,
    /// When it was made.
    pub at: String,
    /// By whom.
    pub by: String,
    /// What it changed; empty for the first.
    pub changes: Vec<FieldChange>,
}

/// A field of a hunt before and after an edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// For example `limits.clients`.
    pub field: String,
    /// What it was, as JSON; nothing when it was not there.
    pub before: String,
    /// What it became.
    pub after: String,
}

/// A round of a hunt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoundView {
    /// From 1.
    pub round: u32,
    /// Its tick; the start of the hunt for the first.
    pub tick: String,
    /// Its queues.
    pub counts: QueueCounts,
}

/// A page of rounds, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoundPage {
    /// The rounds.
    pub items: Vec<RoundView>,
    /// In all.
    pub total: u64,
}

/// Up to where a source of a recurring hunt was read on a client.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckpointView {
    /// `Artifact` or `Artifact/Source`.
    pub source: String,
    /// By the client's clock.
    pub upto: String,
    /// Counts how often it began anew because the client's clock was set back, from 1.
    pub epoch: u32,
    /// The round that brought it here.
    pub round: u32,
}

/// Let failed clients of a hunt run again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRequest {
    /// Only those that failed like this.
    pub class: Option<String>,
    /// Only this client.
    pub client: Option<String>,
    /// Another time for each: `20m`.
    pub timeout: Option<String>,
    /// Another stretch without progress.
    pub progress_timeout: Option<String>,
    /// Another limit of rows.
    pub rows: Option<u64>,
    /// Another limit of files' bytes: `4GiB`.
    pub upload_bytes: Option<String>,
}

/// What a repetition by hand did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// So many clients wait for another attempt.
    pub clients: u64,
}

/// Which rows are compared: two rounds of a hunt, or a hunt with another.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiffQuery {
    /// The earlier round; the one before the later when left out.
    pub before: Option<u32>,
    /// The later round; the current one when left out.
    pub after: Option<u32>,
    /// The later hunt, when two hunts are compared.
    pub with: Option<String>,
    /// Columns that name a row, with commas; the whole row when left out.
    pub key: Option<String>,
    /// Columns that do not count, with commas.
    pub ignore: Option<String>,
    /// Rows of this source only.
    pub source: Option<String>,
}

/// One difference, a line of the answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DiffLine {
    /// `new`, `gone`, `changed`.
    pub change: String,
    /// `C.…`
    pub client: String,
    /// That client's name.
    pub hostname: String,
    /// The source.
    pub source: String,
    /// The row; as it is after a change.
    #[schema(value_type = Object)]
    pub row: serde_json::Map<String, serde_json::Value>,
    /// For a change: the columns that changed, as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub was: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Reads a quantity that people write with a unit or without.
fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    struct Either;
    impl Visitor<'_> for Either {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or a text")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    from.deserialize_any(Either)
}
