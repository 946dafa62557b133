//! How decisions and flows move the records of members.
//!
//! Pure. Stores call these functions inside their transactions; the transition itself is
//! [`model::member::Member::on`].

use std::time::Duration;

use base::{FlowId, Timestamp};
use model::flow::{Flow, FlowEvent, FlowLife, FlowOrigin, FlowState};
use model::hunt::{Hunt, HuntState};
use model::member::{Member, MemberEvent, MemberState, Refusal};
use model::org::Actor;

use crate::ports::Decision;

/// A flow can be delivered until its hunt expires, and for this long at least.
pub const DELIVERY_GRACE: Duration = Duration::from_secs(3_600);

/// What is to be done about a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Write this record in place of the one that is there, if any.
    Write(Box<Member>),
    /// Leave the record that is there.
    Keep,
    /// The condition was changed meanwhile.
    Superseded,
    /// The hunt does not recruit, or not in this round.
    Closed,
}

/// Settles a decision against the records of the hunt and of the member.
///
/// `recruited` is how many members the hunt has recruited so far. A record that is there is decided
/// again only when the client has not been admitted yet and one of these is new: the condition, the
/// client's recheck mark (refused clients), room in the hunt (clients refused for the lack of it).
pub fn settle(
    hunt: &Hunt,
    existing: Option<&Member>,
    decision: &Decision,
    recruited: u64,
    now: Timestamp,
) -> Settled {
    let expired = hunt.expires().is_some_and(|end| end <= now);
    if !hunt.state.recruits() || hunt.round != decision.key.round || expired {
        return Settled::Closed;
    }
    if decision.revision < hunt.condition_revision {
        return Settled::Superseded;
    }
    let counted = existing.is_some_and(|member| !matches!(member.state, MemberState::Refused(_)));
    let others = recruited.saturating_sub(u64::from(counted));
    let clients_max = hunt.spec.limits.clients_max;
    let full = clients_max > 0 && others >= clients_max;
    let state = match &decision.verdict {
        Ok(()) if full => MemberState::Refused(Refusal::ClientLimit),
        Ok(()) => MemberState::Pending,
        Err(refusal) => MemberState::Refused(refusal.clone()),
    };
    if !existing.is_none_or(|member| may_replace(hunt, member, decision, &state)) {
        return Settled::Keep;
    }
    Settled::Write(Box::new(Member {
        hunt: decision.key.hunt,
        round: decision.key.round,
        client: decision.key.client,
        state,
        revision: decision.revision.min(hunt.revision),
        recheck: decision.recheck,
        attempt: 1,
        flow: None,
        decided: now,
        admitted: None,
        updated: now,
    }))
}

fn may_replace(hunt: &Hunt, member: &Member, decision: &Decision, state: &MemberState) -> bool {
    let outdated = member.revision < hunt.condition_revision;
    match &member.state {
        MemberState::Refused(Refusal::ClientLimit) => {
            outdated || decision.recheck > member.recheck || *state == MemberState::Pending
        }
        MemberState::Refused(_) => outdated || decision.recheck > member.recheck,
        // Attempts after the first were admitted once: a new condition does not apply to them.
        MemberState::Pending => outdated && member.flow.is_none(),
        MemberState::Running
        | MemberState::Completed
        | MemberState::Results(_)
        | MemberState::Failed(_)
        | MemberState::Cancelled
        | MemberState::Expired => false,
    }
}

/// Whether a member may be admitted under the hunt's present condition.
pub fn is_admissible(hunt: &Hunt, member: &Member) -> bool {
    hunt.state.admits()
        && member.round == hunt.round
        && member.state == MemberState::Pending
        && (member.flow.is_some() || member.revision >= hunt.condition_revision)
}

/// Whether the end of recruitment expires a member: it is pending under a condition that was
/// superseded, and nobody will ask its client again.
pub fn is_stranded(hunt: &Hunt, member: &Member) -> bool {
    hunt.state == HuntState::Draining
        && member.state == MemberState::Pending
        && member.flow.is_none()
        && member.revision < hunt.condition_revision
}

/// The flow of a member that is admitted at `now`: a new one with `fresh` as its id, or the
/// member's former one, queued again as its next attempt. `None` when the former flow cannot run
/// again, which means that the member's record and the flow's disagree.
pub fn flow_for(
    hunt: &Hunt,
    member: &Member,
    former: Option<&Flow>,
    fresh: FlowId,
    now: Timestamp,
) -> Option<Flow> {
    let expires = hunt.expires().unwrap_or(now);
    let deliver_until = expires.max(now.plus(DELIVERY_GRACE));
    if member.flow.is_some() {
        let requeued = flows::life::after(former?, &FlowEvent::RetryGranted, false, now)?;
        return (requeued.life.attempt == member.attempt)
            .then_some(Flow { deliver_until, ..requeued });
    }
    Some(Flow {
        id: fresh,
        org: hunt.org.clone(),
        client: member.client,
        origin: FlowOrigin::Hunt { hunt: hunt.id, round: hunt.round },
        actor: Actor::System,
        artifacts: hunt.spec.artifacts.clone(),
        limits: hunt.spec.limits.per_client.clone(),
        life: FlowLife::new(),
        created: now,
        started: None,
        ended: None,
        deliver_until,
    })
}

/// The member after its flow has moved to `flow`. `None` when that changes nothing for it.
///
/// With `retry`, a member whose attempt failed waits for its next admission.
pub fn after_flow(member: &Member, flow: &Flow, retry: bool, now: Timestamp) -> Option<Member> {
    if member.flow != Some(flow.id) {
        return None;
    }
    let attempt = flow.life.attempt;
    let event = match &flow.life.state {
        FlowState::Queued | FlowState::Running => return None,
        FlowState::Done(brought) => MemberEvent::FlowEnded { attempt, outcome: Ok(*brought) },
        FlowState::Failed(failure) => {
            MemberEvent::FlowEnded { attempt, outcome: Err(failure.clone()) }
        }
        FlowState::Cancelled => MemberEvent::Cancel,
        FlowState::Expired => MemberEvent::Expire,
    };
    let moved = member.on(&event, now)?;
    let again = retry && matches!(moved.state, MemberState::Failed(_));
    if again && let Some(waiting) = moved.on(&MemberEvent::Retry, now) {
        return Some(waiting);
    }
    Some(moved)
}
