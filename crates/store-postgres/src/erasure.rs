//! Deleted hunts go a piece at a time, each a transaction of its own, and content that nobody refers to
//! is named.
//!
//! Whether somebody refers to content is asked behind a lock of its hash, an advisory one: whoever
//! announces a file with it, and whoever condemns it, come one after the other.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{HuntId, Timestamp};
use hunts::erasure::{EraseStore, Erased, may_be_deleted};
use model::hunt::Hunt;
use model::store::StoreError;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::Done;
use crate::hunts_table::{HUNT, find_all, lock_alone, read_hunt, unknown};
use crate::segments_table;
use crate::transaction::{Lent, Question};
use crate::values::{Id, int, moment, one};

/// Locks of hashes are apart from those of hunts: they have two numbers.
const HASHES: i32 = 7;

/// Nobody else begins or ends to need this content until the end of the transaction.
pub(crate) fn lock_hash(sha256: &[u8; 32]) -> Question {
    let [a, b, c, d, ..] = *sha256;
    let number = i32::from_be_bytes([a, b, c, d]);
    let sql = "SELECT 1 FROM pg_advisory_xact_lock($1::integer, $2::integer)";
    Question::new(sql, vec![one(HASHES), one(number)])
}

/// Whether content is being taken away: a row, or none.
pub(crate) fn is_condemned(sha256: &[u8; 32]) -> Question {
    Question::new("SELECT 1 FROM condemned WHERE sha256 = $1", vec![one(sha256.to_vec())])
}

/// Content is left by one record; condemned when that was the last. Behind [`lock_hash`].
pub(crate) fn condemn(sha256: &[u8; 32]) -> Question {
    let sql = "INSERT INTO condemned (sha256) SELECT $1::bytea
        WHERE NOT EXISTS (SELECT FROM uploads WHERE coalesce(sha256, announced) = $1)
            AND NOT EXISTS (SELECT FROM tools WHERE sha256 = $1)
        ON CONFLICT DO NOTHING";
    Question::new(sql, vec![one(sha256.to_vec())])
}

async fn delete(lent: Lent, id: HuntId, now: Timestamp) -> Done<Hunt> {
    let found = lent.begin(vec![lock_alone(id), find_all(&BTreeSet::from([id]))]).await?;
    let Some(row) = found.get(1).and_then(|rows| rows.first()) else {
        return lent.refuse(unknown(id)).await;
    };
    let hunt = read_hunt(row)?;
    if let Err(why) = may_be_deleted(&hunt) {
        return lent.refuse(why).await;
    }
    let mark = "UPDATE hunts SET deleted = $2 WHERE id = $1";
    let values = vec![one(Id(id.bits())), moment(now)];
    lent.commit(vec![Question::new(mark, values)]).await?;
    Ok(hunt)
}

fn some_of(hunt: HuntId, most: u64) -> Vec<crate::filter::Bound> {
    vec![one(Id(hunt.bits())), one(int(most))]
}

/// Takes complete files of a hunt away; how many went.
async fn erase_files(lent: Lent, hunt: HuntId, most: u64) -> Done<u64> {
    let sql = "SELECT u.id, u.sha256 FROM uploads u JOIN flows f ON f.id = u.flow
        WHERE f.hunt = $1 AND u.sha256 IS NOT NULL LIMIT $2 FOR UPDATE OF u";
    let found = lent.begin(vec![Question::new(sql, some_of(hunt, most))]).await?;
    let (mut ids, mut hashes) = (Vec::new(), BTreeSet::new());
    for row in found.iter().flatten() {
        let mut row = Columns::of(row);
        ids.push(Id(row.bits()?));
        hashes.insert(row.hash()?);
    }
    let gone = ids.len() as u64;
    // In one order, so that nobody waits in a circle.
    lent.ask(hashes.iter().map(lock_hash).collect()).await?;
    let forget = Question::new("DELETE FROM uploads WHERE id = ANY($1)", vec![one(ids)]);
    let writes = std::iter::once(forget).chain(hashes.iter().map(condemn)).collect();
    lent.commit(writes).await?;
    Ok(gone)
}

