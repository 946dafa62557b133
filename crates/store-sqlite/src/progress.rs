//! What hunts have done and used beyond their queues: rounds, what finished attempts have used, and
//! how far the sources of recurring hunts were read.

use base::{ClientId, HuntId};
use flows::ports::FlowStep;
use hunts::membership::weight;
use hunts::ports::{Progress, Round};
use model::bounds::Spent;
use model::flow::{Flow, FlowState};
use model::hunt::Hunt;
use model::member::{Member, MemberQueue};
use model::store::{Page, Paging};
use model::window::{Checkpoint, advanced};
use records::queue_number;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{Done, all, blob, count, int, limit_offset, micros, moment, only_count};
use crate::{hunts_table, members};

/// Writes what a member adds to its round. `before` is the record that was there.
pub(crate) fn note_member(
    db: &Connection,
    before: Option<&Member>,
    member: &Member,
) -> rusqlite::Result<()> {
    let (was_admitted, was_retrying) = before.map_or((false, false), weight);
    let (admitted, retrying) = weight(member);
    let admitted = i64::from(admitted) - i64::from(was_admitted);
    let retrying = i64::from(retrying) - i64::from(was_retrying);
    if (admitted, retrying) == (0, 0) {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO rounds (hunt, round, admitted, retrying) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET admitted = admitted + ?3, retrying = retrying + ?4",
    )?
    .execute(params![blob(member.hunt.bits()), member.round, admitted, retrying])?;
    Ok(())
}

/// Writes that a hunt has begun its current round.
pub(crate) fn note_round(db: &Connection, hunt: &Hunt) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO rounds (hunt, round, tick, admitted, retrying) VALUES (?1, ?2, ?3, 0, 0)
         ON CONFLICT DO UPDATE SET tick = ?3",
    )?
    .execute(params![blob(hunt.id.bits()), hunt.round, hunt.round_started.map(micros)])?;
    Ok(())
}

/// Writes what a flow of a hunt that has finished used and read, in the flow's transaction.
pub(crate) fn note_end(
    db: &Connection,
    (hunt, round): (HuntId, u32),
    flow: &Flow,
    step: &FlowStep,
) -> rusqlite::Result<()> {
    let FlowState::Done(brought) = &flow.life.state else { return Ok(()) };
    db.prepare_cached(
        "INSERT INTO hunt_spent (hunt, rows, uploads, upload_bytes, cpu_millis)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET rows = rows + ?2, uploads = uploads + ?3,
           upload_bytes = upload_bytes + ?4, cpu_millis = cpu_millis + ?5",
    )?
    .execute(params![
        blob(hunt.bits()),
        int(brought.rows),
        int(brought.uploads),
        int(brought.upload_bytes),
        int(brought.cpu_millis),
    ])?;
    if flow.window.is_none() || step.windows.is_empty() {
        return Ok(());
    }
    let held = checkpoints(db, hunt, flow.client)?;
    for read in &step.windows {
        let held = held.iter().find(|held| held.source == read.source);
        let Some(next) = advanced(held, read, round) else { continue };
        db.prepare_cached(
            "INSERT OR REPLACE INTO checkpoints (hunt, client, source, upto, epoch, round)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            blob(hunt.bits()),
            blob(flow.client.bits()),
            next.source,
            micros(next.upto),
            next.epoch,
            next.round,
        ])?;
    }
    Ok(())
}

/// How far the sources of a hunt were read on a client, by source.
pub(crate) fn checkpoints(
    db: &Connection,
    hunt: HuntId,
    client: ClientId,
) -> rusqlite::Result<Vec<Checkpoint>> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM checkpoints WHERE hunt = ?1 AND client = ?2 ORDER BY source",
    )?;
    all(statement.query_map(params![blob(hunt.bits()), blob(client.bits())], |row| {
        Ok(Checkpoint {
            source: row.get("source")?,
            upto: moment(row, "upto")?,
            epoch: row.get("epoch")?,
            round: row.get("round")?,
        })
    })?)
}

