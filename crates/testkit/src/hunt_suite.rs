//! What every store of hunts and members must do.

use base::{ClientId, FlowId, HuntId, Rate};
use flows::ports::FlowStep;
use hunts::ports::{
    Decided, Decision, Grant, HuntEdit, HuntList, HuntStep, MemberKey, MemberList, MemberSort,
};
use model::flow::{FlowEvent, FlowFailure, FlowLife, FlowState};
use model::hunt::{EndReason, Hunt, HuntEvent, HuntSpec, HuntState, OfferSeq, QueueCounts};
use model::member::{Member, MemberEvent, MemberQueue, MemberState, Refusal};
use model::org::{Actor, OrgId};
use model::results::AttemptId;
use model::store::{Paging, StoreError};

use crate::stores::{Stores, ada, at, decision, first, rows, spec};

/// Runs all promises, each on records of its own.
pub async fn hunt_suite(fresh: impl AsyncFn() -> Stores) {
    a_hunt_reads_what_was_written(fresh().await).await;
    offers_order_everything_that_makes_clients_eligible(fresh().await).await;
    an_edit_needs_the_revision_it_was_made_from(fresh().await).await;
    hunts_are_listed_newest_first(fresh().await).await;
    a_decision_is_recorded_once(fresh().await).await;
    an_answer_to_a_superseded_condition_is_not_decided(fresh().await).await;
    a_refused_client_is_decided_again_under_a_later_recheck_mark(fresh().await).await;
    the_client_limit_is_kept(fresh().await).await;
    a_hunt_that_is_over_decides_nothing(fresh().await).await;
    admission_keeps_rate_and_limits(fresh().await).await;
    two_managers_together_keep_the_rate(fresh().await).await;
    the_ceiling_counts_all_hunts(fresh().await).await;
    a_clock_that_steps_back_gives_no_credit(fresh().await).await;
    a_retry_waits_for_admission_and_keeps_its_flow(fresh().await).await;
    members_outdated_by_an_edit_are_passed_over(fresh().await).await;
    a_stop_cancels_members_and_flows(fresh().await).await;
    a_drain_leaves_nobody_stranded(fresh().await).await;
    a_member_is_moved_by_hand(fresh().await).await;
    members_are_found_sorted_and_paged(fresh().await).await;
    the_results_queue_points_to_flows_with_results(fresh().await).await;
    crate::hunt_bounds_suite::hunt_bounds_suite(&fresh).await;
}

async fn recruit(stores: &Stores, hunt: HuntId, clients: std::ops::Range<u8>) -> Vec<ClientId> {
    let mut ids = Vec::new();
    for number in clients {
        ids.push(stores.enrol(number).await);
    }
    let decisions: Vec<Decision> = ids.iter().map(|id| decision(hunt, *id, Ok(()))).collect();
    stores.members.decide(&decisions, at(1)).await.unwrap();
    ids
}

async fn member(stores: &Stores, hunt: HuntId, client: ClientId) -> Option<Member> {
    stores.members.member(MemberKey { hunt, round: 1, client }).await.unwrap()
}

async fn counts(stores: &Stores, hunt: HuntId) -> QueueCounts {
    stores.assert_counters_hold(hunt).await;
    stores.members.counts(hunt, 1).await.unwrap()
}

async fn a_hunt_reads_what_was_written(stores: Stores) {
    let mut wanted = spec();
    wanted.rate = Rate::PerMinute(20);
    wanted.condition.server = "SELECT * FROM rows WHERE Fqdn =~ 'x'".into();
    wanted.condition.include.labels.insert("web".into());
    wanted.condition.include.os = Some("linux".into());
    wanted.condition.exclude.clients.insert(ClientId::from_bits(u128::MAX));
    wanted.limits.clients_max = 10;
    let hunt = stores.start_hunt(u128::MAX, wanted.clone(), at(5)).await;
    assert_eq!((hunt.state, hunt.revision, hunt.round), (HuntState::Running, 1, 1));
    assert_eq!((hunt.started, &hunt.creator, &hunt.spec), (Some(at(5)), &ada(), &wanted));
    let read = stores.hunts.get(hunt.id).await.unwrap().unwrap();
    assert_eq!((read.hunt, read.counts), (hunt, QueueCounts::default()));
    assert_eq!(stores.hunts.get(HuntId::from_bits(4)).await.unwrap(), None);
}

