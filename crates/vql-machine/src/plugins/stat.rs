//! The plugin `stat`: what is known about files: one row each, as `glob()` gives it. A file that does not exist

use std::sync::Arc;

use rows::OsPath;
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::Machine;
use crate::stat::look;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Stat)
}

plugin_args! {
    /// What is known about files: one row each, as `glob()` gives it. A file that does not exist
    /// has no row.
    pub struct StatArgs for "stat" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are reached through.
        accessor: String = "",
    }
}

struct Stat;

impl Plugin for Stat {
    type Args = StatArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: StatArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let accessor = args.accessor;
        Ok(stream::rows(args.filename.into_iter().filter_map(move |path| {
            look(&path, &accessor, &scope).unwrap_or_else(|failure| {
                scope.log(Level::Default, &format!("stat: {failure}"));
                None
            })
        })))
    }
}
