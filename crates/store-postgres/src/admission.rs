//! Admission: members go to running and their flows to the queue, within rate and limits.
//!
//! One transaction admits at a time, over all nodes: it locks the gate first. So what it counts of the
//! last minute is all there is, and two managers never exceed a rate together.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{FlowId, HuntId, Timestamp};
use hunts::admission::{WINDOW, allowed, room};
use hunts::life;
use hunts::membership::flow_for;
use hunts::ports::{AdmissionStore, Admissions, Grant, HuntSummary, MemberKey};
use model::flow::Flow;
use model::hunt::Hunt;
use model::member::{Member, MemberEvent, MemberQueue};
use model::store::StoreError;
use records::queue_number;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::Done;
use crate::flows_table::{self, FLOW, FLOWS, read_flow};
use crate::hunts_table::{
    Joint, find_all, find_summaries, lock_shared, read_hunt, read_summary, unknown,
};
use crate::members_write::{MEMBER, MemberChanges, read_member};
use crate::transaction::{Lent, Question};
use crate::values::{Id, int, moment, one};
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
fn most(grant: &Grant, summary: &HuntSummary, recent: &[Admissions]) -> u64 {
    let now = grant.now;
    let own = allowed(summary, recent, now).free;
    let over_all = room(grant.ceiling, recent.iter().map(|some| (some.at, some.count)), now).free;
    own.min(over_all).min(grant.flow_ids.len() as u64)
}

/// Pending members that may be admitted, those that wait longest first; before them, the flows of
/// those that wait for another attempt. Both locked.
fn waiting(hunt: &Hunt, most: u64) -> Vec<Question> {
    // The conditions are those of `hunts::membership::is_admissible`.
    let of_hunt = "FROM members m WHERE m.hunt = $1 AND m.round = $2 AND m.queue = $3
        AND (m.flow IS NOT NULL OR m.revision >= $4) ORDER BY m.updated, m.client LIMIT $5";
    let values = || {
        vec![
            one(Id(hunt.id.bits())),
            one(i64::from(hunt.round)),
            one(queue_number(MemberQueue::Pending)),
            one(i64::from(hunt.condition_revision)),
            one(int(most)),
        ]
    };
    let flows = format!(
        "SELECT {FLOW} FROM {FLOWS} WHERE f.id IN (SELECT w.flow FROM (SELECT m.flow {of_hunt}) w
             WHERE w.flow IS NOT NULL)
         ORDER BY f.id FOR NO KEY UPDATE OF f"
    );
    let members = format!("SELECT {MEMBER} {of_hunt} FOR NO KEY UPDATE");
    vec![Question::new(flows, values()), Question::new(members, values())]
}

/// The flows that members run now: new ones and former ones.
struct Chosen {
    new: Vec<Flow>,
    again: Vec<Flow>,
    changes: MemberChanges,
    admitted: Vec<Flow>,
}

fn choose(hunt: &Hunt, grant: &Grant, found: &[Vec<Row>]) -> Done<Chosen> {
    let rows = |place: usize| found.get(place).into_iter().flatten();
    let flows = rows(0).map(read_flow).collect::<Done<Vec<Flow>>>()?;
    let former: BTreeMap<FlowId, Flow> = flows.into_iter().map(|flow| (flow.id, flow)).collect();
    let members = rows(1).map(read_member).collect::<Done<Vec<Member>>>()?;
    let mut chosen = Chosen {
        new: Vec::new(),
        again: Vec::new(),
        changes: MemberChanges::of(members.clone()),
        admitted: Vec::new(),
    };
    for (member, fresh) in members.iter().zip(&grant.flow_ids) {
        let former = member.flow.and_then(|id| former.get(&id));
        let Some(flow) = flow_for(hunt, member, former, *fresh, grant.now) else { continue };
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
    if most == 0 {
        lent.commit(Vec::new()).await?;
        return Ok(Vec::new());
    }
    let hunt = &summary.hunt;
    let found = lent.ask(waiting(hunt, most)).await?;
    let chosen = choose(hunt, grant, &found)?;
    let mut writes = Vec::new();
    if let Some(first) = chosen.new.first() {
        // All new flows of a hunt collect the same.
        writes.push(flows_table::insert(&chosen.new, store.ask_within(&lent, first).await?));
    }
    if !chosen.again.is_empty() {
        writes.push(flows_table::update(&chosen.again.iter().collect::<Vec<&Flow>>()));
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

#[async_trait]
impl AdmissionStore for RecordStore {
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
}
