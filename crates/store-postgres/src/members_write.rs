//! Members as they are read and written: the one place where their records, the counters and the
//! results queue change.

use std::collections::{BTreeMap, BTreeSet};

use base::{ClientId, FlowId, HuntId, Timestamp};
use hunts::membership::weight;
use hunts::ports::MemberKey;
use model::flow::{FlowFailure, FlowYield};
use model::member::{Member, MemberQueue, MemberState, Refusal};
use records::{hand_number, hand_of, queue_number, queue_of};
use tokio_postgres::Row;

use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::filter::Bound;
use crate::flows_table::yield_of;
use crate::transaction::Question;
use crate::values::{Id, column, int};

/// The columns of a member, in the order of [`read_member`].
pub(crate) const MEMBER: &str = "m.hunt, m.round, m.client, m.queue, m.class, m.detail, m.rows, \
    m.uploads, m.upload_bytes, m.cpu_millis, m.revision, m.recheck, m.attempt, m.flow, m.decided, \
    m.admitted, m.updated, m.hand";

/// Over how many records the counters of a round are spread.
const SHARES: u128 = 16;

/// Reads a member.
pub(crate) fn read_member(row: &Row) -> Done<Member> {
    let mut row = Columns::of(row);
    let (hunt, round) = (HuntId::from_bits(row.bits()?), row.small()?);
    let client = ClientId::from_bits(row.bits()?);
    let queue = queue_of(row.take()?).ok_or(Failure::Unreadable("queue"))?;
    let (class, detail): (&str, &str) = (row.take()?, row.take()?);
    let brought = yield_of(&mut row)?;
    let state = match queue {
        MemberQueue::Refused => MemberState::Refused(
            Refusal::from_class(class, detail).ok_or(Failure::Unreadable("refusal"))?,
        ),
        MemberQueue::Pending => MemberState::Pending,
        MemberQueue::Running => MemberState::Running,
        MemberQueue::Completed => MemberState::Completed,
        MemberQueue::Results => MemberState::Results(brought),
        MemberQueue::Failed => MemberState::Failed(
            FlowFailure::from_class(class, detail).ok_or(Failure::Unreadable("failure"))?,
        ),
        MemberQueue::Cancelled => MemberState::Cancelled,
        MemberQueue::Expired => MemberState::Expired,
    };
    Ok(Member {
        hunt,
        round,
        client,
        state,
        revision: row.small()?,
        recheck: row.count()?,
        attempt: row.small()?,
        flow: row.bits_or_none()?.map(FlowId::from_bits),
        decided: row.moment()?,
        admitted: row.moment_or_none()?,
        updated: row.moment()?,
        hand: hand_of(row.take()?).ok_or(Failure::Unreadable("hand"))?,
    })
}

/// The key of a member.
pub(crate) fn key_of(member: &Member) -> MemberKey {
    MemberKey { hunt: member.hunt, round: member.round, client: member.client }
}

/// The columns of many members, as arrays.
fn columns_of(members: &[&Member]) -> Vec<Bound> {
    let words = |member: &Member| match &member.state {
        MemberState::Refused(refusal) => (refusal.class(), clean(refusal.detail())),
        MemberState::Failed(failure) => (failure.class(), clean(failure.detail())),
        MemberState::Results(_)
        | MemberState::Pending
        | MemberState::Running
        | MemberState::Completed
        | MemberState::Cancelled
        | MemberState::Expired => ("", String::new()),
    };
    let brought = |member: &Member| match &member.state {
        MemberState::Results(brought) => *brought,
        _ => FlowYield::default(),
    };
    let all = || members.iter();
    vec![
        column(all(), |member| Id(member.hunt.bits())),
        column(all(), |member| i64::from(member.round)),
        column(all(), |member| Id(member.client.bits())),
        column(all(), |member| queue_number(member.state.queue())),
        column(all(), |member| words(member).0),
        column(all(), |member| words(member).1),
        column(all(), |member| int(brought(member).rows)),
        column(all(), |member| int(brought(member).uploads)),
        column(all(), |member| int(brought(member).upload_bytes)),
        column(all(), |member| int(brought(member).cpu_millis)),
        column(all(), |member| i64::from(member.revision)),
        column(all(), |member| int(member.recheck)),
        column(all(), |member| i64::from(member.attempt)),
        column(all(), |member| member.flow.map(|flow| Id(flow.bits()))),
        column(all(), |member| member.decided.as_micros()),
        column(all(), |member| member.admitted.map(Timestamp::as_micros)),
        column(all(), |member| member.updated.as_micros()),
        column(all(), |member| hand_number(member.hand)),
    ]
}

