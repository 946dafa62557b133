//! The ports of this crate in memory. Product code that keeps the whole contract, except that
//! nothing outlives the process.
//!
//! Flows of hunts are made and followed by whoever keeps the hunts: see [`MemFlows::with_flows`]
//! and [`FlowFollower`].

mod blobs;
mod erasure;
mod evidence;
mod monitoring;
mod segments;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::{ClientId, FlowId, Timestamp};
use model::flow::{Flow, FlowOrigin, FlowState};
use model::store::{Page, StoreError};
use model::tool::ToolFile;
use parking_lot::Mutex;

use crate::life::{after, overdue};
use crate::ports::{Applied, FlowList, FlowStep, FlowStore};
use crate::reports::{Burst, ReportStore, Taken};
use crate::steer::take_burst;

pub use blobs::MemBlobs;

/// All flows and what they brought, in memory.
#[derive(Default)]
pub struct MemFlows {
    records: Mutex<Records>,
    follower: Mutex<Option<Arc<dyn FlowFollower>>>,
    hostnames: Mutex<BTreeMap<ClientId, String>>,
}

#[derive(Default)]
struct Records {
    flows: BTreeMap<FlowId, Flow>,
    evidence: evidence::Evidence,
    segments: segments::Segments,
    events: monitoring::Events,
    tools: BTreeMap<(String, String), ToolFile>,
}

/// Is told of every flow of a hunt that has moved, before anybody can see it.
pub trait FlowFollower: Send + Sync {
    /// `flow` is the record as it will be, `step` what moved it.
    fn flow_moved(&self, flow: &Flow, step: &FlowStep);
}

impl MemFlows {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `follower` is told of flows of hunts that have moved.
    pub fn set_follower(&self, follower: Arc<dyn FlowFollower>) {
        *self.follower.lock() = Some(follower);
    }

    /// Does something with all flows that nobody can see half done.
    pub fn with_flows<R>(&self, change: impl FnOnce(&mut BTreeMap<FlowId, Flow>) -> R) -> R {
        change(&mut self.records.lock().flows)
    }

    /// Tells the host name of a client, for searches and filters.
    pub fn name_client(&self, client: ClientId, hostname: &str) {
        self.hostnames.lock().insert(client, hostname.to_owned());
    }

    /// The host name of a client, as far as it was told.
    pub fn hostname(&self, client: ClientId) -> String {
        self.hostnames.lock().get(&client).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl FlowStore for MemFlows {
    async fn create(&self, flow: &Flow) -> Result<(), StoreError> {
        let mut records = self.records.lock();
        match records.flows.get(&flow.id) {
            None => {
                records.flows.insert(flow.id, flow.clone());
                Ok(())
            }
            Some(held) if held == flow => Ok(()),
            Some(_) => Err(StoreError::conflict(format!("a flow {} exists already", flow.id))),
        }
    }

    async fn get(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        Ok(self.records.lock().flows.get(&id).cloned())
    }

    async fn list(&self, query: &FlowList) -> Result<Page<Flow>, StoreError> {
        let of_hunt = |flow: &Flow| match (query.hunt, flow.origin) {
            (None, _) => true,
            (Some(wanted), FlowOrigin::Hunt { hunt, .. }) => wanted == hunt,
            (Some(_), FlowOrigin::Direct) => false,
        };
        let wanted = |flow: &&Flow| {
            flow.org == query.org
                && query.client.is_none_or(|client| flow.client == client)
                && of_hunt(flow)
                && (query.states.is_empty() || query.states.contains(&flow.life.state.name()))
        };
        let records = self.records.lock();
        let mut found: Vec<Flow> = records.flows.values().filter(wanted).cloned().collect();
        found.sort_by_key(|flow| std::cmp::Reverse((flow.created, flow.id)));
        Ok(Page::cut(found, query.paging))
    }

    async fn live(&self, client: ClientId) -> Result<Vec<Flow>, StoreError> {
        let records = self.records.lock();
        let wanted = |flow: &&Flow| flow.client == client && !flow.life.is_over();
        let mut found: Vec<Flow> = records.flows.values().filter(wanted).cloned().collect();
        found.sort_by_key(|flow| (flow.created, flow.id));
        Ok(found)
    }

    async fn waiting(&self, clients: &[ClientId]) -> Result<Vec<Flow>, StoreError> {
        let records = self.records.lock();
        let wanted =
            |flow: &&Flow| flow.life.state == FlowState::Queued && clients.contains(&flow.client);
        let mut found: Vec<Flow> = records.flows.values().filter(wanted).cloned().collect();
        found.sort_by_key(|flow| (flow.created, flow.id));
        Ok(found)
    }

    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError> {
        let follower = self.follower.lock().clone();
        let mut records = self.records.lock();
        let flow = records
            .flows
            .get_mut(&step.flow)
            .ok_or_else(|| StoreError::not_found(format!("flow {}", step.flow)))?;
        let Some(moved) = after(flow, &step.event, step.retry, step.now) else {
            return Ok(Applied { flow: flow.clone(), moved: false });
        };
        *flow = moved.clone();
        if let (FlowOrigin::Hunt { .. }, Some(follower)) = (moved.origin, follower) {
            follower.flow_moved(&moved, step);
        }
        Ok(Applied { flow: moved, moved: true })
    }

    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError> {
        let records = self.records.lock();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(records.flows.values().filter(|flow| overdue(flow, now)).take(limit).cloned().collect())
    }
}

#[async_trait]
impl ReportStore for MemFlows {
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        take_burst(self, self, burst).await
    }
}
