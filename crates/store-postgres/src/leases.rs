//! Which node has which duty, by the server's clock, read after the lock was granted.

use std::time::Duration;

use async_trait::async_trait;
use base::NodeId;
use fleet::LeaseStore;
use fleet::nodes::Lease;
use model::duty::{Duty, Fence};
use model::store::StoreError;
use tokio_postgres::Row;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::Done;
use crate::transaction::Question;
use crate::values::{Id, int, one, text};

/// The newest token of a duty, which nobody else takes until the end of the transaction.
pub(crate) fn newest(fence: Option<Fence>) -> Question {
    let sql = "SELECT token FROM leases WHERE duty = $1 FOR SHARE";
    Question::new(sql, vec![one(fence.map(|fence| fence.duty.name()))])
}

/// Refuses what comes from somebody who has lost the duty.
pub(crate) fn check(fence: Option<Fence>, newest: Option<&Row>) -> Done<Result<(), StoreError>> {
    let (Some(fence), Some(newest)) = (fence, newest) else { return Ok(Ok(())) };
    let holds = fence.holds(Columns::of(newest).count()?);
    Ok(if holds { Ok(()) } else { Err(fence.refusal()) })
}

const TAKE: &str = "INSERT INTO leases (duty, token, node, until)
    VALUES ($1, 1, $2, coalesce($4::bigint, record_now()) + $3)
    ON CONFLICT (duty) DO UPDATE SET
        token = leases.token
            + CASE WHEN leases.until <= coalesce($4::bigint, record_now()) THEN 1 ELSE 0 END,
        node = EXCLUDED.node, until = coalesce($4::bigint, record_now()) + $3
    WHERE leases.node = EXCLUDED.node OR leases.until <= coalesce($4::bigint, record_now())
    RETURNING token";

const GIVE_BACK: &str = "UPDATE leases
    SET until = least(until, coalesce($3::bigint, record_now())) WHERE duty = $1 AND token = $2";

const RUNNING: &str =
    "WITH clock AS MATERIALIZED (SELECT coalesce($1::bigint, record_now()) AS now)
    SELECT duty, token, node, until - now FROM leases, clock WHERE until > now";

fn read(row: &Row) -> Done<Lease> {
    let mut row = Columns::of(row);
    let duty = row.word("duty", Duty::from_name)?;
    Ok(Lease {
        fence: Fence { duty, token: row.count()? },
        node: NodeId::from_bits(row.bits()?),
        left: Duration::from_micros(row.count()?),
    })
}

#[async_trait]
impl LeaseStore for RecordStore {
    async fn take(
        &self,
        duty: Duty,
        node: NodeId,
        life: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let micros = i64::try_from(life.as_micros()).unwrap_or(i64::MAX / 4);
        let values =
            vec![text(duty.name()), one(Id(node.bits())), one(micros), one(self.replaced_clock())];
        let take = Question::new(TAKE, values);
        self.read("take a duty", |db| async move {
            let rows = take.rows(&db).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let token = Columns::of(row).count()?;
            Ok(Some(Lease { fence: Fence { duty, token }, node, left: life }))
        })
        .await
    }

    async fn give_back(&self, fence: Fence) -> Result<(), StoreError> {
        let values =
            vec![text(fence.duty.name()), one(int(fence.token)), one(self.replaced_clock())];
        self.write_one("give a duty back", Question::new(GIVE_BACK, values)).await.map(drop)
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let running = Question::new(RUNNING, vec![one(self.replaced_clock())]);
        self.read("read the duties", |db| async move {
            let rows = running.rows(&db).await?;
            let mut leases = rows.iter().map(read).collect::<Done<Vec<Lease>>>()?;
            leases.sort_by_key(|lease| lease.fence.duty);
            Ok(leases)
        })
        .await
    }
}
