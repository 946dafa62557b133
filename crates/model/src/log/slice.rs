//! One stretch of one stream and its life, from being cut to being committed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;

use super::names::{DatasetName, RuleName, TenantName};
use super::position::{Domain, Window};
use crate::org::Actor;

/// Which ledger: one rule over one part of one tenant's dataset, since its last reset, in one lane.
/// Windows of one key are never committed twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// Whose logs.
    pub tenant: TenantName,
    /// Which of them.
    pub dataset: DatasetName,
    /// A shard, partition or backing table whose positions are counted by themselves; empty for
    /// the whole.
    pub part: Arc<str>,
    /// Which rule.
    pub rule: RuleName,
    /// How often the position was started anew: by a reset, or because the source was replaced.
    pub epoch: u32,
    /// Live, repair or backfill.
    pub lane: Lane,
}

/// Why a stretch is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// On schedule.
    Live,
    /// Again, because rows came late; counted from 1.
    Repair(u32),
    /// By a job that a person asked for; its name.
    Backfill(Arc<str>),
}

impl Lane {
    /// `live`, `repair.N` or `backfill.NAME`.
    pub fn word(&self) -> String {
        match self {
            Self::Live => "live".into(),
            Self::Repair(level) => format!("repair.{level}"),
            Self::Backfill(job) => format!("backfill.{job}"),
        }
    }

    /// Reads what [`word`](Self::word) writes.
    pub fn parse(word: &str) -> Option<Self> {
        if word == "live" {
            return Some(Self::Live);
        }
        let (kind, rest) = word.split_once('.')?;
        match kind {
            "repair" => rest.parse().ok().map(Self::Repair),
            "backfill" if !rest.is_empty() => Some(Self::Backfill(rest.into())),
            _ => None,
        }
    }
}

impl fmt::Display for StreamKey {
    /// `tenant/dataset/rule`, and what differs from the usual: part, epoch, lane.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.dataset)?;
        if !self.part.is_empty() {
            write!(f, "[{}]", self.part)?;
        }
        write!(f, "/{}", self.rule)?;
        if self.epoch > 0 {
            write!(f, "@{}", self.epoch)?;
        }
        if self.lane != Lane::Live { write!(f, "#{}", self.lane.word()) } else { Ok(()) }
    }
}

/// A slice's identity: the first 128 bits of a hash of its key and window, made by `loghunt`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliceId(pub u128);

impl fmt::Display for SliceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W.{:032x}", self.0)
    }
}

impl fmt::Debug for SliceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SliceId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("W.")?;
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if plain { u128::from_str_radix(digits, 16).ok().map(Self) } else { None }
    }
}

/// Somebody's right to run a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which scheduler.
    pub owner: Arc<str>,
    /// Grows with each grant of the stream; an older one commits nothing.
    pub token: u64,
    /// Until when, by the store's clock.
    pub until: Timestamp,
}

/// One stretch of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its identity.
    pub id: SliceId,
    /// Whose.
    pub key: StreamKey,
    /// What its positions count.
    pub domain: Domain,
    /// The stretch. Only what belongs into it is emitted, whatever is read.
    pub window: Window,
    /// The tick that cut it, or last widened it: its scheduled instant.
    pub tick: Timestamp,
    /// Where it is in its life.
    pub state: SliceState,
    /// Attempts that failed or were lost so far.
    pub attempts: u32,
    /// Of them the last ones in a row whose owner gave no sign of life until its lease was over. A run
    /// that takes its scheduler down says nothing else.
    pub losses: u32,
    /// When it was cut.
    pub planned_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
}

/// Where a slice is in its life.
///
/// ```text
/// Planned ─Lease─▶ Leased ─Start─▶ Running ─Commit─▶ Committed
///    ▲               │  lease over    │ Fail
///    │◀──────────────┴────────────────┤
///    │◀─ time ── Backoff ◀────────────┤
///    │              └─ attempts spent ─▶ Quarantined ─Reopen─▶ Planned
///    ├─Waive──▶ Waived ─Reopen─▶ Planned
///    ├─Split──▶ Split (its children take its place)
///    └─Supersede──▶ Superseded
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SliceState {
    /// Cut, and nobody's.
    Planned,
    /// Somebody's, not yet asked.
    Leased(Lease),
    /// The engine was asked.
    Running {
        /// Whose it is.
        lease: Lease,
        /// By which the engine knows the query, to cancel it.
        query_tag: Arc<str>,
    },
    /// Evaluated completely, once.
    Committed(Evidence),
    /// Failed; may be tried again.
    Backoff {
        /// Not before this moment.
        not_before: Timestamp,
        /// Why it failed last.
        failure: Failure,
    },
    /// Given up: a gap that everybody is told of.
    Quarantined {
        /// Why.
        failure: Failure,
    },
    /// Left out on purpose.
    Waived {
        /// By whom.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// Cut into smaller ones.
    Split,
    /// Its epoch was closed.
    Superseded,
}

/// What a commit knows of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Under which token.
    pub token: u64,
    /// Which revision of the rule's logic ran: the first 16 hex digits of its hash.
    pub revision: Arc<str>,
    /// Rows that matched.
    pub rows: u64,
    /// Findings that nobody had before.
    pub findings_new: u64,
    /// Bytes that the engine says it read.
    pub bytes: u64,
    /// The state of the source in this window before the query, where cheap: count, parts, hash.
    pub fingerprint: Option<Arc<str>>,
    /// The source's clock.
    pub source_clock: Option<Timestamp>,
    /// How long the engine took.
    pub took: Duration,
    /// When it was committed, by the store's clock.
    pub committed_at: Timestamp,
    /// When its source is to be looked at again for rows that came late; never, when nothing.
    pub audit_at: Option<Timestamp>,
    /// How often it was looked at again.
    pub audits: u32,
}

