//! Admission in memory: one look at everything under the locks of flows and hunts.

use async_trait::async_trait;
use base::{FlowId, Timestamp};
use model::flow::Flow;
use model::member::{Member, MemberEvent, MemberState};
use model::store::StoreError;

use super::{MemHunts, move_with_flow};
use crate::admission::{WINDOW, allowed, room};
use crate::life;
use crate::membership::{Beginning, flow_for, is_admissible};
use crate::ports::{AdmissionStore, Admissions, Grant, MemberKey, RetryFailed};

#[async_trait]
impl AdmissionStore for MemHunts {
    async fn clock(&self, here: Timestamp) -> Result<Timestamp, StoreError> {
        Ok(here)
    }

    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError> {
        self.flows.with_flows(|flows| {
            let mut kept = self.records.0.lock();
            let now = grant.now;
            if let Some(fence) = grant.fence {
                let newest = kept.fences.entry(fence.duty).or_insert(fence.token);
                if !fence.holds(*newest) {
                    return Err(fence.refusal());
                }
                *newest = fence.token;
            }
            for some in &mut kept.admissions {
                some.at = some.at.min(now);
            }
            kept.admissions.retain(|some| some.at.plus(WINDOW * 2) >= now);
            let hunt = kept.hunt(grant.hunt)?.clone();
            let own = allowed(&kept.summary(&hunt), &kept.admissions, now);
            let all = kept.admissions.iter().map(|some| (some.at, some.count));
            let free = own.free.min(room(grant.ceiling, all, now).free);
            let mut waiting = kept.members_of(&hunt);
            waiting.retain(|member| is_admissible(&hunt, member) && !kept.runs_before(member));
            waiting.sort_by_key(|member| (member.updated, member.client));
            let mut fresh = own.fresh;
            waiting.retain(|member| {
                let may = member.flow.is_some() || fresh > 0;
                fresh = fresh.saturating_sub(u64::from(member.flow.is_none()));
                may
            });
            waiting.truncate(usize::try_from(free).unwrap_or(usize::MAX));
            let mut admitted = Vec::new();
            for (member, fresh) in waiting.into_iter().zip(&grant.flow_ids) {
                let former = member.flow.and_then(|id| flows.get(&id));
                let checkpoints = kept.checkpoints_of(hunt.id, member.client);
                let beginning = Beginning { former, fresh: *fresh, checkpoints };
                let Some(flow) = flow_for(&hunt, &member, beginning, now) else { continue };
                let event = MemberEvent::Admitted { flow: flow.id };
                let Some(moved) = member.on(&event, now) else { continue };
                kept.write(moved);
                flows.insert(flow.id, flow.clone());
                admitted.push(flow);
            }
            let count = admitted.len() as u64;
            if count > 0 {
                kept.admissions.push(Admissions { hunt: hunt.id, at: now, count });
            }
            Ok(admitted)
        })
    }

    async fn admissions(&self, since: Timestamp) -> Result<Vec<Admissions>, StoreError> {
        let kept = self.records.0.lock();
        let mut found: Vec<Admissions> =
            kept.admissions.iter().filter(|some| some.at >= since).copied().collect();
        found.sort_by_key(|some| some.at);
        Ok(found)
    }

    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError> {
        life::may_be_asked(event)?;
        self.flows.with_flows(|flows| {
            let mut kept = self.records.0.lock();
            let member = kept.members.get(&key).cloned().ok_or_else(|| {
                StoreError::not_found(format!("client {} in hunt {}", key.client, key.hunt))
            })?;
            if *event == MemberEvent::Retry && !life::takes_retries(kept.hunt(key.hunt)?.state) {
                return Ok(None);
            }
            let told = move_with_flow(&mut kept, flows, &member, event, now);
            Ok(told.map(|(_, flow)| flow))
        })
    }
    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError> {
        self.flows.with_flows(|flows| {
            let mut kept = self.records.0.lock();
            let hunt = kept.hunt(wanted.hunt)?.clone();
            life::may_retry(&hunt)?;
            let mut again = 0;
            for member in kept.members_of(&hunt) {
                if !is_wanted(&member, wanted) {
                    continue;
                }
                let Some(moved) = member.on(&MemberEvent::Retry, wanted.now) else { continue };
                if let Some(flow) = member.flow.and_then(|flow| flows.get_mut(&flow)) {
                    flow.limits = wanted.limits.of(&flow.limits);
                }
                kept.write(moved);
                again += 1;
            }
            Ok(again)
        })
    }
}

fn is_wanted(member: &Member, wanted: &RetryFailed) -> bool {
    let MemberState::Failed(failure) = &member.state else { return false };
    wanted.class.is_none_or(|class| failure.class() == class)
        && wanted.client.is_none_or(|client| member.client == client)
}
