//! Deleted hunts go a piece at a time, and content that nobody refers to is named.

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use flows::uploads::content_is_condemned;
use hunts::erasure::{EraseStore, Erased, may_be_deleted};
use model::hunt::Hunt;
use model::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStore;
use crate::codec::{Done, all, bits, blob, int, micros};
use crate::{hunts_table, segments_table};

/// Content is left by one record; condemned when that was the last.
pub(crate) fn condemn(db: &Connection, sha256: &[u8; 32]) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO condemned (sha256) SELECT ?1
         WHERE NOT EXISTS (SELECT 1 FROM uploads WHERE ifnull(sha256, announced) = ?1)
           AND NOT EXISTS (SELECT 1 FROM tools WHERE sha256 = ?1)",
    )?
    .execute([sha256])?;
    Ok(())
}

/// Refuses content that is being taken away.
pub(crate) fn refuse_condemned(db: &Connection, sha256: &[u8; 32]) -> Done<()> {
    let mut statement = db.prepare_cached("SELECT 1 FROM condemned WHERE sha256 = ?1")?;
    match statement.exists([sha256])? {
        true => Err(content_is_condemned().into()),
        false => Ok(()),
    }
}

fn delete(db: &Connection, id: HuntId, now: Timestamp) -> Done<Hunt> {
    let hunt = hunts_table::wanted(db, id)?;
    may_be_deleted(&hunt)?;
    db.prepare_cached("UPDATE hunts SET deleted = ?2 WHERE id = ?1")?
        .execute(params![blob(id.bits()), micros(now)])?;
    Ok(hunt)
}

/// How much may still be taken away in this piece, and how much went.
struct Piece {
    most: u64,
    gone: u64,
}

impl Piece {
    fn room(&self) -> i64 {
        int(self.most.saturating_sub(self.gone))
    }

    /// Runs a statement whose last parameter is the number of records that may go.
    fn take(&mut self, db: &Connection, sql: &str, key: &dyn rusqlite::ToSql) -> Done<()> {
        let went = db.prepare_cached(sql)?.execute(params![key, self.room()])?;
        self.gone += went as u64;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.gone >= self.most
    }
}

/// Takes files and attempts of one round away; attempts with half-sent files stay.
fn erase_round(db: &Connection, piece: &mut Piece, round: i64) -> Done<()> {
    let mut statement = db.prepare_cached(
        "SELECT key FROM attempts WHERE hunt_round = ?1 AND hunt_round > 0
           AND NOT EXISTS (SELECT 1 FROM uploads WHERE attempt = attempts.key AND sha256 IS NULL)
         LIMIT ?2",
    )?;
    let attempts: Vec<i64> =
        all(statement.query_map(params![round, piece.room()], |row| row.get(0))?)?;
    for attempt in attempts {
        erase_attempt(db, piece, attempt)?;
        if piece.is_full() {
            break;
        }
    }
    Ok(())
}

fn erase_attempt(db: &Connection, piece: &mut Piece, attempt: i64) -> Done<()> {
    let mut statement =
        db.prepare_cached("SELECT seq, sha256 FROM uploads WHERE attempt = ?1 LIMIT ?2")?;
    let files: Vec<(i64, Option<[u8; 32]>)> = all(statement
        .query_map(params![attempt, piece.room()], |row| Ok((row.get(0)?, row.get(1)?)))?)?;
    for (seq, sha256) in files {
        db.prepare_cached("DELETE FROM uploads WHERE seq = ?1")?.execute([seq])?;
        if let Some(sha256) = sha256 {
            condemn(db, &sha256)?;
        }
        piece.gone += 1;
    }
    if piece.is_full() {
        return Ok(());
    }
    db.prepare_cached("DELETE FROM attempts WHERE key = ?1")?.execute([attempt])?;
    piece.gone += 1;
    Ok(())
}

