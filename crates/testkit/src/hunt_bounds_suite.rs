//! What every store of hunts must do about their bounds, repetitions, revisions, rounds and
//! checkpoints. A part of [`crate::hunt_suite`].

use std::time::Duration;

use base::{ClientId, HuntId, Timestamp};
use flows::ports::FlowStep;
use hunts::ports::{Decision, HuntEdit, HuntStep, MemberKey, RetryFailed};
use model::bounds::{Budgets, Canary, Gate, Spent, StopWhen, Widen};
use model::flow::{Flow, FlowEvent, FlowFailure, FlowLimits, FlowState, FlowYield};
use model::hunt::{EndReason, Hunt, HuntEvent, HuntSpec, HuntState, PauseReason};
use model::member::{Member, MemberState};
use model::org::Actor;
use model::results::AttemptId;
use model::retry::{LimitChange, RetryPlan, RetryRule};
use model::store::{Paging, StoreError};
use model::window::{Checkpoint, FlowWindow, Schedule, Ticks, WindowRead};

use crate::stores::{Stores, ada, at, decision, first, rows, spec};

/// Runs all promises, each on records of its own.
pub(crate) async fn hunt_bounds_suite(fresh: &impl AsyncFn() -> Stores) {
    a_budget_that_is_used_up_admits_nobody(fresh().await).await;
    a_drain_for_a_budget_expires_those_that_wait(fresh().await).await;
    who_expired_while_waiting_may_be_recruited_again(fresh().await).await;
    failures_beyond_a_share_admit_nobody(fresh().await).await;
    canaries_go_first_and_a_person_lets_the_others_in(fresh().await).await;
    canaries_that_failed_pause_the_hunt(fresh().await).await;
    a_repeated_attempt_has_raised_limits(fresh().await).await;
    what_failed_is_repeated_by_hand(fresh().await).await;
    every_revision_is_kept(fresh().await).await;
    a_round_asks_everybody_again(fresh().await).await;
    a_new_round_supersedes_who_waits(fresh().await).await;
    a_client_that_still_runs_is_passed_over(fresh().await).await;
    a_checkpoint_moves_with_the_end_of_its_flow(fresh().await).await;
    a_stop_reaches_all_rounds(fresh().await).await;
}

async fn recruit(stores: &Stores, hunt: &Hunt, clients: std::ops::Range<u8>) -> Vec<ClientId> {
    let mut ids = Vec::new();
    for number in clients {
        ids.push(stores.enrol(number).await);
    }
    decide(stores, hunt, &ids).await;
    ids
}

async fn decide(stores: &Stores, hunt: &Hunt, clients: &[ClientId]) {
    let of = |client: &ClientId| {
        let key = MemberKey { hunt: hunt.id, round: hunt.round, client: *client };
        Decision { key, revision: hunt.revision, ..decision(hunt.id, *client, Ok(())) }
    };
    let decisions: Vec<Decision> = clients.iter().map(of).collect();
    stores.members.decide(&decisions, at(1)).await.unwrap();
}

async fn state(stores: &Stores, hunt: HuntId, round: u32, client: ClientId) -> MemberState {
    member(stores, hunt, round, client).await.state
}

async fn member(stores: &Stores, hunt: HuntId, round: u32, client: ClientId) -> Member {
    stores.members.member(MemberKey { hunt, round, client }).await.unwrap().unwrap()
}

/// What the system does to a hunt.
async fn system(stores: &Stores, hunt: HuntId, event: HuntEvent, at: Timestamp) -> Hunt {
    by_system(stores, hunt, (event, EndReason::Asked), at).await.unwrap()
}

async fn by_system(
    stores: &Stores,
    id: HuntId,
    (event, reason): (HuntEvent, EndReason),
    now: Timestamp,
) -> Result<Hunt, StoreError> {
    let step = HuntStep { id, event, reason, by: Actor::System, now };
    stores.hunts.transition(&step).await.map(|moved| moved.hunt)
}

/// Asserts that what is kept of a hunt's progress is what a recount gives.
async fn progress(stores: &Stores, hunt: HuntId) -> hunts::ports::Progress {
    let kept = stores.hunts.get(hunt).await.unwrap().unwrap().progress;
    assert_eq!(kept, stores.members.recount_progress(hunt).await.unwrap(), "progress of {hunt}");
    kept
}

