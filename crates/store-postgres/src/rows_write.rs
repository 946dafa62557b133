//! Takes rows and log lines.
//!
//! A batch locks its flow: two nodes that bring the same batch come one after the other, and an
//! attempt does not end in the middle of one.

use std::collections::BTreeMap;

use base::{ClientId, FlowId, Timestamp};
use flows::query::{note_columns, on_one_line};
use flows::results::{Appended, BatchRefusal, LogBatch};
use model::flow::Flow;
use model::results::{AttemptId, RowBatch};
use records::pack;
use tokio_postgres::Row;

use crate::columns::{Columns, clean};
use crate::failure::{Done, Failure};
use crate::flows_table::{hunt_of, lock, read_flow};
use crate::transaction::{Lent, Question};
use crate::values::{Id, column, int, one};

/// Rows of a source.
pub(crate) const ROWS: i64 = 0;

/// Log lines, which have no source.
pub(crate) const LOG: i64 = 1;

/// What a source has brought in an attempt so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) batches: u64,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<String>,
}

/// What an attempt has brought so far, by kind and source.
pub(crate) type AllHeld = BTreeMap<(i64, String), Held>;

/// What an attempt has brought so far.
pub(crate) fn held(attempt: AttemptId) -> Question {
    let sql = "SELECT kind, source, batches, rows, columns FROM attempt_sources
        WHERE flow = $1 AND attempt = $2";
    Question::new(sql, vec![one(Id(attempt.flow.bits())), one(i64::from(attempt.attempt))])
}

fn read_source(row: &mut Columns<'_>) -> Done<((i64, String), Held)> {
    let key = (row.take()?, row.take()?);
    let (batches, rows) = (row.count()?, row.count()?);
    let columns = row.word("list of columns", |json| serde_json::from_str(json).ok())?;
    Ok((key, Held { batches, rows, columns }))
}

/// Reads [`held`].
pub(crate) fn read_held(rows: &[Row]) -> Done<AllHeld> {
    rows.iter().map(|row| read_source(&mut Columns::of(row))).collect()
}

/// Reads the same of many attempts, each with its flow and number before it.
pub(crate) fn read_held_of(rows: &[Row]) -> Done<BTreeMap<AttemptId, AllHeld>> {
    let mut all: BTreeMap<AttemptId, AllHeld> = BTreeMap::new();
    for row in rows {
        let mut row = Columns::of(row);
        let (flow, attempt) = (FlowId::from_bits(row.bits()?), row.small()?);
        let (key, held) = read_source(&mut row)?;
        all.entry(AttemptId { flow, attempt }).or_default().insert(key, held);
    }
    Ok(all)
}

/// What a source of an attempt holds now.
pub(crate) struct Put<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) attempt: &'a AttemptId,
    pub(crate) kind: &'a i64,
    pub(crate) source: &'a str,
    pub(crate) held: &'a Held,
}

const PUT: &str =
    "INSERT INTO attempt_sources (flow, attempt, kind, source, batches, rows, columns, hunt)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
        $6::bigint[], $7::text[], $8::bytea[])
    ON CONFLICT (flow, attempt, kind, source) DO UPDATE SET batches = EXCLUDED.batches,
        rows = EXCLUDED.rows, columns = EXCLUDED.columns";

/// Writes what sources hold now; each at most once.
pub(crate) fn put_all(all: &[Put<'_>]) -> Question {
    let json = |held: &Held| serde_json::to_string(&held.columns).expect("texts have a JSON form");
    let values = vec![
        column(all, |put| Id(put.attempt.flow.bits())),
        column(all, |put| i64::from(put.attempt.attempt)),
        column(all, |put| *put.kind),
        column(all, |put| clean(put.source)),
        column(all, |put| int(put.held.batches)),
        column(all, |put| int(put.held.rows)),
        column(all, |put| json(put.held)),
        column(all, |put| hunt_of(put.flow).0),
    ];
    Question::new(PUT, values)
}

fn put(flow: &Flow, attempt: AttemptId, (kind, source): (i64, &str), held: &Held) -> Question {
    put_all(&[Put { flow, attempt: &attempt, kind: &kind, source, held }])
}

/// The client's own flow, locked, and what the attempt has brought.
async fn load(
    lent: &Lent,
    client: ClientId,
    attempt: AttemptId,
) -> Done<Result<(Flow, AllHeld), BatchRefusal>> {
    let found = lent.begin(vec![lock(&[attempt.flow]), held(attempt)]).await?;
    let [flows, sources] = found.as_slice() else { return Err(Failure::Unreadable("flow")) };
    let flow = flows.first().map(read_flow).transpose()?.filter(|flow| flow.client == client);
    match flow {
        Some(flow) => Ok(Ok((flow, read_held(sources)?))),
        None => Ok(Err(BatchRefusal::NotYours(attempt.flow))),
    }
}

/// What becomes of a batch: what its source holds with it, or that it is not stored.
pub(crate) fn judge(flow: &Flow, held: &AllHeld, batch: &RowBatch) -> Result<Held, Appended> {
    let before = held.get(&(ROWS, clean(&batch.source))).cloned().unwrap_or_default();
    if batch.seq < before.batches {
        return Err(Appended::Duplicate);
    }
    let refuse = |why| Err(Appended::Refused(why));
    if !flow.life.accepts(batch.attempt.attempt) {
        return refuse(BatchRefusal::Over(batch.attempt));
    }
    if batch.seq > before.batches {
        return refuse(BatchRefusal::Gap { expected: before.batches, found: batch.seq });
    }
    let rows = batch.rows.len() as u64;
    let rows_max = flow.limits.rows_max;
    let so_far: u64 = held.values().map(|held| held.rows).sum();
    if rows_max > 0 && so_far.saturating_add(rows) > rows_max {
        return refuse(BatchRefusal::RowLimit { rows_max });
    }
    let mut columns = before.columns;
    for (index, row) in batch.rows.iter().enumerate() {
        if let Err(why) = note_columns(row, &mut columns) {
            return refuse(BatchRefusal::BadRow { index, why });
        }
    }
    Ok(Held { batches: before.batches + 1, rows: before.rows + rows, columns })
}

const INSERT: &str = "INSERT INTO batches (flow, attempt, source, seq, hunt, round, count, stored,
        packed, body)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[], $10::bytea[])";