fn read_spent(row: &Row<'_>) -> rusqlite::Result<Spent> {
    Ok(Spent {
        rows: count(row, "rows")?,
        uploads: count(row, "uploads")?,
        upload_bytes: count(row, "upload_bytes")?,
        cpu_millis: count(row, "cpu_millis")?,
    })
}

/// What a hunt has done and used, as it is kept.
pub(crate) fn kept(db: &Connection, hunt: &Hunt) -> rusqlite::Result<Progress> {
    let id = blob(hunt.id.bits());
    let of_round = db
        .prepare_cached("SELECT admitted, retrying FROM rounds WHERE hunt = ?1 AND round = ?2")?
        .query_row(params![id, hunt.round], |row| {
            Ok((count(row, "admitted")?, count(row, "retrying")?))
        })
        .optional()?;
    let (admitted, retrying) = of_round.unwrap_or_default();
    let running_before = match hunt.round {
        1 => 0,
        _ => db
            .prepare_cached(
                "SELECT ifnull(sum(count), 0) FROM member_counts
                 WHERE hunt = ?1 AND queue = ?2 AND round < ?3 AND count > 0",
            )?
            .query_row(params![id, queue_number(MemberQueue::Running), hunt.round], only_count)?,
    };
    let spent = db
        .prepare_cached("SELECT * FROM hunt_spent WHERE hunt = ?1")?
        .query_row([id], read_spent)
        .optional()?;
    Ok(Progress { admitted, retrying, running_before, spent: spent.unwrap_or_default() })
}

/// What a hunt has done and used, counted from the records of members and flows.
pub(crate) fn recount(db: &Connection, id: HuntId) -> Done<Progress> {
    let hunt = hunts_table::wanted(db, id)?;
    let id = blob(id.bits());
    let number = |sql: &str, queue: MemberQueue| {
        db.prepare_cached(sql)?.query_row(params![id, hunt.round, queue_number(queue)], only_count)
    };
    let admitted = "SELECT count(*) FROM members
        WHERE hunt = ?1 AND round = ?2 AND flow IS NOT NULL AND ?3 IS NOT NULL";
    let retrying = "SELECT count(*) FROM members
        WHERE hunt = ?1 AND round = ?2 AND flow IS NOT NULL AND queue = ?3";
    let before = "SELECT count(*) FROM members WHERE hunt = ?1 AND round < ?2 AND queue = ?3";
    let spent = "SELECT ifnull(sum(rows), 0) AS rows, ifnull(sum(uploads), 0) AS uploads,
          ifnull(sum(upload_bytes), 0) AS upload_bytes, ifnull(sum(cpu_millis), 0) AS cpu_millis
        FROM flows WHERE hunt = ?1 AND state = 2";
    Ok(Progress {
        admitted: number(admitted, MemberQueue::Running)?,
        retrying: number(retrying, MemberQueue::Pending)?,
        running_before: number(before, MemberQueue::Running)?,
        spent: db.prepare_cached(spent)?.query_row([id], read_spent)?,
    })
}

/// The rounds that a hunt has begun.
pub(crate) fn rounds(db: &Connection, hunt: HuntId, paging: Paging) -> Done<Page<Round>> {
    let id = blob(hunt.bits());
    let total = db
        .prepare_cached("SELECT count(*) FROM rounds WHERE hunt = ?1 AND tick IS NOT NULL")?
        .query_row([id], only_count)?;
    let (limit, offset) = limit_offset(paging);
    let mut statement = db.prepare_cached(
        "SELECT round, tick FROM rounds WHERE hunt = ?1 AND tick IS NOT NULL ORDER BY round
         LIMIT ?2 OFFSET ?3",
    )?;
    let begun = all(statement.query_map(params![id, limit, offset], |row| {
        Ok((row.get::<_, u32>("round")?, moment(row, "tick")?))
    })?)?;
    let counted = begun
        .into_iter()
        .map(|(round, tick)| Ok(Round { round, tick, counts: members::counts(db, hunt, round)? }));
    let items = counted.collect::<rusqlite::Result<Vec<Round>>>()?;
    Ok(Page { items, total })
}