impl Evidence {
    /// Of a run that read and found nothing.
    pub fn of(token: u64, revision: impl Into<Arc<str>>) -> Self {
        Self {
            token,
            revision: revision.into(),
            rows: 0,
            findings_new: 0,
            bytes: 0,
            fingerprint: None,
            source_clock: None,
            took: Duration::ZERO,
            committed_at: Timestamp::EPOCH,
            audit_at: None,
            audits: 0,
        }
    }
}

/// Whether an answer was whole. Only a complete one may be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every row that matched is in the answer.
    Complete,
    /// The engine left something out, and says what: failed shards, a cancelled task.
    Partial(String),
    /// The answer was cut at so many rows.
    Truncated(u64),
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub class: FailureClass,
    /// A whole sentence.
    pub message: String,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// May pass by itself: the network, a restart.
    Transient,
    /// The engine asks to be left alone for so long.
    Throttled {
        /// How long.
        wait: Duration,
    },
    /// Too much at once: time, memory, rows. A smaller window may pass.
    TooLarge,
    /// Will not pass before somebody changes something: syntax, a missing table, permission.
    Permanent,
    /// The source is not the one that was read so far: restored, truncated, recreated.
    SourceChanged,
}

impl FailureClass {
    /// Its word in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled { .. } => "throttled",
            Self::TooLarge => "too_large",
            Self::Permanent => "permanent",
            Self::SourceChanged => "source_changed",
        }
    }

    /// Reads what [`word`](Self::word) writes; the wait of a throttled one is not in it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "transient" => Self::Transient,
            "throttled" => Self::Throttled { wait: Duration::ZERO },
            "too_large" => Self::TooLarge,
            "permanent" => Self::Permanent,
            "source_changed" => Self::SourceChanged,
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.word(), self.message)
    }
}

/// What moves a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SliceEvent {
    /// It is given to somebody.
    Lease(Lease),
    /// Its owner stays its owner for longer.
    Renew {
        /// Under which token.
        token: u64,
        /// Until when.
        until: Timestamp,
    },
    /// The engine is asked.
    Start {
        /// Under which token.
        token: u64,
        /// By which the engine knows the query.
        query_tag: Arc<str>,
    },
    /// The lease ran out, or its owner gives it back.
    Release {
        /// Under which token.
        token: u64,
    },
    /// It was evaluated completely; the token is in the evidence.
    Commit(Evidence),
    /// The run failed and may be tried again.
    Fail {
        /// Under which token.
        token: u64,
        /// Not before this moment.
        not_before: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// The run failed and is not tried again.
    GiveUp {
        /// Under which token.
        token: u64,
        /// Why.
        failure: Failure,
    },
    /// Smaller slices take its place.
    Split {
        /// Under which token, when somebody runs it.
        token: Option<u64>,
    },
    /// It is left out on purpose.
    Waive {
        /// By whom.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// A gap is to be read after all.
    Reopen,
    /// Its epoch is closed.
    Supersede,
}

/// An event that a slice's state does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a slice that is {state} cannot {event}")]
pub struct NotAllowed {
    /// The state's word.
    pub state: &'static str,
    /// What was to happen.
    pub event: &'static str,
}

impl SliceState {
    /// Its word in records and on screens.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Leased(_) => "leased",
            Self::Running { .. } => "running",
            Self::Committed(_) => "committed",
            Self::Backoff { .. } => "backoff",
            Self::Quarantined { .. } => "quarantined",
            Self::Waived { .. } => "waived",
            Self::Split => "split",
            Self::Superseded => "superseded",
        }
    }

    /// Somebody's right to it, if it is somebody's.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Leased(lease) | Self::Running { lease, .. } => Some(lease),
            Self::Planned
            | Self::Committed(_)
            | Self::Backoff { .. }
            | Self::Quarantined { .. }
            | Self::Waived { .. }
            | Self::Split
            | Self::Superseded => None,
        }
    }

    /// Whether it still has to be evaluated.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Planned | Self::Leased(_) | Self::Running { .. } | Self::Backoff { .. } => true,
            Self::Committed(_)
            | Self::Quarantined { .. }
            | Self::Waived { .. }
            | Self::Split
            | Self::Superseded => false,
        }
    }

    /// Whether a checkpoint may pass it.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Committed(_) | Self::Quarantined { .. } | Self::Waived { .. })
    }

    /// Whether it is open and nobody's.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Planned | Self::Backoff { .. })
    }

    fn holds(&self, token: u64) -> bool {
        self.lease().is_some_and(|lease| lease.token == token)
    }
}

