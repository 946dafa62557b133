//! The plugin `profile_memory`: the memory of this program.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{Machine, own_program};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(OwnMemory(machine.clone()))
}

plugin_args! {
    /// The memory of this program as the system sees it: one row for each figure, with `Name`
    /// (`VmRSS`, `Pss`, …) and `Bytes`.
    pub struct OwnMemoryArgs for "profile_memory" {}
}

struct OwnMemory(Arc<dyn Machine>);

impl Plugin for OwnMemory {
    type Args = OwnMemoryArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: OwnMemoryArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        Ok(stream::rows(own_program::memory(&*self.0)?))
    }
}