/// A batch of rows as it is stored.
pub(crate) struct NewBatch {
    attempt: AttemptId,
    source: String,
    seq: u64,
    hunt: (Option<Id>, Option<i64>),
    count: u64,
    stored: Timestamp,
    packed: bool,
    body: Vec<u8>,
}

impl NewBatch {
    /// A batch that was judged to be good.
    pub(crate) fn of(flow: &Flow, batch: &RowBatch, now: Timestamp) -> Self {
        let (packed, body) = pack(batch.rows.iter().map(|row| on_one_line(row)));
        Self {
            attempt: batch.attempt,
            source: clean(&batch.source),
            seq: batch.seq,
            hunt: hunt_of(flow),
            count: batch.rows.len() as u64,
            stored: now,
            packed,
            body,
        }
    }
}

/// Stores batches, in the order in which they came.
pub(crate) fn insert_all(all: &[NewBatch]) -> Question {
    let values = vec![
        column(all, |batch| Id(batch.attempt.flow.bits())),
        column(all, |batch| i64::from(batch.attempt.attempt)),
        column(all, |batch| batch.source.clone()),
        column(all, |batch| int(batch.seq)),
        column(all, |batch| batch.hunt.0),
        column(all, |batch| batch.hunt.1),
        column(all, |batch| int(batch.count)),
        column(all, |batch| batch.stored.as_micros()),
        column(all, |batch| batch.packed),
        column(all, |batch| batch.body.clone()),
    ];
    Question::new(INSERT, values)
}

/// Takes a batch of rows.
pub(crate) async fn append(
    lent: Lent,
    client: ClientId,
    batch: &RowBatch,
    now: Timestamp,
) -> Done<Appended> {
    let outcome = match load(&lent, client, batch.attempt).await? {
        Ok((flow, held)) => judge(&flow, &held, batch).map(|held| (flow, held)),
        Err(why) => Err(Appended::Refused(why)),
    };
    match outcome {
        Ok((flow, held)) => {
            let put = put(&flow, batch.attempt, (ROWS, &batch.source), &held);
            let new = insert_all(&[NewBatch::of(&flow, batch, now)]);
            lent.commit(vec![put, new]).await?;
            Ok(Appended::Stored)
        }
        Err(not_stored) => {
            lent.roll_back().await?;
            Ok(not_stored)
        }
    }
}

/// What becomes of log lines; `None`: they are stored.
pub(crate) fn judge_log(flow: &Flow, next: u64, batch: &LogBatch) -> Option<Appended> {
    if batch.seq < next {
        return Some(Appended::Duplicate);
    }
    if !flow.life.accepts(batch.attempt.attempt) {
        return Some(Appended::Refused(BatchRefusal::Over(batch.attempt)));
    }
    (batch.seq > next)
        .then_some(Appended::Refused(BatchRefusal::Gap { expected: next, found: batch.seq }))
}

/// Stores log lines.
pub(crate) fn new_log(flow: &Flow, batch: &LogBatch) -> Question {
    let lines: Vec<(i64, &str, &str)> = batch
        .lines
        .iter()
        .map(|line| (line.time.as_micros(), line.level.as_str(), line.text.as_str()))
        .collect();
    let body = serde_json::to_string(&lines).expect("numbers and texts have a JSON form");
    let sql = "INSERT INTO logs (flow, attempt, seq, count, body, hunt)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let values = vec![
        one(Id(batch.attempt.flow.bits())),
        one(i64::from(batch.attempt.attempt)),
        one(int(batch.seq)),
        one(int(lines.len() as u64)),
        one(body),
        one(hunt_of(flow).0),
    ];
    Question::new(sql, values)
}

/// Takes a batch of log lines.
pub(crate) async fn append_log(lent: Lent, client: ClientId, batch: &LogBatch) -> Done<Appended> {
    let before = match load(&lent, client, batch.attempt).await? {
        Ok((flow, held)) => {
            let before = held.get(&(LOG, String::new())).cloned().unwrap_or_default();
            match judge_log(&flow, before.batches, batch) {
                None => Ok((flow, before)),
                Some(not_stored) => Err(not_stored),
            }
        }
        Err(why) => Err(Appended::Refused(why)),
    };
    let (flow, before) = match before {
        Ok(before) => before,
        Err(not_stored) => {
            lent.roll_back().await?;
            return Ok(not_stored);
        }
    };
    // Lines are counted where they are kept.
    let held = Held { batches: before.batches + 1, ..before };
    let put = put(&flow, batch.attempt, (LOG, ""), &held);
    lent.commit(vec![put, new_log(&flow, batch)]).await?;
    Ok(Appended::Stored)
}

/// A flow's attempt that is under way or was the last.
pub(crate) const CURRENT: &str = "(SELECT f.attempt FROM flows f WHERE f.id = $1)";
