//! Login records of Linux.

use std::sync::Arc;

use parsers::utmp::{RECORD_BYTES, Record, Records};
use rows::{OsPath, Row, Time};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::reading;

pub(super) fn entry() -> Entry {
    Entry::plugin(ParseUtmp)
}

plugin_args! {
    /// Login records of Linux (`/var/run/utmp`, `/var/log/wtmp`, `/var/log/btmp`): one row each.
    ///
    /// A record that is cut off at the end of a file is logged.
    pub struct ParseUtmpArgs for "parse_utmp" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
    }
}

struct ParseUtmp;

impl Plugin for ParseUtmp {
    type Args = ParseUtmpArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseUtmpArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let scope = scope.clone();
        let log = move |scope: &Scope, text: String| scope.log(Level::Default, &text);
        let files = args.filename.into_iter().flat_map(move |path| -> RowStream {
            match reading::whole(&scope, &args.accessor, &path) {
                Ok(bytes) => {
                    let torn = bytes.len() % RECORD_BYTES;
                    if torn > 0 {
                        let text =
                            format!("parse_utmp: `{path}` ends with a torn record ({torn} bytes)");
                        log(&scope, text);
                    }
                    let records: Vec<Record> = Records::of(&bytes).collect();
                    stream::rows(records.into_iter().map(move |record| row(record, &path)))
                }
                Err(failure) => {
                    log(&scope, format!("parse_utmp: {failure}"));
                    stream::empty()
                }
            }
        });
        Ok(Box::new(files))
    }
}

fn row(record: Record, path: &Arc<OsPath>) -> Row {
    let nanos = i32::try_from(record.micros.clamp(0, 999_999) * 1_000).unwrap_or(0);
    Row::new()
        .with("Time", Time::from_unix(record.seconds, nanos))
        .with("Type", record.kind.name())
        .with("User", record.user)
        .with("Host", record.host)
        .with("Address", record.address.map(|address| address.to_string()))
        .with("Terminal", record.line)
        .with("Id", record.id)
        .with("Pid", i64::from(record.pid))
        .with("Session", i64::from(record.session))
        .with("ExitStatus", i64::from(record.exit))
        .with("OSPath", path.clone())
}
