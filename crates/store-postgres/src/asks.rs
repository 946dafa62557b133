//! What flows collect and within which limits: one record for all flows that collect the same. Never
//! changed, so what was read once is known for ever.

use std::collections::HashMap;

use model::flow::Flow;
use parking_lot::Mutex;
use records::write_ask;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};
use crate::transaction::{Lent, Question};
use crate::values::one;

/// Asks that are remembered; beyond it all are forgotten and met again.
const KNOWN_MAX: usize = 10_000;

/// The numbers of asks that were met.
#[derive(Default)]
pub(crate) struct KnownAsks(Mutex<HashMap<[u8; 32], i64>>);

/// The number of an ask, whether it is new or not; nothing when another client makes it right now.
const NUMBER: &str = "WITH new AS (
        INSERT INTO asks (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING
        RETURNING key)
    SELECT key FROM new UNION ALL SELECT key FROM asks WHERE digest = $1";

/// What an ask is written as, and its digest.
fn written(flow: &Flow) -> (String, [u8; 32]) {
    // JSON has no NUL in it.
    let body = write_ask(&flow.artifacts, &flow.limits, &flow.retry);
    let digest = Sha256::digest(body.as_bytes()).into();
    (body, digest)
}

fn number_of(body: String, digest: [u8; 32]) -> Question {
    Question::new(NUMBER, vec![one(digest.to_vec()), one(body)])
}

fn read_number(rows: &[Row]) -> Done<i64> {
    Columns::of(rows.first().ok_or(Failure::Met)?).take()
}

impl KnownAsks {
    fn note(&self, digest: [u8; 32], key: i64) {
        let mut known = self.0.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(digest, key);
    }

    fn find(&self, digest: &[u8; 32]) -> Option<i64> {
        self.0.lock().get(digest).copied()
    }
}

impl RecordStore {
    /// The number of what a flow collects. Taken outside of any transaction: an ask without flows does
    /// no harm.
    pub(crate) async fn ask_of(&self, flow: &Flow) -> Done<i64> {
        let (body, digest) = written(flow);
        if let Some(key) = self.asks.find(&digest) {
            return Ok(key);
        }
        let number = number_of(body, digest);
        let db = self.connection().await?;
        let mut rows = number.rows(&db).await?;
        if rows.is_empty() {
            // The other client has committed by now: the insertion waited for it.
            rows = number.rows(&db).await?;
        }
        let key = read_number(&rows)?;
        self.asks.note(digest, key);
        Ok(key)
    }

    /// The same within a transaction; what may yet be taken back is not remembered.
    pub(crate) async fn ask_within(&self, lent: &Lent, flow: &Flow) -> Done<i64> {
        let (body, digest) = written(flow);
        if let Some(key) = self.asks.find(&digest) {
            return Ok(key);
        }
        let rows = lent.ask(vec![number_of(body.clone(), digest)]).await?;
        match rows.iter().flatten().next() {
            Some(row) => Columns::of(row).take(),
            None => {
                let rows = lent.ask(vec![number_of(body, digest)]).await?;
                read_number(rows.first().map(Vec::as_slice).unwrap_or_default())
            }
        }
    }
}