async fn offers_order_everything_that_makes_clients_eligible(stores: Stores) {
    let a = stores.start_hunt(1, spec(), at(5)).await;
    let b = stores.start_hunt(2, spec(), at(5)).await;
    assert_eq!(a.offer, OfferSeq(at(5).as_micros() as u64));
    assert_eq!(b.offer, OfferSeq(a.offer.0 + 1), "one instant, two offers");
    let early = stores.start_hunt(3, spec(), at(1)).await;
    assert_eq!(early.offer, OfferSeq(a.offer.0 + 2), "a clock that stepped back");
    let paused = stores.step(a.id, HuntEvent::Pause, at(6)).await;
    let resumed = stores.step(a.id, HuntEvent::Resume, at(7)).await;
    assert_eq!((paused.offer, resumed.offer), (a.offer, a.offer));
    stores.step(a.id, HuntEvent::Drain, at(8)).await;
    let resumed = stores.step(a.id, HuntEvent::Resume, at(9)).await;
    assert_eq!((resumed.offer.0, resumed.ended), (at(9).as_micros() as u64, None));
    stores.step(a.id, HuntEvent::Stop, at(10)).await;
    let active = stores.hunts.active().await.unwrap();
    assert_eq!(active.newest, resumed.offer, "also that of a hunt that is over");
    assert_eq!(active.hunts.len(), 2);
    let again = HuntStep {
        id: a.id,
        event: HuntEvent::Start,
        reason: EndReason::Asked,
        by: ada(),
        now: at(11),
    };
    assert!(matches!(stores.hunts.transition(&again).await, Err(StoreError::Conflict { .. })));
}

async fn edit(stores: &Stores, hunt: &Hunt, spec: HuntSpec) -> Result<Hunt, StoreError> {
    let (id, revision) = (hunt.id, hunt.revision);
    let edit = HuntEdit { id, revision, spec, by: ada(), now: at(50) };
    stores.hunts.edit(&edit).await
}

async fn an_edit_needs_the_revision_it_was_made_from(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(5)).await;
    let mut slower = spec();
    slower.rate = Rate::PerMinute(3);
    let edited = edit(&stores, &hunt, slower.clone()).await.unwrap();
    assert_eq!((edited.revision, edited.condition_revision, edited.offer), (2, 1, hunt.offer));
    let stale = edit(&stores, &hunt, spec()).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })));
    let mut other = slower;
    other.condition.server = "SELECT * FROM rows".into();
    let edited = edit(&stores, &edited, other).await.unwrap();
    assert_eq!((edited.revision, edited.condition_revision), (3, 3));
    assert!(edited.offer > hunt.offer);
    assert_eq!(stores.hunts.get(hunt.id).await.unwrap().unwrap().hunt, edited);
}

