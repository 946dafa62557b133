//! The records of uploaded files. A file that begins to arrive locks its flow.

use async_trait::async_trait;
use base::{ClientId, FlowId, Timestamp, UploadId};
use flows::uploads::{
    Blob, NewUpload, UploadBegun, UploadStore, UploadsSoFar, admit, content_is_condemned,
};
use model::results::{AttemptId, ResultScope, Upload};
use model::store::{Page, Paging, StoreError};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::erasure::{condemn, is_condemned, lock_hash};
use crate::failure::{Done, Failure};
use crate::filter::Filter;
use crate::flows_table::{lock, read_flow};
use crate::transaction::{Lent, Question};
use crate::values::{Id, int, moment, one, text};

/// The columns of a file, in the order of [`upload_of`].
const UPLOAD: &str =
    "u.id, u.client, u.flow, u.attempt, u.number, u.path, u.accessor, u.size, u.sha256, u.stored";

fn upload_of(row: &mut Columns<'_>) -> Done<Upload> {
    Ok(Upload {
        id: UploadId::from_bits(row.bits()?),
        client: ClientId::from_bits(row.bits()?),
        attempt: AttemptId { flow: FlowId::from_bits(row.bits()?), attempt: row.small()? },
        number: row.count()?,
        path: row.take()?,
        accessor: row.take()?,
        size: row.count()?,
        sha256: match row.take::<Option<&[u8]>>()? {
            Some(hash) => Some(hash.try_into().map_err(|_| Failure::Unreadable("hash"))?),
            None => None,
        },
        stored: row.moment_or_none()?,
    })
}

fn read(row: &Row) -> Done<Upload> {
    upload_of(&mut Columns::of(row))
}

fn find(id: UploadId) -> Question {
    let sql = format!("SELECT {UPLOAD} FROM uploads u WHERE u.id = $1");
    Question::new(sql, vec![one(Id(id.bits()))])
}

/// What is there: the flow, the file itself, what the attempt's files hold.
fn questions(new: &NewUpload) -> Vec<Question> {
    let of = "FROM uploads u WHERE u.flow = $1 AND u.attempt = $2";
    let attempt = || vec![one(Id(new.attempt.flow.bits())), one(i64::from(new.attempt.attempt))];
    let known = format!("SELECT {UPLOAD}, u.declared {of} AND u.number = $3");
    let mut with_number = attempt();
    with_number.push(one(int(new.number)));
    let so_far = format!(
        "SELECT count(*), coalesce(sum(
             CASE WHEN u.sha256 IS NULL THEN u.declared ELSE u.size END), 0)::bigint {of}"
    );
    vec![
        lock(&[new.attempt.flow]),
        Question::new(known, with_number),
        Question::new(so_far, attempt()),
    ]
    .into_iter()
    .chain(new.sha256.iter().flat_map(|sha256| [lock_hash(sha256), is_condemned(sha256)]))
    .collect()
}

const INSERT: &str = "INSERT INTO uploads (id, client, flow, attempt, number, path, accessor,
        declared, size, announced)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)";

fn insert(new: &NewUpload) -> Question {
    let values = vec![
        one(Id(new.id.bits())),
        one(Id(new.client.bits())),
        one(Id(new.attempt.flow.bits())),
        one(i64::from(new.attempt.attempt)),
        one(int(new.number)),
        text(&new.path),
        text(&new.accessor),
        one(int(new.declared_size)),
        one(new.sha256.map(|sha256| sha256.to_vec())),
    ];
    Question::new(INSERT, values)
}

/// An incoming file will have this content.
fn announce(id: UploadId, sha256: &[u8; 32]) -> Question {
    let sql = "UPDATE uploads SET announced = $2 WHERE id = $1";
    Question::new(sql, vec![one(Id(id.bits())), one(sha256.to_vec())])
}

async fn give_up(lent: Lent, id: UploadId) -> Done<()> {
    let sql = "SELECT announced FROM uploads WHERE id = $1 AND sha256 IS NULL FOR UPDATE";
    let found = lent.begin(vec![Question::new(sql, vec![one(Id(id.bits()))])]).await?;
    let Some(row) = found.iter().flatten().next() else { return lent.roll_back().await };
    let announced: Option<[u8; 32]> = match Columns::of(row).take::<Option<&[u8]>>()? {
        Some(hash) => Some(hash.try_into().map_err(|_| Failure::Unreadable("hash"))?),
        None => None,
    };
    lent.ask(announced.iter().map(lock_hash).collect()).await?;
    let forget = "DELETE FROM uploads WHERE id = $1";
    let mut writes = vec![Question::new(forget, vec![one(Id(id.bits()))])];
    writes.extend(announced.iter().map(condemn));
    lent.commit(writes).await
}

