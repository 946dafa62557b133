//! The function `pskill`: ends a process. Gives its id; NULL when that failed, which is logged.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::machine::Machine;

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Pskill(machine.clone()))
}

plugin_args! {
    /// Ends a process. Gives its id; NULL when that failed, which is logged.
    pub struct PskillArgs for "pskill" {
        /// Id of the process.
        pid: i64,
    }
}

struct Pskill(Arc<dyn Machine>);

impl Function for Pskill {
    type Args = PskillArgs;
    const NEEDS: &'static [Permission] = &[Permission::Execve];

    fn call(&self, args: PskillArgs, _scope: &Scope) -> Result<Value, Failure> {
        self.0.kill(args.pid)?;
        Ok(Value::Int(args.pid))
    }
}
