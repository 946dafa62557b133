//! A flow: one collection of artifacts on one client, in numbered attempts.

use std::time::Duration;

use base::{ClientId, FlowId, HuntId, Timestamp};

use crate::org::{Actor, OrgId};
use crate::retry::RetryPlan;
use crate::window::FlowWindow;

/// What one flow may use at most. Zero means no limit, for every field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLimits {
    /// Rows over all sources.
    pub rows_max: u64,
    /// Bytes of all uploaded files.
    pub upload_bytes_max: u64,
    /// Share of one processor, in percent.
    pub cpu_percent: u32,
    /// From delivery to the agent until the end.
    pub timeout: Duration,
    /// Longest stretch without a row, an upload or a finished source.
    pub progress_timeout: Duration,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self {
            rows_max: 1_000_000,
            upload_bytes_max: 1 << 30,
            cpu_percent: 0,
            timeout: Duration::from_secs(600),
            progress_timeout: Duration::ZERO,
        }
    }
}

/// One artifact with the parameters that were given to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactCall {
    /// The artifact's name.
    pub name: String,
    /// Parameter names and values, in the order given; values travel as text.
    pub parameters: Vec<(String, String)>,
}

/// Why an attempt did not finish well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowFailure {
    /// The agent died or was restarted while it evaluated.
    AgentRestarted,
    /// It ran longer than allowed.
    Timeout,
    /// It made no progress for longer than allowed.
    NoProgress,
    /// It produced more rows than allowed; the rows up to the limit are kept.
    RowLimit,
    /// It uploaded more bytes than allowed.
    UploadLimit,
    /// The query could not run or logged an error; the text says which.
    Query(String),
    /// Rows or files declared at the end are not those that arrived.
    Incomplete(String),
    /// The agent refused the request.
    Refused(String),
}

impl FlowFailure {
    /// The word by which policies, counters and columns name this failure.
    pub fn class(&self) -> &'static str {
        match self {
            Self::AgentRestarted => "agent_restarted",
            Self::Timeout => "timeout",
            Self::NoProgress => "no_progress",
            Self::RowLimit => "row_limit",
            Self::UploadLimit => "upload_limit",
            Self::Query(_) => "query",
            Self::Incomplete(_) => "incomplete",
            Self::Refused(_) => "refused",
        }
    }

    /// What is known beyond the class.
    pub fn detail(&self) -> &str {
        match self {
            Self::Query(text) | Self::Incomplete(text) | Self::Refused(text) => text,
            Self::AgentRestarted
            | Self::Timeout
            | Self::NoProgress
            | Self::RowLimit
            | Self::UploadLimit => "",
        }
    }

    /// The class with this word. `None` for one that does not exist.
    pub fn class_named(name: &str) -> Option<&'static str> {
        Self::from_class(name, "").map(|failure| failure.class())
    }

    /// Reads a class and its detail back. `None` for a class that does not exist.
    pub fn from_class(class: &str, detail: &str) -> Option<Self> {
        Some(match class {
            "agent_restarted" => Self::AgentRestarted,
            "timeout" => Self::Timeout,
            "no_progress" => Self::NoProgress,
            "row_limit" => Self::RowLimit,
            "upload_limit" => Self::UploadLimit,
            "query" => Self::Query(detail.to_owned()),
            "incomplete" => Self::Incomplete(detail.to_owned()),
            "refused" => Self::Refused(detail.to_owned()),
            _ => return None,
        })
    }
}

/// What an attempt brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowYield {
    /// Rows over all sources.
    pub rows: u64,
    /// Uploaded files.
    pub uploads: u64,
    /// Bytes of them.
    pub upload_bytes: u64,
    /// Processor time on the client, in milliseconds.
    pub cpu_millis: u64,
}

impl FlowYield {
    /// Whether a person would call this a result.
    pub fn has_results(&self) -> bool {
        self.rows > 0 || self.uploads > 0
    }
}

/// The life of one collection.
///
/// ```text
///            Delivered             Ended(Ok)
///  Queued ─────────────▶ Running ─────────────▶ Done
///    │  ▲                  │  └── Ended(Err) ─▶ Failed ── RetryGranted ──▶ Queued, attempt + 1
///    │  └── Undeliverable ─┘
///    └──── Cancel ─────────┴──────────────────▶ Cancelled
///    └──── Expire ─────────┴──────────────────▶ Expired
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// Waits for the client to connect and take it.
    Queued,
    /// The agent has it.
    Running,
    /// Finished.
    Done(FlowYield),
    /// Did not finish.
    Failed(FlowFailure),
    /// Stopped by a person or by the end of its hunt.
    Cancelled,
    /// Its time passed before the client took it.
    Expired,
}

/// What can happen to a flow. Events name their attempt; those of another attempt are late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowEvent {
    /// The agent has acknowledged the request.
    Delivered {
        /// Of this attempt.
        attempt: u32,
    },
    /// The agent is done with it and everything it declared has arrived.
    Ended {
        /// Of this attempt.
        attempt: u32,
        /// How it went.
        outcome: Result<FlowYield, FlowFailure>,
    },
    /// A person or the end of its hunt stops it.
    Cancel,
    /// The time in which it could be delivered is over.
    Expire,
    /// The retry policy lets it run again, whole.
    RetryGranted,
}

