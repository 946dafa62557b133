//! Members whom people put in and take out, and places in the queue. Whoever changes them holds the
//! hunt alone: it is seldom, and nobody else recruits meanwhile.

use std::collections::BTreeSet;

use async_trait::async_trait;
use base::{ClientId, HuntId, Timestamp};
use hunts::ports::{MemberKey, TagChange};
use hunts::roster::{Added, Removed, RosterStore, add_by_hand, takes_additions};
use model::hunt::Hunt;
use model::member::{Member, MemberEvent, MemberQueue, MemberState};
use model::store::StoreError;
use records::queue_number;

use crate::RecordStore;
use crate::columns::Columns;
use crate::failure::{Done, Failure};
use crate::hunts_table::{
    find_all, find_summaries, lock_alone, read_hunt, read_summary, unknown, update,
};
use crate::members;
use crate::members_write::{MemberChanges, read_member};
use crate::transaction::{Lent, Question};
use crate::values::{Id, moment, one};

/// The hunt, how many it has recruited, and those of its members that are named, all locked; `None`
/// when there is no such hunt.
async fn begin(
    lent: &Lent,
    hunt: HuntId,
    clients: &[ClientId],
) -> Done<Option<(Hunt, u64, MemberChanges)>> {
    let only = BTreeSet::from([hunt]);
    let found = lent.begin(vec![lock_alone(hunt), find_all(&only)]).await?;
    let Some(row) = found.get(1).and_then(|rows| rows.first()) else { return Ok(None) };
    let hunt = read_hunt(row)?;
    let key = |client: &ClientId| MemberKey { hunt: hunt.id, round: hunt.round, client: *client };
    let keys: BTreeSet<MemberKey> = clients.iter().map(key).collect();
    let found = lent.ask(vec![members::lock(&keys), find_summaries(&only)]).await?;
    let members = found.iter().take(1).flatten().map(read_member);
    let members = members.collect::<Done<Vec<Member>>>()?;
    let row = found.iter().skip(1).flatten().next().ok_or(Failure::Unreadable("sum"))?;
    let recruited = read_summary(row)?.counts.recruited();
    Ok(Some((hunt, recruited, MemberChanges::of(members))))
}

async fn add(lent: Lent, hunt: HuntId, clients: &[ClientId], now: Timestamp) -> Done<Vec<Added>> {
    let Some((hunt, mut recruited, mut changes)) = begin(&lent, hunt, clients).await? else {
        return lent.refuse(unknown(hunt)).await;
    };
    if let Err(why) = takes_additions(&hunt, now) {
        return lent.refuse(why).await;
    }
    let counted = |member: &Member| u64::from(!matches!(member.state, MemberState::Refused(_)));
    let mut outcomes = Vec::with_capacity(clients.len());
    for client in clients {
        let key = MemberKey { hunt: hunt.id, round: hunt.round, client: *client };
        let existing = changes.find(&key);
        let (outcome, member) = add_by_hand(&hunt, existing, *client, recruited, now);
        if let Some(member) = member {
            recruited = (recruited + counted(&member)).saturating_sub(existing.map_or(0, counted));
            changes.put(member);
        }
        outcomes.push(outcome);
    }
    lent.commit(changes.writes()).await?;
    Ok(outcomes)
}

async fn remove(
    lent: Lent,
    hunt: HuntId,
    clients: &[ClientId],
    now: Timestamp,
) -> Done<Vec<Removed>> {
    let Some((hunt, _, mut changes)) = begin(&lent, hunt, clients).await? else {
        return lent.refuse(unknown(hunt)).await;
    };
    let mut outcomes = Vec::with_capacity(clients.len());
    for client in clients {
        let key = MemberKey { hunt: hunt.id, round: hunt.round, client: *client };
        let Some(member) = changes.find(&key) else {
            outcomes.push(Removed::Unknown);
            continue;
        };
        outcomes.push(match member.on(&MemberEvent::Withdraw, now) {
            None => Removed::Stays(member.state.queue()),
            Some(moved) => {
                changes.put(moved);
                Removed::Removed
            }
        });
    }
    lent.commit(changes.writes()).await?;
    Ok(outcomes)
}

/// Changes the tags of a hunt.
pub(crate) async fn set_tags(lent: Lent, id: HuntId, change: &TagChange) -> Done<Hunt> {
    let found = lent.begin(vec![lock_alone(id), find_all(&BTreeSet::from([id]))]).await?;
    let Some(row) = found.get(1).and_then(|rows| rows.first()) else {
        return lent.refuse(unknown(id)).await;
    };
    let mut hunt = read_hunt(row)?;
    hunt.spec.tags = change.applied_to(&hunt.spec.tags);
    lent.commit(vec![update(&hunt)]).await?;
    Ok(hunt)
}

/// How many are admitted before a member. The conditions are those of
/// `hunts::membership::is_admissible`.
fn before(hunt: &Hunt, own: &Member) -> Question {
    let sql = "SELECT count(*) FROM members m
        WHERE m.hunt = $1 AND m.round = $2 AND m.queue = $3
            AND (m.flow IS NOT NULL OR m.hand > 0 OR m.revision >= $4)
            AND (m.updated, m.client) < ($5, $6)";
    let values = vec![
        one(Id(hunt.id.bits())),
        one(i64::from(hunt.round)),
        one(queue_number(MemberQueue::Pending)),
        one(i64::from(hunt.condition_revision)),
        moment(own.updated),
        one(Id(own.client.bits())),
    ];
    Question::new(sql, values)
}

#[async_trait]
impl RosterStore for RecordStore {
    async fn add(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError> {
        self.step("add clients to a hunt", |lent| add(lent, hunt, clients, now)).await
    }

    async fn remove(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Removed>, StoreError> {
        self.step("take clients out of a hunt", |lent| remove(lent, hunt, clients, now)).await
    }

    async fn ahead(&self, key: MemberKey) -> Result<Option<u64>, StoreError> {
        use hunts::ports::{HuntStore, MemberStore};
        let hunt = HuntStore::get(self, key.hunt).await?.ok_or_else(|| unknown(key.hunt))?.hunt;
        let own = MemberStore::member(self, key).await?;
        let Some(own) = own.filter(|member| member.state == MemberState::Pending) else {
            return Ok(None);
        };
        let count = before(&hunt, &own);
        self.read("look for a place in a queue", |db| async move {
            let rows = count.rows(&db).await?;
            let row = rows.first().ok_or(Failure::Unreadable("sum"))?;
            Ok(Some(Columns::of(row).count()?))
        })
        .await
    }
}
