//! Which node has which duty. The file belongs to one process, so there is only one node; its tokens
//! are as real as those of many: what was begun before a restart is refused after it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Clock, NodeId, Timestamp};
use fleet::LeaseStore;
use fleet::nodes::Lease;
use model::duty::{Duty, Fence};
use model::store::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStore;
use crate::codec::{Done, all, bits, blob, count, int, micros, moment, unreadable};

/// The duties of an installation; leases are measured by a clock.
pub struct SqliteLeases {
    store: SqliteStore,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// The duties, with leases by this clock.
    pub fn leases(&self, clock: Arc<dyn Clock>) -> SqliteLeases {
        SqliteLeases { store: self.clone(), clock }
    }
}

struct Held {
    token: u64,
    node: NodeId,
    until: Timestamp,
}

/// The leases of whoever had the file open before are over.
pub(crate) fn end_all(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE leases SET until = 0", []).map(|_| ())
}

fn find(db: &Connection, duty: Duty) -> rusqlite::Result<Option<Held>> {
    let mut statement = db.prepare_cached("SELECT * FROM leases WHERE duty = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Held {
            token: count(row, "token")?,
            node: NodeId::from_bits(bits(row, "node")?),
            until: moment(row, "until")?,
        })
    };
    statement.query_row([duty.name()], read).optional()
}

/// Refuses what comes from somebody who has lost the duty.
pub(crate) fn check(db: &Connection, fence: Option<Fence>) -> Done<()> {
    let Some(fence) = fence else { return Ok(()) };
    match find(db, fence.duty)? {
        Some(held) if !fence.holds(held.token) => Err(fence.refusal().into()),
        Some(_) | None => Ok(()),
    }
}

fn take(
    db: &Connection,
    (duty, node): (Duty, NodeId),
    life: Duration,
    now: Timestamp,
) -> Done<Option<Lease>> {
    let held = find(db, duty)?;
    let runs = held.as_ref().is_some_and(|held| now < held.until);
    if runs && held.as_ref().is_some_and(|held| held.node != node) {
        return Ok(None);
    }
    let token = held.map_or(0, |held| held.token) + u64::from(!runs);
    db.prepare_cached(
        "INSERT OR REPLACE INTO leases (duty, token, node, until) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![duty.name(), int(token), blob(node.bits()), micros(now.plus(life))])?;
    Ok(Some(Lease { fence: Fence { duty, token }, node, left: life }))
}

fn leases(db: &Connection, now: Timestamp) -> Done<Vec<Lease>> {
    let mut statement = db.prepare_cached("SELECT * FROM leases WHERE until > ?1 ORDER BY duty")?;
    let found = statement.query_map([micros(now)], |row| {
        let name: String = row.get("duty")?;
        let duty = Duty::from_name(&name).ok_or_else(|| unreadable("duty"))?;
        Ok(Lease {
            fence: Fence { duty, token: count(row, "token")? },
            node: NodeId::from_bits(bits(row, "node")?),
            left: moment(row, "until")?.since(now),
        })
    })?;
    let mut found = all(found)?;
    found.sort_by_key(|lease| lease.fence.duty);
    Ok(found)
}

#[async_trait]
impl LeaseStore for SqliteLeases {
    async fn take(
        &self,
        duty: Duty,
        node: NodeId,
        life: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let now = self.clock.now();
        self.store.write("take a duty", move |db| take(db, (duty, node), life, now)).await
    }

    async fn give_back(&self, fence: Fence) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store
            .write("give a duty back", move |db| {
                db.prepare_cached(
                    "UPDATE leases SET until = min(until, ?3) WHERE duty = ?1 AND token = ?2",
                )?
                .execute(params![
                    fence.duty.name(),
                    int(fence.token),
                    micros(now)
                ])?;
                Ok(())
            })
            .await
    }

    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        let now = self.clock.now();
        self.store.look_up("read the duties", |db| leases(db, now))
    }
}
