//! The hunt manager: ends what is over, admits within rate and limits, sends what was admitted.
//!
//! On the node that has this duty; the others wait. Wakes when hunts or members changed and when a rate leaves room again. It takes no hint about
//! what changed; every decision is `hunts::steer::manage`.

use std::sync::Arc;
use std::time::Duration;

use model::duty::Duty;
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::agents::hall::Tell;
use crate::core::Core;
use crate::event::TaskFellBehind;
use crate::live::Touched;

/// Looks again after this time at the latest: nothing is lost by a wake that was.
const REST_MAX: Duration = Duration::from_secs(30);
/// Waits this long after a failure of the store.
const PAUSE: Duration = Duration::from_secs(2);
/// Answers that come together are admitted together.
const GATHER: Duration = Duration::from_millis(20);

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    loop {
        let rest = match step(&core).await {
            Ok(rest) => rest,
            Err(error) => {
                TaskFellBehind { task: "hunt_manager", error: &error }.emit();
                core.note_trouble(&error);
                PAUSE
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = core.manager_wake.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// One step. Returns how long to rest, events aside.
async fn step(core: &Core) -> Result<Duration, StoreError> {
    let Some(fence) = core.nodes.duties.fence(Duty::HuntManager) else { return Ok(REST_MAX) };
    let now = core.clock.now();
    let ceiling = core.settings.admission_ceiling;
    let mut entropy = core.fork_entropy();
    let (hunts, admissions) = (&*core.ports.hunts, &*core.ports.admissions);
    let leave = (ceiling, Some(fence));
    let managed = match hunts::steer::manage(hunts, admissions, leave, &mut entropy, now).await {
        Err(StoreError::Conflict { .. }) => {
            core.nodes.duties.lost(fence);
            return Ok(REST_MAX);
        }
        managed => managed?,
    };
    if !managed.moved.is_empty() {
        core.refresh_foreman().await?;
    }
    for (client, flow) in managed.cancelled {
        core.hall.tell(client, Tell::Cancel(flow));
        core.live.touch(Touched::Flow(flow));
    }
    for (hunt, _) in managed.moved {
        core.live.touch(Touched::Hunt(hunt));
    }
    for flow in managed.admitted {
        core.live.touch(Touched::Flow(flow.id));
        if let model::flow::FlowOrigin::Hunt { hunt, .. } = flow.origin {
            core.live.touch(Touched::Hunt(hunt));
        }
        core.hall.tell(flow.client, Tell::Flow(flow));
    }
    let rest = managed.wake.map_or(REST_MAX, |wake| wake.since(core.clock.now()).min(REST_MAX));
    Ok(rest.max(Duration::from_millis(5)))
}
