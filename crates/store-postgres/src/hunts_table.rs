//! Hunts and the one record of offers.
//!
//! # Who waits for whom
//!
//! Each hunt has a lock of its own ([`lock_alone`], [`lock_shared`]), an advisory one of the database:
//! it is fair, so that a person who stops a hunt waits only for the decisions under way, however many
//! more are coming, and it costs no write. Whoever changes a hunt holds it alone; decisions and
//! admissions share it. Behind it flows are locked, then members, then counters, offers last.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use hunts::life;
use hunts::membership::{is_stranded, is_superseded};
use hunts::ports::{
    ActiveHunts, HuntEdit, HuntList, HuntStep, HuntStore, HuntSummary, NewHunt, Progress, Round,
    TagChange, Transitioned,
};
use model::bounds::{Gate, Spent};
use model::flow::Flow;
use model::hunt::{EndReason, Hunt, HuntEvent, HuntRevision, HuntState, OfferSeq, PauseReason};
use model::lineage::Lineage;
use model::member::{Member, MemberEvent, MemberQueue};
use model::org::Actor;
use model::store::{Page, Paging, StoreError};
use records::{queue_number, read_spec, write_spec};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::{Bound, Filter};
use crate::flows_table::{FLOW, FLOWS};
use crate::joint::Joint;
use crate::members_write::{MEMBER, read_member, read_sums};
use crate::roster;
use crate::transaction::{Lent, Question};
use crate::values::{Id, int, moment, one, text};

/// The columns of a hunt, in the order of [`hunt_of`].
pub(crate) const HUNT: &str = "h.id, h.org, h.spec, h.state, h.revision, h.condition_revision, \
    h.round, h.offer, h.creator, h.created, h.started, h.ended, h.end_reason, h.ended_by, \
    h.paused, h.pause_reason, h.paused_by, h.gate, h.round_started, h.closed, h.copied_from";

/// Reads a hunt.
pub(crate) fn hunt_of(row: &mut Columns<'_>) -> Done<Hunt> {
    Ok(Hunt {
        id: HuntId::from_bits(row.bits()?),
        org: row.org()?,
        spec: row.word("spec of a hunt", |json| read_spec(json).ok())?,
        state: row.word("state of a hunt", HuntState::from_name)?,
        revision: row.small()?,
        condition_revision: row.small()?,
        round: row.small()?,
        offer: OfferSeq(row.count()?),
        creator: row.actor()?,
        created: row.moment()?,
        started: row.moment_or_none()?,
        ended: how(row, "end of a hunt", EndReason::from_name)?,
        paused: how(row, "pause of a hunt", PauseReason::from_name)?,
        gate: row.word("gate of a hunt", Gate::from_name)?,
        round_started: row.moment_or_none()?,
        closed: row.moment_or_none()?,
        copied_from: match row.take::<Option<&str>>()? {
            None => None,
            Some(text) => {
                Some(Lineage::parse(text).ok_or(Failure::Unreadable("origin of a hunt"))?)
            }
        },
    })
}

/// When something happened to a hunt, why, and by whom.
fn how<R>(
    row: &mut Columns<'_>,
    what: &'static str,
    parse: impl FnOnce(&str) -> Option<R>,
) -> Done<Option<(Timestamp, R, Actor)>> {
    let (at, why) = (row.moment_or_none()?, row.take::<Option<&str>>()?);
    let by: Option<&str> = row.take()?;
    let (Some(at), Some(why), Some(by)) = (at, why, by) else { return Ok(None) };
    let why = parse(why).ok_or(Failure::Unreadable(what))?;
    Ok(Some((at, why, Actor::parse(by))))
}

/// Reads a hunt and its sums.
pub(crate) fn read_summary(row: &Row) -> Done<HuntSummary> {
    let mut row = Columns::of(row);
    summary_of(&mut row)
}

fn summary_of(row: &mut Columns<'_>) -> Done<HuntSummary> {
    let counts = read_sums(row)?;
    let progress = read_progress(row)?;
    Ok(HuntSummary { counts, progress, hunt: hunt_of(row)? })
}

/// Reads what a hunt has done and used.
pub(crate) fn read_progress(row: &mut Columns<'_>) -> Done<Progress> {
    Ok(Progress {
        admitted: row.count()?,
        retrying: row.count()?,
        running_before: row.count()?,
        spent: Spent {
            rows: row.count()?,
            uploads: row.count()?,
            upload_bytes: row.count()?,
            cpu_millis: row.count()?,
        },
    })
}

