//! Deliveries that wait for their channel.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Timestamp;
use loghunt::ports::{Delivery, OutboxStore, Settled};
use loghunt::tell::Message;
use model::log::FindingId;
use model::store::{Page, Paging, StoreError};
use rusqlite::{Connection, params};

use crate::LogStore;
use crate::codec::{Done, all, int};
use crate::log_columns::Columns;
use crate::log_filter::Filter;

/// The columns of a delivery, in the order of [`read`].
const DELIVERY: &str =
    "id, key, channel, findings, at, attempts, token, not_before, error, given_up";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Delivery> {
    let mut row = Columns::of(row);
    Ok(Delivery {
        id: row.count()?,
        key: row.take::<Arc<str>>()?,
        channel: row.take()?,
        findings: ids(&row.take::<Vec<u8>>()?),
        at: row.moment()?,
        attempts: row.take()?,
        token: row.count()?,
        not_before: row.moment()?,
        error: row.take()?,
        given_up: row.take()?,
    })
}

fn ids(bytes: &[u8]) -> Vec<FindingId> {
    let (ids, _) = bytes.as_chunks::<16>();
    ids.iter().map(|id| FindingId(u128::from_be_bytes(*id))).collect()
}

/// Writes a message.
pub(crate) fn insert(db: &Connection, message: &Message, now: Timestamp) -> rusqlite::Result<()> {
    let findings: Vec<u8> = message.findings.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    db.prepare_cached(
        "INSERT INTO log_outbox (key, channel, findings, at, not_before)
         VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute(params![&*message.key, message.channel, findings, now.as_micros()])?;
    Ok(())
}

fn take(db: &Connection, owner: &str, lease: [Timestamp; 2], limit: u64) -> Done<Vec<Delivery>> {
    let [now, until] = lease.map(Timestamp::as_micros);
    let due: Vec<i64> = all(db
        .prepare_cached(
            "SELECT id FROM log_outbox WHERE given_up = 0 AND not_before <= ?1
                 AND (leased_until IS NULL OR leased_until <= ?1)
             ORDER BY id LIMIT ?2",
        )?
        .query_map(params![now, int(limit)], |row| row.get(0))?)?;
    let mut statement = db.prepare_cached(&format!(
        "UPDATE log_outbox SET owner = ?2, leased_until = ?3, token = token + 1,
             attempts = attempts + 1
         WHERE id = ?1 RETURNING {DELIVERY}"
    ))?;
    let taken = due.into_iter().map(|id| statement.query_row(params![id, owner, until], read));
    Ok(all(taken)?)
}

fn settle(db: &Connection, id: u64, token: u64, how: &Settled) -> rusqlite::Result<()> {
    let (id, token) = (int(id), int(token));
    match how {
        Settled::Sent => db
            .prepare_cached("DELETE FROM log_outbox WHERE id = ?1 AND token = ?2 AND given_up = 0")?
            .execute([id, token])?,
        Settled::Later { not_before, error } => db
            .prepare_cached(
                "UPDATE log_outbox SET leased_until = NULL, not_before = ?3, error = ?4
                 WHERE id = ?1 AND token = ?2 AND given_up = 0",
            )?
            .execute(params![id, token, not_before.as_micros(), error])?,
        Settled::GiveUp { error } => db
            .prepare_cached(
                "UPDATE log_outbox SET leased_until = NULL, given_up = 1, error = ?3
                 WHERE id = ?1 AND token = ?2 AND given_up = 0",
            )?
            .execute(params![id, token, error])?,
    };
    Ok(())
}

#[async_trait]
impl OutboxStore for LogStore {
    async fn take(
        &self,
        owner: &str,
        ttl: Duration,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let owner = owner.to_owned();
        let clock = self.clock.clone();
        self.write("lease deliveries", move |db| {
            let now = clock.now();
            take(db, &owner, [now, now.plus(ttl)], limit)
        })
        .await
    }

    async fn settle(&self, id: u64, token: u64, how: &Settled) -> Result<(), StoreError> {
        let how = how.clone();
        self.write("settle a delivery", move |db| Ok(settle(db, id, token, &how)?)).await
    }

    async fn waiting(&self, paging: Paging) -> Result<Page<Delivery>, StoreError> {
        self.search("list deliveries", move |db| {
            Ok(Filter::default().page(db, [DELIVERY, "log_outbox", "id"], paging, read)?)
        })
        .await
    }
}
