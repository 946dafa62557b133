//! Members: decisions, and the port.
//!
//! Decisions of one call, of one client or of many, are one transaction: the hunts are locked against
//! changes, the members that are there are locked, [`hunts::membership::settle`] decides each in turn.
//! Two nodes that decide about the same client at once meet at the key of the member: one of them
//! fails there and decides again, with the other's record before it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use hunts::membership::{Settled, settle};
use hunts::ports::{
    Decided, Decision, MemberKey, MemberList, MemberSort, MemberStore, Progress, ResultPointer,
};
use model::hunt::{Hunt, QueueCounts};
use model::member::{Member, MemberQueue, MemberState};
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;
use records::queue_number;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::Filter;
use crate::flow_steps::{CHECKPOINT, checkpoint_of};
use crate::hunts_table::{
    find_all, find_summaries, lock_shared, read_hunt, read_progress, read_summary, unknown,
};
use crate::members_write::{MEMBER, MemberChanges, SUMS, read_member, read_sums};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column, one};

/// Members with these keys, locked in the order of their keys.
pub(crate) fn lock(keys: &BTreeSet<MemberKey>) -> Question {
    let sql = format!(
        "SELECT {MEMBER} FROM members m
         JOIN unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS x (hunt, round, client)
             ON m.hunt = x.hunt AND m.round = x.round AND m.client = x.client
         ORDER BY m.hunt, m.round, m.client FOR NO KEY UPDATE OF m"
    );
    let values = vec![
        column(keys, |key| Id(key.hunt.bits())),
        column(keys, |key| i64::from(key.round)),
        column(keys, |key| Id(key.client.bits())),
    ];
    Question::new(sql, values)
}

/// How many were recruited by hunts that take only so many, counted behind a lock that those who
/// decide about the same hunt hold alone.
async fn recruited(lent: &Lent, hunts: &BTreeMap<HuntId, Hunt>) -> Done<BTreeMap<HuntId, u64>> {
    let limited = hunts.values().filter(|hunt| hunt.spec.limits.clients_max > 0);
    let limited: BTreeSet<HuntId> = limited.map(|hunt| hunt.id).collect();
    if limited.is_empty() {
        return Ok(BTreeMap::new());
    }
    let lock = "SELECT h.id FROM hunts h WHERE h.id = ANY($1) ORDER BY h.id FOR NO KEY UPDATE";
    let lock = Question::new(lock, vec![column(&limited, |hunt| Id(hunt.bits()))]);
    let found = lent.ask(vec![lock, find_summaries(&limited)]).await?;
    let summaries = found.iter().skip(1).flatten().map(read_summary);
    let counted =
        |summary: hunts::ports::HuntSummary| (summary.hunt.id, summary.counts.recruited());
    summaries.map(|summary| summary.map(counted)).collect()
}

/// Decisions of one call, and when they were made.
pub(crate) type Decisions = (Vec<Decision>, Timestamp);

async fn decide(lent: Lent, calls: &[Decisions]) -> Done<Vec<Vec<Decided>>> {
    let decisions = || calls.iter().flat_map(|(decisions, _)| decisions);
    let hunts: BTreeSet<HuntId> = decisions().map(|decision| decision.key.hunt).collect();
    let keys: BTreeSet<MemberKey> = decisions().map(|decision| decision.key).collect();
    let questions = vec![lock_shared(&hunts), find_all(&hunts), lock(&keys)];
    let mut found = lent.begin(questions).await?.into_iter().skip(1);
    let read = found.next().unwrap_or_default();
    let read = read.iter().map(|row| read_hunt(row).map(|hunt| (hunt.id, hunt)));
    let hunts: BTreeMap<HuntId, Hunt> = read.collect::<Done<_>>()?;
    let members = found.next().unwrap_or_default();
    let members = members.iter().map(read_member).collect::<Done<Vec<Member>>>()?;
    let mut recruited = recruited(&lent, &hunts).await?;
    let mut changes = MemberChanges::of(members);
    let mut outcomes = Vec::with_capacity(calls.len());
    for (decisions, now) in calls {
        let decided = decisions.iter().map(|decision| {
            // One that is not there was deleted meanwhile.
            let Some(hunt) = hunts.get(&decision.key.hunt) else { return Decided::Closed };
            let so_far = recruited.entry(hunt.id).or_default();
            decide_one(&mut changes, so_far, (hunt, decision), *now)
        });
        outcomes.push(decided.collect());
    }
    let writes = changes.writes();
    if writes.is_empty() {
        lent.roll_back().await?;
    } else {
        lent.commit(writes).await?;
    }
    Ok(outcomes)
}

