//! The plugin `parse_auditd`: logs of the Linux audit daemon.

use std::collections::VecDeque;
use std::sync::Arc;

use parsers::audit::{Assembler, Event, line, row};
use rows::{OsPath, Row, Time};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading::{self, Lines};

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseAuditd)
}

plugin_args! {
    /// Logs of the Linux audit daemon: one row per event, with `Timestamp`, `Sequence`, `Type`,
    /// `Result`, `Summary`, `User`, `Process`, `Paths`, `Network`, `Tags` (the keys of the rules
    /// that made it) and `Data` (every field of every record).
    ///
    /// Lines that are no audit records are passed over.
    pub struct ParseAuditdArgs for "parse_auditd" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line, in bytes.
        buffer_size: i64 = 65_536,
    }
}

struct ParseAuditd;

impl Plugin for ParseAuditd {
    type Args = ParseAuditdArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseAuditdArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let line_max = usize::try_from(args.buffer_size.clamp(1024, 16 << 20)).unwrap_or(1 << 16);
        let scope = scope.clone();
        let files = args.filename.into_iter().flat_map(move |path| -> RowStream {
            match reading::open(&scope, &args.accessor, &path) {
                Ok(file) => Box::new(events(Lines::of(file, &path, line_max), scope.clone())),
                Err(failure) => {
                    scope.log(Level::Default, &format!("parse_auditd: {failure}"));
                    stream::empty()
                }
            }
        });
        Ok(Box::new(files))
    }
}

fn events(mut lines: Lines, scope: Scope) -> impl Iterator<Item = Row> {
    let mut assembler = Assembler::default();
    let mut ready: VecDeque<Event> = VecDeque::new();
    let mut ended = false;
    std::iter::from_fn(move || {
        loop {
            if let Some(event) = ready.pop_front() {
                return Some(row(&event));
            }
            if ended || scope.stopped() {
                return None;
            }
            match lines.next() {
                // When a line was read means nothing here: events wait for their end, or for others.
                Some(Ok(text)) => {
                    let record = line(&String::from_utf8_lossy(&text));
                    let complete = record.map(|record| assembler.push(record, Time::EPOCH));
                    ready.extend(complete.into_iter().flatten());
                }
                Some(Err(failure)) => {
                    scope.log(Level::Default, &format!("parse_auditd: {failure}"));
                    ended = true;
                }
                None => ended = true,
            }
            if ended {
                ready.extend(assembler.rest());
            }
        }
    })
}
