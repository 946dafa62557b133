//! Children of a process.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Children(machine.clone()))
}

plugin_args! {
    /// The children of a process, the oldest first: dicts with `Id`, `ParentId`, `StartTime`,
    /// `EndTime` and `Data`.
    pub struct ChildrenArgs for "process_tracker_children" {
        /// Number of the process, or its id in the tracker.
        id: Value,
        /// At most so many.
        max_items: i64 = 1_000,
    }
}

struct Children(Arc<dyn Machine>);

impl Function for Children {
    type Args = ChildrenArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: ChildrenArgs, scope: &Scope) -> Result<Value, Failure> {
        let (id, max) = (lookup::id(&args.id), lookup::items_max(args.max_items));
        let children = lookup::ask(scope, &self.0, |known| {
            Value::array(known.children(&id, max).into_iter().map(tracked::dict))
        })?;
        Ok(children)
    }
}
