//! A member: one client's part in one round of one hunt.
//!
//! # Invariants
//! - **E1** there is at most one member per (hunt, round, client), and it always has a reason.
//! - **E2** a member in `Running` names the flow and the attempt; late words of another attempt
//!   leave it alone.

use base::{ClientId, FlowId, HuntId, Timestamp};

use crate::flow::{FlowFailure, FlowYield};

/// Why a client was not let into a hunt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server's condition gave no row.
    ConditionFalse,
    /// The client query gave no row.
    NoRows,
    /// A rule on the server's own record excludes it; the text says which.
    Excluded(String),
    /// The client query failed or ran out of a limit on the client.
    ClientQueryFailed(String),
    /// The agent died while it evaluated the client query.
    CheckCrashed,
    /// The server's condition failed or ran out of a limit; the text says how.
    ConditionFailed(String),
    /// The hunt had as many clients as it may.
    ClientLimit,
}

impl Refusal {
    /// The word by which counters and columns name this refusal.
    pub fn class(&self) -> &'static str {
        match self {
            Self::ConditionFalse => "condition_false",
            Self::NoRows => "no_rows",
            Self::Excluded(_) => "excluded",
            Self::ClientQueryFailed(_) => "client_query_failed",
            Self::CheckCrashed => "check_crashed",
            Self::ConditionFailed(_) => "condition_failed",
            Self::ClientLimit => "client_limit",
        }
    }

    /// What is known beyond the class.
    pub fn detail(&self) -> &str {
        match self {
            Self::Excluded(text) | Self::ClientQueryFailed(text) | Self::ConditionFailed(text) => {
                text
            }
            Self::ConditionFalse | Self::NoRows | Self::CheckCrashed | Self::ClientLimit => "",
        }
    }

    /// Reads a class and its detail back. `None` for a class that does not exist.
    pub fn from_class(class: &str, detail: &str) -> Option<Self> {
        Some(match class {
            "condition_false" => Self::ConditionFalse,
            "no_rows" => Self::NoRows,
            "excluded" => Self::Excluded(detail.to_owned()),
            "client_query_failed" => Self::ClientQueryFailed(detail.to_owned()),
            "check_crashed" => Self::CheckCrashed,
            "condition_failed" => Self::ConditionFailed(detail.to_owned()),
            "client_limit" => Self::ClientLimit,
            _ => return None,
        })
    }
}

/// Where a client stands in a round of a hunt.
///
/// ```text
///   (asked) ──▶ Refused ── AskAgain ──▶ (asked)
///      │
///      ▼
///   Pending ─ Admitted ─▶ Running ──▶ Completed | Results
///      ▲  │                  ├─────▶ Failed ─ Retry ─▶ Pending
///      │  └── Cancel, Expire ┴─────▶ Cancelled | Expired
/// ```
///
/// *Asked* is a count in memory and the absence of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// Not let in.
    Refused(Refusal),
    /// Waits for the hunt manager.
    Pending,
    /// Its flow is under way.
    Running,
    /// Finished without rows or files.
    Completed,
    /// Finished with rows or files.
    Results(FlowYield),
    /// The attempt failed.
    Failed(FlowFailure),
    /// The hunt was stopped.
    Cancelled,
    /// The hunt's or the flow's time was over.
    Expired,
}

/// What a person did to a client's membership, past the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// Put it into the queue, whatever the condition says.
    Added,
    /// Took it out of the queue before it was admitted.
    Removed,
}

/// The states by name, in the order in which they are always shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the variants are those of MemberState
pub enum MemberQueue {
    Refused,
    Pending,
    Running,
    Completed,
    Results,
    Failed,
    Cancelled,
    Expired,
}

impl MemberQueue {
    /// All queues, in the order in which they are always shown.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Results,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The word for this queue.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Results => "results",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The queue with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }
}

/// What can happen to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberEvent {
    /// The hunt manager starts its flow.
    Admitted {
        /// The flow that was made for it; the same one for every attempt.
        flow: FlowId,
    },
    /// The flow's attempt has ended.
    FlowEnded {
        /// The attempt that ended.
        attempt: u32,
        /// How.
        outcome: Result<FlowYield, FlowFailure>,
    },
    /// The retry policy lets it run again.
    Retry,
    /// The hunt was stopped, or its flow was cancelled.
    Cancel,
    /// A person takes it out of the queue; one that was admitted stays.
    Withdraw,
    /// The hunt's time, or the time in which its flow could be delivered, is over.
    Expire,
}