async fn hunts_are_listed_newest_first(stores: Stores) {
    for number in 1..=3u128 {
        let mut spec = spec();
        spec.name = format!("Hunt Ä{number}");
        stores.start_hunt(number, spec, at(i64::try_from(number).unwrap())).await;
    }
    stores.step(HuntId::from_bits(2), HuntEvent::Stop, at(9)).await;
    stores.step(HuntId::from_bits(2), HuntEvent::Archive, at(9)).await;
    let list = async |change: &dyn Fn(&mut HuntList)| {
        let mut query = HuntList::of(OrgId::default());
        change(&mut query);
        let page = stores.hunts.list(&query).await.unwrap();
        (page.items.iter().map(|hunt| hunt.hunt.id.bits()).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(&|_| {}).await, (vec![3, 1], 2));
    assert_eq!(list(&|query| query.states = vec!["archived"]).await, (vec![2], 1));
    assert_eq!(list(&|query| query.text = Some("hunt ä3".into())).await, (vec![3], 1));
    assert_eq!(list(&|query| query.text = Some("sys.CRON".into())).await.1, 2);
    assert_eq!(list(&|query| query.text = Some("%".into())).await.1, 0);
    assert_eq!(list(&|query| query.paging = Paging { offset: 1, limit: 9 }).await, (vec![1], 2));
}

async fn a_decision_is_recorded_once(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let [a, b] = [stores.enrol(1).await, stores.enrol(2).await];
    let refusal = Refusal::ConditionFailed("line 1: \"x\" is unknown".into());
    let decisions = [decision(hunt, a, Ok(())), decision(hunt, b, Err(refusal.clone()))];
    let first_time = stores.members.decide(&decisions, at(1)).await.unwrap();
    let recorded =
        [Decided::Recorded(MemberQueue::Pending), Decided::Recorded(MemberQueue::Refused)];
    assert_eq!(first_time, recorded);
    let again = stores.members.decide(&decisions, at(2)).await.unwrap();
    assert_eq!(again, [Decided::Known, Decided::Known]);
    let counted = counts(&stores, hunt).await;
    assert_eq!((counted.pending, counted.refused, counted.total()), (1, 1, 2));
    let kept = member(&stores, hunt, b).await.unwrap();
    assert_eq!((kept.state, kept.decided), (MemberState::Refused(refusal), at(1)));
    let of_client = stores.members.of_client(a, Paging::ALL).await.unwrap();
    assert_eq!((of_client.total, of_client.items[0].hunt), (1, hunt));
    let unknown = decision(HuntId::from_bits(404), a, Ok(()));
    let outcome = stores.members.decide(&[unknown], at(3)).await.unwrap();
    assert_eq!(outcome, [Decided::Closed], "a hunt that is gone");
}

async fn an_answer_to_a_superseded_condition_is_not_decided(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let clients = recruit(&stores, hunt.id, 1..3).await;
    let mut other = spec();
    other.condition.server = "SELECT 1 FROM rows".into();
    edit(&stores, &hunt, other).await.unwrap();
    let third = stores.enrol(3).await;
    let old = decision(hunt.id, third, Ok(()));
    let outcome = stores.members.decide(std::slice::from_ref(&old), at(60)).await.unwrap();
    assert_eq!(outcome, [Decided::Superseded]);
    assert_eq!(member(&stores, hunt.id, third).await, None);
    let anew =
        Decision { revision: 2, ..decision(hunt.id, clients[0], Err(Refusal::ConditionFalse)) };
    let outcome = stores.members.decide(&[anew], at(61)).await.unwrap();
    assert_eq!(outcome, [Decided::Recorded(MemberQueue::Refused)], "pending is decided again");
    assert_eq!(counts(&stores, hunt.id).await.pending, 1);
}

async fn a_refused_client_is_decided_again_under_a_later_recheck_mark(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let client = stores.enrol(1).await;
    let decide = async |recheck, verdict| {
        let decision = Decision { recheck, ..decision(hunt, client, verdict) };
        stores.members.decide(&[decision], at(2)).await.unwrap()[0]
    };
    decide(0, Err(Refusal::NoRows)).await;
    assert_eq!(decide(0, Ok(())).await, Decided::Known);
    assert_eq!(decide(1, Ok(())).await, Decided::Recorded(MemberQueue::Pending));
    assert_eq!(decide(0, Err(Refusal::NoRows)).await, Decided::Known, "an old answer, repeated");
    assert_eq!(decide(2, Err(Refusal::NoRows)).await, Decided::Known, "who is in stays in");
    assert_eq!(counts(&stores, hunt).await.pending, 1);
}

async fn the_client_limit_is_kept(stores: Stores) {
    let mut limited = spec();
    limited.limits.clients_max = 2;
    let hunt = stores.start_hunt(1, limited.clone(), at(0)).await;
    let clients = recruit(&stores, hunt.id, 1..5).await;
    let counted = counts(&stores, hunt.id).await;
    assert_eq!((counted.pending, counted.refused), (2, 2));
    let full = MemberState::Refused(Refusal::ClientLimit);
    assert_eq!(member(&stores, hunt.id, clients[3]).await.unwrap().state, full);
    let again = stores.members.decide(&[decision(hunt.id, clients[0], Ok(()))], at(3)).await;
    assert_eq!(again.unwrap(), [Decided::Known], "a member is not refused by its own place");
    limited.limits.clients_max = 3;
    let edited = edit(&stores, &hunt, limited).await.unwrap();
    assert!(edited.offer > hunt.offer, "those who found no room are asked again");
    let more: Vec<Decision> =
        clients[2..].iter().map(|id| decision(hunt.id, *id, Ok(()))).collect();
    stores.members.decide(&more, at(4)).await.unwrap();
    let counted = counts(&stores, hunt.id).await;
    assert_eq!((counted.pending, counted.refused), (3, 1));
}

async fn a_hunt_that_is_over_decides_nothing(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let client = stores.enrol(1).await;
    let other = stores.enrol(2).await;
    let late = at(7 * 86_400);
    let outcome = stores.members.decide(&[decision(hunt.id, other, Ok(()))], late).await.unwrap();
    let told = Decided::Recorded(MemberQueue::Pending);
    assert_eq!(outcome, [told], "that its time is over is for the manager to say");
    stores.step(hunt.id, HuntEvent::Drain, at(5)).await;
    let outcome = stores.members.decide(&[decision(hunt.id, client, Ok(()))], at(6)).await.unwrap();
    assert_eq!(outcome, [Decided::Closed]);
    let mut other_round = decision(hunt.id, client, Ok(()));
    other_round.key.round = 2;
    stores.step(hunt.id, HuntEvent::Resume, at(7)).await;
    let outcome = stores.members.decide(&[other_round], at(8)).await.unwrap();
    assert_eq!(outcome, [Decided::Closed]);
}

async fn admission_keeps_rate_and_limits(stores: Stores) {
    let mut limited = spec();
    limited.rate = Rate::PerMinute(3);
    limited.limits.running_max = 4;
    let hunt = stores.start_hunt(1, limited, at(0)).await.id;
    let clients = recruit(&stores, hunt, 1..9).await;
    let flows = stores.admit(hunt, 9, at(10)).await;
    assert_eq!(flows.len(), 3);
    assert!(flows.iter().all(|flow| flow.life == FlowLife::new() && flow.created == at(10)));
    assert_eq!(flows[0].deliver_until, at(7 * 86_400));
    assert_eq!(stores.flows.get(flows[0].id).await.unwrap().as_ref(), Some(&flows[0]));
    let admitted = member(&stores, hunt, flows[0].client).await.unwrap();
    assert_eq!((admitted.state, admitted.flow), (MemberState::Running, Some(flows[0].id)));
    assert_eq!(admitted.admitted, Some(at(10)));
    assert_eq!(stores.admit(hunt, 9, at(70)).await.len(), 0, "a minute includes its ends");
    assert_eq!(stores.admit(hunt, 9, at(71)).await.len(), 1, "four may run");
    stores.end(first(flows[0].id), Ok(rows(0)), false, at(72)).await;
    assert_eq!(stores.admit(hunt, 9, at(73)).await.len(), 1);
    let counted = counts(&stores, hunt).await;
    assert_eq!((counted.running, counted.completed, counted.pending), (4, 1, 3));
    let made = stores.admissions.admissions(at(11)).await.unwrap();
    assert_eq!(made.iter().map(|some| some.count).sum::<u64>(), 2);
    stores.step(hunt, HuntEvent::Pause, at(200)).await;
    stores.end(first(flows[1].id), Ok(rows(0)), false, at(201)).await;
    assert_eq!(stores.admit(hunt, 9, at(202)).await.len(), 0, "a pause admits nobody");
    assert_eq!(clients.len(), 8);
}

async fn two_managers_together_keep_the_rate(stores: Stores) {
    let mut limited = spec();
    limited.rate = Rate::PerMinute(5);
    let hunt = stores.start_hunt(1, limited, at(0)).await.id;
    recruit(&stores, hunt, 1..20).await;
    let grant = |seed: u128| Grant {
        hunt,
        flow_ids: (0..9).map(|n| FlowId::from_bits(seed * 100 + n)).collect(),
        ceiling: Rate::Unlimited,
        fence: None,
        now: at(10),
    };
    let (one, two) = (grant(1), grant(2));
    let (a, b) = (stores.admissions.admit(&one), stores.admissions.admit(&two));
    let (a, b) = tokio::join!(a, b);
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 5);
    assert_eq!(counts(&stores, hunt).await.running, 5);
}