fn decide_one(
    changes: &mut MemberChanges,
    recruited: &mut u64,
    (hunt, decision): (&Hunt, &Decision),
    now: Timestamp,
) -> Decided {
    let existing = changes.find(&decision.key);
    match settle(hunt, existing, decision, *recruited, now) {
        Settled::Keep => Decided::Known,
        Settled::Superseded => Decided::Superseded,
        Settled::Closed => Decided::Closed,
        Settled::Write(member) => {
            let counted =
                |member: &Member| u64::from(!matches!(member.state, MemberState::Refused(_)));
            *recruited =
                (*recruited + counted(&member)).saturating_sub(existing.map_or(0, counted));
            let queue = member.state.queue();
            changes.put(*member);
            Decided::Recorded(queue)
        }
    }
}

/// What [`MemberState::reason`] says of those whose reason depends on more than their queue.
const REASON: &str = "CASE WHEN m.hand = 1 AND m.queue = 1
        THEN 'added by hand; waits for admission'
    WHEN m.hand = 2 AND m.queue = 6 THEN 'removed by hand'
    ELSE CASE m.queue WHEN 4 THEN m.rows || ' rows, ' || m.uploads || ' files'
    ELSE m.class || CASE m.detail WHEN '' THEN '' ELSE ': ' || m.detail END END END";

/// Whether a person put a member where it is: then its reason says so.
const BY_HAND: &str = "((m.hand = 1 AND m.queue = 1) OR (m.hand = 2 AND m.queue = 6))";

/// Queues all of whose members have the same reason, when it has this text in it.
fn queues_with(text: &str) -> Vec<i64> {
    let states = [
        MemberState::Pending,
        MemberState::Running,
        MemberState::Completed,
        MemberState::Cancelled,
        MemberState::Expired,
    ];
    let with = |state: &MemberState| state.reason().to_lowercase().contains(text);
    states.iter().filter(|state| with(state)).map(|state| queue_number(state.queue())).collect()
}

fn conditions(query: &MemberList) -> Filter {
    let mut filter = Filter::default();
    filter.and("m.hunt = ?", [one(Id(query.hunt.bits()))]);
    filter.and("m.round = ?", [one(i64::from(query.round))]);
    filter.and_number("m.queue = ?", query.queue.map(queue_number));
    if let Some(text) = &query.text {
        let text = clean(&text.to_lowercase());
        let of_their_own =
            [MemberQueue::Refused, MemberQueue::Results, MemberQueue::Failed].map(queue_number);
        let condition = format!(
            "(strpos('c.' || encode(m.client, 'hex'), ?) > 0 OR strpos(folded(c.hostname), ?) > 0
                OR (m.queue = ANY(?) AND NOT {BY_HAND})
                OR ((m.queue = ANY(?) OR {BY_HAND}) AND strpos(folded({REASON}), ?) > 0))"
        );
        let queues = queues_with(&text);
        filter.and(
            &condition,
            [
                one(text.clone()),
                one(text.clone()),
                one(queues),
                one(of_their_own.to_vec()),
                one(text),
            ],
        );
    }
    filter
}

fn read_pointer(row: &Row) -> Done<ResultPointer> {
    let mut row = Columns::of(row);
    Ok(ResultPointer {
        client: ClientId::from_bits(row.bits()?),
        flow: FlowId::from_bits(row.bits()?),
        attempt: row.small()?,
        at: row.moment()?,
    })
}

/// Members, with the names of their clients beside them.
const NAMED: &str = "members m LEFT JOIN clients c ON c.id = m.client";

#[async_trait]
impl MemberStore for RecordStore {
    async fn decide(
        &self,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        if decisions.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "record the answers of a check";
        let store = self.clone();
        let work = move |calls: Vec<Decisions>| {
            let store = store.clone();
            async move { store.step(doing, |lent| decide(lent, &calls)).await }
        };
        self.decisions.call(doing, (decisions.to_vec(), now), work).await
    }

    async fn member(&self, key: MemberKey) -> Result<Option<Member>, StoreError> {
        let sql = format!(
            "SELECT {MEMBER} FROM members m WHERE m.hunt = $1 AND m.round = $2 AND m.client = $3"
        );
        let values =
            vec![one(Id(key.hunt.bits())), one(i64::from(key.round)), one(Id(key.client.bits()))];
        let find = Question::new(sql, values);
        self.read("read a member", |db| async move {
            find.rows(&db).await?.first().map(read_member).transpose()
        })
        .await
    }

