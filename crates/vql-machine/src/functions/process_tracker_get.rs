//! One process of the tracker.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(GetProcess(machine.clone()))
}

plugin_args! {
    /// A process that the tracker knows: a dict with `Id`, `ParentId`, `StartTime`, `EndTime` and
    /// `Data`; NULL when it is not known. Without an installed tracker only what runs now is known.
    pub struct GetProcessArgs for "process_tracker_get" {
        /// Number of the process, or its id in the tracker.
        id: Value,
        /// Has no effect here; there is one process at most.
        max_items: i64 = 1,
    }
}

struct GetProcess(Arc<dyn Machine>);

impl Function for GetProcess {
    type Args = GetProcessArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: GetProcessArgs, scope: &Scope) -> Result<Value, Failure> {
        let id = lookup::id(&args.id);
        let found = lookup::ask(scope, &self.0, |known| known.get(&id).map(tracked::dict))?;
        Ok(found.into())
    }
}
