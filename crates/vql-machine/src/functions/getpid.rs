//! The function `getpid`: id of the process that evaluates the query.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::machine::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(GetPid)
}

plugin_args! {
    /// Id of the process that evaluates the query.
    pub struct GetPidArgs for "getpid" {}
}

struct GetPid;

impl Function for GetPid {
    type Args = GetPidArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, _args: GetPidArgs, _scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::from(std::process::id()))
    }
}
