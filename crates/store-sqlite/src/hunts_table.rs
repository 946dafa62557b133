//! Hunts and the one record of offers.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::life::after;
use hunts::life;
use hunts::membership::is_stranded;
use hunts::ports::{
    ActiveHunts, HuntEdit, HuntList, HuntStep, HuntStore, HuntSummary, NewHunt, Transitioned,
};
use model::flow::FlowEvent;
use model::hunt::{EndReason, Hunt, HuntEvent, HuntState, OfferSeq};
use model::member::{Member, MemberEvent, MemberQueue};
use model::org::Actor;
use model::store::{Page, StoreError};
use records::{queue_number, read_spec, write_spec};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params, params_from_iter};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, blob, count, int, limit_offset, micros, moment, moment_or_none, only_count,
    org, unreadable,
};
use crate::flows_table;
use crate::members;

fn read(row: &Row<'_>) -> rusqlite::Result<Hunt> {
    let state = HuntState::from_name(row.get_ref("state")?.as_str()?);
    let ended = match moment_or_none(row, "ended")? {
        None => None,
        Some(at) => {
            let reason = EndReason::from_name(row.get_ref("end_reason")?.as_str()?);
            let by = Actor::parse(row.get_ref("ended_by")?.as_str()?);
            Some((at, reason.ok_or_else(|| unreadable("end of a hunt"))?, by))
        }
    };
    let spec = read_spec(row.get_ref("spec")?.as_str()?);
    Ok(Hunt {
        id: HuntId::from_bits(bits(row, "id")?),
        org: org(row)?,
        spec: spec.map_err(|_| unreadable("spec of a hunt"))?,
        state: state.ok_or_else(|| unreadable("state of a hunt"))?,
        revision: row.get("revision")?,
        condition_revision: row.get("condition_revision")?,
        round: row.get("round")?,
        offer: OfferSeq(count(row, "offer")?),
        creator: Actor::parse(row.get_ref("creator")?.as_str()?),
        created: moment(row, "created")?,
        started: moment_or_none(row, "started")?,
        ended,
    })
}

/// The hunt with this id.
pub(crate) fn find(db: &Connection, id: HuntId) -> rusqlite::Result<Option<Hunt>> {
    db.prepare_cached("SELECT * FROM hunts WHERE id = ?1")?
        .query_row([blob(id.bits())], read)
        .optional()
}

/// The hunt with this id, which must be there.
pub(crate) fn wanted(db: &Connection, id: HuntId) -> Done<Hunt> {
    Ok(find(db, id)?.ok_or_else(|| StoreError::not_found(format!("hunt {id}")))?)
}

fn write(db: &Connection, hunt: &Hunt) -> rusqlite::Result<()> {
    let spec = &hunt.spec;
    let artifacts = spec.artifacts.iter().map(|call| call.name.as_str());
    let search: Vec<&str> =
        [spec.name.as_str(), spec.description.as_str()].into_iter().chain(artifacts).collect();
    let ended = hunt.ended.as_ref();
    db.prepare_cached(
        "INSERT OR REPLACE INTO hunts (id, org, spec, search, state, revision, condition_revision,
           round, offer, creator, created, started, ended, end_reason, ended_by)
         VALUES (:id, :org, :spec, :search, :state, :revision, :condition_revision, :round, :offer,
           :creator, :created, :started, :ended, :end_reason, :ended_by)",
    )?
    .execute(named_params! {
        ":id": blob(hunt.id.bits()),
        ":org": hunt.org.as_str(),
        ":spec": write_spec(spec),
        ":search": search.join("\n"),
        ":state": hunt.state.name(),
        ":revision": hunt.revision,
        ":condition_revision": hunt.condition_revision,
        ":round": hunt.round,
        ":offer": int(hunt.offer.0),
        ":creator": hunt.creator.to_string(),
        ":created": micros(hunt.created),
        ":started": hunt.started.map(micros),
        ":ended": ended.map(|(at, _, _)| micros(*at)),
        ":end_reason": ended.map(|(_, reason, _)| reason.name()),
        ":ended_by": ended.map(|(_, _, by)| by.to_string()),
    })?;
    Ok(())
}

fn summary(db: &Connection, hunt: Hunt) -> rusqlite::Result<HuntSummary> {
    let counts = members::counts(db, hunt.id, hunt.round)?;
    Ok(HuntSummary { hunt, counts })
}

/// The hunt with this id and its counts, which must be there.
pub(crate) fn wanted_summary(db: &Connection, id: HuntId) -> Done<HuntSummary> {
    let hunt = wanted(db, id)?;
    Ok(summary(db, hunt)?)
}

fn newest_offer(db: &Connection) -> rusqlite::Result<OfferSeq> {
    let mut statement = db.prepare_cached("SELECT newest FROM offers WHERE one = 1")?;
    statement.query_row([], |row| count(row, "newest")).map(OfferSeq)
}

fn take_offer(db: &Connection, now: Timestamp) -> rusqlite::Result<OfferSeq> {
    let next = newest_offer(db)?.next(now);
    db.prepare_cached("UPDATE offers SET newest = ?1 WHERE one = 1")?.execute([int(next.0)])?;
    Ok(next)
}

fn create(db: &Connection, new: &NewHunt) -> Done<Hunt> {
    if find(db, new.id)?.is_some() {
        return Err(StoreError::conflict(format!("a hunt {} exists already", new.id)).into());
    }
    let hunt = life::draft(new);
    write(db, &hunt)?;
    Ok(hunt)
}

fn edit(db: &Connection, edit: &HuntEdit) -> Done<Hunt> {
    let before = wanted(db, edit.id)?;
    let mut hunt = life::edited(&before, edit)?;
    if life::needs_offer_after_edit(&before, &hunt) {
        hunt.offer = take_offer(db, edit.now)?;
    }
    write(db, &hunt)?;
    Ok(hunt)
}

