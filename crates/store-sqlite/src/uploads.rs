//! The records of uploaded files.

use async_trait::async_trait;
use base::{ClientId, FlowId, Timestamp, UploadId};
use flows::uploads::{Blob, NewUpload, UploadBegun, UploadStore, UploadsSoFar, admit};
use model::results::{AttemptId, ResultScope, Upload};
use model::store::{Page, Paging, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::SqliteStore;
use crate::codec::{
    Done, all, bits, blob, count, int, limit_offset, micros, moment_or_none, only_count,
};
use crate::erasure::{condemn, refuse_condemned};
use crate::flows_table;
use crate::rows_table::place_of;
use crate::rows_write::{attempt_key, begin_attempt};

const SELECT: &str = "SELECT uploads.*, attempts.flow, attempts.attempt AS attempt_number
  FROM uploads JOIN attempts ON attempts.key = uploads.attempt";

fn read(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let flow = FlowId::from_bits(bits(row, "flow")?);
    Ok(Upload {
        id: UploadId::from_bits(bits(row, "id")?),
        client: ClientId::from_bits(bits(row, "client")?),
        attempt: AttemptId { flow, attempt: row.get("attempt_number")? },
        number: count(row, "number")?,
        path: row.get("path")?,
        accessor: row.get("accessor")?,
        size: count(row, "size")?,
        sha256: row.get("sha256")?,
        stored: moment_or_none(row, "stored")?,
    })
}

fn find(db: &Connection, id: UploadId) -> rusqlite::Result<Option<Upload>> {
    db.prepare_cached(&format!("{SELECT} WHERE uploads.id = ?1"))?
        .query_row([blob(id.bits())], read)
        .optional()
}

fn begin(db: &Connection, new: &NewUpload) -> Done<UploadBegun> {
    let flow = flows_table::find(db, new.attempt.flow)?.filter(|flow| flow.client == new.client);
    let key = attempt_key(db, new.attempt)?;
    let known = match key {
        None => None,
        Some(key) => db
            .prepare_cached(&format!("{SELECT} WHERE uploads.attempt = ?1 AND number = ?2"))?
            .query_row(params![key, int(new.number)], |row| {
                Ok((read(row)?, count(row, "declared")?))
            })
            .optional()?,
    };
    if let Some((upload, declared_size)) = known.filter(|_| flow.is_some()) {
        if upload.sha256.is_some() {
            return Ok(UploadBegun::Complete(upload));
        }
        let again = NewUpload { declared_size: 0, ..new.clone() };
        return Ok(match admit(flow.as_ref(), &again, UploadsSoFar::default()) {
            Ok(()) => {
                announce(db, upload.id, new.sha256)?;
                UploadBegun::Open { id: upload.id, declared_size }
            }
            Err(refusal) => UploadBegun::Refused(refusal),
        });
    }
    let so_far = match key {
        None => UploadsSoFar::default(),
        Some(key) => so_far(db, key)?,
    };
    if let Err(refusal) = admit(flow.as_ref(), new, so_far) {
        return Ok(UploadBegun::Refused(refusal));
    }
    let Some(flow) = flow else {
        return Err(StoreError::not_found(format!("flow {}", new.attempt.flow)).into());
    };
    if let Some(sha256) = &new.sha256 {
        refuse_condemned(db, sha256)?;
    }
    let attempt = begin_attempt(db, &flow, new.attempt)?;
    db.prepare_cached(
        "INSERT INTO uploads (id, client, attempt, number, path, accessor, declared, size, announced)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)",
    )?
    .execute(params![
        blob(new.id.bits()),
        blob(new.client.bits()),
        attempt,
        int(new.number),
        new.path,
        new.accessor,
        int(new.declared_size),
        new.sha256,
    ])?;
    Ok(UploadBegun::Open { id: new.id, declared_size: new.declared_size })
}

/// An incoming file will have this content.
fn announce(db: &Connection, id: UploadId, sha256: Option<[u8; 32]>) -> Done<()> {
    if let Some(sha256) = sha256 {
        refuse_condemned(db, &sha256)?;
        db.prepare_cached("UPDATE uploads SET announced = ?2 WHERE id = ?1")?
            .execute(params![blob(id.bits()), sha256])?;
    }
    Ok(())
}

fn give_up(db: &Connection, id: UploadId) -> Done<()> {
    let mut open =
        db.prepare_cached("SELECT announced FROM uploads WHERE id = ?1 AND sha256 IS NULL")?;
    let held = open.query_row([blob(id.bits())], |row| row.get::<_, Option<[u8; 32]>>(0));
    let Some(announced) = held.optional()? else { return Ok(()) };
    db.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([blob(id.bits())])?;
    match announced {
        Some(sha256) => Ok(condemn(db, &sha256)?),
        None => Ok(()),
    }
}

fn so_far(db: &Connection, attempt: i64) -> rusqlite::Result<UploadsSoFar> {
    db.prepare_cached(
        "SELECT count(*) AS files,
           ifnull(sum(CASE WHEN sha256 IS NULL THEN declared ELSE size END), 0) AS bytes
         FROM uploads WHERE attempt = ?1",
    )?
    .query_row([attempt], |row| {
        Ok(UploadsSoFar { files: count(row, "files")?, bytes: count(row, "bytes")? })
    })
}

fn finish(db: &Connection, id: UploadId, blob_of: Blob, now: Timestamp) -> Done<Upload> {
    db.prepare_cached(
        "UPDATE uploads SET sha256 = ?2, size = ?3, stored = ?4, announced = NULL
         WHERE id = ?1 AND sha256 IS NULL",
    )?
    .execute(params![blob(id.bits()), blob_of.sha256, int(blob_of.size), micros(now)])?;
    Ok(find(db, id)?.ok_or_else(|| StoreError::not_found(format!("upload {id}")))?)
}

fn list(db: &Connection, scope: ResultScope, paging: Paging) -> Done<Page<Upload>> {
    let none = Page { items: Vec::new(), total: 0 };
    let Some(place) = place_of(db, scope)? else { return Ok(none) };
    let key = place.key();
    let wheres = format!("WHERE {} AND uploads.sha256 IS NOT NULL", place.attempts());
    let total = db
        .prepare_cached(&format!(
            "SELECT count(*) FROM uploads JOIN attempts ON attempts.key = uploads.attempt {wheres}"
        ))?
        .query_row([&key], only_count)?;
    let (limit, offset) = limit_offset(paging);
    let mut statement =
        db.prepare_cached(&format!("{SELECT} {wheres} ORDER BY uploads.seq LIMIT ?2 OFFSET ?3"))?;
    let items = all(statement.query_map(params![key, limit, offset], read)?)?;
    Ok(Page { items, total })
}

#[async_trait]
impl UploadStore for SqliteStore {
    async fn begin(&self, upload: &NewUpload) -> Result<UploadBegun, StoreError> {
        let new = upload.clone();
        self.write("note an incoming file", move |db| begin(db, &new)).await
    }

    async fn finish(&self, id: UploadId, blob: Blob, now: Timestamp) -> Result<Upload, StoreError> {
        self.write("note a complete file", move |db| finish(db, id, blob, now)).await
    }

    async fn give_up(&self, id: UploadId) -> Result<(), StoreError> {
        self.write("forget an incoming file", move |db| give_up(db, id)).await
    }

    async fn condemned(&self, limit: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        self.search("look for content that nobody needs", move |db| {
            let mut statement = db.prepare_cached("SELECT sha256 FROM condemned LIMIT ?1")?;
            Ok(all(statement.query_map([int(limit)], |row| row.get(0))?)?)
        })
        .await
    }

    async fn absolve(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let sha256 = *sha256;
        self.write("note that content went", move |db| {
            db.prepare_cached("DELETE FROM condemned WHERE sha256 = ?1")?.execute([sha256])?;
            Ok(())
        })
        .await
    }

    async fn abandoned(&self, limit: u64) -> Result<Vec<UploadId>, StoreError> {
        self.search("look for files that will never be complete", move |db| {
            // Over means that `FlowLife::accepts` says no.
            let mut statement = db.prepare_cached(
                "SELECT uploads.id FROM uploads
                 JOIN attempts ON attempts.key = uploads.attempt
                 JOIN flows ON flows.id = attempts.flow
                 WHERE uploads.sha256 IS NULL
                   AND (flows.state >= 2 OR flows.attempt <> attempts.attempt)
                 LIMIT ?1",
            )?;
            let ids = statement.query_map([int(limit)], |row| bits(row, "id"))?;
            Ok(all(ids)?.into_iter().map(UploadId::from_bits).collect())
        })
        .await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        self.look_up("read an upload", |db| Ok(find(db, id)?))
    }

    async fn uploads(
        &self,
        scope: ResultScope,
        paging: Paging,
    ) -> Result<Page<Upload>, StoreError> {
        self.search("list uploads", move |db| list(db, scope, paging)).await
    }
}
