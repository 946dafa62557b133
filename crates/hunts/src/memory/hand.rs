//! What people do to members by hand, and how hunts are deleted, in memory.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::ResultStore;
use model::flow::FlowOrigin;
use model::hunt::Hunt;
use model::member::{MemberEvent, MemberState};
use model::store::StoreError;

use super::{Kept, MemHunts};
use crate::erasure::{EraseStore, Erased, may_be_deleted};
use crate::membership::is_admissible;
use crate::ports::MemberKey;
use crate::roster::{Added, Removed, RosterStore, add_by_hand, takes_additions};

impl Kept {
    fn key(&self, hunt: HuntId, client: ClientId) -> Result<MemberKey, StoreError> {
        Ok(MemberKey { hunt, round: self.hunt(hunt)?.round, client })
    }

    /// Takes up to `most` members, and then the hunt itself, away.
    fn erase(&mut self, id: HuntId, most: usize) -> Erased {
        let of_hunt = |key: &&MemberKey| key.hunt == id;
        let gone: Vec<MemberKey> =
            self.members.keys().filter(of_hunt).take(most).copied().collect();
        for key in &gone {
            self.members.remove(key);
        }
        let count = gone.len() as u64;
        if gone.len() == most {
            return Erased { gone: count, left: true };
        }
        self.pointers.retain(|(hunt, _, _)| *hunt != id);
        self.counts.retain(|(hunt, _), _| *hunt != id);
        self.rounds.retain(|(hunt, _), _| *hunt != id);
        self.checkpoints.retain(|(hunt, _, _), _| *hunt != id);
        self.revisions.remove(&id);
        self.spent.remove(&id);
        self.hunts.remove(&id);
        self.deleted.remove(&id);
        Erased { gone: count + 1, left: false }
    }
}

#[async_trait]
impl RosterStore for MemHunts {
    async fn add(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Added>, StoreError> {
        let mut kept = self.records.0.lock();
        let hunt = kept.hunt(hunt)?.clone();
        takes_additions(&hunt, now)?;
        let mut outcomes = Vec::with_capacity(clients.len());
        for client in clients {
            let existing = kept.members.get(&kept.key(hunt.id, *client)?);
            let recruited = kept.counts_of(hunt.id, hunt.round).recruited();
            let (outcome, member) = add_by_hand(&hunt, existing, *client, recruited, now);
            if let Some(member) = member {
                kept.write(member);
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn remove(
        &self,
        hunt: HuntId,
        clients: &[ClientId],
        now: Timestamp,
    ) -> Result<Vec<Removed>, StoreError> {
        let mut kept = self.records.0.lock();
        let mut outcomes = Vec::with_capacity(clients.len());
        for client in clients {
            let key = kept.key(hunt, *client)?;
            let Some(member) = kept.members.get(&key) else {
                outcomes.push(Removed::Unknown);
                continue;
            };
            let queue = member.state.queue();
            outcomes.push(match member.on(&MemberEvent::Withdraw, now) {
                None => Removed::Stays(queue),
                Some(moved) => {
                    kept.write(moved);
                    Removed::Removed
                }
            });
        }
        Ok(outcomes)
    }

    async fn ahead(&self, key: MemberKey) -> Result<Option<u64>, StoreError> {
        let kept = self.records.0.lock();
        let hunt = kept.hunt(key.hunt)?;
        let waits = |state: &MemberState| *state == MemberState::Pending;
        let Some(own) = kept.members.get(&key).filter(|member| waits(&member.state)) else {
            return Ok(None);
        };
        // In every state that admits, the same members are passed over.
        let admitting = Hunt { state: model::hunt::HuntState::Running, ..hunt.clone() };
        let before = kept.members.values().filter(|member| {
            member.hunt == key.hunt
                && is_admissible(&admitting, member)
                && (member.updated, member.client) < (own.updated, own.client)
        });
        Ok(Some(before.count() as u64))
    }
}

#[async_trait]
impl EraseStore for MemHunts {
    async fn delete(&self, id: HuntId, now: Timestamp) -> Result<Hunt, StoreError> {
        let mut kept = self.records.0.lock();
        let hunt = kept.hunt(id)?.clone();
        may_be_deleted(&hunt)?;
        kept.deleted.insert(id, now);
        Ok(hunt)
    }

    async fn deleted(&self, limit: u64) -> Result<Vec<HuntId>, StoreError> {
        let kept = self.records.0.lock();
        let mut marked: Vec<(Timestamp, HuntId)> =
            kept.deleted.iter().map(|(id, at)| (*at, *id)).collect();
        marked.sort();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(marked.into_iter().map(|(_, id)| id).take(limit).collect())
    }

    async fn erase(&self, id: HuntId, most: u64, now: Timestamp) -> Result<Erased, StoreError> {
        let rows = most.max(1);
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        if !self.records.0.lock().deleted.contains_key(&id) {
            return Ok(Erased::default());
        }
        if self.flows.forget(id, rows, now).await? {
            return Ok(Erased { gone: rows, left: true });
        }
        let of_hunt = |origin: &FlowOrigin| match origin {
            FlowOrigin::Hunt { hunt, .. } => *hunt == id,
            FlowOrigin::Direct => false,
        };
        let flows: Vec<FlowId> = self.flows.with_flows(|flows| {
            let own = flows.values().filter(|flow| of_hunt(&flow.origin));
            own.map(|flow| flow.id).take(most).collect()
        });
        let gone = self.flows.erase(&flows);
        if !flows.is_empty() {
            return Ok(Erased { gone, left: true });
        }
        Ok(self.records.0.lock().erase(id, most))
    }

    async fn closed(&self, after: Option<HuntId>, limit: u64) -> Result<Vec<Hunt>, StoreError> {
        let kept = self.records.0.lock();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let over = |hunt: &&Hunt| {
            after.is_none_or(|after| hunt.id > after)
                && hunt.closed.is_some()
                && hunt.state.is_at_rest()
                && !kept.deleted.contains_key(&hunt.id)
        };
        Ok(kept.hunts.values().filter(over).take(limit).cloned().collect())
    }
}