async fn the_ceiling_counts_all_hunts(stores: Stores) {
    for number in 1..=2 {
        let hunt = stores.start_hunt(number, spec(), at(0)).await.id;
        recruit(&stores, hunt, 1..6).await;
    }
    let admit = async |hunt: u128, secs| {
        let flow_ids = (0..5).map(|n| FlowId::from_bits(hunt * 100 + n)).collect();
        let ceiling = Rate::PerMinute(7);
        let hunt = HuntId::from_bits(hunt);
        let grant = Grant { hunt, flow_ids, ceiling, fence: None, now: at(secs) };
        stores.admissions.admit(&grant).await.unwrap().len()
    };
    assert_eq!((admit(1, 10).await, admit(2, 20).await), (5, 2));
}

async fn a_clock_that_steps_back_gives_no_credit(stores: Stores) {
    let mut limited = spec();
    limited.rate = Rate::PerMinute(3);
    let hunt = stores.start_hunt(1, limited, at(0)).await.id;
    recruit(&stores, hunt, 1..9).await;
    assert_eq!(stores.admit(hunt, 9, at(5_000)).await.len(), 3);
    assert_eq!(stores.admit(hunt, 9, at(100)).await.len(), 0);
    assert_eq!(stores.admit(hunt, 9, at(160)).await.len(), 0);
    assert_eq!(stores.admit(hunt, 9, at(161)).await.len(), 3, "nor does it block for long");
}

