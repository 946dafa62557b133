//! The plugin `watch_journald`: the entries that are added to journal files of systemd.

use std::collections::VecDeque;
use std::sync::Arc;

use parsers::journald::{Journal, JournalError, Place, raw_row, row};
use rows::{OsPath, Row, Value};
use vql_plugin::{
    Accessor, Entry, Failure, FileInfo, Level, Permission, Plugin, ReadSeek, RowStream, Scope,
    plugin_args,
};

use crate::Machine;
use crate::following::{LOOK_AGAIN, identity, stat};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchJournald)
}

plugin_args! {
    /// Follows journal files of systemd: one row for each entry that is added from now on, with
    /// the columns of `parse_journald`. Ends only when the query is stopped.
    ///
    /// A file that is replaced (rotated) is read to its end, then the new one from its start. A file
    /// that does not exist yet is waited for.
    pub struct WatchJournaldArgs for "watch_journald" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// Rows as in the file, like `parse_journald`.
        raw: bool = false,
    }
}

struct WatchJournald;

impl Plugin for WatchJournald {
    type Args = WatchJournaldArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchJournaldArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        let raw = args.raw;
        let files = args.filename.into_iter();
        let mut files: Vec<Followed> =
            files.map(|path| Followed { path, open: None, failed: None }).collect();
        for file in &mut files {
            if let Some(info) = stat(&*accessor, &file.path, scope) {
                file.open(&info, true, &*accessor, scope);
            }
        }
        let scope = scope.clone();
        let mut ready: VecDeque<Row> = VecDeque::new();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = ready.pop_front() {
                    return Some(row);
                }
                for file in &mut files {
                    file.look(&*accessor, &scope, &mut |entry| {
                        ready.push_back(if raw { raw_row(entry) } else { row(entry) });
                    });
                }
                if ready.is_empty() && !crate::waiting::wait(LOOK_AGAIN, &scope) {
                    return None;
                }
            }
        })))
    }
}

/// A journal that is open, how far it has been read, and which file it is.
struct Open {
    journal: Journal<Box<dyn ReadSeek>>,
    place: Place,
    identity: Value,
}

struct Followed {
    path: Arc<OsPath>,
    open: Option<Open>,
    /// What was last reported, so that it is reported once.
    failed: Option<String>,
}

impl Followed {
    fn fail(&mut self, error: String, scope: &Scope) {
        if self.failed.as_ref() != Some(&error) {
            scope.log(Level::Default, &format!("watch_journald: `{}`: {error}", self.path));
            self.failed = Some(error);
        }
    }

    fn open(&mut self, info: &FileInfo, at_end: bool, accessor: &dyn Accessor, scope: &Scope) {
        let file = match accessor.open(&self.path, scope) {
            Ok(file) => file,
            Err(error) => return self.fail(error.to_string(), scope),
        };
        let opened = Journal::open(file).and_then(|mut journal| {
            let place = if at_end { journal.end()? } else { Place::default() };
            Ok(Open { journal, place, identity: identity(info) })
        });
        match opened {
            Ok(open) => {
                self.open = Some(open);
                self.failed = None;
            }
            Err(error) => self.fail(error.to_string(), scope),
        }
    }

    fn look(
        &mut self,
        accessor: &dyn Accessor,
        scope: &Scope,
        take: &mut dyn FnMut(&parsers::journald::Entry),
    ) {
        if self.read(scope, take) {
            return;
        }
        let Some(info) = stat(accessor, &self.path, scope) else { return };
        let replaced = match &self.open {
            Some(open) => {
                let now = identity(&info);
                !now.is_null() && now != open.identity
            }
            None => true,
        };
        if replaced {
            self.open(&info, false, accessor, scope);
            self.read(scope, take);
        }
    }

    /// Takes what has been added; true when there may be more.
    fn read(&mut self, scope: &Scope, take: &mut dyn FnMut(&parsers::journald::Entry)) -> bool {
        /// So that one fast journal neither fills the memory nor starves the others.
        const ROUND_ENTRIES: usize = 1_000;
        let Some(open) = &mut self.open else { return false };
        let mut more = true;
        let mut failed = open.journal.refresh().err();
        for _ in 0..ROUND_ENTRIES {
            match open.journal.next(&mut open.place, |_| true) {
                None => {
                    more = false;
                    break;
                }
                Some(Ok(entry)) => take(&entry),
                // Written a moment ago, and perhaps not whole yet; the entries behind it are.
                Some(Err(wrong)) => failed = Some(wrong),
            }
        }
        match failed {
            Some(wrong @ (JournalError::Io { .. } | JournalError::NoJournal)) => {
                self.open = None;
                self.fail(wrong.to_string(), scope);
            }
            Some(wrong) => self.fail(wrong.to_string(), scope),
            None => {}
        }
        more && self.open.is_some()
    }
}