/// Hunts with the sums of their current round and of what they have used. One record of sums for each
/// hunt, also when it has no members.
const COUNTED: &str = "hunts h CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.q0), 0)::bigint AS q0, coalesce(sum(c.q1), 0)::bigint AS q1,
        coalesce(sum(c.q2), 0)::bigint AS q2, coalesce(sum(c.q3), 0)::bigint AS q3,
        coalesce(sum(c.q4), 0)::bigint AS q4, coalesce(sum(c.q5), 0)::bigint AS q5,
        coalesce(sum(c.q6), 0)::bigint AS q6, coalesce(sum(c.q7), 0)::bigint AS q7,
        coalesce(sum(c.admitted), 0)::bigint AS admitted,
        coalesce(sum(c.retrying), 0)::bigint AS retrying
    FROM member_counts c WHERE c.hunt = h.id AND c.round = h.round) n
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.q2), 0)::bigint AS running_before FROM member_counts c
    WHERE h.round > 1 AND c.hunt = h.id AND c.round > 0 AND c.round < h.round) b
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.rows), 0)::bigint AS rows,
        coalesce(sum(c.uploads), 0)::bigint AS uploads,
        coalesce(sum(c.upload_bytes), 0)::bigint AS upload_bytes,
        coalesce(sum(c.cpu_millis), 0)::bigint AS cpu_millis
    FROM member_counts c WHERE c.hunt = h.id AND c.round = 0) u";

/// The sums of [`COUNTED`], in the order in which [`summary_of`] reads them.
const SUMS: &str = "n.q0, n.q1, n.q2, n.q3, n.q4, n.q5, n.q6, n.q7, n.admitted, n.retrying, \
    b.running_before, u.rows, u.uploads, u.upload_bytes, u.cpu_millis";

/// These hunts with their sums.
pub(crate) fn find_summaries(hunts: &BTreeSet<HuntId>) -> Question {
    let ids: Vec<Id> = hunts.iter().map(|hunt| Id(hunt.bits())).collect();
    let sql =
        format!("SELECT {SUMS}, {HUNT} FROM {COUNTED} WHERE h.id = ANY($1) AND h.deleted IS NULL");
    Question::new(sql, vec![one(ids)])
}

/// The lock of a hunt.
fn lock_number(hunt: HuntId) -> i64 {
    let bits = hunt.bits();
    ((bits >> 64) as u64 ^ bits as u64).cast_signed()
}

/// Nobody else decides about this hunt until the end of the transaction.
pub(crate) fn lock_alone(hunt: HuntId) -> Question {
    Question::new("SELECT 1 FROM pg_advisory_xact_lock($1)", vec![one(lock_number(hunt))])
}

/// Nobody changes these hunts until the end of the transaction.
pub(crate) fn lock_shared(hunts: &BTreeSet<HuntId>) -> Question {
    // In one order, so that nobody waits in a circle.
    let numbers: BTreeSet<i64> = hunts.iter().map(|hunt| lock_number(*hunt)).collect();
    let numbers: Vec<i64> = numbers.into_iter().collect();
    let sql = "SELECT pg_advisory_xact_lock_shared(x) IS NULL FROM unnest($1::bigint[]) x";
    Question::new(sql, vec![one(numbers)])
}

/// These hunts, without those that are deleted.
pub(crate) fn find_all(hunts: &BTreeSet<HuntId>) -> Question {
    let ids: Vec<Id> = hunts.iter().map(|hunt| Id(hunt.bits())).collect();
    let sql = format!("SELECT {HUNT} FROM hunts h WHERE h.id = ANY($1) AND h.deleted IS NULL");
    Question::new(sql, vec![one(ids)])
}

/// Reads hunts as [`find_all`] finds them.
pub(crate) fn read_hunt(row: &Row) -> Done<Hunt> {
    hunt_of(&mut Columns::of(row))
}

/// That there is no such hunt.
pub(crate) fn unknown(hunt: HuntId) -> StoreError {
    StoreError::not_found(format!("hunt {hunt}"))
}