async fn a_retry_waits_for_admission_and_keeps_its_flow(stores: Stores) {
    let mut limited = spec();
    limited.rate = Rate::PerMinute(1);
    let hunt = stores.start_hunt(1, limited, at(0)).await.id;
    let client = recruit(&stores, hunt, 1..2).await[0];
    let flow = stores.admit(hunt, 1, at(10)).await.remove(0);
    let delivered = FlowEvent::Delivered { attempt: 1 };
    let step = FlowStep::new(flow.id, delivered, at(11));
    stores.flows.apply(&step).await.unwrap();
    stores.end(first(flow.id), Err(FlowFailure::AgentRestarted), true, at(12)).await;
    let waiting = member(&stores, hunt, client).await.unwrap();
    assert_eq!((waiting.state, waiting.attempt), (MemberState::Pending, 2));
    assert!(stores.flows.live(client).await.unwrap().is_empty(), "not sent before its admission");
    assert!(stores.admit(hunt, 1, at(13)).await.is_empty(), "a retry counts for the rate");
    let again = stores.admit(hunt, 1, at(80)).await.remove(0);
    assert_eq!((again.id, again.life.attempt), (flow.id, 2));
    assert_eq!((again.life.state.clone(), again.started), (FlowState::Queued, None));
    assert_eq!(stores.flows.get(flow.id).await.unwrap(), Some(again));
    let second = AttemptId { flow: flow.id, attempt: 2 };
    stores.end(second, Err(FlowFailure::AgentRestarted), false, at(90)).await;
    assert_eq!(counts(&stores, hunt).await.failed, 1);
}

async fn members_outdated_by_an_edit_are_passed_over(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let clients = recruit(&stores, hunt.id, 1..3).await;
    let mut other = spec();
    other.condition.server = "SELECT 1 FROM rows".into();
    edit(&stores, &hunt, other).await.unwrap();
    assert!(stores.admit(hunt.id, 9, at(60)).await.is_empty());
    let anew = Decision { revision: 2, ..decision(hunt.id, clients[1], Ok(())) };
    stores.members.decide(&[anew], at(61)).await.unwrap();
    let admitted = stores.admit(hunt.id, 9, at(62)).await;
    assert_eq!(admitted.iter().map(|flow| flow.client).collect::<Vec<_>>(), [clients[1]]);
}

async fn a_stop_cancels_members_and_flows(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    recruit(&stores, hunt.id, 1..5).await;
    let flows = stores.admit(hunt.id, 2, at(2)).await;
    stores.end(first(flows[0].id), Ok(rows(1)), false, at(3)).await;
    let step = HuntStep {
        id: hunt.id,
        event: HuntEvent::Stop,
        reason: EndReason::Asked,
        by: ada(),
        now: at(4),
    };
    let stopped = stores.hunts.transition(&step).await.unwrap();
    assert_eq!(stopped.cancelled, [(flows[1].client, flows[1].id)]);
    assert_eq!(stopped.hunt.ended, Some((at(4), EndReason::Asked, ada())));
    let counted = counts(&stores, hunt.id).await;
    assert_eq!((counted.cancelled, counted.results, counted.total()), (3, 1, 4));
    let flow = stores.flows.get(flows[1].id).await.unwrap().unwrap();
    assert_eq!(flow.life.state, FlowState::Cancelled);
    assert!(!stores.end(first(flow.id), Ok(rows(1)), true, at(5)).await);
}

async fn a_drain_leaves_nobody_stranded(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await;
    let clients = recruit(&stores, hunt.id, 1..3).await;
    let mut other = spec();
    other.condition.server = "SELECT 1 FROM rows".into();
    edit(&stores, &hunt, other).await.unwrap();
    let anew = Decision { revision: 2, ..decision(hunt.id, clients[0], Ok(())) };
    stores.members.decide(&[anew], at(61)).await.unwrap();
    stores.step(hunt.id, HuntEvent::Drain, at(62)).await;
    let counted = counts(&stores, hunt.id).await;
    assert_eq!((counted.pending, counted.expired), (1, 1));
    assert_eq!(stores.admit(hunt.id, 9, at(63)).await.len(), 1, "those pending still run");
}

