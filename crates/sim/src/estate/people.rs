//! What people do meanwhile, through whichever node they reach: start, edit, pause, resume, drain and
//! stop hunts, change labels. An answer that they never hear leaves them where the records are.

use std::sync::Arc;
use std::time::Duration;

use base::{ClientId, HuntId, SeededEntropy};
use fleet::enrolment::LabelChange;
use hunts::ports::{HuntEdit, HuntStep, NewHunt, RetryFailed};
use model::hunt::{EndReason, HuntEvent, HuntState};
use model::org::OrgId;
use model::retry::LimitChange;
use model::store::StoreError;
use server::core::Core;
use server::direct::{hunt_changed, labels_changed};
use testkit::stores::{Stores, ada, pick};

use super::node::Node;
use crate::operator::Operator;

/// Hunts that are started in all.
const HUNTS_MAX: usize = 5;

pub(crate) struct People {
    pub(crate) hunts: Vec<HuntId>,
    wishes: Operator,
    entropy: SeededEntropy,
}

impl People {
    pub(crate) fn new(seed: u64) -> Self {
        let (hunts, wishes) = (Vec::new(), Operator::new(seed, None));
        Self { hunts, wishes, entropy: SeededEntropy::new(seed ^ 0x9e09) }
    }

    fn some(&mut self, end: u64) -> u64 {
        pick(&mut self.entropy, end)
    }

    /// Does one thing. What it does not succeed in somebody tries again, or not.
    pub(crate) async fn act(&mut self, node: &Arc<Node>, clients: &[ClientId]) {
        let done = self.try_to_act(&node.core, clients);
        // A node that stands still or dies never answers.
        let _ = tokio::time::timeout(Duration::from_secs(60), done).await;
    }

    async fn try_to_act(&mut self, core: &Core, clients: &[ClientId]) -> Result<(), StoreError> {
        let fresh = self.hunts.len() < HUNTS_MAX;
        if fresh && (self.hunts.is_empty() || self.some(2) == 0) {
            for _ in 0..=self.some(2) {
                self.start(core).await?;
            }
            return Ok(());
        }
        let at = self.some(self.hunts.len() as u64) as usize;
        let hunt = self.hunts[at];
        match self.some(15) {
            12 => step(core, hunt, HuntEvent::Widen).await,
            13 | 14 => self.repeat(core, hunt).await,
            0 => step(core, hunt, HuntEvent::Stop).await,
            1 | 2 => self.relabel(core, clients).await,
            3..=5 => self.edit(core, hunt).await,
            6 | 7 => step(core, hunt, HuntEvent::Pause).await,
            8 => step(core, hunt, HuntEvent::Drain).await,
            _ => step(core, hunt, HuntEvent::Resume).await,
        }
    }

    async fn start(&mut self, core: &Core) -> Result<(), StoreError> {
        let spec = self.wishes.some_spec();
        let now = core.clock.now();
        let id = HuntId::mint(now, &mut self.entropy);
        // Remembered first: it may be made although nobody hears of it.
        self.hunts.push(id);
        let new = NewHunt { id, org: OrgId::default(), spec, by: ada(), now, copied_from: None };
        core.ports.hunts.create(&new).await?;
        step(core, id, HuntEvent::Start).await
    }

    async fn edit(&mut self, core: &Core, id: HuntId) -> Result<(), StoreError> {
        let Some(found) = core.ports.hunts.get(id).await? else { return Ok(()) };
        let mut spec = found.hunt.spec.clone();
        let fresh = self.wishes.some_spec();
        match self.some(3) {
            0 => spec.condition = fresh.condition,
            1 => spec.expires_after = fresh.expires_after,
            // More may run at once, never fewer than do.
            _ => spec.limits.running_max = 0,
        }
        let now = core.clock.now();
        let edit = HuntEdit { id, revision: found.hunt.revision, spec, by: ada(), now };
        core.ports.hunts.edit(&edit).await?;
        hunt_changed(core, Vec::new()).await
    }

    /// Lets failed members run again, with more room.
    async fn repeat(&mut self, core: &Core, hunt: HuntId) -> Result<(), StoreError> {
        let timeout = Some(Duration::from_secs(900));
        let limits = LimitChange { timeout, ..LimitChange::default() };
        let now = core.clock.now();
        let wanted = RetryFailed { hunt, class: None, client: None, limits, now };
        core.ports.admissions.retry_failed(&wanted).await?;
        hunt_changed(core, Vec::new()).await
    }

    async fn relabel(&mut self, core: &Core, clients: &[ClientId]) -> Result<(), StoreError> {
        let client = clients[self.some(clients.len() as u64) as usize];
        let label = ["spare".to_owned()].into();
        let change = if self.some(2) == 0 {
            LabelChange { add: label, ..LabelChange::default() }
        } else {
            LabelChange { remove: label, ..LabelChange::default() }
        };
        let after = core.ports.clients.set_labels(client, &change).await?;
        labels_changed(core, &after);
        Ok(())
    }

    /// Ends everything gently.
    pub(crate) async fn end_all(&self, node: &Arc<Node>, stores: &Stores) {
        for id in &self.hunts {
            let Ok(Some(found)) = stores.hunts.get(*id).await else { continue };
            // Whoever waits behind canaries is let in.
            if found.hunt.canary().is_some() {
                let _ = step(&node.core, *id, HuntEvent::Widen).await;
            }
            if matches!(found.hunt.state, HuntState::Running | HuntState::Paused) {
                let _ = step(&node.core, *id, HuntEvent::Drain).await;
            }
        }
    }
}

async fn step(core: &Core, id: HuntId, event: HuntEvent) -> Result<(), StoreError> {
    let step = HuntStep { id, event, reason: EndReason::Asked, by: ada(), now: core.clock.now() };
    let moved = core.ports.hunts.transition(&step).await?;
    hunt_changed(core, moved.cancelled).await
}
