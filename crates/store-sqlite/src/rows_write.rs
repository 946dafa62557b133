//! Takes rows and log lines.

use base::{ClientId, Timestamp};
use flows::query::{note_columns, on_one_line};
use flows::results::{Appended, BatchRefusal, LogBatch};
use model::flow::{Flow, FlowOrigin, FlowState};
use model::results::{AttemptId, RowBatch};
use records::pack;
use rusqlite::{Connection, OptionalExtension, params};

use crate::codec::{Done, blob, int, micros, only_count};
use crate::flows_table;

/// An attempt that has brought something.
struct AttemptRow {
    key: i64,
    hunt_round: i64,
    logs: u64,
}

fn find_attempt(db: &Connection, attempt: AttemptId) -> rusqlite::Result<Option<AttemptRow>> {
    db.prepare_cached(
        "SELECT key, hunt_round, logs FROM attempts WHERE flow = ?1 AND attempt = ?2",
    )?
    .query_row(params![blob(attempt.flow.bits()), attempt.attempt], |row| {
        let logs = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        Ok(AttemptRow { key: row.get(0)?, hunt_round: row.get(1)?, logs })
    })
    .optional()
}

/// The number of an attempt that has brought something.
pub(crate) fn attempt_key(db: &Connection, attempt: AttemptId) -> rusqlite::Result<Option<i64>> {
    Ok(find_attempt(db, attempt)?.map(|row| row.key))
}

/// The number of an attempt, which begins to bring something now if it has not yet.
pub(crate) fn begin_attempt(
    db: &Connection,
    flow: &Flow,
    attempt: AttemptId,
) -> rusqlite::Result<i64> {
    Ok(ensure_attempt(db, flow, attempt)?.key)
}

fn ensure_attempt(
    db: &Connection,
    flow: &Flow,
    attempt: AttemptId,
) -> rusqlite::Result<AttemptRow> {
    if let Some(found) = find_attempt(db, attempt)? {
        return Ok(found);
    }
    let hunt_round = match flow.origin {
        FlowOrigin::Direct => 0,
        FlowOrigin::Hunt { hunt, round } => {
            let hunt = blob(hunt.bits());
            db.prepare_cached("INSERT OR IGNORE INTO hunt_rounds (hunt, round) VALUES (?1, ?2)")?
                .execute(params![hunt, round])?;
            db.prepare_cached("SELECT key FROM hunt_rounds WHERE hunt = ?1 AND round = ?2")?
                .query_row(params![hunt, round], |row| row.get(0))?
        }
    };
    let done = matches!(flow.life.state, FlowState::Done(_));
    db.prepare_cached(
        "INSERT INTO attempts (flow, attempt, client, hunt_round, finished, logs)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
    )?
    .execute(params![
        blob(attempt.flow.bits()),
        attempt.attempt,
        blob(flow.client.bits()),
        hunt_round,
        done && flow.life.attempt == attempt.attempt,
    ])?;
    Ok(AttemptRow { key: db.last_insert_rowid(), hunt_round, logs: 0 })
}

/// The number of a source's name, which is given one now if it has none yet.
pub(crate) fn source_key(db: &Connection, name: &str) -> rusqlite::Result<i64> {
    let mut find = db.prepare_cached("SELECT key FROM source_names WHERE name = ?1")?;
    if let Some(key) = find.query_row([name], |row| row.get(0)).optional()? {
        return Ok(key);
    }
    db.prepare_cached("INSERT INTO source_names (name) VALUES (?1)")?.execute([name])?;
    Ok(db.last_insert_rowid())
}

/// The client's own flow with this id.
fn own_flow(
    db: &Connection,
    client: ClientId,
    attempt: AttemptId,
) -> rusqlite::Result<Result<Flow, BatchRefusal>> {
    let flow = flows_table::find(db, attempt.flow)?.filter(|flow| flow.client == client);
    Ok(flow.ok_or(BatchRefusal::NotYours(attempt.flow)))
}

struct SourceRow {
    batches: u64,
    rows: u64,
    columns: String,
}

fn find_source(db: &Connection, attempt: i64, source: i64) -> rusqlite::Result<Option<SourceRow>> {
    db.prepare_cached(
        "SELECT batches, rows, columns FROM attempt_sources WHERE attempt = ?1 AND source = ?2",
    )?
    .query_row([attempt, source], |row| {
        let count =
            |at| Ok::<_, rusqlite::Error>(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0));
        Ok(SourceRow { batches: count(0)?, rows: count(1)?, columns: row.get(2)? })
    })
    .optional()
}

/// Takes a batch of rows.
pub(crate) fn append(
    db: &Connection,
    client: ClientId,
    batch: &RowBatch,
    now: Timestamp,
) -> Done<Appended> {
    match own_flow(db, client, batch.attempt)? {
        Ok(flow) => append_to(db, &flow, batch, now),
        Err(refusal) => Ok(Appended::Refused(refusal)),
    }
}

