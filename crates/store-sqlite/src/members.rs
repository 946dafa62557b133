//! Members, their counters and the results queue.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::ports::FlowStep;
use hunts::membership::{Settled, after_flow, settle};
use hunts::ports::{
    Decided, Decision, MemberKey, MemberList, MemberSort, MemberStore, Progress, ResultPointer,
};
use model::flow::{Flow, FlowYield};
use model::hunt::QueueCounts;
use model::member::{Hand, Member, MemberQueue, MemberState, Refusal};
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;
use records::{hand_number, hand_of, queue_number, queue_of};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, bits_or_none, blob, count, failure, flow_yield, int, limit_offset, micros,
    moment, moment_or_none, only_count, unreadable,
};
use crate::{hunts_table, progress};

/// Reads a member.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Member> {
    let state = match queue_of(row.get("queue")?) {
        Some(MemberQueue::Refused) => {
            let class = row.get_ref("class")?.as_str()?;
            let refusal = Refusal::from_class(class, row.get_ref("detail")?.as_str()?);
            MemberState::Refused(refusal.ok_or_else(|| unreadable("refusal"))?)
        }
        Some(MemberQueue::Pending) => MemberState::Pending,
        Some(MemberQueue::Running) => MemberState::Running,
        Some(MemberQueue::Completed) => MemberState::Completed,
        Some(MemberQueue::Results) => MemberState::Results(flow_yield(row)?),
        Some(MemberQueue::Failed) => MemberState::Failed(failure(row)?),
        Some(MemberQueue::Cancelled) => MemberState::Cancelled,
        Some(MemberQueue::Expired) => MemberState::Expired,
        None => return Err(unreadable("queue")),
    };
    Ok(Member {
        hunt: HuntId::from_bits(bits(row, "hunt")?),
        round: row.get("round")?,
        client: ClientId::from_bits(bits(row, "client")?),
        state,
        revision: row.get("revision")?,
        recheck: count(row, "recheck")?,
        attempt: row.get("attempt")?,
        flow: bits_or_none(row, "flow")?.map(FlowId::from_bits),
        decided: moment(row, "decided")?,
        admitted: moment_or_none(row, "admitted")?,
        updated: moment(row, "updated")?,
        hand: hand_of(row.get("hand")?).ok_or_else(|| unreadable("hand"))?,
    })
}

/// [`Member::reason`] for a member in columns; for searches.
pub(crate) fn reason_of_columns(
    (queue, hand): (i64, i64),
    class: &str,
    detail: &str,
    (rows, uploads): (i64, i64),
) -> String {
    let with_detail =
        if detail.is_empty() { class.to_owned() } else { format!("{class}: {detail}") };
    let brought = || FlowYield {
        rows: u64::try_from(rows).unwrap_or(0),
        uploads: u64::try_from(uploads).unwrap_or(0),
        ..FlowYield::default()
    };
    match queue_of(queue) {
        Some(MemberQueue::Refused | MemberQueue::Failed) | None => with_detail,
        Some(MemberQueue::Pending) if hand == 1 => Hand::Added.reason(&MemberState::Pending),
        Some(MemberQueue::Cancelled) if hand == 2 => Hand::Removed.reason(&MemberState::Cancelled),
        Some(MemberQueue::Pending) => MemberState::Pending.reason(),
        Some(MemberQueue::Running) => MemberState::Running.reason(),
        Some(MemberQueue::Completed) => MemberState::Completed.reason(),
        Some(MemberQueue::Results) => MemberState::Results(brought()).reason(),
        Some(MemberQueue::Cancelled) => MemberState::Cancelled.reason(),
        Some(MemberQueue::Expired) => MemberState::Expired.reason(),
    }
}

/// The member with this key.
pub(crate) fn find(db: &Connection, key: MemberKey) -> rusqlite::Result<Option<Member>> {
    db.prepare_cached("SELECT * FROM members WHERE hunt = ?1 AND round = ?2 AND client = ?3")?
        .query_row(params![blob(key.hunt.bits()), key.round, blob(key.client.bits())], read)
        .optional()
}

/// The one place where a member's record and the counters are written. `before` is the record that
/// is there.
pub(crate) fn write(
    db: &Connection,
    before: Option<&Member>,
    member: &Member,
) -> rusqlite::Result<()> {
    write_row(db, before.is_some(), member)?;
    let hunt = blob(member.hunt.bits());
    let (from, to) = (before.map(|before| before.state.queue()), member.state.queue());
    if from != Some(to) {
        let steps = from.map(|from| (from, -1)).into_iter().chain([(to, 1)]);
        for (queue, step) in steps {
            db.prepare_cached(
                "INSERT INTO member_counts (hunt, round, queue, count) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET count = count + ?4",
            )?
            .execute(params![hunt, member.round, queue_number(queue), step])?;
        }
    }
    progress::note_member(db, before, member)?;
    if let (MemberState::Results(_), Some(flow)) = (&member.state, member.flow) {
        db.prepare_cached(
            "INSERT INTO results_queue (hunt, round, client, flow, attempt, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            hunt,
            member.round,
            blob(member.client.bits()),
            blob(flow.bits()),
            member.attempt,
            micros(member.updated),
        ])?;
    }
    Ok(())
}

