//! The function `tempdir`: makes a temporary directory and gives its path. It is removed, with all that is in it, when

use std::sync::Arc;

use rows::Value;
use vql_plugin::{Entry, Failure, Function, Permission, Scope, plugin_args};

use crate::Machine;
use crate::temporary::{remove_at_end, shown};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(TempDir)
}

plugin_args! {
    /// Makes a temporary directory and gives its path. It is removed, with all that is in it, when
    /// the query ends.
    pub struct TempDirArgs for "tempdir" {
        /// Taken for compatibility; directories are removed in the reverse order of their making.
        remove_last: bool = false,
    }
}

struct TempDir;

impl Function for TempDir {
    type Args = TempDirArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemWrite];

    fn call(&self, _args: TempDirArgs, scope: &Scope) -> Result<Value, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("vql-")
            .tempdir()
            .map_err(|error| Failure::new(format!("cannot make a temporary directory: {error}")))?;
        let path = directory.keep();
        remove_at_end(path.clone(), scope);
        Ok(shown(&path))
    }
}