    async fn members(&self, query: &MemberList) -> Result<Page<Member>, StoreError> {
        let order = match query.sort {
            MemberSort::Hostname => "coalesce(c.hostname, '')",
            MemberSort::Queue => "m.queue",
            MemberSort::Decided => "m.decided",
            MemberSort::Updated => "m.updated",
        };
        let direction = if query.descending { "DESC" } else { "ASC" };
        let order = format!("{order} {direction}, m.client");
        self.read("list members", |db| async move {
            conditions(query).page(&db, [MEMBER, NAMED, &order], query.paging, read_member).await
        })
        .await
    }

    async fn of_client(
        &self,
        client: ClientId,
        paging: Paging,
    ) -> Result<Page<Member>, StoreError> {
        let mut filter = Filter::default();
        filter.and("m.client = ?", [one(Id(client.bits()))]);
        let order = "m.hunt DESC, m.round DESC";
        self.read("list a client's hunts", |db| async move {
            filter.page(&db, [MEMBER, "members m", order], paging, read_member).await
        })
        .await
    }

    async fn counts(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        let sum = Question::new(SUMS, vec![one(Id(hunt.bits())), one(i64::from(round))]);
        self.read("read a hunt's counters", |db| async move {
            let rows = sum.rows(&db).await?;
            let row = rows.first().ok_or(Failure::Unreadable("sum"))?;
            read_sums(&mut Columns::of(row))
        })
        .await
    }

    async fn recount(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        let sql = "SELECT queue, count(*) FROM members WHERE hunt = $1 AND round = $2
            GROUP BY queue";
        let count = Question::new(sql, vec![one(Id(hunt.bits())), one(i64::from(round))]);
        self.read("recount members", |db| async move {
            let mut counts = QueueCounts::default();
            for row in &count.rows(&db).await? {
                let mut row = Columns::of(row);
                let queue = records::queue_of(row.take()?).ok_or(Failure::Unreadable("queue"))?;
                *counts.of_mut(queue) = row.count()?;
            }
            Ok(counts)
        })
        .await
    }

    async fn recount_progress(&self, hunt: HuntId) -> Result<Progress, StoreError> {
        let sql = "SELECT
                (SELECT count(*) FROM members m
                 WHERE m.hunt = h.id AND m.round = h.round AND m.flow IS NOT NULL),
                (SELECT count(*) FROM members m WHERE m.hunt = h.id AND m.round = h.round
                 AND m.flow IS NOT NULL AND m.queue = $2),
                (SELECT count(*) FROM members m
                 WHERE m.hunt = h.id AND m.round < h.round AND m.queue = $3),
                coalesce(f.rows, 0)::bigint, coalesce(f.uploads, 0)::bigint,
                coalesce(f.upload_bytes, 0)::bigint, coalesce(f.cpu_millis, 0)::bigint
            FROM hunts h CROSS JOIN (
                SELECT sum(rows) AS rows, sum(uploads) AS uploads,
                    sum(upload_bytes) AS upload_bytes, sum(cpu_millis) AS cpu_millis
                FROM flows WHERE hunt = $1 AND state = 2) f
            WHERE h.id = $1";
        let queues = [MemberQueue::Pending, MemberQueue::Running].map(queue_number);
        let values = vec![one(Id(hunt.bits())), one(queues[0]), one(queues[1])];
        let count = Question::new(sql, values);
        self.read("recount a hunt's progress", |db| async move {
            match count.rows(&db).await?.first() {
                Some(row) => read_progress(&mut Columns::of(row)),
                None => Err(unknown(hunt).into()),
            }
        })
        .await
    }

    async fn checkpoints(
        &self,
        hunt: HuntId,
        client: ClientId,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let sql = format!(
            "SELECT {CHECKPOINT} FROM checkpoints c WHERE c.hunt = $1 AND c.client = $2
             ORDER BY c.source"
        );
        let list = Question::new(sql, vec![one(Id(hunt.bits())), one(Id(client.bits()))]);
        self.read("read checkpoints", |db| async move {
            list.rows(&db).await?.iter().map(|row| checkpoint_of(&mut Columns::of(row))).collect()
        })
        .await
    }

    async fn results_queue(
        &self,
        hunt: HuntId,
        round: u32,
        paging: Paging,
    ) -> Result<Page<ResultPointer>, StoreError> {
        let mut filter = Filter::default();
        filter.and("hunt = ?", [one(Id(hunt.bits()))]);
        filter.and("round = ?", [one(i64::from(round))]);
        let columns = "client, flow, attempt, at";
        self.read("read a results queue", |db| async move {
            filter.page(&db, [columns, "results_queue", "seq"], paging, read_pointer).await
        })
        .await
    }
}