fn write_row(db: &Connection, is_there: bool, member: &Member) -> rusqlite::Result<()> {
    let none = FlowYield::default();
    let (class, detail, brought) = match &member.state {
        MemberState::Refused(refusal) => (refusal.class(), refusal.detail(), &none),
        MemberState::Failed(failure) => (failure.class(), failure.detail(), &none),
        MemberState::Results(brought) => ("", "", brought),
        MemberState::Pending
        | MemberState::Running
        | MemberState::Completed
        | MemberState::Cancelled
        | MemberState::Expired => ("", "", &none),
    };
    let hunt = blob(member.hunt.bits());
    // An update of a record that is there leaves alone what does not change: its key, and with that
    // most of its indexes.
    let sql = match is_there {
        false => {
            "INSERT INTO members (queue, class, detail, rows, uploads, upload_bytes, cpu_millis,
               revision, recheck, attempt, flow, decided, admitted, updated, hunt, round, client,
               hand)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
               ?18)"
        }
        true => {
            "UPDATE members SET queue = ?1, class = ?2, detail = ?3, rows = ?4, uploads = ?5,
               upload_bytes = ?6, cpu_millis = ?7, revision = ?8, recheck = ?9, attempt = ?10,
               flow = ?11, decided = ?12, admitted = ?13, updated = ?14, hand = ?18
             WHERE hunt = ?15 AND round = ?16 AND client = ?17"
        }
    };
    db.prepare_cached(sql)?.execute(params![
        queue_number(member.state.queue()),
        class,
        detail,
        int(brought.rows),
        int(brought.uploads),
        int(brought.upload_bytes),
        int(brought.cpu_millis),
        member.revision,
        int(member.recheck),
        member.attempt,
        member.flow.map(|flow| blob(flow.bits())),
        micros(member.decided),
        member.admitted.map(micros),
        micros(member.updated),
        hunt,
        member.round,
        blob(member.client.bits()),
        hand_number(member.hand),
    ])?;
    Ok(())
}

/// Moves the member of a flow that has moved, in the flow's transaction.
pub(crate) fn follow_flow(
    db: &Connection,
    (hunt, round): (HuntId, u32),
    flow: &Flow,
    step: &FlowStep,
) -> rusqlite::Result<()> {
    if !flow.life.is_over() {
        return Ok(());
    }
    let key = MemberKey { hunt, round, client: flow.client };
    let Some(member) = find(db, key)? else { return Ok(()) };
    let retry = step.retry && hunts_table::is_current(db, hunt, round)?;
    match after_flow(&member, flow, retry, step.now) {
        Some(moved) => write(db, Some(&member), &moved),
        None => Ok(()),
    }
}

/// The counters of a round.
pub(crate) fn counts(db: &Connection, hunt: HuntId, round: u32) -> rusqlite::Result<QueueCounts> {
    let sql = "SELECT queue, count FROM member_counts WHERE hunt = ?1 AND round = ?2";
    counts_by(db, sql, hunt, round)
}

fn counts_by(
    db: &Connection,
    sql: &str,
    hunt: HuntId,
    round: u32,
) -> rusqlite::Result<QueueCounts> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![blob(hunt.bits()), round])?;
    let mut counts = QueueCounts::default();
    while let Some(row) = rows.next()? {
        let queue = queue_of(row.get("queue")?).ok_or_else(|| unreadable("queue"))?;
        *counts.of_mut(queue) = count(row, "count")?;
    }
    Ok(counts)
}

fn decide(db: &Connection, decisions: &[Decision], now: Timestamp) -> Done<Vec<Decided>> {
    let mut outcomes = Vec::with_capacity(decisions.len());
    for decision in decisions {
        let key = decision.key;
        let Some(hunt) = hunts_table::find_shared(db, key.hunt)? else {
            outcomes.push(Decided::Closed);
            continue;
        };
        // Counters are read only where they decide something.
        let recruited = match hunt.spec.limits.clients_max {
            0 => 0,
            _ => counts(db, hunt.id, hunt.round)?.recruited(),
        };
        let existing = find(db, key)?;
        outcomes.push(match settle(&hunt, existing.as_ref(), decision, recruited, now) {
            Settled::Keep => Decided::Known,
            Settled::Superseded => Decided::Superseded,
            Settled::Closed => Decided::Closed,
            Settled::Write(member) => {
                write(db, existing.as_ref(), &member)?;
                Decided::Recorded(member.state.queue())
            }
        });
    }
    Ok(outcomes)
}

