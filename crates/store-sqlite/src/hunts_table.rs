//! Hunts and the one record of offers.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::life::after;
use hunts::life;
use hunts::membership::{is_stranded, is_superseded};
use hunts::ports::{
    ActiveHunts, HuntEdit, HuntList, HuntStep, HuntStore, HuntSummary, NewHunt, Round, TagChange,
    Transitioned,
};
use model::bounds::Gate;
use model::flow::FlowEvent;
use model::hunt::{EndReason, Hunt, HuntEvent, HuntRevision, HuntState, OfferSeq, PauseReason};
use model::lineage::Lineage;
use model::member::{Member, MemberEvent, MemberQueue};
use model::org::Actor;
use model::store::{Page, Paging, StoreError};
use records::{queue_number, read_spec, write_spec};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params, params_from_iter};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, blob, count, int, limit_offset, micros, moment, moment_or_none, only_count,
    org, unreadable,
};
use crate::{flows_table, members, progress};

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Hunt> {
    let state = HuntState::from_name(row.get_ref("state")?.as_str()?);
    let ended = match moment_or_none(row, "ended")? {
        None => None,
        Some(at) => {
            let reason = EndReason::from_name(row.get_ref("end_reason")?.as_str()?);
            let by = Actor::parse(row.get_ref("ended_by")?.as_str()?);
            Some((at, reason.ok_or_else(|| unreadable("end of a hunt"))?, by))
        }
    };
    let paused = match moment_or_none(row, "paused")? {
        None => None,
        Some(at) => {
            let reason = PauseReason::from_name(row.get_ref("pause_reason")?.as_str()?);
            let by = Actor::parse(row.get_ref("paused_by")?.as_str()?);
            Some((at, reason.ok_or_else(|| unreadable("pause of a hunt"))?, by))
        }
    };
    let gate = Gate::from_name(row.get_ref("gate")?.as_str()?);
    let copied_from = match row.get::<_, Option<String>>("copied_from")? {
        None => None,
        Some(text) => Some(Lineage::parse(&text).ok_or_else(|| unreadable("origin of a hunt"))?),
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
        paused,
        gate: gate.ok_or_else(|| unreadable("gate of a hunt"))?,
        round_started: moment_or_none(row, "round_started")?,
        closed: moment_or_none(row, "closed")?,
        copied_from,
    })
}

/// The hunt with this id, unless it is deleted.
pub(crate) fn find(db: &Connection, id: HuntId) -> rusqlite::Result<Option<Hunt>> {
    db.prepare_cached("SELECT * FROM hunts WHERE id = ?1 AND deleted IS NULL")?
        .query_row([blob(id.bits())], read)
        .optional()
}

thread_local! {
    /// The hunt that was read last on this thread, with its columns: its spec may name thousands of
    /// clients, and thousands of decisions are about one hunt.
    static LAST: RefCell<Option<(Vec<Value>, Rc<Hunt>)>> = const { RefCell::new(None) };
}

/// The hunt with this id, understood anew only when its record is another than the last time.
pub(crate) fn find_shared(db: &Connection, id: HuntId) -> rusqlite::Result<Option<Rc<Hunt>>> {
    let look = |row: &Row<'_>| {
        let columns = row.as_ref().column_count();
        let same = |known: &[Value]| {
            known.len() == columns
                && known
                    .iter()
                    .enumerate()
                    .all(|(at, value)| row.get_ref(at).is_ok_and(|now| now == value.into()))
        };
        let known = LAST.with_borrow(|last| {
            last.as_ref().filter(|(known, _)| same(known)).map(|(_, hunt)| hunt.clone())
        });
        if let Some(hunt) = known {
            return Ok(hunt);
        }
        let values = (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
        let hunt = Rc::new(read(row)?);
        LAST.set(Some((values, hunt.clone())));
        Ok(hunt)
    };
    db.prepare_cached("SELECT * FROM hunts WHERE id = ?1 AND deleted IS NULL")?
        .query_row([blob(id.bits())], look)
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
    let (ended, paused) = (hunt.ended.as_ref(), hunt.paused.as_ref());
    db.prepare_cached(
        "INSERT OR REPLACE INTO hunts (id, org, spec, search, state, revision, condition_revision,
           round, offer, creator, created, started, ended, end_reason, ended_by, paused,
           pause_reason, paused_by, gate, round_started, closed, copied_from)
         VALUES (:id, :org, :spec, :search, :state, :revision, :condition_revision, :round, :offer,
           :creator, :created, :started, :ended, :end_reason, :ended_by, :paused,
           :pause_reason, :paused_by, :gate, :round_started, :closed, :copied_from)",
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
        ":paused": paused.map(|(at, _, _)| micros(*at)),
        ":pause_reason": paused.map(|(_, reason, _)| reason.name()),
        ":paused_by": paused.map(|(_, _, by)| by.to_string()),
        ":gate": hunt.gate.name(),
        ":round_started": hunt.round_started.map(micros),
        ":closed": hunt.closed.map(micros),
        ":copied_from": hunt.copied_from.map(|from| from.to_string()),
    })?;
    Ok(())
}

