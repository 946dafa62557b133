//! The records of log hunts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use model::log::{
    Comment, DatasetName, Finding, FindingId, FindingState, Lane, RuleName, Severity, Slice,
    SliceId, StreamKey, TenantName, Triage, Window,
};
use model::org::Actor;
use model::store::{Page, Paging, StoreError};

use crate::command::{Applied, Command, Refusal};
pub use crate::decided::{AuditNote, Job, JobState, Pause, PauseMode};
use crate::stream::{Run, Stream};

/// Remembers streams and their slices, and takes findings together with the commit that found them.
///
/// # Contract
///
/// - What returned `Ok` is durable: a kill of the process loses nothing of it.
/// - [`step`](Self::step) is one transaction under a lock of the key: it loads, applies
///   [`crate::ledger::Ledger`] with the store's own clock, and writes changes, findings and deliveries,
///   all or nothing. Besides the ledger's own check, the store refuses a commit whose window meets a
///   committed window of the same key.
/// - A finding whose id is known only has its last revision changed. Of new ones, the first of its
///   bucket that falls under no exception is told through its channels, as its [`Tell`] says.
/// - Steps of different keys may be grouped into one transaction; one that is refused takes no other
///   with it.
///
/// Every implementation runs `testkit::ledger_suite`.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// The store's clock, by which leases are judged.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Applies commands to one stream.
    async fn step(&self, step: &Step) -> Result<Result<Applied, Refusal>, StoreError>;

    /// The record of a stream.
    async fn stream(&self, key: &StreamKey) -> Result<Option<Stream>, StoreError>;

    /// Those that match, by key.
    async fn streams(&self, query: &StreamQuery) -> Result<Page<Stream>, StoreError>;

    /// Slices that match, oldest position first; split and superseded ones among them only when
    /// asked for by state.
    async fn slices(&self, query: &SliceQuery) -> Result<Page<Slice>, StoreError>;

    /// Attempts, newest first. The query's own paging does not count.
    async fn runs(&self, query: &StreamQuery, paging: Paging) -> Result<Page<Run>, StoreError>;

    /// Forgets what is older than anybody asks for; how many records went. Never what is open or lies
    /// beyond a checkpoint, a window whose source is still to be looked at again, or the newest
    /// window of a stream. Ask again until it answers 0.
    async fn forget(&self, old: &Old) -> Result<u64, StoreError>;
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    /// Windows that were settled before this moment, and attempts that ended before it.
    pub runs_before: Option<Timestamp>,
    /// Findings that were stored before this moment. One that is found again is new.
    pub findings_before: Option<Timestamp>,
    /// At most so many records of each kind in one call.
    pub limit: u64,
}

/// Commands for one stream, and what was found.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which stream.
    pub key: StreamKey,
    /// What to do, in order; all of it or nothing.
    pub commands: Vec<Command>,
    /// What a commit among the commands found. Empty without one.
    pub findings: Vec<Finding>,
    /// Who is told of new ones, and how.
    pub tell: Tell,
    /// Who asks, when it is a person: written to the audit trail with the reason.
    pub audit: Option<AuditNote>,
}

impl Step {
    /// Commands without findings.
    pub fn of(key: StreamKey, commands: Vec<Command>) -> Self {
        Self { key, commands, findings: Vec::new(), tell: Tell::nobody(), audit: None }
    }
}

/// Who is told of new findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// Channels by name.
    pub channels: Vec<String>,
    /// How.
    pub how: TellHow,
}

impl Tell {
    /// Nobody.
    pub fn nobody() -> Self {
        Self { channels: Vec::new(), how: TellHow::Nothing }
    }
}

/// How people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TellHow {
    /// Each new finding by itself.
    Each,
    /// One message for all new ones of a commit.
    Digest,
    /// Not at all; findings are stored all the same.
    Nothing,
}

impl TellHow {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Each, Self::Digest, Self::Nothing];

    /// Its word in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Digest => "digest",
            Self::Nothing => "nothing",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.word() == word)
    }
}

/// Which streams are wanted. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct StreamQuery {
    /// Of this tenant.
    pub tenant: Option<TenantName>,
    /// Of this dataset.
    pub dataset: Option<DatasetName>,
    /// Of this rule.
    pub rule: Option<RuleName>,
    /// In this lane.
    pub lane: Option<Lane>,
    /// In this epoch.
    pub epoch: Option<u32>,
    /// With one of these statuses, by word; empty for any.
    pub statuses: Vec<&'static str>,
    /// A page of them.
    pub paging: Paging,
}

/// Which slices are wanted. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct SliceQuery {
    /// Of streams like these; its paging does not count.
    pub of: StreamQuery,
    /// This one.
    pub id: Option<SliceId>,
    /// Meeting this window.
    pub window: Option<Window>,
    /// In one of these states, by word; empty for all but `split` and `superseded`.
    pub states: Vec<&'static str>,
    /// Committed, and to be looked at again by this moment.
    pub audit_by: Option<Timestamp>,
    /// A page of them.
    pub paging: Paging,
}

/// Remembers what was found.
///
/// Every implementation runs `testkit::finding_suite`.
#[async_trait]
pub trait FindingStore: Send + Sync {
    /// One finding.
    async fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError>;

    /// Those that match, newest instant first; of one instant, the greatest id first.
    async fn findings(&self, query: &FindingQuery) -> Result<Page<Finding>, StoreError>;