const ARRAYS: &str = "unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[],
        $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bytea[], $15::bigint[], $16::bigint[], $17::bigint[],
        $18::bigint[])
    AS x (hunt, round, client, queue, class, detail, rows, uploads, upload_bytes, cpu_millis,
        revision, recheck, attempt, flow, decided, admitted, updated, hand)";

/// Without a word about conflicts: another client's record of the same key makes it fail, and the
/// decision is made again.
fn insert(members: &[&Member]) -> Question {
    let sql = format!(
        "INSERT INTO members (hunt, round, client, queue, class, detail, rows, uploads,
             upload_bytes, cpu_millis, revision, recheck, attempt, flow, decided, admitted, updated,
             hand)
         SELECT hunt, round, client, queue, class, detail, rows, uploads, upload_bytes, cpu_millis,
             revision, recheck, attempt, flow, decided, admitted, updated, hand
         FROM {ARRAYS} ORDER BY hunt, round, client"
    );
    Question::new(sql, columns_of(members))
}

fn update(members: &[&Member]) -> Question {
    let sql = format!(
        "UPDATE members m SET queue = x.queue, class = x.class, detail = x.detail, rows = x.rows,
             uploads = x.uploads, upload_bytes = x.upload_bytes, cpu_millis = x.cpu_millis,
             revision = x.revision, recheck = x.recheck, attempt = x.attempt, flow = x.flow,
             decided = x.decided, admitted = x.admitted, updated = x.updated, hand = x.hand
         FROM {ARRAYS} WHERE m.hunt = x.hunt AND m.round = x.round AND m.client = x.client"
    );
    Question::new(sql, columns_of(members))
}

/// A record of counters: which round of which hunt, and which share of the clients.
type Share = (HuntId, u32, u128);

/// What a transaction adds to a record of counters: eight queues, admitted, retrying, and what
/// finished attempts have used.
type Steps = [i64; STEPS];

const STEPS: usize = 14;

/// The counters, in the order of [`Steps`].
const COUNTERS: [&str; STEPS] = [
    "q0",
    "q1",
    "q2",
    "q3",
    "q4",
    "q5",
    "q6",
    "q7",
    "admitted",
    "retrying",
    "rows",
    "uploads",
    "upload_bytes",
    "cpu_millis",
];

/// The round of the records that hold what a hunt has used.
pub(crate) const SPENT: u32 = 0;

const POINT: &str = "INSERT INTO results_queue (hunt, round, client, flow, attempt, at)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[],
        $6::bigint[])";

/// Members of one transaction: those that were found and locked, and what becomes of them.
#[derive(Default)]
pub(crate) struct MemberChanges {
    now: BTreeMap<MemberKey, Member>,
    found: BTreeSet<MemberKey>,
    changed: BTreeSet<MemberKey>,
    counts: BTreeMap<Share, Steps>,
    results: Vec<Member>,
}

impl MemberChanges {
    /// Starts from the members that are there.
    pub(crate) fn of(members: Vec<Member>) -> Self {
        let found = members.iter().map(key_of).collect();
        let now = members.into_iter().map(|member| (key_of(&member), member)).collect();
        Self { now, found, ..Self::default() }
    }

    /// A member as it stands.
    pub(crate) fn find(&self, key: &MemberKey) -> Option<&Member> {
        self.now.get(key)
    }

    /// Writes a member, new or moved.
    pub(crate) fn put(&mut self, member: Member) {
        let key = key_of(&member);
        let from = self.now.get(&key).map(|before| before.state.queue());
        let to = member.state.queue();
        let before = self.now.get(&key).map_or((false, false), weight);
        let after = weight(&member);
        if from != Some(to) || before != after {
            let share = (member.hunt, member.round, member.client.bits() % SHARES);
            let counts = self.counts.entry(share).or_default();
            if let Some(from) = from {
                counts[place(from)] -= 1;
            }
            counts[place(to)] += 1;
            counts[ADMITTED] += i64::from(after.0) - i64::from(before.0);
            counts[ADMITTED + 1] += i64::from(after.1) - i64::from(before.1);
        }
        if matches!(member.state, MemberState::Results(_)) && member.flow.is_some() {
            self.results.push(member.clone());
        }
        self.changed.insert(key);
        self.now.insert(key, member);
    }

