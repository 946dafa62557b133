//! The function `rm`: removes a file. Gives TRUE when it is gone.

use std::fs;
use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Rm)
}

plugin_args! {
    /// Removes a file. Gives TRUE when it is gone.
    pub struct RmArgs for "rm" {
        /// The file.
        filename: String,
    }
}

struct Rm;

impl Function for Rm {
    type Args = RmArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn call(&self, args: RmArgs, _scope: &Scope) -> Result<Value, Failure> {
        fs::remove_file(&args.filename)
            .map_err(|error| Failure::new(format!("cannot remove `{}`: {error}", args.filename)))?;
        Ok(Value::Bool(true))
    }
}
