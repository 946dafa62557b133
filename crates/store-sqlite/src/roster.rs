//! Members whom people put in and take out, and places in the queue.

use async_trait::async_trait;
use base::{ClientId, HuntId, Timestamp};
use hunts::ports::MemberKey;
use hunts::roster::{Added, Removed, RosterStore, add_by_hand, takes_additions};
use model::member::{MemberEvent, MemberQueue, MemberState};
use model::store::StoreError;
use records::queue_number;
use rusqlite::{Connection, params};

use crate::SqliteStore;
use crate::codec::{Done, blob, micros, only_count};
use crate::hunts_table;
use crate::members;

fn add(db: &Connection, hunt: HuntId, clients: &[ClientId], now: Timestamp) -> Done<Vec<Added>> {
    let hunt = hunts_table::wanted(db, hunt)?;
    takes_additions(&hunt, now)?;
    let mut outcomes = Vec::with_capacity(clients.len());
    for client in clients {
        let key = MemberKey { hunt: hunt.id, round: hunt.round, client: *client };
        let existing = members::find(db, key)?;
        let recruited = members::counts(db, hunt.id, hunt.round)?.recruited();
        let (outcome, member) = add_by_hand(&hunt, existing.as_ref(), *client, recruited, now);
        if let Some(member) = member {
            members::write(db, existing.as_ref(), &member)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn remove(
    db: &Connection,
    hunt: HuntId,
    clients: &[ClientId],
    now: Timestamp,
) -> Done<Vec<Removed>> {
    let round = hunts_table::wanted(db, hunt)?.round;
    let mut outcomes = Vec::with_capacity(clients.len());
    for client in clients {
        let Some(member) = members::find(db, MemberKey { hunt, round, client: *client })? else {
            outcomes.push(Removed::Unknown);
            continue;
        };
        outcomes.push(match member.on(&MemberEvent::Withdraw, now) {
            None => Removed::Stays(member.state.queue()),
            Some(moved) => {
                members::write(db, Some(&member), &moved)?;
                Removed::Removed
            }
        });
    }
    Ok(outcomes)
}

fn ahead(db: &Connection, key: MemberKey) -> Done<Option<u64>> {
    let hunt = hunts_table::wanted(db, key.hunt)?;
    let waits = |state: &MemberState| *state == MemberState::Pending;
    let Some(own) = members::find(db, key)?.filter(|member| waits(&member.state)) else {
        return Ok(None);
    };
    // The conditions are those of `hunts::membership::is_admissible`.
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM members
         WHERE hunt = ?1 AND round = ?2 AND queue = ?3
           AND (flow IS NOT NULL OR hand > 0 OR revision >= ?4)
           AND (updated, client) < (?5, ?6)",
    )?;
    let before = statement.query_row(
        params![
            blob(hunt.id.bits()),
            hunt.round,
            queue_number(MemberQueue::Pending),
            hunt.condition_revision,
            micros(own.updated),
            blob(own.client.bits()),
        ],
        only_count,
    )?;
    Ok(Some(before))
}

#[async_trait]
impl RosterStore for SqliteStore {
    async fn add(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError> {
        let clients = clients.to_vec();
        self.write("add clients to a hunt", move |db| add(db, hunt, &clients, now)).await
    }

    async fn remove(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Removed>, StoreError> {
        let clients = clients.to_vec();
        self.write("take clients out of a hunt", move |db| remove(db, hunt, &clients, now)).await
    }

    async fn ahead(&self, key: MemberKey) -> Result<Option<u64>, StoreError> {
        self.search("look for a place in a queue", move |db| ahead(db, key)).await
    }
}
