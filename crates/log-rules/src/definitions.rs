//! What the files say, once they are read and checked: plain data.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{ByteSize, Timestamp};
use model::log::{DatasetName, EngineName, RuleName, Severity, TenantName};
use rows::{Row, Value};

use crate::schedule::Schedule;

/// Everything that a folder defines, checked as a whole.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// Where queries run, by name.
    pub engines: Vec<Engine>,
    /// Whose logs.
    pub tenants: Vec<Tenant>,
    /// What is asked.
    pub rules: Vec<Rule>,
    /// Who is told.
    pub channels: Vec<Channel>,
    /// How the names of Sigma's fields become those of datasets; applied by priority.
    pub pipelines: Vec<Arc<sigma::Pipeline>>,
    /// A hash of all files: changes when any of them does.
    pub revision: Arc<str>,
}

/// A query engine of the configuration.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Its name, to which datasets refer.
    pub name: EngineName,
    /// Which kind, and how to reach it.
    pub kind: EngineKind,
    /// How many queries it runs at once for all tenants.
    pub concurrency: u32,
    /// How long one query may take.
    pub timeout: Duration,
}

/// Which engine, and how to reach it. Secrets are references, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineKind {
    /// Files and folders, in process. Tables are paths below `root`, or full URLs (`s3://…`).
    DataFusion {
        /// A folder or an object store's URL.
        root: String,
        /// Settings of the object store, for instance `region`; secrets among them.
        options: Vec<(String, Setting)>,
        /// The memory that queries may take together.
        memory: Option<ByteSize>,
    },
    /// A database file.
    Sqlite {
        /// Its path; `{tenant}` stands for the tenant's name.
        path: String,
    },
    /// A PostgreSQL server.
    Postgres(Address),
    /// ClickHouse over HTTP.
    ClickHouse(Address),
    /// Spark Connect.
    SparkConnect(Address),
    /// Arrow Flight SQL.
    FlightSql(Address),
    /// Trino over its REST protocol.
    Trino(Address),
    /// Elasticsearch or OpenSearch.
    OpenSearch(Address),
    /// Answers nothing at once, or fails on purpose: for trying schedules.
    Null,
}

/// Where a server is and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its URL; `{tenant}` stands for the tenant's name.
    pub url: String,
    /// As whom.
    pub user: Option<String>,
    /// The password or token. A tenant may have its own, see [`Tenant::secrets`].
    pub secret: Option<Secret>,
    /// The database, catalog or warehouse.
    pub database: Option<String>,
    /// A file with certificates to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// A setting that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// In the file.
    Plain(String),
    /// Elsewhere.
    Secret(Secret),
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file; its last line break does not count.
    File(PathBuf),
    /// What a program prints; program and arguments.
    Command(Vec<String>),
}

/// A customer.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its logs, by the names that rules use.
    pub datasets: Vec<Dataset>,
    /// Its share in the choice of what runs next; 1 unless it says otherwise.
    pub weight: u32,
    /// How many of its queries run at once.
    pub concurrency: u32,
    /// What may be read for it per day.
    pub bytes_per_day: Option<ByteSize>,
    /// Secrets instead of those of an engine, by engine.
    pub secrets: Vec<(EngineName, Secret)>,
    /// What differs for it.
    pub overrides: Vec<Override>,
    /// Lists of values, instead of those of a rule with the same name.
    pub lists: Vec<(String, Vec<Value>)>,
}