/// A flow's place in its life: state and attempt move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowLife {
    /// Where it is.
    pub state: FlowState,
    /// Which attempt this is about, from 1.
    pub attempt: u32,
}

impl FlowLife {
    /// A new flow.
    pub fn new() -> Self {
        Self { state: FlowState::Queued, attempt: 1 }
    }

    /// The one place where a flow changes state. `None` when the event changes nothing: late and
    /// repeated events are normal on this network.
    pub fn on(&self, event: &FlowEvent) -> Option<FlowLife> {
        use FlowEvent as E;
        use FlowState as S;
        let to = |state: FlowState| Some(Self { state, attempt: self.attempt });
        match (&self.state, event) {
            (S::Queued, E::Delivered { attempt }) if *attempt == self.attempt => to(S::Running),
            // The agent was done before its receipt arrived.
            (S::Queued | S::Running, E::Ended { attempt, outcome }) if *attempt == self.attempt => {
                match outcome {
                    Ok(brought) => to(S::Done(*brought)),
                    Err(failure) => to(S::Failed(failure.clone())),
                }
            }
            (S::Queued | S::Running, E::Cancel) => to(S::Cancelled),
            (S::Queued | S::Running, E::Expire) => to(S::Expired),
            (S::Failed(_), E::RetryGranted) => {
                Some(Self { state: S::Queued, attempt: self.attempt + 1 })
            }
            (S::Queued | S::Running, E::Delivered { .. } | E::Ended { .. } | E::RetryGranted) => {
                None
            }
            (S::Failed(_), E::Delivered { .. } | E::Ended { .. } | E::Cancel | E::Expire) => None,
            (
                S::Done(_) | S::Cancelled | S::Expired,
                E::Delivered { .. } | E::Ended { .. } | E::Cancel | E::Expire | E::RetryGranted,
            ) => None,
        }
    }

    /// Whether frames of `attempt` may still change anything.
    pub fn accepts(&self, attempt: u32) -> bool {
        attempt == self.attempt && matches!(self.state, FlowState::Queued | FlowState::Running)
    }

    /// Whether nothing more will happen unless somebody asks for it.
    pub fn is_over(&self) -> bool {
        !matches!(self.state, FlowState::Queued | FlowState::Running)
    }
}

impl Default for FlowLife {
    fn default() -> Self {
        Self::new()
    }
}

impl FlowState {
    /// The word for this state.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Why a flow exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowOrigin {
    /// A person asked for it.
    Direct,
    /// A hunt admitted the client.
    Hunt {
        /// Which hunt.
        hunt: HuntId,
        /// Which round of it, from 1.
        round: u32,
    },
}

/// The record of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its identity.
    pub id: FlowId,
    /// The tenant of its client.
    pub org: OrgId,
    /// Where it runs.
    pub client: ClientId,
    /// Why it exists.
    pub origin: FlowOrigin,
    /// Who asked for it.
    pub actor: Actor,
    /// What is collected.
    pub artifacts: Vec<ArtifactCall>,
    /// What the present attempt may use; after a failure that is repeated, the next.
    pub limits: FlowLimits,
    /// Which failures are repeated by themselves.
    pub retry: RetryPlan,
    /// For a round of a recurring hunt: which stretch of the client's time it reads.
    pub window: Option<FlowWindow>,
    /// Where it is in its life.
    pub life: FlowLife,
    /// When it was asked for.
    pub created: Timestamp,
    /// When the agent took the present attempt.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Not delivered after this moment.
    pub deliver_until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[FlowEvent]) -> FlowLife {
        events.iter().fold(FlowLife::new(), |life, event| life.on(event).unwrap_or(life))
    }

    fn ended(attempt: u32, outcome: Result<FlowYield, FlowFailure>) -> FlowEvent {
        FlowEvent::Ended { attempt, outcome }
    }

    #[test]
    fn an_attempt_that_failed_runs_again_as_the_next() {
        let life = after(&[
            FlowEvent::Delivered { attempt: 1 },
            ended(1, Err(FlowFailure::AgentRestarted)),
            FlowEvent::RetryGranted,
        ]);
        assert_eq!(life, FlowLife { state: FlowState::Queued, attempt: 2 });
        assert_eq!(life.on(&ended(1, Ok(FlowYield::default()))), None, "late words of attempt 1");
        assert!(life.accepts(2) && !life.accepts(1));
    }

    #[test]
    fn the_end_may_come_before_the_receipt() {
        let life =
            after(&[ended(1, Ok(FlowYield::default())), FlowEvent::Delivered { attempt: 1 }]);
        assert_eq!(life.state, FlowState::Done(FlowYield::default()));
    }

    #[test]
    fn what_is_over_stays_over() {
        let life = after(&[
            FlowEvent::Cancel,
            ended(1, Ok(FlowYield::default())),
            FlowEvent::RetryGranted,
        ]);
        assert_eq!(life.state, FlowState::Cancelled);
    }

    #[test]
    fn a_failure_reads_its_class_and_detail_back() {
        for failure in [
            FlowFailure::AgentRestarted,
            FlowFailure::Query("x".into()),
            FlowFailure::Incomplete("3 of 4".into()),
        ] {
            assert_eq!(FlowFailure::from_class(failure.class(), failure.detail()), Some(failure));
        }
    }
}
