//! What a running scheduler shows of itself.

use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use loghunt::engine::{EngineError, Estimate};
use model::log::{DatasetName, EngineName, TenantName, Window};

use crate::shared::Scheduler;
use crate::tally::{Place, place};

/// What runs and waits for one tenant at one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Which tenant.
    pub tenant: TenantName,
    /// Which engine.
    pub engine: EngineName,
    /// Pieces of work under way.
    pub running: u64,
    /// Streams that are due and not through yet.
    pub waiting: u64,
    /// Why the engine cannot be reached, or why a stream is not run until somebody changes something.
    pub failure: Option<String>,
    /// Nothing is asked before this moment.
    pub closed_until: Option<Timestamp>,
    /// Bytes read since midnight UTC, for the tenant as a whole.
    pub bytes_today: u64,
}

impl Scheduler {
    /// What runs and waits, by tenant and engine.
    pub fn queues(&self) -> Vec<Queue> {
        let roster = self.roster();
        let state = self.shared.state.lock();
        let mut queues: BTreeMap<Place, Queue> = BTreeMap::new();
        for place @ (tenant, engine) in &roster.places {
            let breaker = state.breakers.get(place);
            let queue = Queue {
                tenant: tenant.clone(),
                engine: engine.clone(),
                running: u64::from(state.choice.running_for(tenant, engine)),
                waiting: state.tally.waiting(place),
                failure: state.unreachable.get(place).cloned(),
                closed_until: breaker.and_then(|breaker| breaker.open_until()),
                bytes_today: state.spent.get(tenant).map_or(0, |(_, bytes)| *bytes),
            };
            queues.insert(place.clone(), queue);
        }
        for target in state.tally.held().iter().filter_map(|name| state.targets.get(name)) {
            if let (Some(queue), Some(held)) = (queues.get_mut(&place(target)), target.held()) {
                queue.failure.get_or_insert_with(|| held.why.to_string());
            }
        }
        queues.into_values().collect()
    }

    /// What is wrong with the scheduler itself, as sentences.
    pub fn troubles(&self) -> Vec<String> {
        let roster = self.roster();
        let mut told: BTreeSet<String> = roster.problems.iter().cloned().collect();
        let state = self.shared.state.lock();
        let unreachable = state.unreachable.iter();
        told.extend(unreachable.map(|((tenant, _), why)| format!("{tenant}: {why}")));
        if let Some(until) = state.store.open_until() {
            told.insert(format!("the records cannot be written; tried again at {until}"));
        }
        told.into_iter().collect()
    }

    /// What reading a window of a dataset would cost, as its engine says.
    pub async fn estimate(
        &self,
        tenant: &TenantName,
        dataset: &DatasetName,
        window: Window,
    ) -> Result<Option<Estimate>, EngineError> {
        let roster = self.roster();
        let mut all = roster.by_name.values();
        let of = all.find(|one| one.tenant.name == *tenant && one.dataset.name == *dataset);
        let Some(assignment) = of else { return Ok(None) };
        let engine = &assignment.dataset.engine;
        let engines = &self.shared.ports.engines;
        let engine = engines.engine(&roster.definitions, tenant, engine).await?;
        let source = assignment.source(assignment.dataset.domain, &"".into());
        engine.estimate(&source, window).await.map(Some)
    }
}
