//! The plugin `parse_journald`: journal files of systemd.

use std::sync::Arc;

use parsers::journald::{Journal, Place, Stamp, raw_row, row};
use rows::{OsPath, Row, Time};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args, stream,
};

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseJournald)
}

plugin_args! {
    /// Journal files of systemd: one row per entry, with `System` (when it was written, and the
    /// fields that begin with an underscore, which the journal itself fills in) and `EventData` (the
    /// fields that the program gave).
    ///
    /// Fields are texts. A field that is given twice is an array. What cannot be read of an entry is
    /// told in `System.Notes`; an entry that cannot be read at all is logged.
    pub struct ParseJournaldArgs for "parse_journald" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// Rows as in the file: `Timestamp`, `Seqnum`, `BootId`, `Offset` and `Data`, a list of
        /// `NAME=value`.
        raw: bool = false,
        /// Only entries from then on.
        start_time: Option<Time>,
        /// Only entries before then.
        end_time: Option<Time>,
    }
}

struct ParseJournald;

impl Plugin for ParseJournald {
    type Args = ParseJournaldArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseJournaldArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let micros = |time: Option<Time>| {
            // A parameter that was left empty is the zero time.
            let time = time.filter(|time| *time != Time::zero());
            time.map(|time| u64::try_from(time.unix_nanos() / 1_000).unwrap_or(0))
        };
        let from = micros(args.start_time).unwrap_or(0);
        let until = micros(args.end_time).unwrap_or(u64::MAX);
        let files = args.filename.into_iter().flat_map(move |path| -> RowStream {
            match open(&path, &args.accessor, &scope) {
                Ok(journal) => {
                    let reading = Reading { journal, place: Place::default(), path, failed: 0 };
                    Box::new(reading.rows(scope.clone(), (from, until), args.raw))
                }
                Err(failure) => {
                    scope.log(Level::Default, &format!("parse_journald: `{path}`: {failure}"));
                    stream::empty()
                }
            }
        });
        Ok(Box::new(files))
    }
}

type File = Box<dyn ReadSeek>;

fn open(path: &OsPath, accessor: &str, scope: &Scope) -> Result<Journal<File>, Failure> {
    let file = scope.accessor(accessor)?.open(path, scope)?;
    Ok(Journal::open(file)?)
}

struct Reading {
    journal: Journal<File>,
    place: Place,
    path: Arc<OsPath>,
    failed: u64,
}

impl Reading {
    fn rows(
        mut self,
        scope: Scope,
        (from, until): (u64, u64),
        raw: bool,
    ) -> impl Iterator<Item = Row> {
        /// A damaged file has more mistakes than anybody reads about.
        const FAILURES_LOGGED: u64 = 10;
        std::iter::from_fn(move || {
            let wanted = |stamp: &Stamp| {
                // The stop of a long search through what is not wanted.
                scope.stopped() || (from..until).contains(&stamp.realtime)
            };
            loop {
                let found = self.journal.next(&mut self.place, wanted)?;
                if scope.stopped() {
                    return None;
                }
                match found {
                    Ok(entry) if raw => return Some(raw_row(&entry)),
                    Ok(entry) => return Some(row(&entry)),
                    Err(wrong) => {
                        self.failed += 1;
                        if self.failed <= FAILURES_LOGGED {
                            let text = format!("parse_journald: `{}`: {wrong}", self.path);
                            scope.log(Level::Default, &text);
                        }
                    }
                }
            }
        })
    }
}
