//! One step: what it needs is read, the ledger decides, and everything that follows is written, in
//! one savepoint of the writer's transaction.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use loghunt::command::{Applied, Command, Refusal};
use loghunt::ledger::Ledger;
use loghunt::ports::Step;
use loghunt::stream::{Changes, Stream};
use loghunt::tell;
use model::log::{Domain, Lane, Slice, SliceId, SliceState, StreamKey};
use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::codec::Done;
use crate::log_columns::{
    Columns, SLICE, STREAM, insert_run, insert_stream, put_slice, read_slice, read_stream,
    update_stream,
};
use crate::{log_control, log_findings, log_outbox};

/// Applies a step. Whatever refuses it does so before anything is written.
pub(crate) fn step(db: &Connection, step: &Step, now: Timestamp) -> Done<Result<Applied, Refusal>> {
    tell::check(step)?;
    let known = find_stream(db, &step.key)?;
    let slices = match &known {
        Some((id, stream)) => working_set(db, *id, stream, &step.commands)?,
        None => Vec::new(),
    };
    let (id, stream) = known.map_or((None, None), |(id, stream)| (Some(id), Some(stream)));
    let mut ledger = Ledger::load(step.key.clone(), stream, slices, now);
    let done = ledger.apply(&step.commands).and_then(|()| ledger.finish());
    let (mut applied, mut changes) = match done {
        Ok(done) => done,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(id) = id
        && meets_committed(db, id, &changes)?
    {
        return Ok(Err(Refusal::Overlap));
    }
    let new = take_findings(db, step, now)?;
    tell::count(step, new, &mut applied, &mut changes);
    write(db, id, &applied.stream, &changes)?;
    if let Some(note) = &step.audit {
        log_control::insert_note(db, note)?;
    }
    Ok(Ok(applied))
}

/// A stream and its number.
pub(crate) fn find_stream(
    db: &Connection,
    key: &StreamKey,
) -> rusqlite::Result<Option<(i64, Stream)>> {
    db.prepare_cached(&format!(
        "SELECT k.id, {STREAM} FROM log_streams k
         WHERE k.tenant = ?1 AND k.dataset = ?2 AND k.part = ?3 AND k.rule = ?4 AND k.epoch = ?5
             AND k.lane = ?6"
    ))?
    .query_row(
        params![
            key.tenant.as_str(),
            key.dataset.as_str(),
            &*key.part,
            key.rule.as_str(),
            key.epoch,
            key.lane.word()
        ],
        |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, read_stream(key.clone(), &mut columns)?))
        },
    )
    .optional()
}

/// What a ledger must have loaded before these commands.
fn working_set(
    db: &Connection,
    id: i64,
    stream: &Stream,
    commands: &[Command],
) -> rusqlite::Result<Vec<Slice>> {
    let mut set = Set { key: &stream.key, domain: stream.domain, slices: BTreeMap::new() };
    set.add(db, "s.stream = ?1 AND s.open = 1", [id])?;
    // Repairs have windows here and there; their checkpoint stays where it was.
    if !matches!(stream.key.lane, Lane::Repair(_)) {
        set.add(db, "s.stream = ?1 AND s.to_pos > ?2", [id, stream.checkpoint.0])?;
    }
    for needs in commands.iter().map(Command::needs) {
        if let Some(slice) = needs.slice.filter(|slice| !set.slices.contains_key(slice)) {
            set.add(db, "s.id = ?2 AND s.stream = ?1", params![id, slice.0.to_be_bytes()])?;
        }
        if let Some(window) = needs.window {
            let bounds = [id, window.from().0, window.to().0];
            set.add(db, "s.stream = ?1 AND s.to_pos > ?2 AND s.from_pos < ?3", bounds)?;
        }
    }
    Ok(set.slices.into_values().collect())
}

/// Slices that were loaded, each once.
struct Set<'k> {
    key: &'k StreamKey,
    domain: Domain,
    slices: BTreeMap<SliceId, Slice>,
}

impl Set<'_> {
    fn add(
        &mut self,
        db: &Connection,
        condition: &str,
        values: impl Params,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT {SLICE} FROM log_slices s WHERE {condition}");
        let mut statement = db.prepare_cached(&sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            read_slice(self.key.clone(), self.domain, &mut Columns::of(row))
        };
        for slice in statement.query_map(values, read)? {
            let slice = slice?;
            self.slices.insert(slice.id, slice);
        }
        Ok(())
    }
}

/// Whether a window that becomes committed meets one that is: asked of the records, whatever the
/// ledger had loaded.
fn meets_committed(db: &Connection, stream: i64, changes: &Changes) -> rusqlite::Result<bool> {
    for slice in &changes.put {
        if !matches!(slice.state, SliceState::Committed(_)) {
            continue;
        }
        let met: bool = db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM log_slices WHERE stream = ?1 AND to_pos > ?2
                     AND from_pos < ?3 AND state = 'committed' AND id <> ?4)",
            )?
            .query_row(
                params![
                    stream,
                    slice.window.from().0,
                    slice.window.to().0,
                    slice.id.0.to_be_bytes()
                ],
                |row| row.get(0),
            )?;
        if met {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Stores findings and messages about new ones; how many were new.
fn take_findings(db: &Connection, step: &Step, now: Timestamp) -> Done<u64> {
    let mut new = Vec::new();
    for found in tell::arrived(step, now) {
        if !log_findings::seen_again(db, &found)? {
            new.push(found);
        }
    }
    let mut won = BTreeSet::new();
    for (bucket, finding) in tell::claims(&new, &step.tell) {
        if log_findings::claim_bucket(db, &bucket, finding)? {
            won.insert(finding);
        }
    }
    for message in tell::messages(&mut new, &step.tell, &won) {
        log_outbox::insert(db, &message, now)?;
    }
    for found in &new {
        log_findings::insert(db, found)?;
    }
    Ok(new.len() as u64)
}

fn write(
    db: &Connection,
    id: Option<i64>,
    stream: &Stream,
    changes: &Changes,
) -> rusqlite::Result<()> {
    let id = match id {
        Some(id) => id,
        None => insert_stream(db, stream)?,
    };
    update_stream(db, id, stream)?;
    for gone in &changes.gone {
        db.prepare_cached("DELETE FROM log_slices WHERE id = ?1")?
            .execute([gone.0.to_be_bytes()])?;
    }
    changes.put.iter().try_for_each(|slice| put_slice(db, id, slice))?;
    changes.runs.iter().try_for_each(|run| insert_run(db, id, run))
}
