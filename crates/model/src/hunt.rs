//! A hunt: one question to many clients.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{ClientId, HuntId, Rate, Timestamp};

use crate::bounds::{Budgets, Canary, Gate, StopWhen};
use crate::flow::{ArtifactCall, FlowLimits};
use crate::lineage::Lineage;
use crate::org::{Actor, OrgId};
use crate::retry::RetryPlan;
use crate::window::Schedule;

/// The client query of a hunt that does not bring its own: the usual facts.
pub const DEFAULT_CLIENT_QUERY: &str =
    "SELECT OS, Architecture, Fqdn, Platform, config.Client_labels AS Labels FROM info()";

/// Which clients a hunt wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// VQL that runs on the client.
    pub client: String,
    /// VQL that runs on the server over `rows` and `client`; never leaves the server. Empty: every
    /// client whose query gave a row.
    pub server: String,
    /// Of these only, by the server's own record. Empty sets ask for nothing.
    pub include: Filter,
    /// None of these, by the server's own record.
    pub exclude: Filter,
}

impl Default for Condition {
    fn default() -> Self {
        Self {
            client: DEFAULT_CLIENT_QUERY.to_owned(),
            server: String::new(),
            include: Filter::default(),
            exclude: Filter::default(),
        }
    }
}

/// Conveniences over the server's own record of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these labels.
    pub labels: BTreeSet<String>,
    /// This operating system.
    pub os: Option<String>,
    /// One of these clients.
    pub clients: BTreeSet<ClientId>,
}

/// How much a hunt may do. Zero means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HuntLimits {
    /// Clients recruited in all; reaching it ends recruitment.
    pub clients_max: u64,
    /// Flows under way at once.
    pub running_max: u64,
    /// What each client's flow may use.
    pub per_client: FlowLimits,
    /// What all flows together may use; reaching one of them ends the hunt.
    pub total: Budgets,
    /// Ends a hunt whose clients fail too often.
    pub stop_when: Option<StopWhen>,
}

/// What a person writes down to make a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntSpec {
    /// A short name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What is collected.
    pub artifacts: Vec<ArtifactCall>,
    /// From whom.
    pub condition: Condition,
    /// How fast.
    pub rate: Rate,
    /// Within which limits.
    pub limits: HuntLimits,
    /// How long it recruits, counted from its start.
    pub expires_after: Duration,
    /// The few clients that it is tried on first.
    pub canary: Option<Canary>,
    /// Which failures are repeated by themselves.
    pub retry: RetryPlan,
    /// When it asks again; `None` for a hunt that asks once.
    pub schedule: Option<Schedule>,
    /// Words by which people find it, and by which retention may tell hunts apart.
    pub tags: BTreeSet<String>,
}

/// Why recruitment ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// A person said so.
    Asked,
    /// Its time was over.
    Expired,
    /// It had as many clients as it may.
    ClientLimit,
    /// Its flows brought as many rows as they may.
    RowBudget,
    /// Its flows brought as many bytes of files as they may.
    UploadBudget,
    /// Its flows used as much processor time as they may.
    CpuBudget,
    /// Too many of its clients failed.
    FailedShare,
}

impl EndReason {
    const ALL: [Self; 7] = [
        Self::Asked,
        Self::Expired,
        Self::ClientLimit,
        Self::RowBudget,
        Self::UploadBudget,
        Self::CpuBudget,
        Self::FailedShare,
    ];

    /// The word for this reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Expired => "expired",
            Self::ClientLimit => "client_limit",
            Self::RowBudget => "row_budget",
            Self::UploadBudget => "upload_budget",
            Self::CpuBudget => "cpu_budget",
            Self::FailedShare => "failed_share",
        }
    }

    /// The reason with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether those that wait are not admitted any more either.
    pub fn admits_nobody(self) -> bool {
        match self {
            Self::Asked | Self::Expired | Self::ClientLimit => false,
            Self::RowBudget | Self::UploadBudget | Self::CpuBudget | Self::FailedShare => true,
        }
    }
}

/// Why a hunt is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseReason {
    /// A person said so.
    Asked,
    /// Its canaries were not healthy.
    CanaryFailed,
}

impl PauseReason {
    /// The word for this reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::CanaryFailed => "canary_failed",
        }
    }

    /// The reason with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Asked, Self::CanaryFailed].into_iter().find(|reason| reason.name() == name)
    }
}

