//! The janitor: closes sessions that fell silent, gives up flows whose time is over and files that
//! will never be complete, and forgets monitored rows whose days are over.
//!
//! Sessions are each node's own; the rest is done by the node that has this duty. Each step of it may be
//! repeated by another node: transitions and removals change nothing the second time.

use std::sync::Arc;
use std::time::Duration;

use flows::steer::{expire_overdue, sweep_uploads};
use model::duty::Duty;
use model::monitoring::Day;
use tokio_util::sync::CancellationToken;

use crate::agents::dialogue::flow_ended;
use crate::agents::hall::Tell;
use crate::core::Core;
use crate::event::TaskFellBehind;
use crate::live::Touched;

const ROUND: Duration = Duration::from_secs(10);
/// Half-sent files given up in one round.
const UPLOADS_MAX: u64 = 100;
/// Flows given up in one round.
const FLOWS_MAX: u64 = 1_000;

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    // Three polls may be lost before an agent counts as gone.
    let silence = Duration::from_secs(u64::from(core.settings.poll_secs) * 3 + 30);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        for client in core.hall.close_silent(core.clock.now(), silence) {
            core.live.touch(Touched::Client(client));
        }
        if core.nodes.duties.fence(Duty::Janitor).is_none() {
            continue;
        }
        if let Err(error) = expire(&core).await {
            TaskFellBehind { task: "flow_expiry", error: &error }.emit();
            core.note_trouble(&error);
        }
        let (uploads, blobs) = (&*core.ports.uploads, &*core.ports.blobs);
        if let Err(error) = sweep_uploads(uploads, blobs, UPLOADS_MAX).await {
            TaskFellBehind { task: "upload_sweep", error: &error }.emit();
            core.note_trouble(&error);
        }
        if let Err(error) = forget_days(&core).await {
            TaskFellBehind { task: "monitoring_retention", error: &error }.emit();
            core.note_trouble(&error);
        }
    }
}

/// Forgets some of what is older than it is kept; the next round goes on.
async fn forget_days(core: &Core) -> Result<(), model::store::StoreError> {
    let days = i64::from(core.settings.monitoring_days);
    if days > 0 {
        let first = Day(Day::of(core.clock.now()).0 - days);
        core.ports.monitoring.forget_events(first).await?;
    }
    Ok(())
}

async fn expire(core: &Core) -> Result<(), model::store::StoreError> {
    for flow in expire_overdue(&*core.ports.flows, core.clock.now(), FLOWS_MAX).await? {
        core.hall.tell(flow.client, Tell::Cancel(flow.id));
        flow_ended(core, &flow);
    }
    Ok(())
}
