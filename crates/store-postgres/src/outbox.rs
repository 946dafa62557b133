//! Deliveries that wait for their channel. Those that another sender is leasing at this moment are
//! passed over, so that senders do not queue on one another.

use std::time::Duration;

use async_trait::async_trait;
use loghunt::flat::int;
use loghunt::ports::{Delivery, OutboxStore, Settled};
use model::log::FindingId;
use model::store::{Page, Paging, StoreError};
use tokio_postgres::Row;

use crate::PostgresLog;
use crate::columns::{Columns, clean};
use crate::failure::Done;
use crate::filter::Filter;

/// The columns of a delivery, in the order of [`read`].
const DELIVERY: &str = "o.id, o.key, o.channel, o.findings, o.at, o.attempts, o.token, \
    o.not_before, o.error, o.given_up";

fn read(row: &Row) -> Done<Delivery> {
    let mut row = Columns::of(row);
    Ok(Delivery {
        id: row.count()?,
        key: row.shared()?,
        channel: row.take()?,
        findings: ids(row.take()?),
        at: row.moment()?,
        attempts: row.small()?,
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

impl PostgresLog {
    async fn lease(&self, owner: &str, ttl: Duration, limit: u64) -> Done<Vec<Delivery>> {
        let db = self.connection().await?;
        let sql = format!(
            "WITH clock AS MATERIALIZED (SELECT coalesce($1::bigint, log_now()) AS now),
             due AS (
                 SELECT w.id FROM log_outbox w, clock WHERE NOT w.given_up
                     AND w.not_before <= clock.now
                     AND (w.leased_until IS NULL OR w.leased_until <= clock.now)
                 ORDER BY w.id LIMIT $4 FOR UPDATE OF w SKIP LOCKED)
             UPDATE log_outbox o SET owner = $3, leased_until = clock.now + $2,
                 token = o.token + 1, attempts = o.attempts + 1
             FROM due, clock WHERE o.id = due.id RETURNING {DELIVERY}"
        );
        let lease = db.prepare_cached(&sql).await?;
        let ttl = i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX);
        let (clock, owner, limit) = (self.replaced_clock(), clean(owner), int(limit));
        let rows = db.query(&lease, &[&clock, &ttl, &owner, &limit]).await?;
        let mut taken = rows.iter().map(read).collect::<Done<Vec<Delivery>>>()?;
        taken.sort_by_key(|delivery| delivery.id);
        Ok(taken)
    }

    async fn settle_one(&self, id: u64, token: u64, how: &Settled) -> Done<()> {
        let db = self.connection().await?;
        let of = "WHERE id = $1 AND token = $2 AND NOT given_up";
        let (id, token) = (int(id), int(token));
        match how {
            Settled::Sent => {
                let sent = db.prepare_cached(&format!("DELETE FROM log_outbox {of}")).await?;
                db.execute(&sent, &[&id, &token]).await?;
            }
            Settled::Later { not_before, error } => {
                let sql = format!(
                    "UPDATE log_outbox SET leased_until = NULL, not_before = $3, error = $4 {of}"
                );
                let later = db.prepare_cached(&sql).await?;
                let values = (not_before.as_micros(), clean(error));
                db.execute(&later, &[&id, &token, &values.0, &values.1]).await?;
            }
            Settled::GiveUp { error } => {
                let sql = format!(
                    "UPDATE log_outbox SET leased_until = NULL, given_up = true, error = $3 {of}"
                );
                let give_up = db.prepare_cached(&sql).await?;
                db.execute(&give_up, &[&id, &token, &clean(error)]).await?;
            }
        }
        Ok(())
    }

    async fn list_waiting(&self, paging: Paging) -> Done<Page<Delivery>> {
        let db = self.connection().await?;
        Filter::default().page(&db, [DELIVERY, "log_outbox o", "o.id"], paging, read).await
    }
}

#[async_trait]
impl OutboxStore for PostgresLog {
    async fn take(
        &self,
        owner: &str,
        ttl: Duration,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let taken = self.lease(owner, ttl, limit).await;
        taken.map_err(|failure| failure.while_doing("lease deliveries"))
    }

    async fn settle(&self, id: u64, token: u64, how: &Settled) -> Result<(), StoreError> {
        let settled = self.settle_one(id, token, how).await;
        settled.map_err(|failure| failure.while_doing("settle a delivery"))
    }

    async fn waiting(&self, paging: Paging) -> Result<Page<Delivery>, StoreError> {
        let listed = self.list_waiting(paging).await;
        listed.map_err(|failure| failure.while_doing("list deliveries"))
    }
}
