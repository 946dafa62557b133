//! Asking what is tracked: the installed tracker, or the processes that run now.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use parking_lot::Mutex;
use rows::{Time, Value};
use vql_plugin::{Failure, Level, Scope};

use super::state::Sighting;
use super::{Bounds, ProcessTracker, Processes};
use crate::machine::Machine;

/// How long a list of the processes that run now answers.
const LIST_LASTS: Duration = Duration::from_secs(5);

/// How many running processes are listed when there is no tracker.
const LIST_MAX: usize = 1_000_000;

/// Asks what is known of processes.
pub(crate) fn ask<T>(
    scope: &Scope,
    machine: &Arc<dyn Machine>,
    question: impl FnOnce(&Processes) -> T,
) -> Result<T, Failure> {
    if let Some(tracker) = ProcessTracker::of(scope).and_then(|place| place.installed()) {
        return Ok(question(&tracker.processes.lock()));
    }
    let live = scope.keep("running processes", Mutex::<Option<Live>>::default);
    let mut live = live.lock();
    let now = scope.host().clock().now();
    if live.is_none() {
        let text = "no process tracker is installed, so only processes that run now are known";
        scope.log(Level::Debug, text);
    }
    if live.as_ref().is_none_or(|live| now.since(live.made) >= LIST_LASTS) {
        *live = Some(Live { made: now, processes: running(&**machine, now)? });
    }
    let live = live.as_ref().expect("made above when it was missing");
    Ok(question(&live.processes))
}

struct Live {
    made: Timestamp,
    processes: Processes,
}

fn running(machine: &dyn Machine, now: Timestamp) -> Result<Processes, Failure> {
    let bounds = Bounds { size_max: LIST_MAX, expiry: Duration::ZERO };
    let mut processes = Processes::new(bounds);
    let names = crate::processes::user_names(machine);
    let seen = machine.process_ids()?.into_iter().filter_map(|pid| machine.process(pid));
    let seen = seen.map(|process| Sighting {
        id: process.pid.to_string(),
        parent: Some(process.parent.to_string()),
        start: process.created,
        data: crate::processes::row(process, &names),
    });
    let now = Time::from(now);
    processes.sync(seen.collect(), now, now);
    Ok(processes)
}

/// The argument `id`: a number, or what `Id` of a process was.
pub(crate) fn id(value: &Value) -> String {
    super::entry::id(Some(value)).unwrap_or_default()
}

/// The argument `max_items`.
pub(crate) fn items_max(items_max: i64) -> usize {
    usize::try_from(items_max.max(0)).unwrap_or(usize::MAX)
}