    /// How many of those that match have each value of a facet, commonest first and then by text, at
    /// most `limit`. The query's paging does not count.
    async fn facet(
        &self,
        query: &FindingQuery,
        facet: Facet,
        limit: u64,
    ) -> Result<Vec<(String, u64)>, StoreError>;

    /// Changes what people say of a finding; the answer is the finding as it is now.
    async fn triage(&self, id: FindingId, change: &TriageChange) -> Result<Finding, StoreError>;
}

/// By what findings are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facet {
    /// Tenant.
    Tenant,
    /// Dataset.
    Dataset,
    /// Rule.
    Rule,
    /// Severity.
    Severity,
    /// What people did.
    State,
    /// ATT&CK technique; a finding counts once for each of its techniques.
    Attack,
    /// Day of the instant, in UTC.
    Day,
}

/// The day of a moment in UTC, as [`Facet::Day`] spells it: `2026-01-31`.
pub fn day_text(moment: Timestamp) -> String {
    moment.to_string().chars().take_while(|c| *c != 'T').collect()
}

/// Which findings are wanted. All conditions must hold; an empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct FindingQuery {
    /// Of one of these tenants.
    pub tenants: Vec<TenantName>,
    /// Of one of these datasets.
    pub datasets: Vec<DatasetName>,
    /// Of one of these rules.
    pub rules: Vec<RuleName>,
    /// With one of these severities.
    pub severities: Vec<Severity>,
    /// In one of these states.
    pub states: Vec<FindingState>,
    /// With this ATT&CK technique.
    pub attack: Option<String>,
    /// That happened at this moment or later.
    pub from: Option<Timestamp>,
    /// That happened before this moment.
    pub to: Option<Timestamp>,
    /// That came late (or did not).
    pub late: Option<bool>,
    /// That fall under an exception (or do not).
    pub suppressed: Option<bool>,
    /// Whose row's JSON text has this in it, without regard to ASCII case.
    pub search: Option<String>,
    /// A page of them.
    pub paging: Paging,
}

/// What somebody says of a finding; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriageChange {
    /// Where they are with it.
    pub state: Option<FindingState>,
    /// Who has it now; an empty text for nobody.
    pub assignee: Option<String>,
    /// What it turned out to be; an empty text for nothing.
    pub verdict: Option<String>,
    /// A sentence.
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
}

impl TriageChange {
    /// What a finding's triage becomes by it. Every store uses this.
    pub fn apply(&self, triage: &mut Triage) {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        triage.state = self.state.unwrap_or(triage.state);
        if let Some(assignee) = &self.assignee {
            triage.assignee = filled(assignee);
        }
        if let Some(verdict) = &self.verdict {
            triage.verdict = filled(verdict);
        }
        if let Some(text) = self.comment.as_ref().filter(|text| !text.is_empty()) {
            let (at, actor) = (self.at, self.actor.clone());
            triage.comments.push(Comment { at, actor, text: text.clone() });
        }
    }
}

/// Messages that wait for their channel. Delivery is at least once: the key of a delivery is the
/// same each time it is sent.
///
/// Every implementation runs `testkit::outbox_suite`.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Leases up to `limit` deliveries that are due, oldest first.
    async fn take(
        &self,
        owner: &str,
        ttl: Duration,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Says how a delivery went. An old token changes nothing.
    async fn settle(&self, id: u64, token: u64, how: &Settled) -> Result<(), StoreError>;

    /// Deliveries that wait or were given up, oldest first.
    async fn waiting(&self, paging: Paging) -> Result<Page<Delivery>, StoreError>;
}

/// A message that waits for its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: u64,
    /// Tells it apart for the receiver: the same each time it is sent.
    pub key: Arc<str>,
    /// Which channel.
    pub channel: String,
    /// Of what: one finding, or all of a digest.
    pub findings: Vec<FindingId>,
    /// When it was written.
    pub at: Timestamp,
    /// How often it was leased: in the hands of somebody who sends it, this time is counted.
    pub attempts: u32,
    /// Grows with each lease.
    pub token: u64,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// Why it failed last.
    pub error: Option<String>,
    /// No longer tried.
    pub given_up: bool,
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Sent,
    /// Try again, not before this moment.
    Later {
        /// When.
        not_before: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// Do not try again.
    GiveUp {
        /// Why.
        error: String,
    },
}

/// Remembers what operators decided.
///
/// Every implementation runs `testkit::control_suite`.
#[async_trait]
pub trait ControlStore: Send + Sync {
    /// Pauses a tenant; it replaces an earlier pause. Written to the audit trail as [`Pause::note`].
    async fn pause(&self, pause: &Pause) -> Result<(), StoreError>;

    /// Ends a tenant's pause. The answer is the pause that was ended; without one nothing is noted.
    async fn resume(
        &self,
        tenant: &TenantName,
        note: &AuditNote,
    ) -> Result<Option<Pause>, StoreError>;

    /// All pauses.
    async fn pauses(&self) -> Result<Vec<Pause>, StoreError>;

    /// Writes a job; it replaces one with the same name.
    async fn put_job(&self, job: &Job) -> Result<(), StoreError>;

    /// All jobs, newest first.
    async fn jobs(&self, paging: Paging) -> Result<Page<Job>, StoreError>;

    /// Adds to the audit trail.
    async fn note(&self, note: &AuditNote) -> Result<(), StoreError>;

    /// The audit trail, newest first.
    async fn notes(&self, paging: Paging) -> Result<Page<AuditNote>, StoreError>;
}
