//! Log hunts: rules, tenants and engines.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::log::{LogCount, LogFileProblem, LogStateCounts};

/// What is asked of `GET /log/rules`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogRulesQuery {
    /// Part of a name, a title, a description or an ATT&CK technique.
    pub search: Option<String>,
    /// Only rules with this severity.
    pub severity: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// A rule in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogRuleSummary {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// How bad a match is.
    pub severity: String,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Which datasets it reads.
    pub datasets: Vec<String>,
    /// `per_event`, `windowed` or `opaque`.
    pub class: String,
    /// `sql`, `sigma` or `correlation`.
    pub question: String,
    /// When it runs, as a sentence.
    pub schedule: String,
    /// It does not run.
    pub disabled: bool,
    /// Its streams by state.
    pub streams: LogStateCounts,
    /// Findings that nobody has looked at.
    pub findings_new: u64,
}

/// A page of rules.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogRulePage {
    /// The rules.
    pub items: Vec<LogRuleSummary>,
    /// In all.
    pub total: u64,
}

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogRuleView {
    /// In short.
    pub summary: LogRuleSummary,
    /// What it finds and what to do then.
    pub description: String,
    /// The file it stands in.
    pub file: String,
    /// Its document, as written.
    pub source_text: String,
    /// How far apart the rows of a match may be, in milliseconds, when it is windowed.
    pub span_millis: Option<u64>,
    /// Its schedule in full: name and value.
    pub settings: Vec<LogSetting>,
    /// Which tenants, as patterns.
    pub tenants_include: Vec<String>,
    /// Which not.
    pub tenants_exclude: Vec<String>,
    /// Channels that are told.
    pub notify: Vec<String>,
    /// The revision of its logic.
    pub revision: String,
    /// Names of its tests.
    pub tests: Vec<String>,
    /// Whether this server can run its tests.
    pub can_test: bool,
    /// What is wrong with its file.
    pub problems: Vec<LogFileProblem>,
    /// Where tenants differ from it.
    pub overrides: Vec<LogOverrideView>,
    /// Findings by what people did.
    pub findings: Vec<LogCount>,
}

/// One setting, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogSetting {
    /// Its name in the file.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What differs for one rule at one tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogOverrideView {
    /// At which tenant.
    pub tenant: String,
    /// Which rule.
    pub rule: String,
    /// It does not run there.
    pub disabled: bool,
    /// Another severity.
    pub severity: Option<String>,
    /// Matches that satisfy one of these are stored and not told.
    pub exceptions: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it ends.
    pub expires: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What a rule's tests said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTestReport {
    /// All passed.
    pub ok: bool,
    /// One for each test.
    pub outcomes: Vec<LogTestOutcome>,
}

/// What one test said.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTestOutcome {
    /// Its name.
    pub name: String,
    /// It passed.
    pub ok: bool,
    /// What was found instead; empty when it passed.
    pub message: String,
}

/// Which revisions of a rule evaluated what.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogRevisionsView {
    /// Those of the newest windows, newest commit first.
    pub items: Vec<LogRevisionView>,
    /// Windows that were looked at.
    pub windows_read: u64,
    /// Windows that it has committed in all.
    pub windows: u64,
}

/// What one revision evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogRevisionView {
    /// The revision of the rule's logic.
    pub revision: String,
    /// Some tenant runs it now.
    pub in_force: bool,
    /// Windows that it committed.
    pub windows: u64,
    /// At how many tenants.
    pub tenants: u64,
    /// Rows that matched.
    pub rows: u64,
    /// The earliest position.
    pub from: String,
    /// The latest.
    pub to: String,
    /// Its first commit.
    pub first_commit: String,
    /// Its last.
    pub last_commit: String,
}

/// What is asked of `GET /log/tenants`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogTenantsQuery {
    /// Part of a name.
    pub search: Option<String>,
    /// Skip.
    pub offset: Option<u64>,
    /// At most.
    pub limit: Option<u64>,
}

/// A tenant in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTenantSummary {
    /// Its name.
    pub name: String,
    /// Names of its datasets.
    pub datasets: Vec<String>,
    /// Its streams by state.
    pub streams: LogStateCounts,
    /// The longest lag, in milliseconds.
    pub lag_millis_max: u64,
    /// Its pause.
    pub pause: Option<LogPauseView>,
    /// Findings that nobody has looked at.
    pub findings_new: u64,
}

/// A page of tenants.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTenantPage {
    /// The tenants.
    pub items: Vec<LogTenantSummary>,
    /// In all.
    pub total: u64,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPauseView {
    /// `hold`: the time is read afterwards; `skip`: it is left out, explicitly.
    pub mode: String,
    /// Since when.
    pub since: String,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogTenantView {
    /// In short.
    pub summary: LogTenantSummary,
    /// Its logs.
    pub datasets: Vec<LogDatasetView>,
    /// Its share in the choice of what runs next.
    pub weight: u32,
    /// How many of its queries run at once.
    pub concurrency: u32,
    /// What may be read for it per day, in bytes.
    pub bytes_per_day: Option<u64>,
    /// What differs for it.
    pub overrides: Vec<LogOverrideView>,
    /// Its queues, one for each engine, where a scheduler runs in this server.
    pub queues: Vec<LogQueueView>,
}

/// One kind of log of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogDatasetView {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub engine: String,
    /// The table there.
    pub table: String,
    /// What positions count.
    pub domain: String,
    /// Column of the event's time.
    pub event_time: Option<String>,
    /// Column of the time at which the store took the row.
    pub ingest_time: Option<String>,
    /// How long rows are kept, in milliseconds.
    pub retention_millis: Option<u64>,
    /// From names that rules use to columns.
    pub columns: Vec<LogSetting>,
    /// How many rules read it.
    pub rules: u64,
}

/// What runs and waits for one tenant at one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogQueueView {
    /// Which tenant.
    pub tenant: String,
    /// Which engine.
    pub engine: String,
    /// Queries under way.
    pub running: u64,
    /// Windows that are due and wait.
    pub waiting: u64,
    /// `closed` (all is well), `open` (nothing is asked) or `half_open` (one is tried).
    pub breaker: String,
    /// Until when nothing is asked.
    pub breaker_until: Option<String>,
    /// Why.
    pub failure: Option<String>,
    /// Bytes read since midnight UTC.
    pub bytes_today: u64,
}

/// A query engine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogEngineView {
    /// Its name.
    pub name: String,
    /// Which kind, for instance `datafusion`.
    pub kind: String,
    /// Where it is: a folder or URL without secrets.
    pub place: String,
    /// How many queries it runs at once.
    pub concurrency: u32,
    /// How long one may take, in milliseconds.
    pub timeout_millis: u64,
    /// Tenants with a dataset there.
    pub tenants: u64,
    /// What runs and waits, by tenant, where a scheduler runs in this server.
    pub queues: Vec<LogQueueView>,
}
