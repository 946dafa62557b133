//! The plugin `parse_evtx`: the records of Windows event logs.

use std::sync::Arc;

use parsers::evtx::{Chunk, read_chunk};
use rows::{OsPath, Row};
use vql_plugin::{
    Entry, Failure, Level, Permission, Plugin, RowStream, Scope, plugin_args, stream,
};

use crate::Machine;
use crate::event_log::{self, Chunks, Complaints};
use crate::event_messages::Messages;
use crate::in_order::{self, InOrder};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(ParseEvtx)
}

plugin_args! {
    /// The records of Windows event logs (`.evtx`), in the order in which they lie in the file.
    ///
    /// Each row has `System` (among others `EventID.Value`, `TimeCreated.SystemTime` in seconds since
    /// 1970, `Computer`, `Channel`, `EventRecordID`, `Provider.Name`), and `EventData` or `UserData`;
    /// the other one is NULL. Data without names are the array `EventData.Data`. With `messagedb`
    /// there is also `Message`. What is damaged is logged, and the rest still comes.
    pub struct ParseEvtxArgs for "parse_evtx" {
        /// The logs.
        filename: Vec<Arc<OsPath>>,
        /// What the logs are read through.
        accessor: String = "",
        /// A database of messages: an SQLite file with the tables `providers` (`id`, `name`) and
        /// `messages` (`provider_id`, `event_id`, `message`). Without it messages are not rendered.
        messagedb: Option<Arc<OsPath>>,
        /// How many threads parse; 0 stands for one on each core.
        workers: i64 = 0,
    }
}

struct ParseEvtx;

impl Plugin for ParseEvtx {
    type Args = ParseEvtxArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: ParseEvtxArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let ParseEvtxArgs { filename, accessor, messagedb, workers } = args;
        let workers = match usize::try_from(workers) {
            Ok(0) | Err(_) => in_order::workers(usize::MAX),
            Ok(wanted) => in_order::workers(wanted),
        };
        let mut messages = messages("parse_evtx", messagedb.as_deref(), &accessor, scope);
        let scope = scope.clone();
        let mut files = filename.into_iter();
        let mut open: Option<RowStream> = None;
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = open.as_mut().and_then(Iterator::next) {
                    return Some(with_message(row, &mut messages, &scope));
                }
                let path = files.next()?;
                open = match records(&path, &accessor, workers, &scope) {
                    Ok(rows) => Some(rows),
                    Err(failure) => {
                        scope.log(Level::Default, &format!("parse_evtx: {failure}"));
                        None
                    }
                };
            }
        })))
    }
}

/// The database of messages, when there is one that can be read.
pub(super) fn messages(
    name: &str,
    path: Option<&OsPath>,
    accessor: &str,
    scope: &Scope,
) -> Option<Messages> {
    match Messages::open(path?, accessor, scope) {
        Ok(messages) => Some(messages),
        Err(failure) => {
            let text = format!("{name}: messages are not rendered: {failure}");
            scope.log(Level::Default, &text);
            None
        }
    }
}

/// The row with its message, when messages are wanted.
pub(super) fn with_message(mut row: Row, messages: &mut Option<Messages>, scope: &Scope) -> Row {
    if let Some(messages) = messages {
        let message = messages.of(&row, scope);
        row.set("Message", message);
    }
    row
}

fn records(
    path: &Arc<OsPath>,
    accessor: &str,
    workers: usize,
    scope: &Scope,
) -> Result<RowStream, Failure> {
    let chunks = Chunks::of(event_log::open(path, accessor, scope)?, scope);
    let parse = |(number, bytes): (u64, std::io::Result<Vec<u8>>)| {
        let chunk = bytes.map(read_chunk).unwrap_or_else(|error| Chunk {
            events: Vec::new(),
            problems: vec![format!("cannot be read: {error}")],
        });
        (number, chunk)
    };
    let parsed: Box<dyn Iterator<Item = (u64, Chunk)> + Send> = if workers > 1 {
        let failed = |error| Failure::new(format!("no thread could be started: {error}"));
        Box::new(InOrder::new(chunks, workers, parse).map_err(failed)?)
    } else {
        Box::new(chunks.map(parse))
    };
    let mut complaints = Complaints::about("parse_evtx", path);
    let scope = scope.clone();
    Ok(stream::rows(parsed.flat_map(move |(number, chunk)| {
        chunk.problems.iter().for_each(|problem| complaints.say(number, problem, &scope));
        chunk.events.into_iter().map(|event| event.row)
    })))
}