fn brought(rows: u64, upload_bytes: u64, cpu_millis: u64) -> FlowYield {
    FlowYield { rows, uploads: u64::from(upload_bytes > 0), upload_bytes, cpu_millis }
}

async fn a_budget_that_is_used_up_admits_nobody(stores: Stores) {
    let mut wanted = spec();
    wanted.limits.total = Budgets { rows_max: 10, ..Budgets::default() };
    let hunt = stores.start_hunt(1, wanted, at(0)).await;
    recruit(&stores, &hunt, 1..6).await;
    let flows = stores.admit(hunt.id, 2, at(2)).await;
    assert!(stores.end(first(flows[0].id), Ok(brought(9, 5, 1_500)), false, at(3)).await);
    assert_eq!(stores.admit(hunt.id, 1, at(4)).await.len(), 1, "nine of ten");
    assert!(stores.end(first(flows[1].id), Ok(brought(0, 0, 700)), false, at(5)).await);
    let spent = Spent { rows: 9, uploads: 1, upload_bytes: 5, cpu_millis: 2_200 };
    assert_eq!(progress(&stores, hunt.id).await.spent, spent, "also of those without rows");
    assert!(!stores.end(first(flows[1].id), Ok(rows(5)), false, at(6)).await);
    let third = stores.admit(hunt.id, 1, at(7)).await.remove(0);
    stores.end(first(third.id), Ok(rows(1)), false, at(8)).await;
    assert!(stores.admit(hunt.id, 9, at(9)).await.is_empty());
    assert_eq!(progress(&stores, hunt.id).await.spent.rows, 10);
    stores.assert_counters_hold(hunt.id).await;
}

async fn a_drain_for_a_budget_expires_those_that_wait(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..5).await;
    let flows = stores.admit(hunt.id, 2, at(2)).await;
    let why = (HuntEvent::Drain, EndReason::CpuBudget);
    let drained = by_system(&stores, hunt.id, why, at(3)).await.unwrap();
    assert_eq!(drained.ended, Some((at(3), EndReason::CpuBudget, Actor::System)));
    let counted = stores.members.counts(hunt.id, 1).await.unwrap();
    assert_eq!((counted.expired, counted.running, counted.pending), (2, 2, 0));
    assert!(clients.contains(&flows[0].client));
    // Retries that come afterwards are expired by the end of the hunt.
    stores.end(first(flows[0].id), Err(FlowFailure::AgentRestarted), true, at(4)).await;
    stores.end(first(flows[1].id), Ok(rows(0)), true, at(5)).await;
    system(&stores, hunt.id, HuntEvent::Drained, at(6)).await;
    assert_eq!(state(&stores, hunt.id, 1, flows[0].client).await, MemberState::Expired);
    stores.assert_counters_hold(hunt.id).await;
}

async fn who_expired_while_waiting_may_be_recruited_again(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..3).await;
    let ran = stores.admit(hunt.id, 1, at(2)).await.remove(0);
    let why = (HuntEvent::Drain, EndReason::RowBudget);
    by_system(&stores, hunt.id, why, at(3)).await.unwrap();
    let resumed = stores.step(hunt.id, HuntEvent::Resume, at(4)).await;
    stores.end(first(ran.id), Ok(rows(1)), false, at(5)).await;
    decide(&stores, &resumed, &clients).await;
    let counted = stores.members.counts(hunt.id, 1).await.unwrap();
    assert_eq!((counted.pending, counted.results, counted.expired), (1, 1, 0));
}

async fn failures_beyond_a_share_admit_nobody(stores: Stores) {
    let mut wanted = spec();
    wanted.limits.stop_when = Some(StopWhen { failed_percent: 50, after_clients: 2 });
    let hunt = stores.start_hunt(1, wanted, at(0)).await;
    recruit(&stores, &hunt, 1..6).await;
    let flows = stores.admit(hunt.id, 3, at(2)).await;
    stores.end(first(flows[0].id), Err(FlowFailure::RowLimit), false, at(3)).await;
    assert_eq!(stores.admit(hunt.id, 1, at(4)).await.len(), 1, "one has finished");
    stores.end(first(flows[1].id), Ok(rows(1)), false, at(5)).await;
    assert!(stores.admit(hunt.id, 9, at(6)).await.is_empty());
    stores.end(first(flows[2].id), Ok(rows(1)), false, at(7)).await;
    assert_eq!(stores.admit(hunt.id, 9, at(8)).await.len(), 1, "a third has failed");
}