async fn a_member_is_moved_by_hand(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let clients = recruit(&stores, hunt, 1..4).await;
    let flows = stores.admit(hunt, 2, at(2)).await;
    let move_by = async |client, event: MemberEvent| {
        let key = MemberKey { hunt, round: 1, client };
        stores.admissions.move_member(key, &event, at(3)).await
    };
    let told = move_by(flows[0].client, MemberEvent::Cancel).await.unwrap();
    assert_eq!(told, Some(flows[0].id));
    assert!(stores.flows.live(flows[0].client).await.unwrap().is_empty());
    stores.end(first(flows[1].id), Err(FlowFailure::Timeout), false, at(4)).await;
    assert_eq!(move_by(flows[1].client, MemberEvent::Retry).await.unwrap(), None);
    let again = member(&stores, hunt, flows[1].client).await.unwrap();
    assert_eq!((again.state, again.attempt), (MemberState::Pending, 2));
    let admitted = MemberEvent::Admitted { flow: flows[1].id };
    assert!(move_by(clients[2], admitted).await.is_err());
    let counted = counts(&stores, hunt).await;
    assert_eq!((counted.cancelled, counted.pending), (1, 2));
    let unknown = move_by(ClientId::from_bits(5), MemberEvent::Cancel).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
}

async fn members_are_found_sorted_and_paged(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    let clients = recruit(&stores, hunt, 1..4).await;
    let four = stores.enrol(4).await;
    let refused = decision(hunt, four, Err(Refusal::Excluded("has the label `db`".into())));
    stores.members.decide(&[refused], at(2)).await.unwrap();
    let list = async |change: &dyn Fn(&mut MemberList)| {
        let mut query = MemberList::of(hunt, 1);
        query.sort = MemberSort::Hostname;
        query.descending = false;
        change(&mut query);
        let page = stores.members.members(&query).await.unwrap();
        let of = |member: &Member| clients.iter().position(|id| *id == member.client).unwrap_or(3);
        (page.items.iter().map(of).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(&|_| {}).await, (vec![0, 1, 2, 3], 4));
    assert_eq!(list(&|query| query.descending = true).await.0, [3, 2, 1, 0]);
    assert_eq!(list(&|query| query.queue = Some(MemberQueue::Refused)).await, (vec![3], 1));
    assert_eq!(list(&|query| query.text = Some("HOST-2".into())).await.0, [1]);
    assert_eq!(list(&|query| query.text = Some("label `DB`".into())).await.0, [3]);
    assert_eq!(list(&|query| query.text = Some("waits for admission".into())).await.1, 3);
    let id = clients[2].to_string();
    assert_eq!(list(&|query| query.text = Some(id.clone())).await.0, [2]);
    assert_eq!(list(&|query| query.sort = MemberSort::Queue).await.0[0], 3);
    assert_eq!(list(&|query| query.paging = Paging { offset: 2, limit: 1 }).await, (vec![2], 4));
    let by_change = |query: &mut MemberList| {
        query.sort = MemberSort::Updated;
        query.descending = true;
    };
    assert_eq!(list(&by_change).await.0[0], 3);
}

async fn the_results_queue_points_to_flows_with_results(stores: Stores) {
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    recruit(&stores, hunt, 1..4).await;
    let flows = stores.admit(hunt, 9, at(2)).await;
    stores.end(first(flows[0].id), Ok(rows(3)), false, at(3)).await;
    stores.end(first(flows[1].id), Ok(rows(0)), false, at(4)).await;
    stores.end(first(flows[2].id), Ok(rows(1)), false, at(5)).await;
    let queue = stores.members.results_queue(hunt, 1, Paging::ALL).await.unwrap();
    let found: Vec<_> = queue.items.iter().map(|pointer| (pointer.flow, pointer.at)).collect();
    assert_eq!(found, [(flows[0].id, at(3)), (flows[2].id, at(5))]);
    let counted = counts(&stores, hunt).await;
    assert_eq!((counted.results, counted.completed), (2, 1));
    let kept = member(&stores, hunt, flows[0].client).await.unwrap();
    assert_eq!(kept.state, MemberState::Results(rows(3)));
    assert_eq!(Actor::System, flows[0].actor);
}
