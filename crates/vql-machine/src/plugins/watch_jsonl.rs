//! The plugin `watch_jsonl`: the rows that are added to files of JSON lines.

use std::sync::Arc;

use rows::OsPath;
use vql_plugin::{Entry, Failure, Level, Permission, Plugin, Query, RowStream, Scope, plugin_args};

use crate::Machine;
use crate::following::{Lines, Which};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchJsonl)
}

plugin_args! {
    /// Follows files with one JSON object per line: one row for each object that is added from now
    /// on. Ends only when the query is stopped.
    ///
    /// Files that are replaced, shortened or not there yet are followed as by `watch_syslog`. A line
    /// that is no JSON object is logged and skipped.
    pub struct WatchJsonlArgs for "watch_jsonl" {
        /// The files.
        filename: Option<Vec<Arc<OsPath>>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line, in bytes.
        buffer_size: i64 = 16_777_216,
        /// Finds files to follow: it is run again and again, and its rows have `OSPath`.
        query: Option<Query>,
    }
}

struct WatchJsonl;

impl Plugin for WatchJsonl {
    type Args = WatchJsonlArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchJsonlArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let line_max = usize::try_from(args.buffer_size.clamp(64, 64 << 20)).unwrap_or(1 << 24);
        let which = Which {
            files: args.filename.unwrap_or_default(),
            accessor: args.accessor,
            search: args.query,
        };
        let mut lines = Lines::follow("watch_jsonl", which, line_max, scope)?;
        let scope = scope.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                let line = lines.next(&scope, || false)?;
                if line.bytes.trim_ascii().is_empty() {
                    continue;
                }
                match rows_json::row_from_json(&line.bytes) {
                    Ok(row) => return Some(row),
                    Err(error) => {
                        let text = format!("watch_jsonl: a line of `{}`: {error}", line.path);
                        scope.log(Level::Default, &text);
                    }
                }
            }
        })))
    }
}
