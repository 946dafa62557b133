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
use model::window::{Checkpoint, FlowWindow};

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
///
/// Whether a hunt's time is over is no question here but its state: the manager ends it, by the records'
/// clock. A node whose own clock is ahead would turn clients away that nobody asks again.
pub fn settle(
    hunt: &Hunt,
    existing: Option<&Member>,
    decision: &Decision,
    recruited: u64,
    now: Timestamp,
) -> Settled {
    if !hunt.state.recruits() || hunt.round != decision.key.round {
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
        hand: None,
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
        // Nor does any condition to whom a person put in.
        MemberState::Pending => outdated && member.flow.is_none() && member.hand.is_none(),
        // Expired while it waited: the hunt was resumed and asks again.
        MemberState::Expired => member.flow.is_none(),
        MemberState::Running
        | MemberState::Completed
        | MemberState::Results(_)
        | MemberState::Failed(_)
        | MemberState::Cancelled => false,
    }
}

/// Whether a member may be admitted under the hunt's present condition.
pub fn is_admissible(hunt: &Hunt, member: &Member) -> bool {
    hunt.state.admits()
        && member.round == hunt.round
        && member.state == MemberState::Pending
        && (member.flow.is_some()
            || member.hand.is_some()
            || member.revision >= hunt.condition_revision)
}

/// Whether the end of recruitment, or of the hunt, expires a member: it waits, and nobody will admit
/// it. Its condition was superseded and nobody will ask its client again; or canaries hold it back;
/// or the hunt has used up a budget.
pub fn is_stranded(hunt: &Hunt, member: &Member) -> bool {
    if member.state != MemberState::Pending {
        return false;
    }
    let held_back = member.flow.is_none()
        && ((member.hand.is_none() && member.revision < hunt.condition_revision)
            || hunt.canary().is_some());
    let used_up = hunt.ended.as_ref().is_some_and(|(_, reason, _)| reason.admits_nobody());
    match hunt.state {
        HuntState::Draining => held_back || used_up,
        HuntState::Completed => true,
        HuntState::Draft
        | HuntState::Running
        | HuntState::Paused
        | HuntState::Stopped
        | HuntState::Archived => false,
    }
}

/// Whether a new round of `hunt` expires a member of a round before: it waits, or its agent does not
/// have its flow. What an agent runs goes on.
pub fn is_superseded(hunt: &Hunt, member: &Member, flow: Option<&Flow>) -> bool {
    let undelivered = flow.is_some_and(|flow| flow.life.state == FlowState::Queued);
    member.round < hunt.round
        && match member.state {
            MemberState::Pending => true,
            MemberState::Running => undelivered,
            MemberState::Refused(_)
            | MemberState::Completed
            | MemberState::Results(_)
            | MemberState::Failed(_)
            | MemberState::Cancelled
            | MemberState::Expired => false,
        }
}

/// What the admission of a member starts from.
#[derive(Clone, Debug)]
pub struct Beginning<'a> {
    /// Its flow, when it had an attempt before.
    pub former: Option<&'a Flow>,
    /// The id of its flow when it had none.
    pub fresh: FlowId,
    /// How far its client was read; for a recurring hunt.
    pub checkpoints: Vec<Checkpoint>,
}

/// The flow of a member that is admitted at `now`: a new one, or the member's former one, queued
/// again as its next attempt. `None` when the former flow cannot run again, which means that the
/// member's record and the flow's disagree.
pub fn flow_for(
    hunt: &Hunt,
    member: &Member,
    beginning: Beginning<'_>,
    now: Timestamp,
) -> Option<Flow> {
    let Beginning { former, fresh, checkpoints } = beginning;
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
        retry: hunt.spec.retry.clone(),
        window: hunt.spec.schedule.as_ref().map(|schedule| FlowWindow {
            buffer: schedule.buffer,
            first: schedule.first,
            checkpoints,
        }),
        life: FlowLife::new(),
        created: now,
        started: None,
        ended: None,
        deliver_until,
    })
}

/// What a member adds to the progress of its round: whether it was admitted, and whether it waits for
/// another attempt.
pub fn weight(member: &Member) -> (bool, bool) {
    let admitted = member.flow.is_some();
    (admitted, admitted && member.state == MemberState::Pending)
}

/// The member after its flow has moved to `flow`. `None` when that changes nothing for it.
///
/// With `retry`, a member whose attempt failed waits for its next admission; not in a round that is
/// over, whose clients answer in the next.
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