fn values_of(hunt: &Hunt) -> Vec<Bound> {
    let spec = &hunt.spec;
    let artifacts = spec.artifacts.iter().map(|call| call.name.as_str());
    let search: Vec<&str> =
        [spec.name.as_str(), spec.description.as_str()].into_iter().chain(artifacts).collect();
    let (ended, paused) = (hunt.ended.as_ref(), hunt.paused.as_ref());
    vec![
        one(Id(hunt.id.bits())),
        text(hunt.org.as_str()),
        // JSON has no NUL in it.
        one(write_spec(spec)),
        text(&search.join("\n").to_lowercase()),
        text(hunt.state.name()),
        one(i64::from(hunt.revision)),
        one(i64::from(hunt.condition_revision)),
        one(i64::from(hunt.round)),
        one(int(hunt.offer.0)),
        text(&hunt.creator.to_string()),
        moment(hunt.created),
        one(hunt.started.map(Timestamp::as_micros)),
        one(ended.map(|(at, _, _)| at.as_micros())),
        one(ended.map(|(_, reason, _)| reason.name())),
        one(ended.map(|(_, _, by)| clean(&by.to_string()))),
        one(paused.map(|(at, _, _)| at.as_micros())),
        one(paused.map(|(_, reason, _)| reason.name())),
        one(paused.map(|(_, _, by)| clean(&by.to_string()))),
        one(hunt.gate.name()),
        one(hunt.round_started.map(Timestamp::as_micros)),
        one(hunt.closed.map(Timestamp::as_micros)),
        one(hunt.copied_from.map(|from| from.to_string())),
    ]
}

/// A hunt and its first revision; nothing of either when there is such a hunt.
const INSERT: &str = "WITH new AS (
        INSERT INTO hunts (id, org, spec, search, state, revision, condition_revision, round, offer,
            creator, created, started, ended, end_reason, ended_by, paused, pause_reason,
            paused_by, gate, round_started, closed, copied_from)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22)
        ON CONFLICT (id) DO NOTHING RETURNING id, revision, spec)
    INSERT INTO hunt_revisions (hunt, revision, at, by, spec)
    SELECT id, revision, $23, $24, spec FROM new";

const UPDATE: &str = "UPDATE hunts SET org = $2, spec = $3, search = $4, state = $5, revision = $6,
        condition_revision = $7, round = $8, offer = $9, creator = $10, created = $11,
        started = $12, ended = $13, end_reason = $14, ended_by = $15, paused = $16,
        pause_reason = $17, paused_by = $18, gate = $19, round_started = $20, closed = $21,
        copied_from = $22
    WHERE id = $1";

/// Writes a hunt that is there.
pub(crate) fn update(hunt: &Hunt) -> Question {
    Question::new(UPDATE, values_of(hunt))
}

/// Takes the next offer. From here to the commit no other transaction takes one, so that the order of
/// offers is the order of commits.
async fn take_offer(lent: &Lent, now: Timestamp) -> Done<(OfferSeq, Question)> {
    let newest = Question::new("SELECT newest FROM offers WHERE one FOR UPDATE", vec![]);
    let rows = lent.ask(vec![newest]).await?;
    let row = rows.iter().flatten().next().ok_or(Failure::Unreadable("record of offers"))?;
    let next = OfferSeq(Columns::of(row).count()?).next(now);
    let write = "UPDATE offers SET newest = $1 WHERE one";
    Ok((next, Question::new(write, vec![one(int(next.0))])))
}

async fn edit(lent: Lent, edit: &HuntEdit) -> Done<Hunt> {
    let only = BTreeSet::from([edit.id]);
    let found = lent.begin(vec![lock_alone(edit.id), find_all(&only)]).await?;
    let Some(row) = found.get(1).and_then(|rows| rows.first()) else {
        return lent.refuse(unknown(edit.id)).await;
    };
    let before = read_hunt(row)?;
    let mut hunt = match life::edited(&before, edit) {
        Ok(hunt) => hunt,
        Err(why) => return lent.refuse(why).await,
    };
    let mut writes = Vec::new();
    if life::needs_offer_after_edit(&before, &hunt) {
        let (offer, write) = take_offer(&lent, edit.now).await?;
        hunt.offer = offer;
        writes.push(write);
    }
    writes.push(update(&hunt));
    let revision = life::revision(&hunt, edit);
    let sql = "INSERT INTO hunt_revisions (hunt, revision, at, by, spec)
        VALUES ($1, $2, $3, $4, $5)";
    let values = vec![
        one(Id(hunt.id.bits())),
        one(i64::from(revision.revision)),
        moment(revision.at),
        text(&revision.by.to_string()),
        one(write_spec(&revision.spec)),
    ];
    writes.push(Question::new(sql, values));
    lent.commit(writes).await?;
    Ok(hunt)
}