/// What belongs to a hunt besides rows and files, in the order in which it goes. Flows with half-sent
/// files stay.
const OF_HUNT: [&str; 4] = [
    "DELETE FROM flows WHERE ctid = ANY(ARRAY(SELECT f.ctid FROM flows f WHERE f.hunt = $1
        AND NOT EXISTS (SELECT FROM uploads u WHERE u.flow = f.id) LIMIT $2))",
    "DELETE FROM results_queue
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM results_queue WHERE hunt = $1 LIMIT $2))",
    "DELETE FROM checkpoints
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM checkpoints WHERE hunt = $1 LIMIT $2))",
    "DELETE FROM members
     WHERE ctid = ANY(ARRAY(SELECT ctid FROM members WHERE hunt = $1 LIMIT $2))",
];

/// Takes the hunt itself away, unless it has flows that must stay. Whether it went.
async fn erase_hunt(lent: Lent, hunt: HuntId) -> Done<bool> {
    let held = "SELECT 1 FROM flows WHERE hunt = $1 LIMIT 1";
    let of = || vec![one(Id(hunt.bits()))];
    let found = lent.begin(vec![lock_alone(hunt), Question::new(held, of())]).await?;
    if found.get(1).is_some_and(|rows| !rows.is_empty()) {
        lent.roll_back().await?;
        return Ok(false);
    }
    let tables = ["member_counts", "admissions", "rounds", "hunt_revisions"];
    let mut writes: Vec<Question> = tables
        .into_iter()
        .map(|table| Question::new(format!("DELETE FROM {table} WHERE hunt = $1"), of()))
        .collect();
    writes.push(Question::new("DELETE FROM hunts WHERE id = $1", of()));
    lent.commit(writes).await?;
    Ok(true)
}

#[async_trait]
impl EraseStore for RecordStore {
    async fn delete(&self, id: HuntId, now: Timestamp) -> Result<Hunt, StoreError> {
        self.step("delete a hunt", |lent| delete(lent, id, now)).await
    }

    async fn deleted(&self, limit: u64) -> Result<Vec<HuntId>, StoreError> {
        let sql = "SELECT id FROM hunts WHERE deleted IS NOT NULL ORDER BY deleted, id LIMIT $1";
        let list = Question::new(sql, vec![one(int(limit))]);
        self.read("look for deleted hunts", |db| async move {
            let read = |row: &Row| Columns::of(row).bits().map(HuntId::from_bits);
            list.rows(&db).await?.iter().map(read).collect()
        })
        .await
    }

    async fn erase(&self, id: HuntId, most: u64, now: Timestamp) -> Result<Erased, StoreError> {
        let most = most.max(1);
        let sql = "SELECT 1 FROM hunts WHERE id = $1 AND deleted IS NOT NULL";
        let marked = Question::new(sql, vec![one(Id(id.bits()))]);
        let marked =
            self.read("look for a deleted hunt", |db| async move {
                Ok(!marked.rows(&db).await?.is_empty())
            })
            .await?;
        if !marked {
            return Ok(Erased::default());
        }
        let doing = "erase a deleted hunt";
        if self.step(doing, |lent| segments_table::forget(lent, id, most, now)).await? {
            return Ok(Erased { gone: most, left: true });
        }
        let mut gone = self.step(doing, |lent| erase_files(lent, id, most)).await?;
        for sql in OF_HUNT {
            if gone >= most {
                return Ok(Erased { gone, left: true });
            }
            gone += self.write_one(doing, Question::new(sql, some_of(id, most - gone))).await?;
        }
        if gone >= most {
            return Ok(Erased { gone, left: true });
        }
        match self.step(doing, |lent| erase_hunt(lent, id)).await? {
            true => Ok(Erased { gone: gone + 1, left: false }),
            false => Ok(Erased { gone, left: true }),
        }
    }

    async fn closed(&self, after: Option<HuntId>, limit: u64) -> Result<Vec<Hunt>, StoreError> {
        let sql = format!(
            "SELECT {HUNT} FROM hunts h WHERE h.closed IS NOT NULL AND h.deleted IS NULL
                 AND h.state IN ('stopped', 'completed', 'archived')
                 AND ($1::bytea IS NULL OR h.id > $1) ORDER BY h.id LIMIT $2"
        );
        let values = vec![one(after.map(|after| Id(after.bits()))), one(int(limit))];
        let list = Question::new(sql, values);
        self.read("list hunts that are over", |db| async move {
            list.rows(&db).await?.iter().map(read_hunt).collect()
        })
        .await
    }
}