/// Where an event leads. The only function that moves a slice.
pub fn after(state: &SliceState, event: &SliceEvent) -> Result<SliceState, NotAllowed> {
    use {SliceEvent as E, SliceState as S};
    let refused = |event| NotAllowed { state: state.word(), event };
    match event {
        E::Lease(lease) if state.is_free() => Ok(S::Leased(lease.clone())),
        E::Lease(_) => Err(refused("be leased")),
        E::Renew { token, until } if state.holds(*token) => Ok(renewed(state, *until)),
        E::Renew { .. } => Err(refused("be renewed under this token")),
        E::Start { token, query_tag } => {
            let lease = state.lease().filter(|lease| lease.token == *token);
            match (lease, matches!(state, S::Leased(_))) {
                (Some(lease), true) => {
                    Ok(S::Running { lease: lease.clone(), query_tag: query_tag.clone() })
                }
                _ => Err(refused("be started under this token")),
            }
        }
        E::Release { token } if state.holds(*token) => Ok(S::Planned),
        E::Release { .. } => Err(refused("be given back under this token")),
        E::Commit(evidence) if state.holds(evidence.token) => Ok(S::Committed(evidence.clone())),
        E::Commit(_) => Err(refused("be committed under this token")),
        E::Fail { token, not_before, failure } if state.holds(*token) => {
            Ok(S::Backoff { not_before: *not_before, failure: failure.clone() })
        }
        E::Fail { .. } => Err(refused("fail under this token")),
        E::GiveUp { token, failure } if state.holds(*token) => {
            Ok(S::Quarantined { failure: failure.clone() })
        }
        E::GiveUp { .. } => Err(refused("be given up under this token")),
        E::Split { token: Some(token) } if state.holds(*token) => Ok(S::Split),
        E::Split { token: None } if state.is_free() => Ok(S::Split),
        E::Split { .. } => Err(refused("be split")),
        E::Waive { actor, reason } if state.is_free() || matches!(state, S::Quarantined { .. }) => {
            Ok(S::Waived { actor: actor.clone(), reason: reason.clone() })
        }
        E::Waive { .. } => Err(refused("be waived")),
        E::Reopen if matches!(state, S::Quarantined { .. } | S::Waived { .. }) => Ok(S::Planned),
        E::Reopen => Err(refused("be reopened")),
        E::Supersede if state.is_open() => Ok(S::Superseded),
        E::Supersede => Err(refused("be superseded")),
    }
}

/// The same state with a longer lease.
fn renewed(state: &SliceState, until: Timestamp) -> SliceState {
    let mut longer = state.clone();
    if let SliceState::Leased(lease) | SliceState::Running { lease, .. } = &mut longer {
        lease.until = until;
    }
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(token: u64) -> Lease {
        Lease { owner: "a".into(), token, until: Timestamp::from_secs(60) }
    }

    fn evidence(token: u64) -> Evidence {
        Evidence::of(token, "r1")
    }

    #[test]
    fn only_the_holder_of_the_token_commits() {
        let leased = after(&SliceState::Planned, &SliceEvent::Lease(lease(7))).unwrap();
        let running = SliceEvent::Start { token: 7, query_tag: "q".into() };
        let running = after(&leased, &running).unwrap();
        assert_eq!(
            after(&running, &SliceEvent::Commit(evidence(6))).unwrap_err().to_string(),
            "a slice that is running cannot be committed under this token"
        );
        let committed = after(&running, &SliceEvent::Commit(evidence(7))).unwrap();
        assert!(committed.is_settled() && !committed.is_open());
        for event in [
            SliceEvent::Commit(evidence(7)),
            SliceEvent::Lease(lease(8)),
            SliceEvent::Reopen,
            SliceEvent::Supersede,
        ] {
            assert!(after(&committed, &event).is_err(), "{event:?}");
        }
    }

    #[test]
    fn a_lane_reads_what_it_writes() {
        for lane in [Lane::Live, Lane::Repair(3), Lane::Backfill("j.1".into())] {
            assert_eq!(Lane::parse(&lane.word()), Some(lane));
        }
        assert_eq!(Lane::parse("repair.x"), None);
    }

    #[test]
    fn an_id_reads_what_it_writes() {
        assert_eq!(SliceId::parse(&SliceId(5).to_string()), Some(SliceId(5)));
        assert_eq!(SliceId::parse("W.5"), None);
    }
}