fn summary(db: &Connection, hunt: Hunt) -> rusqlite::Result<HuntSummary> {
    let counts = members::counts(db, hunt.id, hunt.round)?;
    let progress = progress::kept(db, &hunt)?;
    Ok(HuntSummary { hunt, counts, progress })
}

/// The hunt with this id and its counts, which must be there.
pub(crate) fn wanted_summary(db: &Connection, id: HuntId) -> Done<HuntSummary> {
    let hunt = wanted(db, id)?;
    Ok(summary(db, hunt)?)
}

/// Whether a hunt is in this round.
pub(crate) fn is_current(db: &Connection, id: HuntId, round: u32) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached("SELECT 1 FROM hunts WHERE id = ?1 AND round = ?2")?;
    statement.exists(params![blob(id.bits()), round])
}

fn write_revision(db: &Connection, hunt: HuntId, revision: &HuntRevision) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO hunt_revisions (hunt, revision, at, by, spec) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        blob(hunt.bits()),
        revision.revision,
        micros(revision.at),
        revision.by.to_string(),
        write_spec(&revision.spec),
    ])?;
    Ok(())
}

fn revisions(db: &Connection, hunt: HuntId) -> Done<Vec<HuntRevision>> {
    let mut statement =
        db.prepare_cached("SELECT * FROM hunt_revisions WHERE hunt = ?1 ORDER BY revision")?;
    Ok(all(statement.query_map([blob(hunt.bits())], |row| {
        let spec = read_spec(row.get_ref("spec")?.as_str()?);
        Ok(HuntRevision {
            revision: row.get("revision")?,
            at: moment(row, "at")?,
            by: Actor::parse(row.get_ref("by")?.as_str()?),
            spec: spec.map_err(|_| unreadable("spec of a revision"))?,
        })
    })?)?)
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
    let mut same = db.prepare_cached("SELECT 1 FROM hunts WHERE id = ?1")?;
    if same.exists([blob(new.id.bits())])? {
        return Err(StoreError::conflict(format!("a hunt {} exists already", new.id)).into());
    }
    let hunt = life::draft(new);
    write(db, &hunt)?;
    write_revision(db, hunt.id, &life::first_revision(new))?;
    Ok(hunt)
}

fn edit(db: &Connection, edit: &HuntEdit) -> Done<Hunt> {
    let before = wanted(db, edit.id)?;
    let mut hunt = life::edited(&before, edit)?;
    if life::needs_offer_after_edit(&before, &hunt) {
        hunt.offer = take_offer(db, edit.now)?;
    }
    write(db, &hunt)?;
    write_revision(db, hunt.id, &life::revision(&hunt, edit))?;
    Ok(hunt)
}

fn transition(db: &Connection, step: &HuntStep) -> Done<Transitioned> {
    let before = wanted(db, step.id)?;
    let mut hunt = life::moved(&before, step)?;
    if life::needs_offer_after_move(before.state, step.event) {
        hunt.offer = take_offer(db, step.now)?;
    }
    write(db, &hunt)?;
    if let HuntEvent::Start | HuntEvent::NextRound { .. } = step.event {
        progress::note_round(db, &hunt)?;
    }
    let mut cancelled = Vec::new();
    for (member, event) in moved_with(db, &hunt, step.event)? {
        cancelled.extend(move_with_flow(db, &member, &event, step.now)?);
    }
    Ok(Transitioned { hunt, cancelled })
}

