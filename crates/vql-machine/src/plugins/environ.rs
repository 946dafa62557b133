//! The plugin `environ`: the environment variables of this program.

use std::sync::Arc;

use rows::{Name, Row, Value};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(EnvironmentVariables)
}

plugin_args! {
    /// The environment variables of this program: one row with a column for each.
    pub struct EnvironmentVariablesArgs for "environ" {
        /// Only these; one that is not set is NULL.
        vars: Option<Vec<String>>,
    }
}

struct EnvironmentVariables;

impl Plugin for EnvironmentVariables {
    type Args = EnvironmentVariablesArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn rows(&self, args: EnvironmentVariablesArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let row: Row = match args.vars {
            Some(names) => {
                let value = |name: &str| crate::environment::variable(name, scope);
                names
                    .iter()
                    .map(|name| (Name::from(name.as_str()), Value::from(value(name))))
                    .collect()
            }
            None => std::env::vars_os()
                .map(|(name, value)| {
                    let value = value.to_string_lossy().into_owned();
                    (Name::from(name.to_string_lossy()), Value::from(value))
                })
                .collect(),
        };
        Ok(stream::rows([row]))
    }
}
