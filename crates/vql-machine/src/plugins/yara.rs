//! Searching files for YARA rules.

use std::sync::Arc;

use rows::{Dict, OsPath, Text};
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::Machine;
use crate::in_order::{InOrder, workers};
use crate::yara_files::Search;
use crate::yara_rows::{self, RulesArgs};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(Yara)
}

plugin_args! {
    /// Searches files for YARA rules: one row per string that is found, or per rule that matches
    /// without one.
    ///
    /// Rules are compiled once per query. Instead of rules, `wide nocase ascii: one, two` searches
    /// for texts and `= 4D 5A ?? 00` for bytes. Files up to 128 MiB are searched whole. Larger ones
    /// are searched in pieces: there `filesize` is undefined, and what modules such as `pe` say is
    /// about the piece that has the header.
    pub struct YaraArgs for "yara" {
        /// The rules.
        rules: Text = "",
        /// The files; several are searched at the same time.
        files: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// How many bytes around a string go into the row.
        context: i64 = 0,
        /// Where to start in each file.
        start: i64 = 0,
        /// Where to stop in each file; 0 is its end.
        end: i64 = 0,
        /// How many rows of a file at most.
        number: i64 = 1,
        /// How long a piece of a file is that is searched in pieces.
        blocksize: i64 = 0,
        /// What the compiled rules are remembered by; else by their text.
        key: Option<Text>,
        /// The namespace of the rules.
        namespace: String = "",
        /// Values that the rules may use by name.
        vars: Option<Dict>,
        /// Search all files in pieces.
        force_buffers: bool = false,
    }
}

struct Yara;

impl Plugin for Yara {
    type Args = YaraArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: YaraArgs, scope: &Scope) -> Result<RowStream, Failure> {
        search("yara", args, scope)
    }
}

/// Searches, calling itself `name` in the log.
pub(super) fn search(
    name: &'static str,
    args: YaraArgs,
    scope: &Scope,
) -> Result<RowStream, Failure> {
    let compiled = yara_rows::compiled(
        &RulesArgs {
            rules: &args.rules,
            key: args.key.as_ref(),
            namespace: &args.namespace,
            vars: &args.vars.unwrap_or_default(),
        },
        scope,
    )?;
    let Some(rules) = compiled else { return Ok(stream::empty()) };
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    let search = Search {
        name,
        rules,
        accessor: args.accessor,
        start: positive(args.start).unwrap_or(0),
        end: positive(args.end),
        context: usize::try_from(args.context).unwrap_or(0).min(1 << 20),
        limits: yara_rows::limits(args.number),
        piece_bytes: positive(args.blocksize),
        always_pieces: args.force_buffers,
    };
    let scope = scope.clone();
    let count = args.files.len();
    let wanted = scope.clone();
    let files = args.files.into_iter().take_while(move |_| !wanted.stopped());
    let look = move |path: Arc<OsPath>| search.file(&path, &scope);
    if workers(count) < 2 {
        return Ok(Box::new(files.flat_map(look)));
    }
    Ok(Box::new(InOrder::new(files, workers(count), look)?.flatten()))
}
