//! Log hunts as the server sees them: the ports of their records, and a desk that knows the
//! definitions and, where one runs in this process, the scheduler.
//!
//! # Not here
//!
//! Planning and running belong to the scheduler, deciding to `loghunt`. A server without a scheduler
//! shows the records all the same; what only a scheduler knows is then missing.

use std::sync::Arc;
use std::time::Duration;

use api::LogFileProblem;
use async_trait::async_trait;
use base::Timestamp;
use log_rules::{Definitions, Rule};
use loghunt::engine::Estimate;
use loghunt::ports::{ControlStore, FindingStore, LedgerStore, OutboxStore};
use loghunt::ticks::Clockwork;
use model::log::{DatasetName, EngineName, RuleName, SliceId, StreamKey, TenantName, Window};
use model::org::Actor;
use model::store::StoreError;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::log_survey::Survey;

/// Where log hunts are kept, and who knows the definitions.
#[derive(Clone)]
pub struct LogPorts {
    /// Streams and their windows.
    pub ledger: Arc<dyn LedgerStore>,
    /// Findings.
    pub findings: Arc<dyn FindingStore>,
    /// Messages that wait for their channel.
    pub outbox: Arc<dyn OutboxStore>,
    /// Pauses, backfills, the audit trail.
    pub control: Arc<dyn ControlStore>,
    /// Definitions and scheduler.
    pub desk: Arc<dyn LogDesk>,
}

/// What is known of definitions, and of the scheduler in this process, if there is one.
#[async_trait]
pub trait LogDesk: Send + Sync {
    /// The definitions in force and what is wrong with the files. Cheap.
    fn known(&self) -> Arc<KnownDefinitions>;

    /// Whether a scheduler runs in this process.
    fn running(&self) -> bool {
        false
    }

    /// What is wrong with the scheduler, as sentences.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Changes whenever the scheduler committed, found, or failed; `None` where there is none.
    fn moved(&self) -> Option<watch::Receiver<u64>> {
        None
    }

    /// What runs and waits, by tenant and engine.
    fn queues(&self) -> Vec<LogQueue> {
        Vec::new()
    }

    /// What reading this window would cost, as the engine estimates; `None` where nobody can say.
    async fn estimate(
        &self,
        _tenant: &TenantName,
        _dataset: &DatasetName,
        _window: Window,
    ) -> Option<Estimate> {
        None
    }

    /// Runs a rule's tests; `None` where nobody can.
    async fn test(&self, _rule: &RuleName) -> Option<Vec<LogTestResult>> {
        None
    }

    /// Has the scheduler do what a person wants, so that it knows of it at once; `None` where there
    /// is none, and the records are to be changed directly.
    async fn steer(&self, _what: &LogSteer, _wish: &LogWish) -> Option<Result<(), LogNotDone>> {
        None
    }
}

/// What a person wants of the scheduler.
#[derive(Clone, Debug)]
pub enum LogSteer {
    /// A tenant runs again; the time of a `skip` is left out, explicitly.
    Resume(TenantName),
    /// A window is left out.
    Waive(StreamKey, Window),
    /// A gap is read after all.
    Reopen(SliceId),
    /// A stopped stream goes on.
    Continue(StreamKey),
}

/// Who wants it, why, and when.
#[derive(Clone, Debug)]
pub struct LogWish {
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Why it was not done.
#[derive(Debug)]
pub enum LogNotDone {
    /// The records could not be changed.
    Store(StoreError),
    /// Something stands in the way: a whole sentence.
    Refused(String),
}

/// The definitions in force.
#[derive(Clone, Debug, Default)]
pub struct KnownDefinitions {
    /// What they say.
    pub definitions: Arc<Definitions>,
    /// Where they lie.
    pub folder: String,
    /// When they were read.
    pub loaded_at: Option<Timestamp>,
    /// The files on disk have errors, and what was read before is in force.
    pub stale: bool,
    /// What is wrong with the files.
    pub problems: Vec<LogFileProblem>,
}

/// What runs and waits for one tenant at one engine.
#[derive(Clone, Debug)]
pub struct LogQueue {
    /// Which tenant.
    pub tenant: TenantName,
    /// Which engine.
    pub engine: EngineName,
    /// Queries under way.
    pub running: u64,
    /// Windows that are due and wait.
    pub waiting: u64,
    /// Whether anything is asked.
    pub breaker: Breaker,
    /// Until when nothing is asked.
    pub breaker_until: Option<Timestamp>,
    /// Why.
    pub failure: Option<String>,
    /// Bytes read since midnight UTC.
    pub bytes_today: u64,
}

/// Whether an engine is asked for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// All is well.
    Closed,
    /// Nothing is asked.
    Open,
    /// One window is tried.
    HalfOpen,
}

