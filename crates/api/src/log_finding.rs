//! Log hunts: findings, and what people do with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::log::LogCount;

/// What is asked of `GET /log/findings`, of its facets and of its exports. Lists are separated by commas.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogFindingsQuery {
    /// Of one of these tenants.
    pub tenant: Option<String>,
    /// Of one of these datasets.
    pub dataset: Option<String>,
    /// Of one of these rules.
    pub rule: Option<String>,
    /// With one of these severities.
    pub severity: Option<String>,
    /// In one of these states: `new`, `triaged`, `closed`.
    pub state: Option<String>,
    /// With this ATT&CK technique.
    pub attack: Option<String>,
    /// That happened at this moment or later; a day means its first moment.
    pub from: Option<String>,
    /// That happened before this moment; a day means to its end.
    pub to: Option<String>,
    /// That came late (or did not).
    pub late: Option<bool>,
    /// That fall under an exception (or do not).
    pub suppressed: Option<bool>,
    /// Whose row has this text in it, letter case ignored.
    pub search: Option<String>,
    /// `instant` (newest first, unless `desc` is false), `severity`, `state`, `tenant`, `rule`, `dataset`.
    pub sort: Option<String>,
    /// Descending; for severities: worst first.
    pub desc: Option<bool>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most; 50 when left out, never more than 1000.
    pub limit: Option<u64>,
}

/// What a log hunt found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogFindingView {
    /// `N.…`
    pub id: String,
    /// Whose logs.
    pub tenant: String,
    /// Which of them.
    pub dataset: String,
    /// Which rule.
    pub rule: String,
    /// What the rule calls it.
    pub title: String,
    /// `informational`, `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// The revision that found it first.
    pub revision_first: String,
    /// The revision that found it last.
    pub revision_last: String,
    /// `W.…`, the window that found it first.
    pub window: String,
    /// That window's first position.
    pub window_from: String,
    /// The first position after.
    pub window_to: String,
    /// Where the match stands.
    pub position: String,
    /// When it happened.
    pub instant: String,
    /// When it was stored.
    pub found_at: String,
    /// The row.
    #[schema(value_type = Object)]
    pub row: serde_json::Map<String, serde_json::Value>,
    /// It came too late for its live run, and a repair found it.
    pub late: bool,
    /// The exception that it falls under.
    pub suppressed_by: Option<String>,
    /// What groups it with others of which only the first is told.
    pub bucket: Option<String>,
    /// Channels were told of it.
    pub notified: bool,
    /// `new`, `triaged` or `closed`.
    pub state: String,
    /// Who has it.
    pub assignee: Option<String>,
    /// What it turned out to be.
    pub verdict: Option<String>,
    /// What people said, oldest first.
    pub comments: Vec<LogCommentView>,
}

/// A sentence that somebody left.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogCommentView {
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub text: String,
}

/// A page of findings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogFindingPage {
    /// The findings.
    pub items: Vec<LogFindingView>,
    /// In all.
    pub total: u64,
}

/// How many findings that match have each value. Each facet is counted without its own filter, so
/// that its other values can still be chosen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogFacets {
    /// By tenant, commonest first.
    pub tenant: Vec<LogCount>,
    /// By dataset.
    pub dataset: Vec<LogCount>,
    /// By rule.
    pub rule: Vec<LogCount>,
    /// By severity.
    pub severity: Vec<LogCount>,
    /// By what people did.
    pub state: Vec<LogCount>,
    /// By ATT&CK technique.
    pub attack: Vec<LogCount>,
    /// By day, newest first.
    pub day: Vec<LogCount>,
}

/// What somebody says of findings; what is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogTriage {
    /// `N.…`, at most 500.
    pub findings: Vec<String>,
    /// `new`, `triaged` or `closed`.
    #[serde(default)]
    pub state: Option<String>,
    /// Who has it now; an empty text for nobody.
    #[serde(default)]
    pub assignee: Option<String>,
    /// What it turned out to be; an empty text for nothing.
    #[serde(default)]
    pub verdict: Option<String>,
    /// A sentence.
    #[serde(default)]
    pub comment: Option<String>,
}