fn erase(db: &Connection, id: HuntId, most: u64, now: Timestamp) -> Done<Erased> {
    let hunt = blob(id.bits());
    let mut marked =
        db.prepare_cached("SELECT 1 FROM hunts WHERE id = ?1 AND deleted IS NOT NULL")?;
    if !marked.exists([hunt])? {
        return Ok(Erased::default());
    }
    if segments_table::forget(db, id, most, now)? {
        return Ok(Erased { gone: most.max(1), left: true });
    }
    let mut piece = Piece { most: most.max(1), gone: 0 };
    let mut statement = db.prepare_cached("SELECT key FROM hunt_rounds WHERE hunt = ?1")?;
    let rounds: Vec<i64> = all(statement.query_map([hunt], |row| row.get(0))?)?;
    for round in rounds {
        erase_round(db, &mut piece, round)?;
        if piece.is_full() {
            return Ok(Erased { gone: piece.gone, left: true });
        }
    }
    let of_hunt = [
        "DELETE FROM flows WHERE id IN (SELECT id FROM flows WHERE hunt = ?1
           AND NOT EXISTS (SELECT 1 FROM attempts WHERE flow = flows.id) LIMIT ?2)",
        "DELETE FROM results_queue WHERE seq IN
           (SELECT seq FROM results_queue WHERE hunt = ?1 LIMIT ?2)",
        "DELETE FROM checkpoints WHERE (hunt, client, source) IN
           (SELECT hunt, client, source FROM checkpoints WHERE hunt = ?1 LIMIT ?2)",
        "DELETE FROM members WHERE (hunt, round, client) IN
           (SELECT hunt, round, client FROM members WHERE hunt = ?1 LIMIT ?2)",
    ];
    for sql in of_hunt {
        piece.take(db, sql, &hunt)?;
        if piece.is_full() {
            return Ok(Erased { gone: piece.gone, left: true });
        }
    }
    let held = db
        .prepare_cached("SELECT 1 FROM flows WHERE hunt = ?1 LIMIT 1")?
        .query_row([hunt], |_| Ok(()))
        .optional()?;
    if held.is_some() {
        return Ok(Erased { gone: piece.gone, left: true });
    }
    for table in
        ["member_counts", "admissions", "hunt_rounds", "hunt_revisions", "rounds", "hunt_spent"]
    {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE hunt = ?1"))?.execute([hunt])?;
    }
    db.prepare_cached("DELETE FROM hunts WHERE id = ?1")?.execute([hunt])?;
    Ok(Erased { gone: piece.gone + 1, left: false })
}

#[async_trait]
impl EraseStore for SqliteStore {
    async fn delete(&self, id: HuntId, now: Timestamp) -> Result<Hunt, StoreError> {
        self.write("delete a hunt", move |db| delete(db, id, now)).await
    }

    async fn deleted(&self, limit: u64) -> Result<Vec<HuntId>, StoreError> {
        self.search("look for deleted hunts", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id FROM hunts WHERE deleted IS NOT NULL ORDER BY deleted, id LIMIT ?1",
            )?;
            let ids = statement.query_map([int(limit)], |row| bits(row, "id"))?;
            Ok(all(ids)?.into_iter().map(HuntId::from_bits).collect())
        })
        .await
    }

    async fn erase(&self, id: HuntId, most: u64, now: Timestamp) -> Result<Erased, StoreError> {
        self.write("erase a deleted hunt", move |db| erase(db, id, most, now)).await
    }

    async fn closed(&self, after: Option<HuntId>, limit: u64) -> Result<Vec<Hunt>, StoreError> {
        self.search("list hunts that are over", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT * FROM hunts WHERE closed IS NOT NULL AND deleted IS NULL
                   AND state IN ('stopped', 'completed', 'archived')
                   AND (?1 IS NULL OR id > ?1) ORDER BY id LIMIT ?2",
            )?;
            let after = after.map(|after| blob(after.bits()));
            Ok(all(statement.query_map(params![after, int(limit)], hunts_table::read)?)?)
        })
        .await
    }
}