fn list(db: &Connection, query: &MemberList) -> Done<Page<Member>> {
    let mut wheres = "members.hunt = ? AND members.round = ?".to_owned();
    let mut values: Vec<Value> =
        vec![blob(query.hunt.bits()).to_vec().into(), i64::from(query.round).into()];
    if let Some(queue) = query.queue {
        wheres.push_str(" AND members.queue = ?");
        values.push(queue_number(queue).into());
    }
    if let Some(text) = &query.text {
        wheres.push_str(
            " AND (holds('C.' || hex(members.client), ?) OR holds(clients.hostname, ?)
               OR holds(reason(queue, hand, class, detail, rows, uploads), ?))",
        );
        values.extend(std::iter::repeat_n(Value::from(text.to_lowercase()), 3));
    }
    let from = "FROM members LEFT JOIN clients ON clients.id = members.client";
    let total = db
        .prepare_cached(&format!("SELECT count(*) {from} WHERE {wheres}"))?
        .query_row(params_from_iter(&values), only_count)?;
    let order = match query.sort {
        MemberSort::Hostname => "ifnull(clients.hostname, '')",
        MemberSort::Queue => "members.queue",
        MemberSort::Decided => "members.decided",
        MemberSort::Updated => "members.updated",
    };
    let direction = if query.descending { "DESC" } else { "ASC" };
    let (limit, offset) = limit_offset(query.paging);
    values.extend([Value::from(limit), Value::from(offset)]);
    let mut statement = db.prepare_cached(&format!(
        "SELECT members.* {from} WHERE {wheres}
         ORDER BY {order} {direction}, members.client LIMIT ? OFFSET ?"
    ))?;
    let items = all(statement.query_map(params_from_iter(&values), read)?)?;
    Ok(Page { items, total })
}

fn of_client(db: &Connection, client: ClientId, paging: Paging) -> Done<Page<Member>> {
    let client = blob(client.bits());
    let total = db
        .prepare_cached("SELECT count(*) FROM members WHERE client = ?1")?
        .query_row([client], only_count)?;
    let (limit, offset) = limit_offset(paging);
    let mut statement = db.prepare_cached(
        "SELECT * FROM members WHERE client = ?1 ORDER BY hunt DESC, round DESC LIMIT ?2 OFFSET ?3",
    )?;
    let items = all(statement.query_map(params![client, limit, offset], read)?)?;
    Ok(Page { items, total })
}

fn results_queue(
    db: &Connection,
    (hunt, round): (HuntId, u32),
    paging: Paging,
) -> Done<Page<ResultPointer>> {
    let hunt = blob(hunt.bits());
    let total = db
        .prepare_cached("SELECT count(*) FROM results_queue WHERE hunt = ?1 AND round = ?2")?
        .query_row(params![hunt, round], only_count)?;
    let (limit, offset) = limit_offset(paging);
    let mut statement = db.prepare_cached(
        "SELECT * FROM results_queue WHERE hunt = ?1 AND round = ?2 ORDER BY seq
         LIMIT ?3 OFFSET ?4",
    )?;
    let items = all(statement.query_map(params![hunt, round, limit, offset], |row| {
        Ok(ResultPointer {
            client: ClientId::from_bits(bits(row, "client")?),
            flow: FlowId::from_bits(bits(row, "flow")?),
            attempt: row.get("attempt")?,
            at: moment(row, "at")?,
        })
    })?)?;
    Ok(Page { items, total })
}

#[async_trait]
impl MemberStore for SqliteStore {
    async fn decide(
        &self,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        let decisions = decisions.to_vec();
        self.write_again("record the answers of a check", move |db| decide(db, &decisions, now))
            .await
    }

    async fn member(&self, key: MemberKey) -> Result<Option<Member>, StoreError> {
        self.look_up("read a member", |db| Ok(find(db, key)?))
    }

    async fn members(&self, query: &MemberList) -> Result<Page<Member>, StoreError> {
        let query = query.clone();
        self.search("list members", move |db| list(db, &query)).await
    }

    async fn of_client(
        &self,
        client: ClientId,
        paging: Paging,
    ) -> Result<Page<Member>, StoreError> {
        self.search("list a client's hunts", move |db| of_client(db, client, paging)).await
    }

    async fn counts(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        self.look_up("read a hunt's counters", |db| Ok(counts(db, hunt, round)?))
    }

    async fn recount(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        let sql = "SELECT queue, count(*) AS count FROM members WHERE hunt = ?1 AND round = ?2
                   GROUP BY queue";
        self.search("recount members", move |db| Ok(counts_by(db, sql, hunt, round)?)).await
    }

    async fn recount_progress(&self, hunt: HuntId) -> Result<Progress, StoreError> {
        self.search("recount a hunt's progress", move |db| progress::recount(db, hunt)).await
    }

    async fn checkpoints(
        &self,
        hunt: HuntId,
        client: ClientId,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        self.look_up("read checkpoints", |db| Ok(progress::checkpoints(db, hunt, client)?))
    }

    async fn results_queue(
        &self,
        hunt: HuntId,
        round: u32,
        paging: Paging,
    ) -> Result<Page<ResultPointer>, StoreError> {
        self.search("read a results queue", move |db| results_queue(db, (hunt, round), paging))
            .await
    }
}
