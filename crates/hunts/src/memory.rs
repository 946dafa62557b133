//! The ports of this crate in memory. Product code that keeps the whole contract, except that
//! nothing outlives the process.
//!
//! Whoever needs both kinds of records locks the flows first.

mod admission;
mod hand;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::memory::{FlowFollower, MemFlows};
use flows::ports::FlowStep;
use model::bounds::Spent;
use model::duty::Duty;
use model::flow::{Flow, FlowEvent, FlowOrigin, FlowState};
use model::hunt::{Hunt, HuntEvent, HuntRevision, HuntState, OfferSeq, QueueCounts};
use model::member::{Member, MemberEvent, MemberState};
use model::store::{Page, Paging, StoreError};
use model::window::{Checkpoint, advanced};
use parking_lot::Mutex;

use crate::life;
use crate::membership::{Settled, after_flow, is_stranded, is_superseded, settle, weight};
use crate::ports::{
    ActiveHunts, Admissions, Decided, Decision, HuntEdit, HuntList, HuntStep, HuntStore,
    HuntSummary, MemberKey, MemberList, MemberSort, MemberStore, NewHunt, Progress, ResultPointer,
    Round, TagChange, Transitioned,
};

/// All hunts and their members, in memory, next to the flows they start.
pub struct MemHunts {
    flows: Arc<MemFlows>,
    records: Arc<Records>,
}

#[derive(Default)]
struct Records(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    hunts: BTreeMap<HuntId, Hunt>,
    newest: OfferSeq,
    members: BTreeMap<MemberKey, Member>,
    counts: BTreeMap<(HuntId, u32), QueueCounts>,
    admissions: Vec<Admissions>,
    /// The newest token of each duty that came with a grant.
    fences: BTreeMap<Duty, u64>,
    pointers: Vec<(HuntId, u32, ResultPointer)>,
    revisions: BTreeMap<HuntId, Vec<HuntRevision>>,
    rounds: BTreeMap<(HuntId, u32), RoundKept>,
    spent: BTreeMap<HuntId, Spent>,
    checkpoints: BTreeMap<(HuntId, ClientId, String), Checkpoint>,
    /// Hunts that are deleted and not erased yet.
    deleted: BTreeMap<HuntId, Timestamp>,
}

#[derive(Default)]
struct RoundKept {
    tick: Option<Timestamp>,
    admitted: u64,
    retrying: u64,
}

impl MemHunts {
    /// No hunts, over these flows.
    pub fn new(flows: Arc<MemFlows>) -> Self {
        let records = Arc::new(Records::default());
        flows.set_follower(records.clone());
        Self { flows, records }
    }
}

impl Kept {
    fn found(&self, id: HuntId) -> Option<&Hunt> {
        self.hunts.get(&id).filter(|_| !self.deleted.contains_key(&id))
    }

    fn hunt(&self, id: HuntId) -> Result<&Hunt, StoreError> {
        self.found(id).ok_or_else(|| StoreError::not_found(format!("hunt {id}")))
    }

    fn summary(&self, hunt: &Hunt) -> HuntSummary {
        let (counts, progress) = (self.counts_of(hunt.id, hunt.round), self.progress(hunt));
        HuntSummary { hunt: hunt.clone(), counts, progress }
    }

    fn progress(&self, hunt: &Hunt) -> Progress {
        let kept = self.rounds.get(&(hunt.id, hunt.round));
        let before = self.counts.range((hunt.id, 0)..(hunt.id, hunt.round));
        Progress {
            admitted: kept.map_or(0, |kept| kept.admitted),
            retrying: kept.map_or(0, |kept| kept.retrying),
            running_before: before.map(|(_, counts)| counts.running).sum(),
            spent: self.spent.get(&hunt.id).copied().unwrap_or_default(),
        }
    }

    fn counts_of(&self, hunt: HuntId, round: u32) -> QueueCounts {
        self.counts.get(&(hunt, round)).copied().unwrap_or_default()
    }

    /// The one place where a member's record and the counters are written.
    fn write(&mut self, member: Member) {
        let key = MemberKey { hunt: member.hunt, round: member.round, client: member.client };
        let before = self.members.get(&key);
        let (was_admitted, was_retrying) = before.map_or((false, false), weight);
        let (admitted, retrying) = weight(&member);
        let before = before.map(|before| before.state.queue());
        let round = self.rounds.entry((key.hunt, key.round)).or_default();
        round.admitted = round.admitted + u64::from(admitted) - u64::from(was_admitted);
        round.retrying = round.retrying + u64::from(retrying) - u64::from(was_retrying);
        let counts = self.counts.entry((key.hunt, key.round)).or_default();
        if let Some(queue) = before {
            *counts.of_mut(queue) -= 1;
        }
        *counts.of_mut(member.state.queue()) += 1;
        if let (MemberState::Results(_), Some(flow)) = (&member.state, member.flow) {
            let pointer = ResultPointer {
                client: key.client,
                flow,
                attempt: member.attempt,
                at: member.updated,
            };
            self.pointers.push((key.hunt, key.round, pointer));
        }
        self.members.insert(key, member);
    }

