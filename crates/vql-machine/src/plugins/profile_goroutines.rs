//! The plugin `profile_goroutines`: the threads of this program.

use std::sync::Arc;

use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{Machine, own_program};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(OwnThreads(machine.clone()))
}

plugin_args! {
    /// The threads of this program: one row each, with `Id`, `Name`, `State` and the seconds that it
    /// has worked, `User` and `System`. The name is that of another engine's plugin for the same
    /// question.
    pub struct OwnThreadsArgs for "profile_goroutines" {
        /// Has no effect: there is nothing more to tell.
        verbose: bool = false,
    }
}

struct OwnThreads(Arc<dyn Machine>);

impl Plugin for OwnThreads {
    type Args = OwnThreadsArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, _args: OwnThreadsArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        Ok(stream::rows(own_program::threads(&*self.0)?))
    }
}