/// Flows of members of all rounds that stand in these queues, and then the members, locked in the order
/// of their keys. Nobody can join them: the hunt is locked. Only rounds that have some are looked at.
fn lock_queues(hunt: HuntId, queues: &[MemberQueue]) -> Vec<Question> {
    let values = || {
        let queues: Vec<i64> = queues.iter().map(|queue| queue_number(*queue)).collect();
        vec![one(Id(hunt.bits())), one(queues)]
    };
    let of_queues = "m.hunt = $1 AND m.queue = ANY($2) AND m.round = ANY(ARRAY(
        SELECT n.round FROM member_counts n WHERE n.hunt = $1 GROUP BY n.round
        HAVING sum(n.q1) + sum(n.q2) > 0))";
    let flows = format!(
        "SELECT {FLOW} FROM {FLOWS} WHERE f.id IN
             (SELECT m.flow FROM members m WHERE {of_queues} AND m.flow IS NOT NULL)
         ORDER BY f.id FOR NO KEY UPDATE OF f"
    );
    let members = format!(
        "SELECT {MEMBER} FROM members m WHERE {of_queues}
         ORDER BY m.hunt, m.round, m.client FOR NO KEY UPDATE"
    );
    vec![Question::new(flows, values()), Question::new(members, values())]
}

/// In which queues an event of a hunt may move members.
fn queues_of(event: HuntEvent) -> &'static [MemberQueue] {
    match event {
        HuntEvent::Stop | HuntEvent::NextRound { .. } => {
            &[MemberQueue::Pending, MemberQueue::Running]
        }
        HuntEvent::Drain | HuntEvent::Drained => &[MemberQueue::Pending],
        HuntEvent::Start
        | HuntEvent::Pause
        | HuntEvent::Resume
        | HuntEvent::Archive
        | HuntEvent::Widen
        | HuntEvent::CanaryFailed => &[],
    }
}

/// How an event of a hunt moves a member. `hunt` is the hunt after it.
fn moves_with(
    hunt: &Hunt,
    event: HuntEvent,
    (member, flow): (&Member, Option<&Flow>),
) -> Option<MemberEvent> {
    match event {
        HuntEvent::Stop => Some(MemberEvent::Cancel),
        HuntEvent::Drain | HuntEvent::Drained => {
            is_stranded(hunt, member).then_some(MemberEvent::Expire)
        }
        HuntEvent::NextRound { .. } => {
            is_superseded(hunt, member, flow).then_some(MemberEvent::Expire)
        }
        HuntEvent::Start
        | HuntEvent::Pause
        | HuntEvent::Resume
        | HuntEvent::Archive
        | HuntEvent::Widen
        | HuntEvent::CanaryFailed => None,
    }
}

async fn transition(lent: Lent, step: &HuntStep) -> Done<Transitioned> {
    let queues = queues_of(step.event);
    let only = BTreeSet::from([step.id]);
    let mut questions = vec![lock_alone(step.id), find_all(&only)];
    if !queues.is_empty() {
        questions.extend(lock_queues(step.id, queues));
    }
    let mut found = lent.begin(questions).await?.into_iter().skip(1);
    let hunts = found.next().unwrap_or_default();
    let Some(row) = hunts.first() else { return lent.refuse(unknown(step.id)).await };
    let before = read_hunt(row)?;
    let mut hunt = match life::moved(&before, step) {
        Ok(hunt) => hunt,
        Err(why) => return lent.refuse(why).await,
    };
    let flows = found.next().unwrap_or_default();
    let members = found.next().unwrap_or_default();
    let members = members.iter().map(read_member).collect::<Done<Vec<Member>>>()?;
    let mut joint = Joint::of(&flows, members.clone())?;
    let mut cancelled = Vec::new();
    for member in &members {
        let with = (member, joint.flow(member.flow));
        if let Some(event) = moves_with(&hunt, step.event, with) {
            cancelled.extend(joint.move_both(member, &event, step.now));
        }
    }
    let mut writes = joint.writes();
    if let (HuntEvent::Start | HuntEvent::NextRound { .. }, Some(tick)) =
        (step.event, hunt.round_started)
    {
        let begun = "INSERT INTO rounds (hunt, round, tick) VALUES ($1, $2, $3)
            ON CONFLICT (hunt, round) DO UPDATE SET tick = EXCLUDED.tick";
        let values = vec![one(Id(hunt.id.bits())), one(i64::from(hunt.round)), moment(tick)];
        writes.push(Question::new(begun, values));
    }
    if life::needs_offer_after_move(before.state, step.event) {
        let (offer, write) = take_offer(&lent, step.now).await?;
        hunt.offer = offer;
        writes.push(write);
    }
    writes.push(update(&hunt));
    lent.commit(writes).await?;
    Ok(Transitioned { hunt, cancelled })
}