/// The members that an event of their hunt moves. `hunt` is the hunt after it.
fn moved_with(
    db: &Connection,
    hunt: &Hunt,
    event: HuntEvent,
) -> rusqlite::Result<Vec<(Member, MemberEvent)>> {
    let (pending, running) = (MemberQueue::Pending, MemberQueue::Running);
    let mut moved = Vec::new();
    match event {
        HuntEvent::Stop => {
            for queue in [pending, running] {
                let all = in_queue(db, hunt, queue)?.into_iter();
                moved.extend(all.map(|member| (member, MemberEvent::Cancel)));
            }
        }
        HuntEvent::Drain | HuntEvent::Drained => {
            let stranded = in_queue(db, hunt, pending)?.into_iter();
            let stranded = stranded.filter(|member| is_stranded(hunt, member));
            moved.extend(stranded.map(|member| (member, MemberEvent::Expire)));
        }
        HuntEvent::NextRound { .. } => {
            for queue in [pending, running] {
                for member in in_queue(db, hunt, queue)? {
                    let flow = match member.flow {
                        Some(flow) => flows_table::find(db, flow)?,
                        None => None,
                    };
                    if is_superseded(hunt, &member, flow.as_ref()) {
                        moved.push((member, MemberEvent::Expire));
                    }
                }
            }
        }
        HuntEvent::Start
        | HuntEvent::Pause
        | HuntEvent::Resume
        | HuntEvent::Archive
        | HuntEvent::Widen
        | HuntEvent::CanaryFailed => {}
    }
    Ok(moved)
}

/// The members of all rounds that stand in a queue; looks only at rounds that have some.
fn in_queue(db: &Connection, hunt: &Hunt, queue: MemberQueue) -> rusqlite::Result<Vec<Member>> {
    let mut statement = db.prepare_cached(
        "SELECT members.* FROM member_counts
         JOIN members ON members.hunt = member_counts.hunt
           AND members.round = member_counts.round AND members.queue = member_counts.queue
         WHERE member_counts.hunt = ?1 AND member_counts.queue = ?2 AND member_counts.count > 0
         ORDER BY members.round, members.updated, members.client",
    )?;
    all(statement.query_map(params![blob(hunt.id.bits()), queue_number(queue)], members::read)?)
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
        MemberEvent::Admitted { .. }
        | MemberEvent::FlowEnded { .. }
        | MemberEvent::Withdraw
        | MemberEvent::Retry => return Ok(None),
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
    let mut wheres = "org = ? AND deleted IS NULL".to_owned();
    let mut values: Vec<Value> = vec![query.org.as_str().to_owned().into()];
    if let Some(text) = &query.text {
        wheres.push_str(" AND (holds('H.' || hex(id), ?) OR holds(search, ?))");
        values.extend(std::iter::repeat_n(Value::from(text.to_lowercase()), 2));
    }
    if let Some(tag) = &query.tag {
        wheres.push_str(" AND EXISTS (SELECT 1 FROM json_each(spec, '$.tags') WHERE value = ?)");
        values.push(tag.clone().into());
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

    async fn set_tags(&self, id: HuntId, change: &TagChange) -> Result<Hunt, StoreError> {
        let change = change.clone();
        self.write("tag a hunt", move |db| {
            let mut hunt = wanted(db, id)?;
            hunt.spec.tags = change.applied_to(&hunt.spec.tags);
            write(db, &hunt)?;
            Ok(hunt)
        })
        .await
    }

    async fn active(&self) -> Result<ActiveHunts, StoreError> {
        self.look_up("read the active hunts", active)
    }
    async fn revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError> {
        self.look_up("read a hunt's revisions", |db| revisions(db, id))
    }

    async fn rounds(&self, id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError> {
        self.search("list a hunt's rounds", move |db| progress::rounds(db, id, paging)).await
    }
}
