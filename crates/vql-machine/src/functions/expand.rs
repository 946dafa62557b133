//! The function `expand`: replaces environment variables in a path: `%NAME%`, `$NAME` and `${NAME}`. A variable that

use std::sync::Arc;

use rows::{Text, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::environment::{expand, variable};
use crate::machine::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Expand)
}

plugin_args! {
    /// Replaces environment variables in a path: `%NAME%`, `$NAME` and `${NAME}`. A variable that
    /// is not set stays as it is written.
    pub struct ExpandArgs for "expand" {
        /// The path.
        path: Text,
    }
}

struct Expand;

impl Function for Expand {
    type Args = ExpandArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: ExpandArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(Value::text(expand(&args.path.to_str_lossy(), |name| variable(name, scope))))
    }
}
