//! What operators decide about log hunts: pauses, jobs over the past, and the trail of who did what.

use std::sync::Arc;

use base::Timestamp;
use model::log::{RuleName, TenantName};
use model::org::Actor;

use crate::ports::TellHow;

/// A tenant that is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Which.
    pub tenant: TenantName,
    /// What becomes of the time meanwhile.
    pub mode: PauseMode,
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: String,
}

impl Pause {
    /// What the audit trail says of it.
    pub fn note(&self) -> AuditNote {
        AuditNote {
            at: self.since,
            actor: self.actor.clone(),
            action: "pause".to_owned(),
            subject: self.tenant.to_string(),
            reason: format!("{}: {}", self.mode.word(), self.reason),
        }
    }
}

/// What becomes of the time of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseMode {
    /// It is read after the pause.
    Hold,
    /// It is left out, explicitly.
    Skip,
}

impl PauseMode {
    /// Its word in files and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Skip => "skip",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Hold, Self::Skip].into_iter().find(|mode| mode.word() == word)
    }
}

/// A stretch of the past that is read again, in a lane of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name: part of the keys of its streams.
    pub name: Arc<str>,
    /// Which rule.
    pub rule: RuleName,
    /// At which tenants.
    pub tenants: Vec<TenantName>,
    /// From which moment.
    pub from: Timestamp,
    /// Up to which.
    pub to: Timestamp,
    /// Who is told.
    pub tell: TellHow,
    /// How many bytes it may read; no limit, when nothing.
    pub bytes_max: Option<u64>,
    /// When it was asked for.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// Where it is.
    pub state: JobState,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its windows are being read.
    Running,
    /// All of its windows are settled.
    Done,
    /// Its budget is spent; what is open stays open.
    OverBudget,
    /// A person ended it.
    Cancelled,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Done, Self::OverBudget, Self::Cancelled];

    /// Its word in records and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::OverBudget => "over_budget",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Who changed what, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done, for instance `pause`, `waive`, `rewind`, `revision`.
    pub action: String,
    /// To what, for instance a stream's key or a tenant.
    pub subject: String,
    /// Why, and with which values.
    pub reason: String,
}
