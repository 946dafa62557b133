//! Takes deleted hunts away, a small piece at a time so that nobody waits for it, and marks those whose
//! time is over.
//!
//! Every step may be repeated after a kill, and several servers may do it at once: what is left to do
//! stands in the records.

use std::sync::Arc;
use std::time::Duration;

use fleet::accounts::AuditEntry;
use model::duty::Duty;
use model::org::Actor;
use model::store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::event::{HuntErased, TaskFellBehind};

/// Looks again after this time, wakes aside.
const REST: Duration = Duration::from_secs(60);
/// Rests this long when something else must happen first, and after a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// Records that one transaction takes away.
const PIECE: u64 = 500;
/// Hunts and content looked at together.
const PAGE: u64 = 100;
/// Retention is looked at this seldom.
const RETENTION_EVERY: Duration = Duration::from_secs(600);

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    let mut retention_at = None;
    loop {
        let now = core.clock.now();
        // One node of several is enough for it; erasing goes faster where the deletion was asked for.
        let mine = core.nodes.duties.fence(Duty::Janitor).is_some();
        if mine && retention_at.is_none_or(|at| at <= now) {
            tell(&core, "hunt_retention", retire(&core).await);
            retention_at = Some(now.plus(RETENTION_EVERY));
        }
        let (erased, rest) = tokio::select! {
            () = stop.cancelled() => return,
            outcome = erase(&core) => match outcome {
                Ok(true) => (Ok(()), REST),
                Ok(false) => (Ok(()), PAUSE),
                Err(error) => (Err(error), PAUSE),
            },
        };
        tell(&core, "hunt_erasure", erased);
        tell(&core, "content_erasure", forget_content(&core).await);
        tokio::select! {
            () = stop.cancelled() => return,
            () = core.eraser_wake.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

fn tell(core: &Core, task: &'static str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        TaskFellBehind { task, error: &error }.emit();
        core.note_trouble(&error);
    }
}

/// Takes all deleted hunts away. Whether nothing is left; otherwise something else must happen first.
async fn erase(core: &Core) -> Result<bool, StoreError> {
    let mut nothing_left = true;
    for hunt in core.ports.erasure.deleted(PAGE).await? {
        loop {
            let erased = core.ports.erasure.erase(hunt, PIECE, core.clock.now()).await?;
            if !erased.left {
                HuntErased { hunt }.emit();
                break;
            }
            if erased.gone == 0 {
                nothing_left = false;
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    Ok(nothing_left)
}

/// Takes content away that nobody refers to.
async fn forget_content(core: &Core) -> Result<(), StoreError> {
    loop {
        let condemned = core.ports.uploads.condemned(PAGE).await?;
        for sha256 in &condemned {
            core.ports.blobs.forget(sha256).await?;
            core.ports.uploads.absolve(sha256).await?;
        }
        if (condemned.len() as u64) < PAGE {
            return Ok(());
        }
    }
}

/// Marks hunts that are kept no longer.
async fn retire(core: &Core) -> Result<(), StoreError> {
    let retention = &core.retention;
    if !retention.deletes() {
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = core.ports.erasure.closed(after, PAGE).await?;
        let now = core.clock.now();
        for hunt in page.iter().filter(|hunt| retention.is_over(hunt, now)) {
            match core.ports.erasure.delete(hunt.id, now).await {
                Ok(_) => {}
                // Somebody else was faster.
                Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            }
            let entry = AuditEntry {
                at: now,
                org: hunt.org.clone(),
                actor: Actor::System,
                action: "hunt.delete".to_owned(),
                object: hunt.id.to_string(),
                detail: format!("{}; it was kept as long as hunts.keep_days says", hunt.spec.name),
            };
            core.ports.audit.record(&entry).await?;
        }
        after = page.last().map(|hunt| hunt.id);
        if (page.len() as u64) < PAGE {
            return Ok(());
        }
    }
}
