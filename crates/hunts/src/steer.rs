//! Steers hunts: reads ports, asks the decisions of this crate, writes ports.
//!
//! No sockets and no tasks: the server calls these functions, the simulation does the same. None
//! takes a hint about what has changed; each reads what is and brings it nearer to what should be,
//! so a restart is the ordinary case.

use std::time::Duration;

use base::{ClientId, Entropy, FlowId, Rate, Timestamp};
use model::client::Client;
use model::duty::Fence;
use model::flow::Flow;
use model::hunt::{HuntState, OfferSeq};
use model::org::Actor;
use model::store::StoreError;

use crate::admission::{WINDOW, plan};
use crate::asked::Asked;
use crate::bounds::{self, due};
use crate::condition::ConditionJudge;
use crate::decide::{QueryAnswer, decide_answers};
use crate::foreman::{Answer, Foreman, Newer};
use crate::ports::{AdmissionStore, Decided, Decision, Grant, HuntStep, HuntStore, MemberStore};

/// How long the manager rests when it could not admit whom it wanted to.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the hunt manager did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Managed {
    /// Flows that were queued: to be sent to those of their clients that are connected.
    pub admitted: Vec<Flow>,
    /// Hunts that changed: the foreman is to be made again.
    pub moved: Vec<(base::HuntId, HuntState)>,
    /// Flows that a new round superseded; their clients are to be told.
    pub cancelled: Vec<(ClientId, FlowId)>,
    /// When to look again, events aside, by the caller's clock.
    pub wake: Option<Timestamp>,
}

/// One step of the hunt manager: ends what is over, then admits within rate and limits. The fence is
/// its leave to be the manager, where there may be another. `here` is the caller's clock; what is decided
/// goes by the store's, which all managers share.
pub async fn manage(
    hunts: &dyn HuntStore,
    admissions: &dyn AdmissionStore,
    (ceiling, fence): (Rate, Option<Fence>),
    entropy: &mut dyn Entropy,
    here: Timestamp,
) -> Result<Managed, StoreError> {
    let now = admissions.clock(here).await?;
    let in_own_time = |at: Timestamp| here.plus(at.since(now));
    let mut managed = Managed::default();
    let mut active = hunts.active().await?.hunts;
    for summary in &mut active {
        if let Some((event, reason)) = due(summary, now) {
            let id = summary.hunt.id;
            let step = HuntStep { id, event, reason, by: Actor::System, now };
            match hunts.transition(&step).await {
                Ok(moved) => {
                    summary.hunt = moved.hunt;
                    managed.cancelled.extend(moved.cancelled);
                }
                // Somebody else was faster; the next step sees what they did.
                Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => continue,
                Err(error) if managed.moved.is_empty() => return Err(error),
                Err(_) => return Ok(Managed { wake: Some(here), ..managed }),
            }
            managed.moved.push((id, summary.hunt.state));
            managed.wake = Some(now);
        }
    }
    let recent = admissions.admissions(now.minus(WINDOW)).await?;
    let mut plan = plan(&active, &recent, ceiling, now);
    let mut passed_over = false;
    for (hunt, count) in &plan.grants {
        let flow_ids = (0..*count).map(|_| FlowId::mint(now, entropy)).collect();
        let grant = Grant { hunt: *hunt, flow_ids, ceiling, fence, now };
        match admissions.admit(&grant).await {
            Ok(flows) => {
                // Some were passed over; what they wait for wakes the manager, or this does.
                if (flows.len() as u64) < *count {
                    passed_over = true;
                }
                managed.admitted.extend(flows);
            }
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
    if passed_over {
        plan.wake = plan.wake.map(|wake| wake.max(now.plus(LOOK_AGAIN)));
    }
    let by_clock = active.iter().filter_map(|summary| bounds::wake(&summary.hunt));
    managed.wake = by_clock.chain(plan.wake).chain(managed.wake).min().map(in_own_time);
    Ok(managed)
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
