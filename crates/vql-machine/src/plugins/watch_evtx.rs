//! The plugin `watch_evtx`: the records that are added to Windows event logs.

use std::collections::VecDeque;
use std::io::SeekFrom;
use std::sync::Arc;

use parsers::evtx::{self, CHUNK_HEADER_BYTES, read_chunk};
use rows::{OsPath, Row, Value};
use vql_plugin::{
    Accessor, Entry, Failure, Level, Permission, Plugin, ReadSeek, RowStream, Scope, plugin_args,
};

use super::parse_evtx::{messages, with_message};
use crate::Machine;
use crate::event_log::{self, Complaints};
use crate::following::{self, LOOK_AGAIN};

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchEvtx)
}

plugin_args! {
    /// Follows Windows event logs (`.evtx`): one row, as from `parse_evtx`, for each record that is
    /// added from now on, in the order of their numbers. Ends only when the query is stopped.
    ///
    /// A log that wraps around goes on with its numbers. A log that is replaced, or cleared so that
    /// its numbers begin again, is read from its start. A log that does not exist yet is waited for.
    pub struct WatchEvtxArgs for "watch_evtx" {
        /// The logs.
        filename: Vec<Arc<OsPath>>,
        /// What the logs are read through.
        accessor: String = "",
        /// A database of messages, as for `parse_evtx`.
        messagedb: Option<Arc<OsPath>>,
        /// Has no effect: few records come at once, and they are parsed in order.
        workers: i64 = 0,
    }
}

struct WatchEvtx;

impl Plugin for WatchEvtx {
    type Args = WatchEvtxArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchEvtxArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        let mut messages = messages("watch_evtx", args.messagedb.as_deref(), &args.accessor, scope);
        let mut logs: Vec<Log> = args
            .filename
            .into_iter()
            .map(|path| Log {
                complaints: Complaints::about("watch_evtx", &path),
                path,
                accessor_name: args.accessor.clone(),
                last: 0,
                identity: Value::Null,
                doubtful: None,
                failed: None,
            })
            .collect();
        for log in &mut logs {
            log.start_at_end(&*accessor, scope);
        }
        let scope = scope.clone();
        let mut ready: VecDeque<Row> = VecDeque::new();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = ready.pop_front() {
                    return Some(with_message(row, &mut messages, &scope));
                }
                for log in &mut logs {
                    log.look(&*accessor, &scope, &mut ready);
                }
                if scope.stopped() {
                    return None;
                }
                if ready.is_empty() && !crate::waiting::wait(LOOK_AGAIN, &scope) {
                    return None;
                }
            }
        })))
    }
}

/// A log that is followed.
struct Log {
    path: Arc<OsPath>,
    accessor_name: String,
    /// The highest number that a chunk says to hold. The records' own numbers decide nothing, because
    /// a damaged log would be read again and again.
    last: u64,
    /// Which file it was.
    identity: Value,
    complaints: Complaints,
    /// A chunk that could not be read wholly at the last look.
    doubtful: Option<(u64, u64)>,
    /// What was last said, so that it is said once.
    failed: Option<String>,
}

/// What is read at one look; the rest comes at the next.
const ROUND_CHUNKS: usize = 64;

impl Log {
    /// What is there already is not told.
    fn start_at_end(&mut self, accessor: &dyn Accessor, scope: &Scope) {
        let Some(info) = following::stat(accessor, &self.path, scope) else { return };
        self.identity = following::identity(&info);
        let used = self.open(scope).map(|(_, used)| used).unwrap_or_default();
        self.last = newest(&used);
    }

    /// The open log and its used chunks: their numbers, and the number of their last record.
    fn open(&mut self, scope: &Scope) -> Option<(Box<dyn ReadSeek>, Used)> {
        let opened = event_log::open(&self.path, &self.accessor_name, scope)
            .map_err(|failure| failure.to_string())
            .and_then(|mut file| {
                let used = used_chunks(&mut *file).map_err(|error| error.to_string())?;
                Ok((file, used))
            });
        match opened {
            Ok(opened) => {
                self.failed = None;
                Some(opened)
            }
            Err(error) => {
                if self.failed.as_ref() != Some(&error) {
                    scope.log(Level::Default, &format!("watch_evtx: {error}"));
                }
                self.failed = Some(error);
                None
            }
        }
    }

    /// Reads what has been added, and notices when the log is another one.
    fn look(&mut self, accessor: &dyn Accessor, scope: &Scope, ready: &mut VecDeque<Row>) {
        let Some(info) = following::stat(accessor, &self.path, scope) else { return };
        let Some((mut file, used)) = self.open(scope) else { return };
        let identity = following::identity(&info);
        let newest = newest(&used);
        let replaced = identity != self.identity || newest < self.last;
        self.identity = identity;
        let last = if replaced { 0 } else { self.last };
        let mut grown: Vec<(u64, u64)> = used.into_iter().filter(|(_, end)| *end > last).collect();
        grown.sort_unstable_by_key(|(_, end)| *end);
        let mut seen = last;
        for (number, _) in grown.into_iter().take(ROUND_CHUNKS) {
            let bytes = match event_log::chunk(&mut *file, number) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.complaints.say(number, &format!("cannot be read: {error}"), scope);
                    break;
                }
            };
            // The chunk may have grown since its header was looked at.
            let Some(end) = evtx::record_ids(&bytes).map(|records| *records.end()) else { break };
            let chunk = read_chunk(bytes);
            // It may be that it was just being written: it gets a second chance.
            if !chunk.problems.is_empty() && self.doubtful != Some((number, end)) {
                self.doubtful = Some((number, end));
                break;
            }
            for problem in &chunk.problems {
                self.complaints.say(number, problem, scope);
            }
            let mut events = chunk.events;
            events.retain(|event| event.record_id > last && event.record_id <= end);
            events.sort_by_key(|event| event.record_id);
            seen = end;
            ready.extend(events.into_iter().map(|event| event.row));
        }
        self.last = seen;
    }
}

/// Chunks that hold records: their numbers, and the number of their last record.
type Used = Vec<(u64, u64)>;

fn newest(used: &[(u64, u64)]) -> u64 {
    used.iter().map(|(_, last)| *last).max().unwrap_or(0)
}

/// A log has no more chunks: their count is a number of 16 bits.
const CHUNKS_MAX: u64 = 65_536;

/// The chunks that hold records: their numbers, and the number of their last record.
fn used_chunks(file: &mut dyn ReadSeek) -> std::io::Result<Used> {
    let mut used = Vec::new();
    for number in 0..CHUNKS_MAX {
        file.seek(SeekFrom::Start(event_log::start_of(number)))?;
        let header = event_log::piece(file, CHUNK_HEADER_BYTES)?;
        if header.len() < CHUNK_HEADER_BYTES {
            break;
        }
        if let Some(records) = evtx::record_ids(&header) {
            used.push((number, *records.end()));
        }
    }
    Ok(used)
}