async fn begin(lent: Lent, new: &NewUpload) -> Done<UploadBegun> {
    let found = lent.begin(questions(new)).await?;
    let row = |place: usize| found.get(place).and_then(|rows| rows.first());
    let flow = row(0).map(read_flow).transpose()?.filter(|flow| flow.client == new.client);
    let known = match row(1) {
        Some(row) => {
            let mut row = Columns::of(row);
            Some((upload_of(&mut row)?, row.count()?))
        }
        None => None,
    };
    let so_far = row(2).ok_or(Failure::Unreadable("sum"))?;
    let mut so_far = Columns::of(so_far);
    let so_far = UploadsSoFar { files: so_far.count()?, bytes: so_far.count()? };
    let condemned = found.get(4).is_some_and(|rows| !rows.is_empty());
    let begun = match known.filter(|_| flow.is_some()) {
        Some((upload, _)) if upload.sha256.is_some() => UploadBegun::Complete(upload),
        Some((upload, declared_size)) => {
            let again = NewUpload { declared_size: 0, ..new.clone() };
            match admit(flow.as_ref(), &again, UploadsSoFar::default()) {
                Ok(()) if condemned => return lent.refuse(content_is_condemned()).await,
                Ok(()) => {
                    lent.commit(new.sha256.iter().map(|hash| announce(upload.id, hash)).collect())
                        .await?;
                    return Ok(UploadBegun::Open { id: upload.id, declared_size });
                }
                Err(refusal) => UploadBegun::Refused(refusal),
            }
        }
        None => match admit(flow.as_ref(), new, so_far) {
            Ok(()) if condemned => return lent.refuse(content_is_condemned()).await,
            Ok(()) => {
                lent.commit(vec![insert(new)]).await?;
                return Ok(UploadBegun::Open { id: new.id, declared_size: new.declared_size });
            }
            Err(refusal) => UploadBegun::Refused(refusal),
        },
    };
    lent.roll_back().await?;
    Ok(begun)
}

#[async_trait]
impl UploadStore for RecordStore {
    async fn begin(&self, upload: &NewUpload) -> Result<UploadBegun, StoreError> {
        self.step("note an incoming file", |lent| begin(lent, upload)).await
    }

    async fn finish(&self, id: UploadId, blob: Blob, now: Timestamp) -> Result<Upload, StoreError> {
        let sql = format!(
            "UPDATE uploads u SET sha256 = coalesce(u.sha256, $2),
                 size = CASE WHEN u.sha256 IS NULL THEN $3 ELSE u.size END,
                 stored = coalesce(u.stored, $4), announced = NULL
             WHERE u.id = $1 RETURNING {UPLOAD}"
        );
        let values =
            vec![one(Id(id.bits())), one(blob.sha256.to_vec()), one(int(blob.size)), moment(now)];
        let note = Question::new(sql, values);
        let upload = self
            .read("note a complete file", |db| async move {
                note.rows(&db).await?.first().map(read).transpose()
            })
            .await?;
        upload.ok_or_else(|| StoreError::not_found(format!("upload {id}")))
    }

    async fn give_up(&self, id: UploadId) -> Result<(), StoreError> {
        self.step("forget an incoming file", |lent| give_up(lent, id)).await
    }

    async fn condemned(&self, limit: u64) -> Result<Vec<[u8; 32]>, StoreError> {
        let list = Question::new("SELECT sha256 FROM condemned LIMIT $1", vec![one(int(limit))]);
        self.read("look for content that nobody needs", |db| async move {
            list.rows(&db).await?.iter().map(|row| Columns::of(row).hash()).collect()
        })
        .await
    }

    async fn absolve(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let sql = "DELETE FROM condemned WHERE sha256 = $1";
        let absolve = Question::new(sql, vec![one(sha256.to_vec())]);
        self.write_one("note that content went", absolve).await.map(drop)
    }

    async fn abandoned(&self, limit: u64) -> Result<Vec<UploadId>, StoreError> {
        // Over means that `FlowLife::accepts` says no.
        let sql = "SELECT u.id FROM uploads u JOIN flows f ON f.id = u.flow
            WHERE u.sha256 IS NULL AND (f.state >= 2 OR f.attempt <> u.attempt) LIMIT $1";
        let find = Question::new(sql, vec![one(int(limit))]);
        self.read("look for files that will never be complete", |db| async move {
            let rows = find.rows(&db).await?;
            rows.iter().map(|row| Columns::of(row).bits().map(UploadId::from_bits)).collect()
        })
        .await
    }

    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        self.read("read an upload", |db| async move {
            find(id).rows(&db).await?.first().map(read).transpose()
        })
        .await
    }

    async fn uploads(
        &self,
        scope: ResultScope,
        paging: Paging,
    ) -> Result<Page<Upload>, StoreError> {
        let mut filter = Filter::default();
        filter.and("u.sha256 IS NOT NULL", []);
        match scope {
            ResultScope::Hunt { hunt, round } => {
                filter.and("f.hunt = ?", [one(Id(hunt.bits()))]);
                filter.and("f.round = ?", [one(i64::from(round))]);
                filter.and("f.state = 2", []);
            }
            ResultScope::Rounds(hunt) => {
                filter.and("f.hunt = ?", [one(Id(hunt.bits()))]);
                filter.and("f.state = 2", []);
            }
            ResultScope::Flow(flow) => filter.and("f.id = ?", [one(Id(flow.bits()))]),
        }
        let tables = "uploads u JOIN flows f ON f.id = u.flow AND f.attempt = u.attempt";
        self.read("list uploads", |db| async move {
            filter.page(&db, [UPLOAD, tables, "u.seq"], paging, read).await
        })
        .await
    }
}
