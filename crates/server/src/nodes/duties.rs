//! Which duties this node has now, and the fences that show it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::NodeId;
use fleet::LeaseStore;
use model::duty::{Duty, Fence};
use model::store::StoreError;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Rhythm;
use crate::core::Core;
use crate::event::TaskFellBehind;

/// Stops this long before another node may begin: what is under way comes to its end.
const MARGIN: Duration = Duration::from_secs(1);

/// What the server itself does; whoever compacts takes that duty by itself.
const OWN: [Duty; 2] = [Duty::HuntManager, Duty::Janitor];

/// The duties that this node has.
pub(crate) struct Duties {
    leases: Arc<dyn LeaseStore>,
    node: NodeId,
    rhythm: Rhythm,
    held: Mutex<HashMap<Duty, (Fence, Instant)>>,
}

impl Duties {
    pub(crate) fn new(leases: Arc<dyn LeaseStore>, node: NodeId, rhythm: Rhythm) -> Self {
        Self { leases, node, rhythm, held: Mutex::default() }
    }

    /// The leave to do this now; `None` when another node has it.
    pub(crate) fn fence(&self, duty: Duty) -> Option<Fence> {
        let held = self.held.lock();
        let (fence, until) = held.get(&duty)?;
        (Instant::now() < *until).then_some(*fence)
    }

    /// Takes what is free and renews what is held. Whether something is new.
    pub(crate) async fn renew(&self) -> Result<bool, StoreError> {
        let mut is_new = false;
        for duty in OWN {
            // The lease runs from some moment after this one.
            let asked = Instant::now();
            let lease = self.leases.take(duty, self.node, self.rhythm.life).await?;
            let had = self.fence(duty);
            let mut held = self.held.lock();
            match lease {
                Some(lease) => {
                    is_new |= had != Some(lease.fence);
                    let until = asked + lease.left.saturating_sub(MARGIN);
                    held.insert(duty, (lease.fence, until));
                }
                None => {
                    held.remove(&duty);
                }
            }
        }
        Ok(is_new)
    }

    /// The store says that somebody else has it.
    pub(crate) fn lost(&self, fence: Fence) {
        let mut held = self.held.lock();
        if held.get(&fence.duty).is_some_and(|(mine, _)| *mine == fence) {
            held.remove(&fence.duty);
        }
    }

    /// Gives everything back, so that another node need not wait.
    pub(crate) async fn give_back(&self) -> Result<(), StoreError> {
        let held = std::mem::take(&mut *self.held.lock());
        for (fence, _) in held.into_values() {
            self.leases.give_back(fence).await?;
        }
        Ok(())
    }
}

/// Keeps leases until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let nodes = &core.nodes;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(nodes.rhythm.beat) => {}
        }
        if let Err(error) = renew(&core).await {
            TaskFellBehind { task: "duties", error: &error }.emit();
            core.note_trouble(&error);
        }
    }
}

/// Takes what is free and renews what is held, and does what a new duty asks for.
pub(crate) async fn renew(core: &Core) -> Result<(), StoreError> {
    if core.nodes.duties.renew().await? {
        // Whoever had it before may have died between a record and its announcement.
        if let Err(error) = core.reload_hunts().await {
            TaskFellBehind { task: "duties", error: &error }.emit();
        }
        core.nodes.outbox.hunts();
        core.manager_wake.here();
    }
    Ok(())
}