/// One kind of log of a tenant.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name.
    pub name: DatasetName,
    /// Where it is.
    pub engine: EngineName,
    /// The table there.
    pub table: String,
    /// What positions count: the best of what the clocks below allow unless the file says otherwise.
    pub domain: model::log::Domain,
    /// The column of the event's time.
    pub event_time: Option<String>,
    /// The column of the time at which the store took the row.
    pub ingest_time: Option<String>,
    /// The column of a cursor, or the engine's own.
    pub cursor: Option<String>,
    /// Columns that tell rows apart.
    pub identity: Vec<String>,
    /// From the names that rules use to columns.
    pub columns: Vec<(String, String)>,
    /// The columns of the table; empty when the file does not tell.
    pub schema: Vec<String>,
    /// Which of Sigma's log sources it holds; see [`Dataset::source`].
    pub log_source: Option<sigma::LogSource>,
    /// How long rows are kept.
    pub retention: Option<Duration>,
    /// Waited for late rows, instead of a rule's own.
    pub log_buffer: Option<Duration>,
    /// How far ahead of the source's clock an event's time may lie before it is looked at apart.
    pub skew_max: Duration,
    /// How far an event's time may lie from its ingest time: prunes reads in the ingest domain.
    pub lateness_max: Option<Duration>,
    /// What to do when the source is not the one that was read so far.
    pub on_replace: OnReplace,
    /// Ages at which committed windows are looked at again; empty for the usual ones.
    pub audit_ages: Vec<Duration>,
}

impl Question {
    /// The log sources that it is about; none for SQL.
    pub fn sources(&self) -> Vec<&sigma::LogSource> {
        match self {
            Self::Sql(_) => Vec::new(),
            Self::Sigma(rule) => vec![&rule.source],
            Self::Correlation(rule) => rule.leaves().into_iter().map(|leaf| &leaf.source).collect(),
        }
    }
}

impl Dataset {
    /// Which of Sigma's log sources it holds: the category of its own name, unless the file says
    /// otherwise.
    pub fn source(&self) -> sigma::LogSource {
        self.log_source.clone().unwrap_or_else(|| sigma::LogSource {
            category: Some(self.name.as_str().to_ascii_lowercase()),
            ..sigma::LogSource::default()
        })
    }

    /// Whether rules may name this column: always when the file does not tell which there are.
    pub fn may_have(&self, column: &str) -> bool {
        self.schema.is_empty()
            || self.schema.iter().any(|known| known == column)
            || self.columns.iter().any(|(field, _)| field == column)
    }
}

/// What to do when a source is not the one that was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReplace {
    /// Stop with a health error until somebody decides.
    #[default]
    Stop,
    /// Open a new epoch and read on.
    Continue,
}

/// What differs for one rule at one tenant.
#[derive(Clone, Debug)]
pub struct Override {
    /// Which rule.
    pub rule: RuleName,
    /// It does not run here.
    pub disabled: bool,
    /// Another severity.
    pub severity: Option<Severity>,
    /// Matches that satisfy one of these are stored and not told.
    pub exceptions: Vec<Exception>,
    /// Values of lists of the rule.
    pub lists: Vec<(String, Vec<Value>)>,
    /// Who answers for it; required where there are exceptions.
    pub owner: Option<String>,
    /// After this moment of the match the override no longer counts; required where there are
    /// exceptions.
    pub expires: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// A predicate over a match: `column = 'value'`, `LIKE`, `IN`, `AND`, `OR`, `NOT`, comparisons.
#[derive(Clone, Debug)]
pub struct Exception {
    /// As written.
    pub text: String,
    /// What it asks of the row.
    pub predicate: sigma::Predicate,
    /// The columns in it.
    pub columns: Vec<String>,
}

/// What is asked, when, and who is told.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: RuleName,
    /// For people.
    pub title: String,
    /// What it finds and what to do then.
    pub description: String,
    /// How bad a match is.
    pub severity: Severity,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Which datasets it reads. One stream for each, but for correlations over several. For Sigma
    /// rules that name none: all of any tenant that hold their log source.
    pub datasets: Vec<DatasetName>,
    /// Whose; patterns with `*`.
    pub tenants: Selection,
    /// When it runs and which windows it reads.
    pub schedule: Schedule,
    /// How its answer depends on the window.
    pub class: RuleClass,
    /// Of a windowed rule: the columns that tell matches of the same instant apart.
    pub group_by: Vec<String>,
    /// What is asked.
    pub question: Question,
    /// VQL over the rows of the answer, which are its `source()`.
    pub vql: Option<String>,
    /// Values for `{name}` in the query.
    pub lists: Vec<(String, Vec<Value>)>,
    /// Groups matches of which only the first is told.
    pub suppress: Option<Suppress>,
    /// Channels that are told.
    pub notify: Vec<String>,
    /// It does not run.
    pub disabled: bool,
    /// Critical rules go first.
    pub critical: bool,
    /// What happens to a window that fails at the smallest size again and again.
    pub on_poison: OnPoison,
    /// In which order a backlog is read.
    pub catch_up: CatchUp,
    /// What to do with the past when its logic changes.
    pub on_change: OnChange,
    /// Cases with which its author shows that it works.
    pub tests: Vec<RuleTest>,
    /// A hash of what decides its answers: query, parameters, exceptions, mapping, span. Not of
    /// title, severity, routing.
    pub logic_hash: Arc<str>,
    /// A hash of the rest.
    pub meta_hash: Arc<str>,
    /// The pack of Sigma rules that it came with.
    pub pack: Option<Arc<str>>,
    /// The file, as messages name it.
    pub file: String,
    /// The text of the rule's own document, for people to read.
    pub source_text: Arc<str>,
}