    fn take_offer(&mut self, now: Timestamp) -> OfferSeq {
        self.newest = self.newest.next(now);
        self.newest
    }

    fn members_of(&self, hunt: &Hunt) -> Vec<Member> {
        let wanted = |member: &&Member| member.hunt == hunt.id && member.round == hunt.round;
        self.members.values().filter(wanted).cloned().collect()
    }

    fn members_of_all_rounds(&self, hunt: HuntId) -> Vec<Member> {
        self.members.values().filter(|member| member.hunt == hunt).cloned().collect()
    }

    /// Whether a client still runs a flow of a round before.
    fn runs_before(&self, member: &Member) -> bool {
        self.members.values().any(|other| {
            (other.hunt, other.client) == (member.hunt, member.client)
                && other.round < member.round
                && other.state == MemberState::Running
        })
    }

    fn checkpoints_of(&self, hunt: HuntId, client: ClientId) -> Vec<Checkpoint> {
        let from = (hunt, client, String::new());
        let of_client = self.checkpoints.range(from..);
        let of_client = of_client.take_while(|((h, c, _), _)| (*h, *c) == (hunt, client));
        of_client.map(|(_, checkpoint)| checkpoint.clone()).collect()
    }

    /// Notes what a flow that finished has used and read.
    fn note_end(&mut self, (hunt, round): (HuntId, u32), flow: &Flow, step: &FlowStep) {
        let FlowState::Done(brought) = &flow.life.state else { return };
        let spent = self.spent.entry(hunt).or_default();
        *spent = spent.and(brought);
        if flow.window.is_none() {
            return;
        }
        for read in &step.windows {
            let key = (hunt, flow.client, read.source.clone());
            if let Some(next) = advanced(self.checkpoints.get(&key), read, round) {
                self.checkpoints.insert(key, next);
            }
        }
    }
}

impl FlowFollower for Records {
    fn flow_moved(&self, flow: &Flow, step: &FlowStep) {
        let FlowOrigin::Hunt { hunt, round } = flow.origin else { return };
        let mut kept = self.0.lock();
        kept.note_end((hunt, round), flow, step);
        let key = MemberKey { hunt, round, client: flow.client };
        let retry = step.retry && kept.hunts.get(&hunt).is_some_and(|hunt| hunt.round == round);
        let moved = kept.members.get(&key).and_then(|held| after_flow(held, flow, retry, step.now));
        if let Some(moved) = moved {
            kept.write(moved);
        }
    }
}

#[async_trait]
impl HuntStore for MemHunts {
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError> {
        let mut kept = self.records.0.lock();
        if kept.hunts.contains_key(&new.id) {
            return Err(StoreError::conflict(format!("a hunt {} exists already", new.id)));
        }
        let hunt = life::draft(new);
        kept.hunts.insert(hunt.id, hunt.clone());
        kept.revisions.insert(hunt.id, vec![life::first_revision(new)]);
        Ok(hunt)
    }

    async fn edit(&self, edit: &HuntEdit) -> Result<Hunt, StoreError> {
        let mut kept = self.records.0.lock();
        let before = kept.hunt(edit.id)?.clone();
        let mut hunt = life::edited(&before, edit)?;
        if life::needs_offer_after_edit(&before, &hunt) {
            hunt.offer = kept.take_offer(edit.now);
        }
        kept.hunts.insert(hunt.id, hunt.clone());
        kept.revisions.entry(hunt.id).or_default().push(life::revision(&hunt, edit));
        Ok(hunt)
    }

    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError> {
        self.flows.with_flows(|flows| {
            let mut kept = self.records.0.lock();
            let before = kept.hunt(step.id)?.clone();
            let mut hunt = life::moved(&before, step)?;
            if life::needs_offer_after_move(before.state, step.event) {
                hunt.offer = kept.take_offer(step.now);
            }
            kept.hunts.insert(hunt.id, hunt.clone());
            if let HuntEvent::Start | HuntEvent::NextRound { .. } = step.event {
                kept.rounds.entry((hunt.id, hunt.round)).or_default().tick = hunt.round_started;
            }
            let mut cancelled = Vec::new();
            for member in kept.members_of_all_rounds(hunt.id) {
                let flow = member.flow.and_then(|flow| flows.get(&flow));
                let event = match step.event {
                    HuntEvent::Stop => MemberEvent::Cancel,
                    HuntEvent::Drain | HuntEvent::Drained if is_stranded(&hunt, &member) => {
                        MemberEvent::Expire
                    }
                    HuntEvent::NextRound { .. } if is_superseded(&hunt, &member, flow) => {
                        MemberEvent::Expire
                    }
                    HuntEvent::Start
                    | HuntEvent::Pause
                    | HuntEvent::Drain
                    | HuntEvent::Resume
                    | HuntEvent::Drained
                    | HuntEvent::Archive
                    | HuntEvent::Widen
                    | HuntEvent::NextRound { .. }
                    | HuntEvent::CanaryFailed => continue,
                };
                cancelled.extend(move_with_flow(&mut kept, flows, &member, &event, step.now));
            }
            Ok(Transitioned { hunt, cancelled })
        })
    }

