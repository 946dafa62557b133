//! Admission: members go to running and their flows to the queue, within rate and limits.
//!
//! One transaction admits at a time, over all nodes: it locks the gate first. So what it counts of the
//! last minute is all there is, and two managers never exceed a rate together.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use hunts::admission::{Allowed, WINDOW, allowed, room};
use hunts::life;
use hunts::membership::{Beginning, flow_for};
use hunts::ports::{AdmissionStore, Admissions, Grant, HuntSummary, MemberKey, RetryFailed};
use model::flow::Flow;
use model::hunt::Hunt;
use model::member::{Member, MemberEvent, MemberQueue};
use model::store::StoreError;
use model::window::Checkpoint;
use records::queue_number;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};
use crate::flow_steps::{CHECKPOINT, checkpoint_of};
use crate::flows_table::{self, FLOW, FLOWS, read_flow};
use crate::hunts_table::{find_all, find_summaries, lock_shared, read_hunt, read_summary, unknown};
use crate::joint::Joint;
use crate::members_write::{MEMBER, MemberChanges, read_member};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column, int, moment, one};
use crate::{leases, members};

fn since(from: Timestamp) -> Question {
    let sql = "SELECT hunt, at, count FROM admissions WHERE at >= $1 ORDER BY at, seq";
    Question::new(sql, vec![moment(from)])
}

fn read_admissions(row: &Row) -> Done<Admissions> {
    let mut row = Columns::of(row);
    Ok(Admissions { hunt: HuntId::from_bits(row.bits()?), at: row.moment()?, count: row.count()? })
}

/// Up to so many may be admitted now.
fn most(grant: &Grant, summary: &HuntSummary, recent: &[Admissions]) -> Allowed {
    let now = grant.now;
    let own = allowed(summary, recent, now);
    let over_all = room(grant.ceiling, recent.iter().map(|some| (some.at, some.count)), now).free;
    let free = own.free.min(over_all).min(grant.flow_ids.len() as u64);
    Allowed { free, fresh: own.fresh.min(free) }
}

/// Pending members that may be admitted, those that wait longest first: for another attempt, and for
/// their first. Before them the flows of those that had one. All locked.
fn waiting(hunt: &Hunt, most: Allowed) -> Vec<Question> {
    // The conditions are those of `hunts::membership::is_admissible`, and that the client runs no
    // flow of a round before.
    let of_hunt = "FROM members m WHERE m.hunt = $1 AND m.round = $2 AND m.queue = $3
        AND ($2 = 1 OR NOT EXISTS (SELECT FROM members o WHERE o.client = m.client
            AND o.hunt = m.hunt AND o.round < m.round AND o.queue = $4))";
    let oldest = "ORDER BY m.updated, m.client LIMIT $5";
    let values = |most: u64| {
        vec![
            one(Id(hunt.id.bits())),
            one(i64::from(hunt.round)),
            one(queue_number(MemberQueue::Pending)),
            one(queue_number(MemberQueue::Running)),
            one(int(most)),
        ]
    };
    let again = format!("{of_hunt} AND m.flow IS NOT NULL {oldest}");
    let flows = format!(
        "SELECT {FLOW} FROM {FLOWS} WHERE f.id IN (SELECT w.flow FROM (SELECT m.flow {again}) w)
         ORDER BY f.id FOR NO KEY UPDATE OF f"
    );
    let again = format!("SELECT {MEMBER} {again} FOR NO KEY UPDATE OF m");
    let fresh = format!(
        "SELECT {MEMBER} {of_hunt} AND m.flow IS NULL
             AND (m.hand > 0 OR m.revision >= $6) {oldest}
         FOR NO KEY UPDATE OF m"
    );
    let mut for_fresh = values(most.fresh);
    for_fresh.push(one(i64::from(hunt.condition_revision)));
    vec![
        Question::new(flows, values(most.free)),
        Question::new(again, values(most.free)),
        Question::new(fresh, for_fresh),
    ]
}

/// How far the sources of a recurring hunt were read, by client.
async fn checkpoints(
    lent: &Lent,
    hunt: &Hunt,
    members: &[Member],
) -> Done<BTreeMap<ClientId, Vec<Checkpoint>>> {
    let mut found: BTreeMap<ClientId, Vec<Checkpoint>> = BTreeMap::new();
    if hunt.spec.schedule.is_none() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT c.client, {CHECKPOINT} FROM checkpoints c
         WHERE c.hunt = $1 AND c.client = ANY($2) ORDER BY c.client, c.source"
    );
    let clients = column(members, |member| Id(member.client.bits()));
    let rows = lent.ask(vec![Question::new(sql, vec![one(Id(hunt.id.bits())), clients])]).await?;
    for row in rows.iter().flatten() {
        let mut row = Columns::of(row);
        let client = ClientId::from_bits(row.bits()?);
        found.entry(client).or_default().push(checkpoint_of(&mut row)?);
    }
    Ok(found)
}

/// The flows that members run now: new ones and former ones.
struct Chosen {
    new: Vec<Flow>,
    again: Vec<Flow>,
    changes: MemberChanges,
    admitted: Vec<Flow>,
}

