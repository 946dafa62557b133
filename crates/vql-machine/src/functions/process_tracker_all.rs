//! Everything that the tracker knows.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(AllProcesses(machine.clone()))
}

plugin_args! {
    /// Every process that the tracker knows, the oldest first: dicts with `Id`, `ParentId`,
    /// `StartTime`, `EndTime` and `Data`.
    pub struct AllProcessesArgs for "process_tracker_all" {
        /// At most so many.
        max_items: i64 = 100_000,
    }
}

struct AllProcesses(Arc<dyn Machine>);

impl Function for AllProcesses {
    type Args = AllProcessesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: AllProcessesArgs, scope: &Scope) -> Result<Value, Failure> {
        let max = lookup::items_max(args.max_items);
        let all = lookup::ask(scope, &self.0, |known| {
            Value::array(known.all().into_iter().take(max).map(tracked::dict))
        })?;
        Ok(all)
    }
}