/// Patterns of names: `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// One of these must fit.
    pub include: Vec<String>,
    /// None of these may.
    pub exclude: Vec<String>,
}

/// How an answer depends on the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleClass {
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

/// What a rule asks.
#[derive(Clone, Debug)]
pub enum Question {
    /// SQL with `{table}`, `{from}`, `{to}`, for windowed rules `{read_from}`, and `{list}`s.
    Sql(Arc<str>),
    /// A Sigma rule, as the pipelines of the folder leave it.
    Sigma(Arc<sigma::Rule>),
    /// Several Sigma rules and how their matches belong together, after the pipelines.
    Correlation(Arc<sigma::Correlation>),
}

/// Groups matches of which only the first is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppress {
    /// Columns with equal values.
    pub by: Vec<String>,
    /// Within so long, counted on a grid of the match's instant.
    pub during: Duration,
}

/// What happens to a window that fails at the smallest size again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPoison {
    /// It becomes a gap that everybody is told of, and the stream goes on.
    #[default]
    Quarantine,
    /// The stream waits.
    Block,
}

/// In which order a backlog is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// From the past to now.
    #[default]
    OldestFirst,
    /// From now to the past.
    NewestFirst,
    /// One live window, then one old one.
    Weave,
}

/// What to do with the past when a rule's logic changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnChange {
    /// Go on with the new revision from the checkpoint.
    #[default]
    Forward,
    /// Go on, and read so much of the past again as a job.
    Replay(Duration),
    /// Open a new epoch.
    Reset,
}

/// A case with which a rule's author shows that it works.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// What it shows.
    pub name: String,
    /// Rows by dataset.
    pub given: Vec<(DatasetName, Vec<Row>)>,
    /// What must be found, in any order: each is part of a row of its own.
    pub expect: Vec<Row>,
}

/// Who is told.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The name to which rules refer.
    pub name: String,
    /// How.
    pub kind: ChannelKind,
    /// In which form a finding is told.
    pub format: FindingFormat,
}

/// How a channel is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelKind {
    /// `POST` with a signature and an idempotency key.
    Webhook {
        /// Where.
        url: String,
        /// What it is signed with.
        secret: Option<Secret>,
    },
    /// A URL that understands Slack's messages; the URL is itself secret.
    Slack {
        /// Where the URL is.
        url: Secret,
    },
    /// Syslog of RFC 5424 over TCP, TLS or UDP: `tcp://`, `tls://`, `udp://`.
    Syslog {
        /// Where.
        url: String,
    },
    /// A file to which lines are added.
    File {
        /// Which.
        path: PathBuf,
    },
}

/// In which form a finding is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindingFormat {
    /// Our own.
    #[default]
    Lycaon,
    /// Open Cybersecurity Schema Framework, class Detection Finding.
    Ocsf,
    /// Elastic Common Schema.
    Ecs,
}