async fn choose(lent: &Lent, hunt: &Hunt, grant: &Grant, most: Allowed) -> Done<Chosen> {
    let found = lent.ask(waiting(hunt, most)).await?;
    let flows = found.iter().take(1).flatten().map(read_flow).collect::<Done<Vec<Flow>>>()?;
    let former: BTreeMap<FlowId, Flow> = flows.into_iter().map(|flow| (flow.id, flow)).collect();
    let members = found.iter().skip(1).flatten().map(read_member);
    let mut members = members.collect::<Done<Vec<Member>>>()?;
    members.sort_by_key(|member| (member.updated, member.client));
    members.truncate(usize::try_from(most.free).unwrap_or(usize::MAX));
    let mut checkpoints = checkpoints(lent, hunt, &members).await?;
    let mut chosen = Chosen {
        new: Vec::new(),
        again: Vec::new(),
        changes: MemberChanges::of(members.clone()),
        admitted: Vec::new(),
    };
    for (member, fresh) in members.iter().zip(&grant.flow_ids) {
        let former = member.flow.and_then(|id| former.get(&id));
        let checkpoints = checkpoints.remove(&member.client).unwrap_or_default();
        let beginning = Beginning { former, fresh: *fresh, checkpoints };
        let Some(flow) = flow_for(hunt, member, beginning, grant.now) else { continue };
        let event = MemberEvent::Admitted { flow: flow.id };
        let Some(moved) = member.on(&event, grant.now) else { continue };
        chosen.changes.put(moved);
        let of = if former.is_some() { &mut chosen.again } else { &mut chosen.new };
        of.push(flow.clone());
        chosen.admitted.push(flow);
    }
    Ok(chosen)
}

async fn admit(store: &RecordStore, lent: Lent, grant: &Grant) -> Done<Vec<Flow>> {
    let now = grant.now;
    let only = BTreeSet::from([grant.hunt]);
    // A clock that stepped back must neither give credit nor block for long.
    let to_now = "UPDATE admissions SET at = $1 WHERE at > $1";
    let forget = "DELETE FROM admissions WHERE at < $1";
    let questions = vec![
        Question::new("SELECT one FROM admission_gate FOR UPDATE", vec![]),
        lock_shared(&only),
        Question::new(to_now, vec![moment(now)]),
        Question::new(forget, vec![moment(now.minus(WINDOW * 2))]),
        find_summaries(&only),
        since(now.minus(WINDOW)),
        leases::newest(grant.fence),
    ];
    let found = lent.begin(questions).await?;
    let rows = |place: usize| found.get(place).into_iter().flatten();
    if let Err(why) = leases::check(grant.fence, rows(6).next())? {
        return lent.refuse(why).await;
    }
    let Some(row) = rows(4).next() else { return lent.refuse(unknown(grant.hunt)).await };
    let summary = read_summary(row)?;
    let recent = rows(5).map(read_admissions).collect::<Done<Vec<Admissions>>>()?;
    let most = most(grant, &summary, &recent);
    if most.free == 0 {
        lent.commit(Vec::new()).await?;
        return Ok(Vec::new());
    }
    let hunt = &summary.hunt;
    let chosen = choose(&lent, hunt, grant, most).await?;
    let mut writes = Vec::new();
    if let Some(first) = chosen.new.first() {
        // All new flows of a hunt collect the same.
        writes.push(flows_table::insert(&chosen.new, store.ask_within(&lent, first).await?));
    }
    if !chosen.again.is_empty() {
        writes.push(flows_table::update(
            &chosen.again.iter().map(|flow| (flow, None)).collect::<Vec<_>>(),
        ));
    }
    writes.extend(chosen.changes.writes());
    if !chosen.admitted.is_empty() {
        let note = "INSERT INTO admissions (hunt, at, count) VALUES ($1, $2, $3)";
        let count = int(chosen.admitted.len() as u64);
        let values = vec![one(Id(hunt.id.bits())), moment(now), one(count)];
        writes.push(Question::new(note, values));
    }
    lent.commit(writes).await?;
    Ok(chosen.admitted)
}

/// The flow of a member, locked.
fn lock_flow_of(key: MemberKey) -> Question {
    let sql = format!(
        "SELECT {FLOW} FROM {FLOWS} JOIN members m ON m.flow = f.id
         WHERE m.hunt = $1 AND m.round = $2 AND m.client = $3 FOR NO KEY UPDATE OF f"
    );
    let values =
        vec![one(Id(key.hunt.bits())), one(i64::from(key.round)), one(Id(key.client.bits()))];
    Question::new(sql, values)
}

