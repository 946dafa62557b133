//! The function `stat`: what is known about a file, as a dict; NULL when it does not exist.

use std::sync::Arc;

use rows::{OsPath, Value};
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::stat::look;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(StatFunction)
}

plugin_args! {
    /// What is known about a file, as a dict; NULL when it does not exist.
    pub struct StatFunctionArgs for "stat" {
        /// The file.
        filename: Arc<OsPath>,
        /// What the file is reached through.
        accessor: String = "",
    }
}

struct StatFunction;

impl Function for StatFunction {
    type Args = StatFunctionArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn call(&self, args: StatFunctionArgs, scope: &Scope) -> Result<Value, Failure> {
        Ok(look(&args.filename, &args.accessor, scope)?.into())
    }
}