/// The life of a hunt.
///
/// ```text
/// Draft ─Start─▶ Running ◀─Pause/Resume─▶ Paused
///                   │  ▲                    │
///                   └──┴─ Drain / Resume ───┴─▶ Draining ──Drained──▶ Completed ──▶ Archived
///                   └───────── Stop ─────────────────────────────▶ Stopped ──────▶ Archived
/// ```
///
/// Widen lets in those after the canaries; NextRound asks everybody again. Neither changes the state.
///
/// Paused: clients are still checked and queued, nothing is admitted. Draining: nobody new is
/// checked, those pending still run. Stopped: nothing new, what runs is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HuntState {
    /// Not started.
    Draft,
    /// Recruits and admits.
    Running,
    /// Recruits, admits nothing.
    Paused,
    /// Admits, recruits nobody.
    Draining,
    /// Ended by hand; what ran was cancelled.
    Stopped,
    /// Ended; everything that was admitted has finished.
    Completed,
    /// Put away.
    Archived,
}

/// What can happen to a hunt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HuntEvent {
    /// Begin to recruit.
    Start,
    /// Admit nothing until resumed.
    Pause,
    /// Recruit nobody new.
    Drain,
    /// Recruit and admit again.
    Resume,
    /// End now and cancel what runs.
    Stop,
    /// Nobody is pending or running any more.
    Drained,
    /// Put it away.
    Archive,
    /// Admit others than the canaries.
    Widen,
    /// Ask everybody again, in a round of its own.
    NextRound {
        /// Its number: one more than that of the round before.
        round: u32,
    },
    /// The canaries were not healthy: admit nobody until a person has looked.
    CanaryFailed,
}

impl HuntEvent {
    /// The word for this event.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Drain => "drain",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Drained => "drained",
            Self::Archive => "archive",
            Self::Widen => "widen",
            Self::NextRound { .. } => "begin its next round",
            Self::CanaryFailed => "pause for its canaries",
        }
    }
}

impl HuntState {
    /// The one place where a hunt changes state. `None` when the event is not possible here.
    pub fn on(self, event: HuntEvent) -> Option<HuntState> {
        use HuntEvent as E;
        use HuntState as S;
        let (from, to): (&[S], S) = match event {
            E::Start => (&[S::Draft], S::Running),
            E::Pause | E::CanaryFailed => (&[S::Running], S::Paused),
            E::Drain => (&[S::Running, S::Paused], S::Draining),
            E::Resume => (&[S::Paused, S::Draining], S::Running),
            E::Stop => (&[S::Running, S::Paused, S::Draining], S::Stopped),
            E::Drained => (&[S::Draining], S::Completed),
            E::Archive => (&[S::Draft, S::Stopped, S::Completed], S::Archived),
            E::Widen => (&[S::Running, S::Paused], self),
            E::NextRound { .. } => (&[S::Running], S::Running),
        };
        from.contains(&self).then_some(to)
    }

    /// Whether clients are asked.
    pub fn recruits(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Whether nothing of it will happen any more, or has happened yet: such a hunt may be deleted.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Draft | Self::Stopped | Self::Completed | Self::Archived)
    }

    /// Whether pending members are admitted.
    pub fn admits(self) -> bool {
        matches!(self, Self::Running | Self::Draining)
    }

    /// The word for this state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Archived => "archived",
        }
    }

    /// The state with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Draft,
            Self::Running,
            Self::Paused,
            Self::Draining,
            Self::Stopped,
            Self::Completed,
            Self::Archived,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }
}

/// A moment in µs that orders everything that makes new clients eligible; strictly increasing in
/// commit order. What the seed calls the hunt's timestamp. 0 means never offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferSeq(pub u64);

impl OfferSeq {
    /// The next offer's number: the moment, or one more than the last when clocks stand or step
    /// back.
    pub fn next(self, now: Timestamp) -> Self {
        let moment = u64::try_from(now.as_micros()).unwrap_or(0);
        Self(moment.max(self.0.saturating_add(1)))
    }
}