    /// Counts what a finished attempt has used.
    pub(crate) fn spend(&mut self, hunt: HuntId, client: ClientId, brought: &FlowYield) {
        let counts = self.counts.entry((hunt, SPENT, client.bits() % SHARES)).or_default();
        counts[ADMITTED + 2] += int(brought.rows);
        counts[ADMITTED + 3] += int(brought.uploads);
        counts[ADMITTED + 4] += int(brought.upload_bytes);
        counts[ADMITTED + 5] += int(brought.cpu_millis);
    }

    /// What is to be written, in the order in which it is locked.
    pub(crate) fn writes(&self) -> Vec<Question> {
        let changed = |is_new: bool| -> Vec<&Member> {
            let keys = self.changed.iter().filter(|key| self.found.contains(key) != is_new);
            keys.filter_map(|key| self.now.get(key)).collect()
        };
        let (moved, new) = (changed(false), changed(true));
        let mut writes = Vec::new();
        if !moved.is_empty() {
            writes.push(update(&moved));
        }
        if !new.is_empty() {
            writes.push(insert(&new));
        }
        if !self.results.is_empty() {
            let results = || self.results.iter();
            let values = vec![
                column(results(), |member| Id(member.hunt.bits())),
                column(results(), |member| i64::from(member.round)),
                column(results(), |member| Id(member.client.bits())),
                column(results(), |member| member.flow.map(|flow| Id(flow.bits()))),
                column(results(), |member| i64::from(member.attempt)),
                column(results(), |member| member.updated.as_micros()),
            ];
            writes.push(Question::new(POINT, values));
        }
        // Last: these records are shared by many transactions.
        if !self.counts.is_empty() {
            writes.push(self.count());
        }
        writes
    }

    fn count(&self) -> Question {
        let counts = || self.counts.iter();
        let mut values: Vec<Bound> = vec![
            Box::new(counts().map(|((hunt, _, _), _)| Id(hunt.bits())).collect::<Vec<Id>>()),
            Box::new(counts().map(|((_, round, _), _)| i64::from(*round)).collect::<Vec<i64>>()),
            Box::new(counts().map(|((_, _, share), _)| *share as i64).collect::<Vec<i64>>()),
        ];
        let mut arrays = String::new();
        let mut added = Vec::new();
        for (number, counter) in COUNTERS.iter().enumerate() {
            let steps: Vec<i64> = counts().map(|(_, steps)| steps[number]).collect();
            values.push(Box::new(steps));
            arrays.push_str(&format!(", ${}::bigint[]", number + 4));
            added.push(format!("{counter} = n.{counter} + EXCLUDED.{counter}"));
        }
        let (counters, added) = (COUNTERS.join(", "), added.join(", "));
        let sql = format!(
            "INSERT INTO member_counts AS n (hunt, round, share, {counters})
             SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]{arrays})
                 AS x (hunt, round, share, {counters}) ORDER BY hunt, round, share
             ON CONFLICT (hunt, round, share) DO UPDATE SET {added}"
        );
        Question::new(sql, values)
    }
}

/// The place of `admitted` among the counters.
const ADMITTED: usize = 8;

/// The column of a queue's counter.
fn place(queue: MemberQueue) -> usize {
    usize::try_from(queue_number(queue)).unwrap_or(0)
}

/// The sums of the counters of a round, in the order of [`read_sums`].
pub(crate) const SUMS: &str = "SELECT coalesce(sum(q0), 0)::bigint, coalesce(sum(q1), 0)::bigint,
        coalesce(sum(q2), 0)::bigint, coalesce(sum(q3), 0)::bigint, coalesce(sum(q4), 0)::bigint,
        coalesce(sum(q5), 0)::bigint, coalesce(sum(q6), 0)::bigint, coalesce(sum(q7), 0)::bigint
    FROM member_counts WHERE hunt = $1 AND round = $2";

/// Reads [`SUMS`].
pub(crate) fn read_sums(row: &mut Columns<'_>) -> Done<model::hunt::QueueCounts> {
    let mut counts = model::hunt::QueueCounts::default();
    for number in 0..8 {
        let queue = queue_of(number).ok_or(Failure::Unreadable("queue"))?;
        *counts.of_mut(queue) = row.count()?;
    }
    Ok(counts)
}
