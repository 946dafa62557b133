//! The processes that are and were.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;
use crate::tracker::{entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(TrackedList(machine.clone()))
}

plugin_args! {
    /// The processes that the tracker knows, ended ones too: one row each with `Pid`, `Ppid`, the
    /// data that the tracker was given, `StartTime` and `EndTime` (NULL while the process runs).
    ///
    /// Without an installed tracker these are the rows of `pslist()`.
    pub struct TrackedListArgs for "process_tracker_pslist" {}
}

struct TrackedList(Arc<dyn Machine>);

impl Plugin for TrackedList {
    type Args = TrackedListArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: TrackedListArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let rows: Vec<_> = lookup::ask(scope, &self.0, |known| {
            known.all().into_iter().map(tracked::row).collect()
        })?;
        Ok(stream::rows(rows))
    }
}