/// The record of a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// Its identity.
    pub id: HuntId,
    /// Its tenant.
    pub org: OrgId,
    /// What was asked for, in its present revision.
    pub spec: HuntSpec,
    /// Where it is in its life.
    pub state: HuntState,
    /// Counts edits, from 1.
    pub revision: u32,
    /// The revision that last changed the condition. Answers to an older one are asked again, and
    /// members decided under an older one are not admitted.
    pub condition_revision: u32,
    /// The current round; a hunt without a schedule has only round 1.
    pub round: u32,
    /// When new clients last became eligible.
    pub offer: OfferSeq,
    /// Who made it.
    pub creator: Actor,
    /// When it was made.
    pub created: Timestamp,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When recruitment ended, why, and by whom.
    pub ended: Option<(Timestamp, EndReason, Actor)>,
    /// Since when it is paused, why, and by whom.
    pub paused: Option<(Timestamp, PauseReason, Actor)>,
    /// Whether others than its canaries are let in.
    pub gate: Gate,
    /// The tick of the current round: the start for the first.
    pub round_started: Option<Timestamp>,
    /// When it was over: stopped, or nobody was pending or running any more. Retention counts from
    /// here.
    pub closed: Option<Timestamp>,
    /// What it was made of, when it was not written anew.
    pub copied_from: Option<Lineage>,
}

impl Hunt {
    /// When recruitment ends by itself.
    pub fn expires(&self) -> Option<Timestamp> {
        self.started.map(|started| started.plus(self.spec.expires_after))
    }

    /// The canaries that hold all others back; `None` when there are none or the gate is open.
    pub fn canary(&self) -> Option<Canary> {
        self.spec.canary.filter(|_| self.gate != Gate::Open)
    }
}

/// One revision of what a hunt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuntRevision {
    /// Its number, from 1.
    pub revision: u32,
    /// When it was made.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What was asked for from then on.
    pub spec: HuntSpec,
}

/// How many members stand in each queue of one round. *Asked* is counted in memory only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // named like the queues
pub struct QueueCounts {
    pub refused: u64,
    pub pending: u64,
    pub running: u64,
    pub completed: u64,
    pub results: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub expired: u64,
}

impl QueueCounts {
    /// The counter of `queue`.
    pub fn of(&self, queue: crate::member::MemberQueue) -> u64 {
        use crate::member::MemberQueue as Q;
        match queue {
            Q::Refused => self.refused,
            Q::Pending => self.pending,
            Q::Running => self.running,
            Q::Completed => self.completed,
            Q::Results => self.results,
            Q::Failed => self.failed,
            Q::Cancelled => self.cancelled,
            Q::Expired => self.expired,
        }
    }

    /// The counter of `queue`, to change it.
    pub fn of_mut(&mut self, queue: crate::member::MemberQueue) -> &mut u64 {
        use crate::member::MemberQueue as Q;
        match queue {
            Q::Refused => &mut self.refused,
            Q::Pending => &mut self.pending,
            Q::Running => &mut self.running,
            Q::Completed => &mut self.completed,
            Q::Results => &mut self.results,
            Q::Failed => &mut self.failed,
            Q::Cancelled => &mut self.cancelled,
            Q::Expired => &mut self.expired,
        }
    }

    /// All members of the round.
    pub fn total(&self) -> u64 {
        crate::member::MemberQueue::ALL.iter().map(|queue| self.of(*queue)).sum()
    }

    /// Those that were recruited: everybody but the refused.
    pub fn recruited(&self) -> u64 {
        self.total() - self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_is_not_stop_and_drain_can_be_taken_back() {
        let after = |events: &[HuntEvent]| {
            events.iter().try_fold(HuntState::Draft, |state, event| state.on(*event))
        };
        use HuntEvent as E;
        assert_eq!(after(&[E::Start, E::Pause]), Some(HuntState::Paused));
        assert_eq!(after(&[E::Start, E::Pause, E::Resume]), Some(HuntState::Running));
        assert_eq!(after(&[E::Start, E::Drain, E::Resume]), Some(HuntState::Running));
        assert_eq!(after(&[E::Start, E::Drain, E::Drained]), Some(HuntState::Completed));
        assert_eq!(after(&[E::Start, E::Stop, E::Resume]), None);
        assert_eq!(after(&[E::Pause]), None);
    }

    #[test]
    fn offers_grow_even_when_the_clock_steps_back() {
        let first = OfferSeq::default().next(Timestamp::from_micros(100));
        let second = first.next(Timestamp::from_micros(50));
        assert_eq!((first, second), (OfferSeq(100), OfferSeq(101)));
    }
}
