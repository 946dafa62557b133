//! Ancestors of a process.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(CallChain(machine.clone()))
}

plugin_args! {
    /// A process and its ancestors, the oldest ancestor first: dicts with `Id`, `ParentId`,
    /// `StartTime`, `EndTime` and `Data`. Empty when the process is not known.
    pub struct CallChainArgs for "process_tracker_callchain" {
        /// Number of the process, or its id in the tracker.
        id: Value,
        /// At most so many; the nearest are kept.
        max_items: i64 = 100,
    }
}

struct CallChain(Arc<dyn Machine>);

impl Function for CallChain {
    type Args = CallChainArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: CallChainArgs, scope: &Scope) -> Result<Value, Failure> {
        let (id, max) = (lookup::id(&args.id), lookup::items_max(args.max_items));
        let chain = lookup::ask(scope, &self.0, |known| {
            Value::array(known.call_chain(&id, max).into_iter().map(tracked::dict))
        })?;
        Ok(chain)
    }
}
