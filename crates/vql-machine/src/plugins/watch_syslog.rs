//! The plugin `watch_syslog`: the lines that are added to text files.

use std::sync::Arc;

use rows::{OsPath, Row};
use vql_plugin::{Entry, Failure, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::following::{Lines, Which};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchSyslog)
}

plugin_args! {
    /// Follows text files: one row with `Line`, `OSPath` and `Filename` for each line that is added
    /// from now on. Ends only when the query is stopped.
    ///
    /// A file that is replaced or shortened (rotated) is read again from its start, after the rest
    /// of the old one. A file that does not exist yet is waited for, and then read whole.
    pub struct WatchSyslogArgs for "watch_syslog" {
        /// The files.
        filename: Option<Vec<Arc<OsPath>>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line in one row, in bytes.
        buffer_size: i64 = 1_048_576,
        /// Finds files to follow: it is run again and again, and its rows have `OSPath`. A file that
        /// it finds later is read whole.
        query: Option<Query>,
    }
}

struct WatchSyslog;

impl Plugin for WatchSyslog {
    type Args = WatchSyslogArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchSyslogArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let line_max = usize::try_from(args.buffer_size.clamp(64, 64 << 20)).unwrap_or(1 << 20);
        let which = Which {
            files: args.filename.unwrap_or_default(),
            accessor: args.accessor,
            search: args.query,
        };
        let mut lines = Lines::follow("watch_syslog", which, line_max, scope)?;
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            let line = lines.next(&scope, || false)?;
            Some(
                Row::new()
                    .with("Line", line.bytes)
                    .with("OSPath", line.path.clone())
                    .with("Filename", line.path),
            )
        })))
    }
}