impl Breaker {
    /// Its word on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What one test of a rule said.
#[derive(Clone, Debug)]
pub struct LogTestResult {
    /// Its name.
    pub name: String,
    /// What was found instead; nothing when it passed.
    pub wrong: Option<String>,
}

/// A desk that only knows definitions, or none.
#[derive(Clone, Debug, Default)]
pub struct StillDesk(pub Arc<KnownDefinitions>);

impl LogDesk for StillDesk {
    fn known(&self) -> Arc<KnownDefinitions> {
        Arc::clone(&self.0)
    }
}

/// What is assigned under a revision of the definitions.
type AssignedAt = (Arc<str>, Arc<Vec<Assigned>>);

/// Log hunts, with what is remembered between requests.
pub(crate) struct Log {
    pub(crate) ports: LogPorts,
    /// The last count of all streams.
    pub(crate) survey: tokio::sync::Mutex<Option<Arc<Survey>>>,
    /// Counts before this moment are not good any more.
    pub(crate) stale_before: Mutex<Timestamp>,
    /// What runs where, by the definitions of this revision.
    assigned: Mutex<Option<AssignedAt>>,
}

impl Log {
    pub(crate) fn new(ports: LogPorts) -> Self {
        Self {
            ports,
            survey: tokio::sync::Mutex::new(None),
            stale_before: Mutex::new(Timestamp::EPOCH),
            assigned: Mutex::new(None),
        }
    }

    /// What runs where. Costs something once for each revision of the definitions.
    pub(crate) fn assigned(&self) -> Arc<Vec<Assigned>> {
        let definitions = Arc::clone(&self.ports.desk.known().definitions);
        let mut kept = self.assigned.lock();
        if let Some((revision, assigned)) = kept.as_ref()
            && *revision == definitions.revision
        {
            return Arc::clone(assigned);
        }
        let assigned = definitions.streams().assignments.into_iter().map(|one| {
            let tenant = &definitions.tenants[one.tenant];
            Assigned {
                tenant: tenant.name.clone(),
                dataset: tenant.datasets[one.dataset].name.clone(),
                rule: definitions.rules[one.rule].name.clone(),
                engine: tenant.datasets[one.dataset].engine.clone(),
                revision: one.revision.chars().take(16).collect(),
            }
        });
        let assigned: Arc<Vec<Assigned>> = Arc::new(assigned.collect());
        *kept = Some((Arc::clone(&definitions.revision), Arc::clone(&assigned)));
        assigned
    }
}

/// Whether a pattern with `*` for any characters fits a name.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// A rule that runs over a dataset of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    pub(crate) tenant: TenantName,
    pub(crate) dataset: DatasetName,
    pub(crate) rule: RuleName,
    pub(crate) engine: EngineName,
    /// What decides its answers there: the rule's logic, values, exceptions, mapping.
    pub(crate) revision: String,
}

/// How far apart a rule's ticks are around a moment.
pub(crate) fn interval(rule: &Rule, now: Timestamp) -> Option<Duration> {
    let clockwork = Clockwork::new(&rule.schedule.ticks).ok()?;
    Some(clockwork.interval_before(clockwork.next_after(now)?))
}

/// A rule's next tick.
pub(crate) fn next_tick(rule: &Rule, now: Timestamp) -> Option<Timestamp> {
    Clockwork::new(&rule.schedule.ticks).ok()?.next_after(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "acme", true),
            ("acme", "acme", true),
            ("acme", "acme-eu", false),
            ("acme*", "acme-eu", true),
            ("*eu", "acme-eu", true),
            ("a*-*u", "acme-eu", true),
            ("a*x*u", "acme-eu", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
