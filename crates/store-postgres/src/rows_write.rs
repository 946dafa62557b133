//! Takes rows and log lines.
//!
//! A batch locks its flow: two nodes that bring the same batch come one after the other, and an
//! attempt does not end in the middle of one.

use std::collections::BTreeMap;

use base::{ClientId, Timestamp};
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
use crate::values::{Id, int, moment, one, text};

/// Rows of a source.
const ROWS: i64 = 0;

/// Log lines, which have no source.
pub(crate) const LOG: i64 = 1;

/// What a source has brought in an attempt so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) batches: u64,
    pub(crate) rows: u64,
    columns: Vec<String>,
}

/// What an attempt has brought so far, by kind and source.
pub(crate) type AllHeld = BTreeMap<(i64, String), Held>;

/// What an attempt has brought so far.
pub(crate) fn held(attempt: AttemptId) -> Question {
    let sql = "SELECT kind, source, batches, rows, columns FROM attempt_sources
        WHERE flow = $1 AND attempt = $2";
    Question::new(sql, vec![one(Id(attempt.flow.bits())), one(i64::from(attempt.attempt))])
}

/// Reads [`held`].
pub(crate) fn read_held(rows: &[Row]) -> Done<AllHeld> {
    let mut all = AllHeld::new();
    for row in rows {
        let mut row = Columns::of(row);
        let key = (row.take()?, row.take()?);
        let (batches, rows) = (row.count()?, row.count()?);
        let columns = row.word("list of columns", |json| serde_json::from_str(json).ok())?;
        all.insert(key, Held { batches, rows, columns });
    }
    Ok(all)
}

const PUT: &str =
    "INSERT INTO attempt_sources (flow, attempt, kind, source, batches, rows, columns,
        hunt)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (flow, attempt, kind, source) DO UPDATE SET batches = EXCLUDED.batches,
        rows = EXCLUDED.rows, columns = EXCLUDED.columns";

fn put(flow: &Flow, attempt: AttemptId, (kind, source): (i64, &str), held: &Held) -> Question {
    let columns = serde_json::to_string(&held.columns).expect("a list of texts has a JSON form");
    let values = vec![
        one(Id(attempt.flow.bits())),
        one(i64::from(attempt.attempt)),
        one(kind),
        text(source),
        one(int(held.batches)),
        one(int(held.rows)),
        one(columns),
        one(hunt_of(flow).0),
    ];
    Question::new(PUT, values)
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
fn judge(flow: &Flow, held: &AllHeld, batch: &RowBatch) -> Result<Held, Appended> {
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
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

fn insert(flow: &Flow, batch: &RowBatch, now: Timestamp) -> Question {
    let (hunt, round) = hunt_of(flow);
    let (packed, body) = pack(batch.rows.iter().map(|row| on_one_line(row)));
    let values = vec![
        one(Id(flow.id.bits())),
        one(i64::from(batch.attempt.attempt)),
        text(&batch.source),
        one(int(batch.seq)),
        one(hunt),
        one(round),
        one(int(batch.rows.len() as u64)),
        moment(now),
        one(packed),
        one(body),
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
            lent.commit(vec![put, insert(&flow, batch, now)]).await?;
            Ok(Appended::Stored)
        }
        Err(not_stored) => {
            lent.roll_back().await?;
            Ok(not_stored)
        }
    }
}

fn judge_log(flow: &Flow, next: u64, batch: &LogBatch) -> Option<Appended> {
    if batch.seq < next {
        return Some(Appended::Duplicate);
    }
    if !flow.life.accepts(batch.attempt.attempt) {
        return Some(Appended::Refused(BatchRefusal::Over(batch.attempt)));
    }
    (batch.seq > next)
        .then_some(Appended::Refused(BatchRefusal::Gap { expected: next, found: batch.seq }))
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
        one(hunt_of(&flow).0),
    ];
    // Lines are counted where they are kept.
    let held = Held { batches: before.batches + 1, ..before };
    let put = put(&flow, batch.attempt, (LOG, ""), &held);
    lent.commit(vec![put, Question::new(sql, values)]).await?;
    Ok(Appended::Stored)
}

/// A flow's attempt that is under way or was the last.
pub(crate) const CURRENT: &str = "(SELECT f.attempt FROM flows f WHERE f.id = $1)";