fn with_canary(clients: u64) -> HuntSpec {
    HuntSpec { canary: Some(Canary { clients, then: Widen::Gate }), ..spec() }
}

async fn canaries_go_first_and_a_person_lets_the_others_in(stores: Stores) {
    let hunt = stores.start_hunt(1, with_canary(2), at(0)).await;
    recruit(&stores, &hunt, 1..7).await;
    let (one, two) = (stores.admit(hunt.id, 9, at(2)), stores.admit(hunt.id, 9, at(3)));
    let (mut canaries, more) = tokio::join!(one, two);
    canaries.extend(more);
    assert_eq!(canaries.len(), 2, "two managers together admit two");
    let failed = Err(FlowFailure::AgentRestarted);
    stores.end(first(canaries[0].id), failed, true, at(4)).await;
    let kept = progress(&stores, hunt.id).await;
    assert_eq!((kept.admitted, kept.retrying), (2, 1));
    let again = stores.admit(hunt.id, 9, at(5)).await;
    assert_eq!(again.iter().map(|flow| flow.id).collect::<Vec<_>>(), [canaries[0].id]);
    stores.end(AttemptId { flow: again[0].id, attempt: 2 }, Ok(rows(0)), false, at(6)).await;
    stores.end(first(canaries[1].id), Ok(rows(2)), false, at(7)).await;
    assert!(stores.admit(hunt.id, 9, at(8)).await.is_empty(), "a person has not looked");
    let open = stores.step(hunt.id, HuntEvent::Widen, at(9)).await;
    assert_eq!((open.gate, open.offer), (Gate::Open, hunt.offer));
    let twice = by_system(&stores, hunt.id, (HuntEvent::Widen, EndReason::Asked), at(9)).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })));
    assert_eq!(stores.admit(hunt.id, 9, at(10)).await.len(), 4);
    assert_eq!(progress(&stores, hunt.id).await.admitted, 6);
}

async fn canaries_that_failed_pause_the_hunt(stores: Stores) {
    let hunt = stores.start_hunt(1, with_canary(1), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..4).await;
    let flow = stores.admit(hunt.id, 9, at(2)).await.remove(0);
    stores.end(first(flow.id), Err(FlowFailure::RowLimit), false, at(3)).await;
    system(&stores, hunt.id, HuntEvent::CanaryFailed, at(4)).await;
    let paused = stores.hunts.get(hunt.id).await.unwrap().unwrap().hunt;
    assert_eq!((paused.state, paused.gate), (HuntState::Paused, Gate::Barred));
    assert_eq!(paused.paused, Some((at(4), PauseReason::CanaryFailed, Actor::System)));
    let resumed = stores.step(hunt.id, HuntEvent::Resume, at(5)).await;
    assert_eq!((resumed.paused, resumed.gate), (None, Gate::Barred));
    assert!(stores.admit(hunt.id, 9, at(6)).await.is_empty());
    stores.step(hunt.id, HuntEvent::Drain, at(7)).await;
    let counted = stores.members.counts(hunt.id, 1).await.unwrap();
    assert_eq!((counted.expired, counted.failed), (2, 1), "nobody would admit them");
    assert_eq!(clients.len(), 3);
}

async fn a_repeated_attempt_has_raised_limits(stores: Stores) {
    let mut wanted = spec();
    let twice = RetryRule { times: 2, limit_percent: 300 };
    wanted.retry = RetryPlan::never().with("timeout", twice);
    let hunt = stores.start_hunt(1, wanted.clone(), at(0)).await;
    recruit(&stores, &hunt, 1..2).await;
    let flow = stores.admit(hunt.id, 1, at(2)).await.remove(0);
    assert_eq!((&flow.limits, &flow.retry), (&wanted.limits.per_client, &wanted.retry));
    stores.end(first(flow.id), Err(FlowFailure::Timeout), true, at(3)).await;
    let again = stores.admit(hunt.id, 1, at(4)).await.remove(0);
    let raised = FlowLimits { timeout: flow.limits.timeout * 3, ..flow.limits.clone() };
    assert_eq!((again.life.attempt, &again.limits), (2, &raised));
    assert_eq!(stores.flows.get(flow.id).await.unwrap(), Some(again));
}

