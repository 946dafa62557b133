//! The function `environ`: the value of an environment variable; NULL when it is not set.

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::environment::variable;
use crate::machine::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Environ)
}

plugin_args! {
    /// The value of an environment variable; NULL when it is not set.
    pub struct EnvironArgs for "environ" {
        /// Name of the variable.
        var: String,
    }
}

struct Environ;

impl Function for Environ {
    type Args = EnvironArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: EnvironArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(variable(&args.var, scope).into())
    }
}
