//! A row worth a person's look, and what people did about it.

use std::fmt;
use std::sync::Arc;

use base::Timestamp;
use rows::Row;

use super::names::{DatasetName, RuleName, TenantName};
use super::position::{Domain, Position, Window};
use super::slice::SliceId;
use crate::org::Actor;

/// A finding's identity: the first 128 bits of a hash of tenant, dataset, rule and what makes the
/// match the same match. Not of the rule's revision: a new revision does not find old things again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub u128);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "N.{:032x}", self.0)
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FindingId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("N.")?;
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if plain { u128::from_str_radix(digits, 16).ok().map(Self) } else { None }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Only for context.
    Informational,
    /// Worth a note.
    Low,
    /// Worth a look.
    Medium,
    /// Worth a look now.
    High,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its word in files and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }
}

/// What a log hunt found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its identity.
    pub id: FindingId,
    /// Whose logs.
    pub tenant: TenantName,
    /// Which of them.
    pub dataset: DatasetName,
    /// Which rule.
    pub rule: RuleName,
    /// What the rule calls it.
    pub title: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// ATT&CK techniques, for instance `T1033`.
    pub attack: Arc<[String]>,
    /// The revision of the rule that found it first.
    pub revision_first: Arc<str>,
    /// The revision that found it last.
    pub revision_last: Arc<str>,
    /// The slice that found it first.
    pub slice: SliceId,
    /// That slice's window.
    pub window: Window,
    /// What its positions count.
    pub domain: Domain,
    /// Where in the stream the match stands: its row, or the row that completed it.
    pub position: Position,
    /// When it happened: the event's time, or that of the event that completed it.
    pub instant: Timestamp,
    /// When it was stored.
    pub found_at: Timestamp,
    /// The row.
    pub row: Row,
    /// It came too late for its live run, and a repair found it.
    pub late: bool,
    /// The exception of its tenant that it falls under.
    pub suppressed_by: Option<Arc<str>>,
    /// What groups it with others of which only the first is told; stored all the same.
    pub bucket: Option<Arc<str>>,
    /// It was the first of its bucket (or has none), falls under no exception, and its lane tells.
    pub notified: bool,
    /// What people did about it.
    pub triage: Triage,
}

/// Where people are with a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingState {
    /// Nobody has looked.
    #[default]
    New,
    /// Somebody has looked and goes on.
    Triaged,
    /// Done.
    Closed,
}

impl FindingState {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::New, Self::Triaged, Self::Closed];

    /// Its word in records and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Triaged => "triaged",
            Self::Closed => "closed",
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What people did about a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triage {
    /// Where they are.
    pub state: FindingState,
    /// Who has it.
    pub assignee: Option<String>,
    /// What it turned out to be, for instance `true_positive`; free text.
    pub verdict: Option<String>,
    /// What they said, oldest first.
    pub comments: Vec<Comment>,
}

/// A sentence that somebody left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub text: String,
}