async fn what_failed_is_repeated_by_hand(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    recruit(&stores, &hunt, 1..5).await;
    let flows = stores.admit(hunt.id, 9, at(2)).await;
    stores.end(first(flows[0].id), Err(FlowFailure::Timeout), false, at(3)).await;
    stores.end(first(flows[1].id), Err(FlowFailure::RowLimit), false, at(3)).await;
    stores.end(first(flows[2].id), Err(FlowFailure::RowLimit), false, at(3)).await;
    let ask =
        |class, client, limits| RetryFailed { hunt: hunt.id, class, client, limits, now: at(4) };
    let longer =
        LimitChange { timeout: Some(Duration::from_secs(1_200)), ..LimitChange::default() };
    let timed_out = ask(Some("timeout"), None, longer);
    assert_eq!(stores.admissions.retry_failed(&timed_out).await.unwrap(), 1);
    assert_eq!(stores.admissions.retry_failed(&timed_out).await.unwrap(), 0, "it waits already");
    let one = ask(None, Some(flows[1].client), LimitChange::default());
    assert_eq!(stores.admissions.retry_failed(&one).await.unwrap(), 1);
    let again = stores.admit(hunt.id, 9, at(5)).await;
    let limits = |flow: &Flow| {
        let found = again.iter().find(|again| again.id == flow.id);
        found.map(|again| (again.life.attempt, again.limits.timeout.as_secs()))
    };
    assert_eq!(limits(&flows[0]), Some((2, 1_200)));
    assert_eq!(limits(&flows[1]), Some((2, flows[1].limits.timeout.as_secs())));
    assert_eq!(limits(&flows[2]), None);
    stores.assert_counters_hold(hunt.id).await;
    stores.step(hunt.id, HuntEvent::Stop, at(6)).await;
    let late = stores.admissions.retry_failed(&ask(None, None, longer)).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })));
}

async fn every_revision_is_kept(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let mut other = spec();
    other.limits.stop_when = Some(StopWhen { failed_percent: 9, after_clients: 1 });
    let by = Actor::User("bob".into());
    let (id, revision, now) = (hunt.id, hunt.revision, at(9));
    let edit = HuntEdit { id, revision, spec: other.clone(), by: by.clone(), now };
    stores.hunts.edit(&edit).await.unwrap();
    assert!(stores.hunts.edit(&edit).await.is_err());
    let kept = stores.hunts.revisions(hunt.id).await.unwrap();
    let shown: Vec<_> = kept.iter().map(|kept| (kept.revision, kept.at, &kept.by)).collect();
    assert_eq!(shown, [(1, at(0), &ada()), (2, at(9), &by)]);
    assert_eq!((&kept[0].spec, &kept[1].spec), (&spec(), &other));
    assert!(stores.hunts.revisions(HuntId::from_bits(5)).await.unwrap().is_empty());
}

const HOUR: i64 = 3_600;

fn hourly() -> HuntSpec {
    let ticks = Ticks::Every(Duration::from_secs(3_600));
    let schedule = Schedule { ticks, buffer: Duration::from_secs(60), first: None };
    HuntSpec { schedule: Some(schedule), ..spec() }
}

async fn next_round(stores: &Stores, hunt: &Hunt, secs: i64) -> Hunt {
    system(stores, hunt.id, HuntEvent::NextRound { round: hunt.round + 1 }, at(secs)).await
}