/// The record of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which hunt.
    pub hunt: HuntId,
    /// Which round, from 1.
    pub round: u32,
    /// Which client.
    pub client: ClientId,
    /// Where it stands.
    pub state: MemberState,
    /// The revision of the hunt under which it was decided.
    pub revision: u32,
    /// The client's recheck mark under which it was decided; a refused client is decided again
    /// under a later one.
    pub recheck: u64,
    /// The attempt that is, or will be, under way, from 1.
    pub attempt: u32,
    /// Its flow, once it was admitted.
    pub flow: Option<FlowId>,
    /// When the condition was decided.
    pub decided: Timestamp,
    /// When the last attempt was admitted.
    pub admitted: Option<Timestamp>,
    /// When the state last changed.
    pub updated: Timestamp,
    /// Whether a person put it in or took it out; conditions do not decide it any more.
    pub hand: Option<Hand>,
}

impl MemberState {
    /// The queue this state stands in.
    pub fn queue(&self) -> MemberQueue {
        match self {
            Self::Refused(_) => MemberQueue::Refused,
            Self::Pending => MemberQueue::Pending,
            Self::Running => MemberQueue::Running,
            Self::Completed => MemberQueue::Completed,
            Self::Results(_) => MemberQueue::Results,
            Self::Failed(_) => MemberQueue::Failed,
            Self::Cancelled => MemberQueue::Cancelled,
            Self::Expired => MemberQueue::Expired,
        }
    }

    /// Why it is there, for a person.
    pub fn reason(&self) -> String {
        let with = |class: &str, detail: &str| match detail {
            "" => class.to_owned(),
            _ => format!("{class}: {detail}"),
        };
        match self {
            Self::Refused(refusal) => with(refusal.class(), refusal.detail()),
            Self::Pending => "condition matched; waits for admission".to_owned(),
            Self::Running => "admitted".to_owned(),
            Self::Completed => "finished without rows".to_owned(),
            Self::Results(brought) => {
                format!("{} rows, {} files", brought.rows, brought.uploads)
            }
            Self::Failed(failure) => with(failure.class(), failure.detail()),
            Self::Cancelled => "cancelled".to_owned(),
            Self::Expired => "expired".to_owned(),
        }
    }
}

impl Hand {
    /// [`MemberState::reason`] of a member that a person put in or took out.
    pub fn reason(self, state: &MemberState) -> String {
        match (self, state) {
            (Self::Added, MemberState::Pending) => "added by hand; waits for admission".to_owned(),
            (Self::Removed, MemberState::Cancelled) => "removed by hand".to_owned(),
            (Self::Added | Self::Removed, state) => state.reason(),
        }
    }
}

impl Member {
    /// Why it is where it is, for a person.
    pub fn reason(&self) -> String {
        match self.hand {
            None => self.state.reason(),
            Some(hand) => hand.reason(&self.state),
        }
    }