/// Takes a batch of rows of a flow whose record is at hand.
pub(crate) fn append_to(
    db: &Connection,
    flow: &Flow,
    batch: &RowBatch,
    now: Timestamp,
) -> Done<Appended> {
    let known = find_attempt(db, batch.attempt)?;
    let source = source_key(db, &batch.source)?;
    let held = match &known {
        Some(attempt) => find_source(db, attempt.key, source)?,
        None => None,
    };
    let next = held.as_ref().map_or(0, |held| held.batches);
    if batch.seq < next {
        return Ok(Appended::Duplicate);
    }
    if let Err(refusal) = check(db, flow, batch, (next, known.as_ref()))? {
        return Ok(Appended::Refused(refusal));
    }
    let before = held.as_ref().map_or("[]", |held| held.columns.as_str());
    let mut columns: Vec<String> = serde_json::from_str(before).unwrap_or_default();
    for (index, row) in batch.rows.iter().enumerate() {
        if let Err(why) = note_columns(row, &mut columns) {
            return Ok(Appended::Refused(BatchRefusal::BadRow { index, why }));
        }
    }
    let attempt = ensure_attempt(db, flow, batch.attempt)?;
    let rows = batch.rows.len() as u64;
    db.prepare_cached(
        "INSERT OR REPLACE INTO attempt_sources (attempt, source, batches, rows, columns)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        attempt.key,
        source,
        int(next + 1),
        int(held.map_or(0, |held| held.rows) + rows),
        serde_json::to_string(&columns).expect("a list of texts has a JSON form"),
    ])?;
    let (packed, body) = pack(batch.rows.iter().map(|row| on_one_line(row)));
    db.prepare_cached(
        "INSERT INTO batches (attempt, hunt_round, source, seq, count, stored, packed, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        attempt.key,
        attempt.hunt_round,
        source,
        int(batch.seq),
        int(rows),
        micros(now),
        packed,
        body,
    ])?;
    Ok(Appended::Stored)
}

fn check(
    db: &Connection,
    flow: &Flow,
    batch: &RowBatch,
    (next, attempt): (u64, Option<&AttemptRow>),
) -> rusqlite::Result<Result<(), BatchRefusal>> {
    if !flow.life.accepts(batch.attempt.attempt) {
        return Ok(Err(BatchRefusal::Over(batch.attempt)));
    }
    if batch.seq > next {
        return Ok(Err(BatchRefusal::Gap { expected: next, found: batch.seq }));
    }
    let rows_max = flow.limits.rows_max;
    if rows_max > 0 {
        let before = match attempt {
            None => 0,
            Some(attempt) => db
                .prepare_cached("SELECT sum(rows) FROM attempt_sources WHERE attempt = ?1")?
                .query_row([attempt.key], only_count)?,
        };
        if before.saturating_add(batch.rows.len() as u64) > rows_max {
            return Ok(Err(BatchRefusal::RowLimit { rows_max }));
        }
    }
    Ok(Ok(()))
}

/// Takes a batch of log lines.
pub(crate) fn append_log(db: &Connection, client: ClientId, batch: &LogBatch) -> Done<Appended> {
    match own_flow(db, client, batch.attempt)? {
        Ok(flow) => append_log_to(db, &flow, batch),
        Err(refusal) => Ok(Appended::Refused(refusal)),
    }
}

/// Takes a batch of log lines of a flow whose record is at hand.
pub(crate) fn append_log_to(db: &Connection, flow: &Flow, batch: &LogBatch) -> Done<Appended> {
    let next = find_attempt(db, batch.attempt)?.map_or(0, |attempt| attempt.logs);
    if batch.seq < next {
        return Ok(Appended::Duplicate);
    }
    if !flow.life.accepts(batch.attempt.attempt) {
        return Ok(Appended::Refused(BatchRefusal::Over(batch.attempt)));
    }
    if batch.seq > next {
        let refusal = BatchRefusal::Gap { expected: next, found: batch.seq };
        return Ok(Appended::Refused(refusal));
    }
    let attempt = ensure_attempt(db, flow, batch.attempt)?;
    let lines: Vec<(i64, &str, &str)> = batch
        .lines
        .iter()
        .map(|line| (micros(line.time), line.level.as_str(), line.text.as_str()))
        .collect();
    let body = serde_json::to_string(&lines).expect("numbers and texts have a JSON form");
    db.prepare_cached("INSERT INTO logs (attempt, seq, count, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![attempt.key, int(batch.seq), int(lines.len() as u64), body])?;
    db.prepare_cached("UPDATE attempts SET logs = ?2 WHERE key = ?1")?
        .execute(params![attempt.key, int(next + 1)])?;
    Ok(Appended::Stored)
}