fn transition(db: &Connection, step: &HuntStep) -> Done<Transitioned> {
    let before = wanted(db, step.id)?;
    let mut hunt = life::moved(&before, step)?;
    if life::needs_offer_after_move(before.state, step.event) {
        hunt.offer = take_offer(db, step.now)?;
    }
    write(db, &hunt)?;
    let mut cancelled = Vec::new();
    match step.event {
        HuntEvent::Stop => {
            for queue in [MemberQueue::Pending, MemberQueue::Running] {
                for member in in_queue(db, &hunt, queue)? {
                    cancelled.extend(move_with_flow(db, &member, &MemberEvent::Cancel, step.now)?);
                }
            }
        }
        HuntEvent::Drain => {
            for member in in_queue(db, &hunt, MemberQueue::Pending)? {
                if is_stranded(&hunt, &member) {
                    cancelled.extend(move_with_flow(db, &member, &MemberEvent::Expire, step.now)?);
                }
            }
        }
        HuntEvent::Start
        | HuntEvent::Pause
        | HuntEvent::Resume
        | HuntEvent::Drained
        | HuntEvent::Archive => {}
    }
    Ok(Transitioned { hunt, cancelled })
}

fn in_queue(db: &Connection, hunt: &Hunt, queue: MemberQueue) -> rusqlite::Result<Vec<Member>> {
    let mut statement =
        db.prepare_cached("SELECT * FROM members WHERE hunt = ?1 AND round = ?2 AND queue = ?3")?;
    let values = params![blob(hunt.id.bits()), hunt.round, queue_number(queue)];
    all(statement.query_map(values, members::read)?)
}

/// Moves a member and its flow together. Gives the flow when its client is to be told.
pub(crate) fn move_with_flow(
    db: &Connection,
    member: &Member,
    event: &MemberEvent,
    now: Timestamp,
) -> rusqlite::Result<Option<(ClientId, FlowId)>> {
    let Some(moved) = member.on(event, now) else { return Ok(None) };
    members::write(db, Some(member), &moved)?;
    let flow_event = match event {
        MemberEvent::Cancel => FlowEvent::Cancel,
        MemberEvent::Expire => FlowEvent::Expire,
        MemberEvent::Admitted { .. } | MemberEvent::FlowEnded { .. } | MemberEvent::Retry => {
            return Ok(None);
        }
    };
    let Some(id) = member.flow else { return Ok(None) };
    let flow = flows_table::find(db, id)?;
    let Some(ended) = flow.and_then(|flow| after(&flow, &flow_event, false, now)) else {
        return Ok(None);
    };
    flows_table::update(db, &ended)?;
    Ok(Some((member.client, id)))
}

fn list(db: &Connection, query: &HuntList) -> Done<Page<HuntSummary>> {
    let mut wheres = "org = ?".to_owned();
    let mut values: Vec<Value> = vec![query.org.as_str().to_owned().into()];
    if let Some(text) = &query.text {
        wheres.push_str(" AND (holds('H.' || hex(id), ?) OR holds(search, ?))");
        values.extend(std::iter::repeat_n(Value::from(text.to_lowercase()), 2));
    }
    if query.states.is_empty() {
        wheres.push_str(" AND state <> 'archived'");
    } else {
        let marks = vec!["?"; query.states.len()].join(", ");
        wheres.push_str(&format!(" AND state IN ({marks})"));
        values.extend(query.states.iter().map(|state| Value::from((*state).to_owned())));
    }
    let total = db
        .prepare_cached(&format!("SELECT count(*) FROM hunts WHERE {wheres}"))?
        .query_row(params_from_iter(&values), only_count)?;
    let (limit, offset) = limit_offset(query.paging);
    values.extend([Value::from(limit), Value::from(offset)]);
    let mut statement = db.prepare_cached(&format!(
        "SELECT * FROM hunts WHERE {wheres} ORDER BY created DESC, id DESC LIMIT ? OFFSET ?"
    ))?;
    let hunts = all(statement.query_map(params_from_iter(&values), read)?)?;
    let items = all(hunts.into_iter().map(|hunt| summary(db, hunt)))?;
    Ok(Page { items, total })
}

fn active(db: &Connection) -> Done<ActiveHunts> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM hunts WHERE state IN ('running', 'paused', 'draining') ORDER BY offer, id",
    )?;
    let hunts = all(statement.query_map([], read)?)?;
    let hunts = all(hunts.into_iter().map(|hunt| summary(db, hunt)))?;
    Ok(ActiveHunts { hunts, newest: newest_offer(db)? })
}

#[async_trait]
impl HuntStore for SqliteStore {
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError> {
        let new = new.clone();
        self.write("write a new hunt", move |db| create(db, &new)).await
    }

    async fn edit(&self, change: &HuntEdit) -> Result<Hunt, StoreError> {
        let change = change.clone();
        self.write("edit a hunt", move |db| edit(db, &change)).await
    }

    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError> {
        let step = step.clone();
        self.write("move a hunt", move |db| transition(db, &step)).await
    }

    async fn get(&self, id: HuntId) -> Result<Option<HuntSummary>, StoreError> {
        self.look_up("read a hunt", |db| {
            Ok(find(db, id)?.map(|hunt| summary(db, hunt)).transpose()?)
        })
    }

    async fn list(&self, query: &HuntList) -> Result<Page<HuntSummary>, StoreError> {
        let query = query.clone();
        self.search("list hunts", move |db| list(db, &query)).await
    }

    async fn active(&self) -> Result<ActiveHunts, StoreError> {
        self.look_up("read the active hunts", active)
    }
}