    /// The one place where a member changes state. `None` when the event changes nothing.
    pub fn on(&self, event: &MemberEvent, now: Timestamp) -> Option<Member> {
        use MemberEvent as E;
        use MemberState as S;
        let to = |state: MemberState| Some(Self { state, updated: now, ..self.clone() });
        match (&self.state, event) {
            (S::Pending, E::Admitted { flow }) => Some(Self {
                state: S::Running,
                flow: Some(*flow),
                admitted: Some(now),
                updated: now,
                ..self.clone()
            }),
            (S::Running, E::FlowEnded { attempt, outcome }) if *attempt == self.attempt => {
                match outcome {
                    Ok(brought) if brought.has_results() => to(S::Results(*brought)),
                    Ok(_) => to(S::Completed),
                    Err(failure) => to(S::Failed(failure.clone())),
                }
            }
            (S::Failed(_), E::Retry) => Some(Self {
                state: S::Pending,
                attempt: self.attempt + 1,
                updated: now,
                ..self.clone()
            }),
            (S::Pending | S::Running, E::Cancel) => to(S::Cancelled),
            (S::Pending, E::Withdraw) => Some(Self {
                state: S::Cancelled,
                hand: Some(Hand::Removed),
                updated: now,
                ..self.clone()
            }),
            (S::Pending | S::Running, E::Expire) => to(S::Expired),
            (S::Pending, E::FlowEnded { .. } | E::Retry) => None,
            (S::Running, E::Admitted { .. } | E::FlowEnded { .. } | E::Retry | E::Withdraw) => None,
            (
                S::Failed(_),
                E::Admitted { .. } | E::FlowEnded { .. } | E::Cancel | E::Withdraw | E::Expire,
            ) => None,
            (
                S::Refused(_) | S::Completed | S::Results(_) | S::Cancelled | S::Expired,
                E::Admitted { .. }
                | E::FlowEnded { .. }
                | E::Retry
                | E::Cancel
                | E::Withdraw
                | E::Expire,
            ) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Member {
        Member {
            hunt: HuntId::from_bits(1),
            round: 1,
            client: ClientId::from_bits(2),
            state: MemberState::Pending,
            revision: 1,
            recheck: 0,
            attempt: 1,
            flow: None,
            decided: Timestamp::EPOCH,
            admitted: None,
            updated: Timestamp::EPOCH,
            hand: None,
        }
    }

    fn ended(attempt: u32, outcome: Result<FlowYield, FlowFailure>) -> MemberEvent {
        MemberEvent::FlowEnded { attempt, outcome }
    }

    fn after(events: &[MemberEvent]) -> Member {
        let now = Timestamp::from_secs(9);
        events.iter().fold(pending(), |member, event| member.on(event, now).unwrap_or(member))
    }

    const ADMITTED: MemberEvent = MemberEvent::Admitted { flow: FlowId::from_bits(5) };

    #[test]
    fn rows_lead_to_results_and_none_to_completed() {
        let rows = FlowYield { rows: 2, ..FlowYield::default() };
        assert_eq!(after(&[ADMITTED, ended(1, Ok(rows))]).state, MemberState::Results(rows));
        let none = FlowYield::default();
        assert_eq!(after(&[ADMITTED, ended(1, Ok(none))]).state, MemberState::Completed);
    }

    #[test]
    fn a_retry_waits_again_and_hears_only_of_its_own_attempt() {
        let member =
            after(&[ADMITTED, ended(1, Err(FlowFailure::AgentRestarted)), MemberEvent::Retry]);
        assert_eq!((member.state.clone(), member.attempt), (MemberState::Pending, 2));
        let again = member.on(&ADMITTED, Timestamp::from_secs(10)).unwrap();
        assert_eq!(again.on(&ended(1, Ok(FlowYield::default())), Timestamp::from_secs(11)), None);
        assert_eq!(again.flow, Some(FlowId::from_bits(5)));
    }

    #[test]
    fn a_person_takes_out_who_waits_and_not_who_ran() {
        let removed = after(&[MemberEvent::Withdraw]);
        assert_eq!(removed.reason(), "removed by hand");
        assert_eq!(after(&[ADMITTED, MemberEvent::Withdraw]).state, MemberState::Running);
        let added = Member { hand: Some(Hand::Added), ..pending() };
        assert_eq!(added.reason(), "added by hand; waits for admission");
        let stopped = added.on(&MemberEvent::Cancel, Timestamp::from_secs(1)).unwrap();
        assert_eq!(stopped.reason(), "cancelled");
    }

    #[test]
    fn a_cancelled_member_stays_cancelled() {
        let member = after(&[ADMITTED, MemberEvent::Cancel, ended(1, Ok(FlowYield::default()))]);
        assert_eq!(member.state, MemberState::Cancelled);
    }

    #[test]
    fn a_refusal_reads_its_class_and_detail_back() {
        for refusal in [Refusal::NoRows, Refusal::Excluded("label x".into()), Refusal::CheckCrashed]
        {
            assert_eq!(Refusal::from_class(refusal.class(), refusal.detail()), Some(refusal));
        }
    }
}
