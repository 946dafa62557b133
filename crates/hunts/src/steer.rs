//! Steers hunts: reads ports, asks the decisions of this crate, writes ports.
//!
//! No sockets and no tasks: the server calls these functions, the simulation does the same. None
//! takes a hint about what has changed; each reads what is and brings it nearer to what should be,
//! so a restart is the ordinary case.

use base::{Entropy, FlowId, Rate, Timestamp};
use model::client::Client;
use model::duty::Fence;
use model::flow::Flow;
use model::hunt::{EndReason, HuntEvent, HuntState, OfferSeq};
use model::org::Actor;
use model::store::StoreError;

use crate::admission::{WINDOW, plan};
use crate::asked::Asked;
use crate::condition::ConditionJudge;
use crate::decide::{QueryAnswer, decide_answers};
use crate::foreman::{Answer, Foreman, Newer};
use crate::ports::{
    AdmissionStore, Decided, Decision, Grant, HuntStep, HuntStore, HuntSummary, MemberStore,
};

/// What the hunt manager did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// Flows that were queued: to be sent to those of their clients that are connected.
    pub admitted: Vec<Flow>,
    /// Hunts that changed their state: the foreman is to be made again.
    pub moved: Vec<(base::HuntId, HuntState)>,
    /// When to look again, events aside.
    pub wake: Option<Timestamp>,
}

/// One step of the hunt manager: ends what is over, then admits within rate and limits. The fence is
/// its leave to be the manager, where there may be another.
pub async fn manage(
    hunts: &dyn HuntStore,
    admissions: &dyn AdmissionStore,
    (ceiling, fence): (Rate, Option<Fence>),
    entropy: &mut dyn Entropy,
    now: Timestamp,
) -> Result<Managed, StoreError> {
    let mut managed = Managed::default();
    let mut active = hunts.active().await?.hunts;
    for summary in &mut active {
        if let Some((event, reason)) = due_event(summary, now) {
            let id = summary.hunt.id;
            let step = HuntStep { id, event, reason, by: Actor::System, now };
            match hunts.transition(&step).await {
                Ok(moved) => summary.hunt = moved.hunt,
                // Somebody else was faster; the next step sees what they did.
                Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => continue,
                Err(error) if managed.moved.is_empty() => return Err(error),
                Err(_) => return Ok(Managed { wake: Some(now), ..managed }),
            }
            managed.moved.push((id, summary.hunt.state));
            managed.wake = Some(now);
        }
    }
    let recent = admissions.admissions(now.minus(WINDOW)).await?;
    let plan = plan(&active, &recent, ceiling, now);
    for (hunt, count) in &plan.grants {
        let flow_ids = (0..*count).map(|_| FlowId::mint(now, entropy)).collect();
        let grant = Grant { hunt: *hunt, flow_ids, ceiling, fence, now };
        match admissions.admit(&grant).await {
            Ok(flows) => managed.admitted.extend(flows),
            Err(error) if managed.admitted.is_empty() && managed.moved.is_empty() => {
                return Err(error);
            }
            // What was done must be told; the next step meets the failure again.
            Err(_) => {
                managed.wake = Some(now);
                break;
            }
        }
    }
    let expiries = active
        .iter()
        .filter(|summary| summary.hunt.state == HuntState::Running)
        .filter_map(|summary| summary.hunt.expires());
    managed.wake = expiries.chain(plan.wake).chain(managed.wake).min();
    Ok(managed)
}

/// What is due for a hunt by itself.
///
/// A paused hunt is left alone until it is resumed: its end would let its pending members run.
fn due_event(summary: &HuntSummary, now: Timestamp) -> Option<(HuntEvent, EndReason)> {
    let HuntSummary { hunt, counts } = summary;
    let clients_max = hunt.spec.limits.clients_max;
    match hunt.state {
        HuntState::Running if hunt.expires().is_some_and(|end| end <= now) => {
            Some((HuntEvent::Drain, EndReason::Expired))
        }
        HuntState::Running if clients_max > 0 && counts.recruited() >= clients_max => {
            Some((HuntEvent::Drain, EndReason::ClientLimit))
        }
        HuntState::Draining if counts.pending + counts.running == 0 => {
            Some((HuntEvent::Drained, EndReason::Asked))
        }
        HuntState::Draft
        | HuntState::Running
        | HuntState::Paused
        | HuntState::Draining
        | HuntState::Stopped
        | HuntState::Completed
        | HuntState::Archived => None,
    }
}

/// What to tell a client that polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    /// Nothing: it is through with everything.
    UpToDate,
    /// Nothing to ask; it may keep this cursor.
    Keep(OfferSeq),
    /// These queries.
    Ask(Newer),
}

/// Answers a poll that is not up to date: decides what the server's own record decides, and says
/// what to ask the client.
pub async fn answer_poll(
    members: &dyn MemberStore,
    foreman: &Foreman,
    cursor: OfferSeq,
    client: &Client,
    now: Timestamp,
) -> Result<PollAnswer, StoreError> {
    let newer = match foreman.newer(cursor, client) {
        Answer::UpToDate => return Ok(PollAnswer::UpToDate),
        Answer::Newer(newer) => newer,
    };
    if !newer.decided.is_empty() {
        members.decide(&newer.decided, now).await?;
    }
    Ok(if newer.queries.is_empty() {
        PollAnswer::Keep(newer.snapshot)
    } else {
        PollAnswer::Ask(newer)
    })
}

/// A client's answer to a check, with what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct CheckAnswer<'a> {
    /// Who answers; the server's record as it is now.
    pub client: &'a Client,
    /// What it was asked.
    pub asked: &'a Asked,
    /// What its queries gave.
    pub answers: &'a [QueryAnswer],
    /// The recheck mark under which it says it polled.
    pub recheck: u64,
}

/// What came of a client's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTaken {
    /// The cursor that the client may keep: everything below it is durably decided.
    pub cursor: OfferSeq,
    /// What was decided, and what became of it.
    pub decided: Vec<(Decision, Decided)>,
}

/// Decides a client's answer and records the decisions. Only afterwards may the cursor be sent.
pub async fn take_answer(
    members: &dyn MemberStore,
    judge: &dyn ConditionJudge,
    foreman: &Foreman,
    answer: CheckAnswer<'_>,
    now: Timestamp,
) -> Result<CheckTaken, StoreError> {
    let CheckAnswer { client, asked, answers, recheck } = answer;
    let decisions = decide_answers(judge, foreman, client, asked, answers, recheck).await;
    let outcomes =
        if decisions.is_empty() { Vec::new() } else { members.decide(&decisions, now).await? };
    let decided = decisions.into_iter().zip(outcomes).collect();
    Ok(CheckTaken { cursor: asked.snapshot, decided })
}
