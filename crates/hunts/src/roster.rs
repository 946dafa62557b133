//! What people do to the members of a hunt by hand: put clients in past the condition, take them
//! out again while they wait; and where a client stands in the queue.
//!
//! # Invariants
//!
//! - Who was admitted once stays: a person neither starts a second flow on it nor takes it out.
//! - A client that a person put in is not decided by a condition again, whatever revision comes; rate
//!   and limits hold for it as for everybody.
//!
//! # Not here
//!
//! Whether the client exists and is of the same organisation: whoever calls knows that.

use async_trait::async_trait;
use base::{ClientId, HuntId, Timestamp};
use model::hunt::Hunt;
use model::member::{Hand, Member, MemberQueue, MemberState};
use model::store::StoreError;

use crate::ports::MemberKey;

/// Lets people change who takes part.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable, with the hunt's counters in the same transaction.
/// - [`add`](Self::add) settles each client by [`add_by_hand`], [`remove`](Self::remove) by
///   `MemberEvent::Withdraw`, in one transaction for all of them. Both may be repeated. The answer has
///   one entry for each client, in order.
/// - A hunt that asks nobody any more takes nobody by hand either: [`StoreError::Conflict`].
///
/// Every implementation runs `testkit::roster_suite`.
#[async_trait]
pub trait RosterStore: Send + Sync {
    /// Puts clients into the queue of the current round.
    async fn add(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError>;

    /// Takes clients out of the queue of the current round.
    async fn remove(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Removed>, StoreError>;

    /// How many members are admitted before this one, those aside that are passed over; `None` when it
    /// does not wait.
    async fn ahead(&self, key: MemberKey) -> Result<Option<u64>, StoreError>;
}

/// What became of a client that a person puts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It waits for admission now.
    Queued,
    /// It waited already; from now on no condition takes it out.
    Waits,
    /// It was admitted before, or is over; nothing changed. Holds its queue.
    Stays(MemberQueue),
    /// The hunt has as many clients as it may.
    Full,
}

/// What became of a client that a person takes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It waits no longer.
    Removed,
    /// It does not wait: it was admitted, is over, or was refused. Holds its queue.
    Stays(MemberQueue),
    /// It has no record in this round.
    Unknown,
}

/// Whether people may add clients to a hunt at this moment.
pub fn takes_additions(hunt: &Hunt, now: Timestamp) -> Result<(), StoreError> {
    if !hunt.state.recruits() {
        let state = hunt.state.name();
        return Err(StoreError::conflict(format!(
            "hunt {} is {state} and takes nobody in; start or resume it, or make a copy",
            hunt.id
        )));
    }
    if hunt.expires().is_some_and(|end| end <= now) {
        return Err(StoreError::conflict(format!(
            "the time of hunt {} is over; give it a later expiry first",
            hunt.id
        )));
    }
    Ok(())
}

/// Settles what a person asks for one client. `recruited` is how many members the hunt has recruited
/// so far. With a record: it is to be written in place of the one that is there, if any.
pub fn add_by_hand(
    hunt: &Hunt,
    existing: Option<&Member>,
    client: ClientId,
    recruited: u64,
    now: Timestamp,
) -> (Added, Option<Member>) {
    if let Some(member) = existing {
        let waits = member.state == MemberState::Pending;
        if waits && member.hand == Some(Hand::Added) {
            return (Added::Waits, None);
        }
        if waits && member.flow.is_none() {
            let marked =
                Member { hand: Some(Hand::Added), revision: hunt.revision, ..member.clone() };
            return (Added::Waits, Some(marked));
        }
        let refused = matches!(member.state, MemberState::Refused(_));
        if !refused && (waits || member.flow.is_some()) {
            return (Added::Stays(member.state.queue()), None);
        }
    }
    let counted = existing.is_some_and(|member| !matches!(member.state, MemberState::Refused(_)));
    let others = recruited.saturating_sub(u64::from(counted));
    let clients_max = hunt.spec.limits.clients_max;
    if clients_max > 0 && others >= clients_max {
        return (Added::Full, None);
    }
    let member = Member {
        hunt: hunt.id,
        round: hunt.round,
        client,
        state: MemberState::Pending,
        revision: hunt.revision,
        recheck: existing.map_or(0, |member| member.recheck),
        attempt: 1,
        flow: None,
        decided: now,
        admitted: None,
        updated: now,
        hand: Some(Hand::Added),
    };
    (Added::Queued, Some(member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_hunt;
    use base::FlowId;
    use model::flow::FlowFailure;
    use model::hunt::HuntState;
    use model::member::Refusal;

    const CLIENT: ClientId = ClientId::from_bits(1);

    fn hunt() -> Hunt {
        let mut hunt = Hunt { state: HuntState::Running, revision: 4, ..example_hunt(1) };
        hunt.spec.limits.clients_max = 5;
        hunt
    }

    fn member(state: MemberState, flow: Option<u128>) -> Member {
        let (_, fresh) = add_by_hand(&hunt(), None, CLIENT, 0, Timestamp::EPOCH);
        let flow = flow.map(FlowId::from_bits);
        Member { state, flow, hand: None, ..fresh.unwrap() }
    }

    #[track_caller]
    fn check(existing: Option<Member>, recruited: u64, answer: Added, writes: bool) {
        let now = Timestamp::from_secs(9);
        let (said, written) = add_by_hand(&hunt(), existing.as_ref(), CLIENT, recruited, now);
        assert_eq!((said, written.is_some()), (answer, writes));
        if let Some(written) = written {
            assert_eq!((written.state, written.hand), (MemberState::Pending, Some(Hand::Added)));
            assert_eq!(written.revision, 4);
        }
    }

    #[test]
    fn a_refusal_is_overridden_and_who_ran_stays() {
        check(None, 0, Added::Queued, true);
        let refused = MemberState::Refused(Refusal::Excluded("has the label `db`".into()));
        check(Some(member(refused, None)), 0, Added::Queued, true);
        check(Some(member(MemberState::Pending, None)), 1, Added::Waits, true);
        for state in [MemberState::Running, MemberState::Completed, MemberState::Cancelled] {
            let queue = state.queue();
            check(Some(member(state, Some(7))), 1, Added::Stays(queue), false);
        }
        let failed = member(MemberState::Failed(FlowFailure::Timeout), Some(7));
        check(Some(failed), 1, Added::Stays(MemberQueue::Failed), false);
        let retried = member(MemberState::Pending, Some(7));
        check(Some(retried), 1, Added::Stays(MemberQueue::Pending), false);
    }

    #[test]
    fn who_was_taken_out_before_it_ran_may_be_put_in_again() {
        check(Some(member(MemberState::Cancelled, None)), 1, Added::Queued, true);
        check(Some(member(MemberState::Expired, None)), 1, Added::Queued, true);
    }

    #[test]
    fn the_client_limit_holds_for_people_too() {
        check(None, 5, Added::Full, false);
        let refused = MemberState::Refused(Refusal::ClientLimit);
        check(Some(member(refused, None)), 5, Added::Full, false);
        check(Some(member(MemberState::Cancelled, None)), 5, Added::Queued, true);
        check(Some(member(MemberState::Pending, None)), 5, Added::Waits, true);
    }
}