    async fn get(&self, id: HuntId) -> Result<Option<HuntSummary>, StoreError> {
        let kept = self.records.0.lock();
        Ok(kept.found(id).map(|hunt| kept.summary(hunt)))
    }

    async fn list(&self, query: &HuntList) -> Result<Page<HuntSummary>, StoreError> {
        let kept = self.records.0.lock();
        let mut found: Vec<HuntSummary> = kept
            .hunts
            .values()
            .filter(|hunt| matches(hunt, query) && !kept.deleted.contains_key(&hunt.id))
            .map(|hunt| kept.summary(hunt))
            .collect();
        found.sort_by_key(|summary| std::cmp::Reverse((summary.hunt.created, summary.hunt.id)));
        Ok(Page::cut(found, query.paging))
    }

    async fn set_tags(&self, id: HuntId, change: &TagChange) -> Result<Hunt, StoreError> {
        let mut kept = self.records.0.lock();
        let mut hunt = kept.hunt(id)?.clone();
        hunt.spec.tags = change.applied_to(&hunt.spec.tags);
        kept.hunts.insert(id, hunt.clone());
        Ok(hunt)
    }

    async fn active(&self) -> Result<ActiveHunts, StoreError> {
        let kept = self.records.0.lock();
        let active = |hunt: &&Hunt| hunt.state.recruits() || hunt.state.admits();
        let hunts = kept.hunts.values().filter(active).map(|hunt| kept.summary(hunt)).collect();
        Ok(ActiveHunts { hunts, newest: kept.newest })
    }

    async fn revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError> {
        Ok(self.records.0.lock().revisions.get(&id).cloned().unwrap_or_default())
    }

    async fn rounds(&self, id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError> {
        let kept = self.records.0.lock();
        let of_hunt = kept.rounds.range((id, 0)..=(id, u32::MAX));
        let begun = of_hunt.filter_map(|((_, round), of_round)| {
            let (round, counts) = (*round, kept.counts_of(id, *round));
            of_round.tick.map(|tick| Round { round, tick, counts })
        });
        Ok(Page::cut(begun.collect(), paging))
    }
}

fn matches(hunt: &Hunt, query: &HuntList) -> bool {
    let has_text = |text: &String| {
        let text = text.to_lowercase();
        let spec = &hunt.spec;
        [&hunt.id.to_string(), &spec.name, &spec.description]
            .into_iter()
            .chain(spec.artifacts.iter().map(|call| &call.name))
            .any(|candidate| candidate.to_lowercase().contains(&text))
    };
    let in_state = if query.states.is_empty() {
        hunt.state != HuntState::Archived
    } else {
        query.states.contains(&hunt.state.name())
    };
    let tagged = query.tag.as_ref().is_none_or(|tag| hunt.spec.tags.contains(tag));
    hunt.org == query.org && in_state && tagged && query.text.as_ref().is_none_or(has_text)
}

/// Moves a member and its flow together. Returns the flow when its client is to be told.
fn move_with_flow(
    kept: &mut Kept,
    flows: &mut BTreeMap<FlowId, Flow>,
    member: &Member,
    event: &MemberEvent,
    now: Timestamp,
) -> Option<(ClientId, FlowId)> {
    let moved = member.on(event, now)?;
    kept.write(moved);
    let flow_event = match event {
        MemberEvent::Cancel => FlowEvent::Cancel,
        MemberEvent::Expire => FlowEvent::Expire,
        MemberEvent::Admitted { .. }
        | MemberEvent::FlowEnded { .. }
        | MemberEvent::Withdraw
        | MemberEvent::Retry => return None,
    };
    let flow = flows.get_mut(&member.flow?)?;
    *flow = flows::life::after(flow, &flow_event, false, now)?;
    Some((member.client, flow.id))
}

#[async_trait]
impl MemberStore for MemHunts {
    async fn decide(
        &self,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        let mut kept = self.records.0.lock();
        let settle_one = |decision: &Decision| {
            let Some(hunt) = kept.found(decision.key.hunt) else { return Ok(Decided::Closed) };
            let recruited = kept.counts_of(hunt.id, hunt.round).recruited();
            let existing = kept.members.get(&decision.key);
            Ok(match settle(hunt, existing, decision, recruited, now) {
                Settled::Keep => Decided::Known,
                Settled::Superseded => Decided::Superseded,
                Settled::Closed => Decided::Closed,
                Settled::Write(member) => {
                    let queue = member.state.queue();
                    kept.write(*member);
                    Decided::Recorded(queue)
                }
            })
        };
        decisions.iter().map(settle_one).collect()
    }