async fn a_round_asks_everybody_again(stores: Stores) {
    let hunt = stores.start_hunt(1, hourly(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..3).await;
    for flow in stores.admit(hunt.id, 9, at(2)).await {
        stores.end(first(flow.id), Ok(rows(1)), false, at(3)).await;
    }
    let second = next_round(&stores, &hunt, 2 * HOUR + 5).await;
    assert_eq!((second.round, second.round_started), (2, Some(at(2 * HOUR))));
    assert!(second.offer > hunt.offer, "everybody is eligible again");
    let early = (HuntEvent::NextRound { round: 2 }, EndReason::Asked);
    let early = by_system(&stores, hunt.id, early, at(2 * HOUR + 6)).await;
    assert!(matches!(early, Err(StoreError::Conflict { .. })), "the other manager was faster");
    decide(&stores, &second, &clients[..1]).await;
    let found = stores.hunts.get(hunt.id).await.unwrap().unwrap();
    assert_eq!((found.counts.pending, found.counts.results), (1, 0), "counts of the round");
    assert_eq!(found.progress.spent.rows, 2, "spent in all rounds");
    progress(&stores, hunt.id).await;
    let rounds = stores.hunts.rounds(hunt.id, Paging::ALL).await.unwrap();
    let shown: Vec<_> = rounds
        .items
        .iter()
        .map(|it| (it.round, it.tick, it.counts.results, it.counts.pending))
        .collect();
    assert_eq!(shown, [(1, at(0), 2, 0), (2, at(2 * HOUR), 0, 1)]);
}

async fn a_new_round_supersedes_who_waits(stores: Stores) {
    let mut slow = hourly();
    slow.limits.running_max = 2;
    let hunt = stores.start_hunt(1, slow, at(0)).await;
    let clients = recruit(&stores, &hunt, 1..4).await;
    let flows = stores.admit(hunt.id, 9, at(2)).await;
    let taken = FlowStep::new(flows[0].id, FlowEvent::Delivered { attempt: 1 }, at(3));
    stores.flows.apply(&taken).await.unwrap();
    let event = HuntEvent::NextRound { round: 2 };
    let (reason, by, now) = (EndReason::Asked, Actor::System, at(HOUR));
    let step = HuntStep { id: hunt.id, event, reason, by, now };
    let moved = stores.hunts.transition(&step).await.unwrap();
    assert_eq!(moved.cancelled, [(flows[1].client, flows[1].id)], "the agent may be told");
    let waited = clients.iter().find(|id| flows.iter().all(|flow| flow.client != **id)).unwrap();
    for (client, want) in [
        (flows[0].client, MemberState::Running),
        (flows[1].client, MemberState::Expired),
        (*waited, MemberState::Expired),
    ] {
        assert_eq!(state(&stores, hunt.id, 1, client).await, want);
    }
    let undelivered = stores.flows.get(flows[1].id).await.unwrap().unwrap();
    assert_eq!(undelivered.life.state, FlowState::Expired);
    assert_eq!(progress(&stores, hunt.id).await.running_before, 1);
    // A failure in a round that is over is not repeated there.
    stores.end(first(flows[0].id), Err(FlowFailure::AgentRestarted), true, at(HOUR + 1)).await;
    let failed = state(&stores, hunt.id, 1, flows[0].client).await;
    assert_eq!(failed, MemberState::Failed(FlowFailure::AgentRestarted));
    stores.assert_counters_hold(hunt.id).await;
}

async fn a_client_that_still_runs_is_passed_over(stores: Stores) {
    let hunt = stores.start_hunt(1, hourly(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..2).await;
    let flow = stores.admit(hunt.id, 9, at(2)).await.remove(0);
    let taken = FlowStep::new(flow.id, FlowEvent::Delivered { attempt: 1 }, at(3));
    stores.flows.apply(&taken).await.unwrap();
    let second = next_round(&stores, &hunt, HOUR).await;
    decide(&stores, &second, &clients).await;
    assert!(stores.admit(hunt.id, 9, at(HOUR + 1)).await.is_empty(), "one flow after the other");
    stores.end(first(flow.id), Ok(rows(1)), false, at(HOUR + 2)).await;
    assert_eq!(stores.admit(hunt.id, 9, at(HOUR + 3)).await.len(), 1);
}

async fn end_with(stores: &Stores, flow: &Flow, windows: &[WindowRead], secs: i64) {
    let event = FlowEvent::Ended { attempt: flow.life.attempt, outcome: Ok(rows(1)) };
    let step = FlowStep { windows: windows.to_vec(), ..FlowStep::new(flow.id, event, at(secs)) };
    assert!(stores.flows.apply(&step).await.unwrap().moved);
}

fn read(from: Timestamp, to: Timestamp) -> WindowRead {
    WindowRead { source: "A".into(), from, to, anew: false }
}

async fn a_checkpoint_moves_with_the_end_of_its_flow(stores: Stores) {
    let hunt = stores.start_hunt(1, hourly(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..3).await;
    let marks = async |client| stores.members.checkpoints(hunt.id, client).await.unwrap();
    let flows = stores.admit(hunt.id, 9, at(2)).await;
    let first_window =
        Some(FlowWindow { buffer: Duration::from_secs(60), first: None, checkpoints: Vec::new() });
    assert_eq!(flows[0].window, first_window);
    assert_eq!(stores.flows.get(flows[0].id).await.unwrap().unwrap().window, first_window);
    end_with(&stores, &flows[0], &[read(Timestamp::EPOCH, at(100))], 3).await;
    let mark = Checkpoint { source: "A".into(), upto: at(100), epoch: 1, round: 1 };
    assert_eq!(marks(flows[0].client).await, std::slice::from_ref(&mark));
    // What did not finish moves nothing.
    let failed = FlowEvent::Ended { attempt: 1, outcome: Err(FlowFailure::RowLimit) };
    let step = FlowStep {
        windows: vec![read(Timestamp::EPOCH, at(100))],
        ..FlowStep::new(flows[1].id, failed, at(4))
    };
    stores.flows.apply(&step).await.unwrap();
    assert!(marks(flows[1].client).await.is_empty());
    // Three rounds later the client answers once, for the whole stretch.
    let mut current = hunt.clone();
    for round in 1..=3 {
        current = next_round(&stores, &current, round * HOUR).await;
        decide(&stores, &current, &clients).await;
    }
    let again = stores.admit(hunt.id, 9, at(3 * HOUR + 1)).await;
    assert_eq!(again.len(), 2);
    let again = again.into_iter().find(|flow| flow.client == flows[0].client).unwrap();
    assert_eq!(again.window.as_ref().unwrap().checkpoints, [mark]);
    let to = at(3 * HOUR);
    end_with(&stores, &again, &[read(at(100), to)], 3 * HOUR + 2).await;
    let found = marks(flows[0].client).await;
    assert_eq!((found[0].upto, found[0].round, found[0].epoch), (to, 4, 1));
    // A clock that was set back opens a new epoch.
    let fifth = next_round(&stores, &current, 4 * HOUR).await;
    decide(&stores, &fifth, &clients).await;
    let flow = stores.admit(hunt.id, 9, at(4 * HOUR + 1)).await;
    let flow = flow.into_iter().find(|flow| flow.client == flows[0].client).unwrap();
    let anew = WindowRead { anew: true, ..read(Timestamp::EPOCH, at(50)) };
    end_with(&stores, &flow, &[anew], 4 * HOUR + 2).await;
    let found = marks(flows[0].client).await;
    assert_eq!((found[0].upto, found[0].epoch), (at(50), 2));
}

async fn a_stop_reaches_all_rounds(stores: Stores) {
    let hunt = stores.start_hunt(1, hourly(), at(0)).await;
    let clients = recruit(&stores, &hunt, 1..3).await;
    let flows = stores.admit(hunt.id, 9, at(2)).await;
    let taken = FlowStep::new(flows[0].id, FlowEvent::Delivered { attempt: 1 }, at(3));
    stores.flows.apply(&taken).await.unwrap();
    let second = next_round(&stores, &hunt, HOUR).await;
    decide(&stores, &second, &clients).await;
    stores.step(hunt.id, HuntEvent::Stop, at(HOUR + 1)).await;
    assert_eq!(state(&stores, hunt.id, 1, flows[0].client).await, MemberState::Cancelled);
    assert_eq!(state(&stores, hunt.id, 2, flows[0].client).await, MemberState::Cancelled);
    let flow = stores.flows.get(flows[0].id).await.unwrap().unwrap();
    assert_eq!(flow.life.state, FlowState::Cancelled);
    assert_eq!(progress(&stores, hunt.id).await.running_before, 0);
}