async fn move_member(
    lent: Lent,
    key: MemberKey,
    event: &MemberEvent,
    now: Timestamp,
) -> Done<Option<FlowId>> {
    let hunts = BTreeSet::from([key.hunt]);
    let members = BTreeSet::from([key]);
    let questions =
        vec![lock_shared(&hunts), find_all(&hunts), lock_flow_of(key), members::lock(&members)];
    let found = lent.begin(questions).await?;
    let rows = |place: usize| found.get(place).map(Vec::as_slice).unwrap_or_default();
    let Some(row) = rows(3).first() else {
        let what = format!("client {} in hunt {}", key.client, key.hunt);
        return lent.refuse(StoreError::not_found(what)).await;
    };
    let member = read_member(row)?;
    let Some(row) = rows(1).first() else { return lent.refuse(unknown(key.hunt)).await };
    let mut joint = Joint::of(rows(2), vec![member.clone()])?;
    if member.flow.is_some() && rows(2).is_empty() {
        // It was admitted while we waited for the lock.
        return lent.begin_again().await;
    }
    if *event == MemberEvent::Retry && !life::takes_retries(read_hunt(row)?.state) {
        lent.roll_back().await?;
        return Ok(None);
    }
    let told = joint.move_both(&member, event, now);
    lent.commit(joint.writes()).await?;
    Ok(told.map(|(_, flow)| flow))
}

/// The flows of failed members, and then the members, locked.
fn lock_failed(hunt: &Hunt, wanted: &RetryFailed) -> Vec<Question> {
    let failed = "m.hunt = $1 AND m.round = $2 AND m.queue = $3
        AND ($4::text IS NULL OR m.class = $4) AND ($5::bytea IS NULL OR m.client = $5)";
    let values = || {
        vec![
            one(Id(hunt.id.bits())),
            one(i64::from(hunt.round)),
            one(queue_number(MemberQueue::Failed)),
            one(wanted.class),
            one(wanted.client.map(|client| Id(client.bits()))),
        ]
    };
    let flows = format!(
        "SELECT {FLOW} FROM {FLOWS}
         WHERE f.id IN (SELECT m.flow FROM members m WHERE {failed} AND m.flow IS NOT NULL)
         ORDER BY f.id FOR NO KEY UPDATE OF f"
    );
    let members = format!(
        "SELECT {MEMBER} FROM members m WHERE {failed}
         ORDER BY m.hunt, m.round, m.client FOR NO KEY UPDATE OF m"
    );
    vec![Question::new(flows, values()), Question::new(members, values())]
}

async fn retry_failed(store: &RecordStore, lent: Lent, wanted: &RetryFailed) -> Done<u64> {
    let only = BTreeSet::from([wanted.hunt]);
    let found = lent.begin(vec![lock_shared(&only), find_all(&only)]).await?;
    let Some(row) = found.get(1).and_then(|rows| rows.first()) else {
        return lent.refuse(unknown(wanted.hunt)).await;
    };
    let hunt = read_hunt(row)?;
    if let Err(why) = life::may_retry(&hunt) {
        return lent.refuse(why).await;
    }
    let found = lent.ask(lock_failed(&hunt, wanted)).await?;
    let flows = found.iter().take(1).flatten().map(read_flow).collect::<Done<Vec<Flow>>>()?;
    let members = found.iter().skip(1).flatten().map(read_member);
    let members = members.collect::<Done<Vec<Member>>>()?;
    let mut changes = MemberChanges::of(members.clone());
    let mut again = BTreeSet::new();
    let moved = members.iter().filter_map(|member| member.on(&MemberEvent::Retry, wanted.now));
    let mut count = 0;
    for member in moved {
        again.extend(member.flow);
        changes.put(member);
        count += 1;
    }
    let mut relimited = Vec::new();
    for flow in flows.into_iter().filter(|flow| again.contains(&flow.id)) {
        let limits = wanted.limits.of(&flow.limits);
        if limits != flow.limits {
            let flow = Flow { limits, ..flow };
            let ask = store.ask_within(&lent, &flow).await?;
            relimited.push((flow, Some(ask)));
        }
    }
    let mut writes = Vec::new();
    if !relimited.is_empty() {
        let relimited: Vec<_> = relimited.iter().map(|(flow, ask)| (flow, *ask)).collect();
        writes.push(flows_table::update(&relimited));
    }
    writes.extend(changes.writes());
    lent.commit(writes).await?;
    Ok(count)
}

#[async_trait]
impl AdmissionStore for RecordStore {
    async fn clock(&self, _: Timestamp) -> Result<Timestamp, StoreError> {
        let sql = "SELECT coalesce($1::bigint, record_now())";
        let question = Question::new(sql, vec![one(self.replaced_clock())]);
        self.read("read the clock", |db| async move {
            let rows = question.rows(&db).await?;
            rows.first()
                .map_or(Err(Failure::Unreadable("the clock")), |row| Columns::of(row).moment())
        })
        .await
    }

    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError> {
        self.step("admit members", |lent| admit(self, lent, grant)).await
    }

    async fn admissions(&self, from: Timestamp) -> Result<Vec<Admissions>, StoreError> {
        self.read("read admissions", |db| async move {
            since(from).rows(&db).await?.iter().map(read_admissions).collect()
        })
        .await
    }

    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError> {
        life::may_be_asked(event)?;
        self.step("move a member", |lent| move_member(lent, key, event, now)).await
    }

    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError> {
        self.step("repeat what failed", |lent| retry_failed(self, lent, wanted)).await
    }
}