    async fn member(&self, key: MemberKey) -> Result<Option<Member>, StoreError> {
        Ok(self.records.0.lock().members.get(&key).cloned())
    }

    async fn members(&self, query: &MemberList) -> Result<Page<Member>, StoreError> {
        let kept = self.records.0.lock();
        let hostname = |member: &Member| self.flows.hostname(member.client);
        let has_text = |member: &Member, text: &str| {
            let text = text.to_lowercase();
            [member.client.to_string(), hostname(member), member.reason()]
                .iter()
                .any(|candidate| candidate.to_lowercase().contains(&text))
        };
        let wanted = |member: &&Member| {
            (member.hunt, member.round) == (query.hunt, query.round)
                && query.queue.is_none_or(|queue| member.state.queue() == queue)
                && query.text.as_ref().is_none_or(|text| has_text(member, text))
        };
        let mut found: Vec<Member> = kept.members.values().filter(wanted).cloned().collect();
        let compare = |a: &Member, b: &Member| match query.sort {
            MemberSort::Hostname => hostname(a).cmp(&hostname(b)),
            MemberSort::Queue => a.state.queue().cmp(&b.state.queue()),
            MemberSort::Decided => a.decided.cmp(&b.decided),
            MemberSort::Updated => a.updated.cmp(&b.updated),
        };
        let directed = |order: Ordering| if query.descending { order.reverse() } else { order };
        found.sort_by(|a, b| directed(compare(a, b)).then(a.client.cmp(&b.client)));
        Ok(Page::cut(found, query.paging))
    }

    async fn of_client(
        &self,
        client: ClientId,
        paging: Paging,
    ) -> Result<Page<Member>, StoreError> {
        let kept = self.records.0.lock();
        let of_client = kept.members.values().rev().filter(|member| member.client == client);
        Ok(Page::cut(of_client.cloned().collect(), paging))
    }

    async fn counts(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        Ok(self.records.0.lock().counts_of(hunt, round))
    }

    async fn recount(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        let kept = self.records.0.lock();
        let mut counts = QueueCounts::default();
        let of_round = |member: &&Member| (member.hunt, member.round) == (hunt, round);
        for member in kept.members.values().filter(of_round) {
            *counts.of_mut(member.state.queue()) += 1;
        }
        Ok(counts)
    }

    async fn recount_progress(&self, hunt: HuntId) -> Result<Progress, StoreError> {
        self.flows.with_flows(|flows| {
            let kept = self.records.0.lock();
            let record = kept.hunt(hunt)?;
            let mut progress = Progress::default();
            for member in kept.members.values().filter(|member| member.hunt == hunt) {
                let (admitted, retrying) = weight(member);
                if member.round == record.round {
                    progress.admitted += u64::from(admitted);
                    progress.retrying += u64::from(retrying);
                } else {
                    progress.running_before += u64::from(member.state == MemberState::Running);
                }
            }
            for flow in flows.values() {
                let of_hunt =
                    matches!(flow.origin, FlowOrigin::Hunt { hunt: of, .. } if of == hunt);
                if let (true, FlowState::Done(brought)) = (of_hunt, &flow.life.state) {
                    progress.spent = progress.spent.and(brought);
                }
            }
            Ok(progress)
        })
    }

    async fn checkpoints(
        &self,
        hunt: HuntId,
        client: ClientId,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        Ok(self.records.0.lock().checkpoints_of(hunt, client))
    }

    async fn results_queue(
        &self,
        hunt: HuntId,
        round: u32,
        paging: Paging,
    ) -> Result<Page<ResultPointer>, StoreError> {
        let kept = self.records.0.lock();
        let of_round = kept.pointers.iter().filter(|(h, r, _)| (*h, *r) == (hunt, round));
        Ok(Page::cut(of_round.map(|(_, _, pointer)| *pointer).collect(), paging))
    }
}
