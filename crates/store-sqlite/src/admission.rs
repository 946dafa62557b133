//! Admission: members go to running and their flows to the queue, within rate and limits.

use async_trait::async_trait;
use base::{FlowId, HuntId, Timestamp};
use hunts::admission::{Allowed, WINDOW, allowed, room};
use hunts::life;
use hunts::membership::{Beginning, flow_for};
use hunts::ports::{AdmissionStore, Admissions, Grant, MemberKey, RetryFailed};
use model::flow::Flow;
use model::hunt::Hunt;
use model::member::{Member, MemberEvent, MemberQueue};
use model::store::StoreError;
use records::queue_number;
use rusqlite::{Connection, params};

use crate::SqliteStore;
use crate::codec::{Done, all, bits, blob, count, int, micros, moment};
use crate::{flows_table, hunts_table, leases, members, progress};

fn since(db: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Admissions>> {
    let mut statement =
        db.prepare_cached("SELECT * FROM admissions WHERE at >= ?1 ORDER BY at, seq")?;
    all(statement.query_map([micros(since)], |row| {
        Ok(Admissions {
            hunt: HuntId::from_bits(bits(row, "hunt")?),
            at: moment(row, "at")?,
            count: count(row, "count")?,
        })
    })?)
}

/// Pending members that may be admitted, those that wait longest first.
fn waiting(db: &Connection, hunt: &Hunt, most: Allowed) -> rusqlite::Result<Vec<Member>> {
    // The conditions are those of `hunts::membership::is_admissible`, and that the client runs no
    // flow of a round before.
    let mut statement = db.prepare_cached(
        "SELECT * FROM members AS m
         WHERE hunt = ?1 AND round = ?2 AND queue = ?3
           AND (CASE WHEN ?4 THEN flow IS NULL AND (hand > 0 OR revision >= ?5)
             ELSE flow IS NOT NULL END)
           AND (?2 = 1 OR NOT EXISTS (SELECT 1 FROM members AS o
             WHERE o.client = m.client AND o.hunt = m.hunt AND o.round < m.round AND o.queue = ?6))
         ORDER BY updated, client LIMIT ?7",
    )?;
    let mut found = Vec::new();
    for (fresh, most) in [(true, most.fresh), (false, most.free)] {
        if most == 0 {
            continue;
        }
        let values = params![
            blob(hunt.id.bits()),
            hunt.round,
            queue_number(MemberQueue::Pending),
            fresh,
            hunt.condition_revision,
            queue_number(MemberQueue::Running),
            int(most),
        ];
        found.extend(all(statement.query_map(values, members::read)?)?);
    }
    found.sort_by_key(|member| (member.updated, member.client));
    found.truncate(usize::try_from(most.free).unwrap_or(usize::MAX));
    Ok(found)
}

fn admit(db: &Connection, grant: &Grant) -> Done<Vec<Flow>> {
    let now = grant.now;
    leases::check(db, grant.fence)?;
    // A clock that stepped back must neither give credit nor block for long.
    db.prepare_cached("UPDATE admissions SET at = ?1 WHERE at > ?1")?.execute([micros(now)])?;
    db.prepare_cached("DELETE FROM admissions WHERE at < ?1")?
        .execute([micros(now.minus(WINDOW * 2))])?;
    let summary = hunts_table::wanted_summary(db, grant.hunt)?;
    let recent = since(db, now.minus(WINDOW))?;
    let own = allowed(&summary, &recent, now);
    let over_all = room(grant.ceiling, recent.iter().map(|some| (some.at, some.count)), now).free;
    let free = own.free.min(over_all).min(grant.flow_ids.len() as u64);
    if free == 0 {
        return Ok(Vec::new());
    }
    let most = Allowed { free, fresh: own.fresh.min(free) };
    let hunt = &summary.hunt;
    let mut admitted = Vec::new();
    let mut ask = None;
    for (member, fresh) in waiting(db, hunt, most)?.into_iter().zip(&grant.flow_ids) {
        let former = match member.flow {
            Some(id) => flows_table::find(db, id)?,
            None => None,
        };
        let checkpoints = match hunt.spec.schedule {
            Some(_) => progress::checkpoints(db, hunt.id, member.client)?,
            None => Vec::new(),
        };
        let beginning = Beginning { former: former.as_ref(), fresh: *fresh, checkpoints };
        let Some(flow) = flow_for(hunt, &member, beginning, now) else { continue };
        let event = MemberEvent::Admitted { flow: flow.id };
        let Some(moved) = member.on(&event, now) else { continue };
        members::write(db, Some(&member), &moved)?;
        if former.is_some() {
            flows_table::update(db, &flow)?;
        } else {
            // All new flows of a hunt collect the same.
            let key = match ask {
                Some(key) => key,
                None => *ask.insert(flows_table::ask_of(db, &flow)?),
            };
            flows_table::insert(db, &flow, key)?;
        }
        admitted.push(flow);
    }
    if !admitted.is_empty() {
        db.prepare_cached("INSERT INTO admissions (hunt, at, count) VALUES (?1, ?2, ?3)")?
            .execute(params![blob(hunt.id.bits()), micros(now), int(admitted.len() as u64)])?;
    }
    Ok(admitted)
}

fn move_member(
    db: &Connection,
    key: MemberKey,
    event: &MemberEvent,
    now: Timestamp,
) -> Done<Option<FlowId>> {
    life::may_be_asked(event)?;
    let member = members::find(db, key)?.ok_or_else(|| {
        StoreError::not_found(format!("client {} in hunt {}", key.client, key.hunt))
    })?;
    let hunt = hunts_table::wanted(db, key.hunt)?;
    if *event == MemberEvent::Retry && !life::takes_retries(hunt.state) {
        return Ok(None);
    }
    let told = hunts_table::move_with_flow(db, &member, event, now)?;
    Ok(told.map(|(_, flow)| flow))
}

fn retry_failed(db: &Connection, wanted: &RetryFailed) -> Done<u64> {
    let hunt = hunts_table::wanted(db, wanted.hunt)?;
    life::may_retry(&hunt)?;
    let mut statement = db.prepare_cached(
        "SELECT * FROM members WHERE hunt = ?1 AND round = ?2 AND queue = ?3
           AND (?4 IS NULL OR class = ?4) AND (?5 IS NULL OR client = ?5)",
    )?;
    let failed: Vec<Member> = all(statement.query_map(
        params![
            blob(hunt.id.bits()),
            hunt.round,
            queue_number(MemberQueue::Failed),
            wanted.class,
            wanted.client.map(|client| blob(client.bits())),
        ],
        members::read,
    )?)?;
    let mut again = 0;
    for member in failed {
        let Some(moved) = member.on(&MemberEvent::Retry, wanted.now) else { continue };
        let flow = match member.flow {
            Some(flow) => flows_table::find(db, flow)?,
            None => None,
        };
        if let Some(flow) = flow {
            let limits = wanted.limits.of(&flow.limits);
            if limits != flow.limits {
                flows_table::update_limits(db, &Flow { limits, ..flow })?;
            }
        }
        members::write(db, Some(&member), &moved)?;
        again += 1;
    }
    Ok(again)
}

#[async_trait]
impl AdmissionStore for SqliteStore {
    async fn clock(&self, here: Timestamp) -> Result<Timestamp, StoreError> {
        Ok(here)
    }

    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError> {
        let grant = grant.clone();
        self.write_again("admit members", move |db| admit(db, &grant)).await
    }

    async fn admissions(&self, from: Timestamp) -> Result<Vec<Admissions>, StoreError> {
        self.look_up("read admissions", |db| Ok(since(db, from)?))
    }

    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError> {
        let event = event.clone();
        self.write("move a member", move |db| move_member(db, key, &event, now)).await
    }
    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError> {
        let wanted = wanted.clone();
        self.write("repeat what failed", move |db| retry_failed(db, &wanted)).await
    }
}
