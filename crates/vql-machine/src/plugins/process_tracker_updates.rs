//! What happens to the processes that are tracked.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::tracker::ProcessTracker;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(TrackerUpdates)
}

plugin_args! {
    /// What the process tracker learns from now on: one row per start and exit, with
    /// `update_type`, `id`, `parent_id`, `start_time`, `end_time` and `data`; and after each list a
    /// row with the `update_type` `stats` and `stats`.
    ///
    /// Ends when the query is stopped or the tracker goes.
    pub struct TrackerUpdatesArgs for "process_tracker_updates" {}
}

struct TrackerUpdates;

impl Plugin for TrackerUpdates {
    type Args = TrackerUpdatesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: TrackerUpdatesArgs, scope: &Scope) -> Result<RowStream, Failure> {
        const LOOK_AGAIN: Duration = Duration::from_millis(100);
        let tracker = ProcessTracker::of(scope).and_then(|place| place.installed()).ok_or(
            "no process tracker is installed; an artifact installs it with process_tracker()",
        )?;
        let updates = tracker.updates();
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                let lost = updates.lost();
                if lost > 0 {
                    let text = format!(
                        "process_tracker_updates: {lost} updates came too fast and are left out"
                    );
                    scope.warn(&text);
                }
                match updates.receive.recv_timeout(LOOK_AGAIN) {
                    Ok(row) => return Some(row),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {
                        if scope.stopped() || tracker.is_over() {
                            return None;
                        }
                    }
                }
            }
        })))
    }
}
