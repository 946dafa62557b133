//! The plugin `pslist`: the processes of the machine: one row each.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::machine::Machine;
use crate::processes::{row, user_names};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Pslist(machine.clone()))
}

plugin_args! {
    /// The processes of the machine: one row each.
    ///
    /// A process that ends while the list is made is left out. What this program may not see of a
    /// process is empty.
    pub struct PslistArgs for "pslist" {
        /// Only the process with this id; every process when left out.
        pid: Option<i64>,
    }
}

struct Pslist(Arc<dyn Machine>);

impl Plugin for Pslist {
    type Args = PslistArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: PslistArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let machine = self.0.clone();
        let ids = match args.pid {
            Some(pid) => vec![pid],
            None => machine.process_ids()?,
        };
        let names = user_names(&*machine);
        let scope = scope.clone();
        let rows = ids
            .into_iter()
            .take_while(move |_| !scope.stopped())
            .filter_map(move |pid| machine.process(pid))
            .map(move |process| row(process, &names));
        Ok(stream::rows(rows))
    }
}