fn conditions(query: &HuntList) -> Filter {
    let mut filter = Filter::default();
    filter.and_text("h.org = ?", Some(query.org.as_str()));
    filter.and("h.deleted IS NULL", []);
    if let Some(tag) = &query.tag {
        let tagged = "EXISTS (SELECT FROM json_array_elements_text(h.spec::json -> 'tags') t
            WHERE t = ?)";
        filter.and(tagged, [text(tag)]);
    }
    if let Some(wanted) = &query.text {
        let wanted = clean(&wanted.to_lowercase());
        filter.and(
            "(strpos('h.' || encode(h.id, 'hex'), ?) > 0 OR strpos(h.search, ?) > 0)",
            [one(wanted.clone()), one(wanted)],
        );
    }
    if query.states.is_empty() {
        filter.and("h.state <> 'archived'", []);
    } else {
        filter.one_of("h.state", query.states.iter().copied());
    }
    filter
}

#[async_trait]
impl HuntStore for RecordStore {
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError> {
        let hunt = life::draft(new);
        let mut values = values_of(&hunt);
        let first = life::first_revision(new);
        values.extend([moment(first.at), text(&first.by.to_string())]);
        let write = Question::new(INSERT, values);
        match self.write_one("write a new hunt", write).await? {
            0 => Err(StoreError::conflict(format!("a hunt {} exists already", new.id))),
            _ => Ok(hunt),
        }
    }

    async fn edit(&self, change: &HuntEdit) -> Result<Hunt, StoreError> {
        self.step("edit a hunt", |lent| edit(lent, change)).await
    }

    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError> {
        self.step("move a hunt", |lent| transition(lent, step)).await
    }

    async fn get(&self, id: HuntId) -> Result<Option<HuntSummary>, StoreError> {
        let find = find_summaries(&BTreeSet::from([id]));
        self.read("read a hunt", |db| async move {
            find.rows(&db).await?.first().map(read_summary).transpose()
        })
        .await
    }

    async fn list(&self, query: &HuntList) -> Result<Page<HuntSummary>, StoreError> {
        let columns = format!("{SUMS}, {HUNT}");
        let order = "h.created DESC, h.id DESC";
        self.read("list hunts", |db| async move {
            conditions(query)
                .page(&db, [&columns, COUNTED, order], query.paging, read_summary)
                .await
        })
        .await
    }

    async fn set_tags(&self, id: HuntId, change: &TagChange) -> Result<Hunt, StoreError> {
        self.step("tag a hunt", |lent| roster::set_tags(lent, id, change)).await
    }

    async fn active(&self) -> Result<ActiveHunts, StoreError> {
        // One statement sees one state of everything.
        let sql = format!(
            "SELECT o.newest, {SUMS}, {HUNT} FROM offers o
             LEFT JOIN ({COUNTED}) ON h.state IN ('running', 'paused', 'draining')
             ORDER BY h.offer, h.id"
        );
        let find = Question::new(sql, vec![]);
        self.read("read the active hunts", |db| async move {
            let mut active = ActiveHunts::default();
            for row in &find.rows(&db).await? {
                let mut row = Columns::of(row);
                active.newest = OfferSeq(row.count()?);
                if !row.is_nothing() {
                    active.hunts.push(summary_of(&mut row)?);
                }
            }
            Ok(active)
        })
        .await
    }

    async fn revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError> {
        self.list_revisions(id).await
    }

    async fn rounds(&self, id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError> {
        self.list_rounds(id, paging).await
    }
}
