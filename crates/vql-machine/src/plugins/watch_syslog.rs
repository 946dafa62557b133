//! The plugin `watch_syslog`: follows text files: one row with `Line` and `Filename` for each line that is added from now

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use rows::{OsPath, Row, Value};
use vql_plugin::{
    Accessor, Entry, Failure, FileInfo, Level, Permission, Plugin, ReadSeek, RowStream, Scope,
    plugin_args,
};

use crate::Machine;

pub(super) fn entry(_machine: &Arc<dyn Machine>) -> Entry {
    Entry::plugin(WatchSyslog)
}

plugin_args! {
    /// Follows text files: one row with `Line` and `Filename` for each line that is added from now
    /// on. Ends only when the query is stopped.
    ///
    /// A file that is replaced or shortened (rotated) is read again from its start, after the rest
    /// of the old one. A file that does not exist yet is waited for.
    pub struct WatchSyslogArgs for "watch_syslog" {
        /// The files.
        filename: Vec<Arc<OsPath>>,
        /// What the files are read through.
        accessor: String = "",
        /// The longest line in one row, in bytes.
        buffer_size: i64 = 1_048_576,
    }
}

struct WatchSyslog;

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Plugin for WatchSyslog {
    type Args = WatchSyslogArgs;
    const NEEDS: &'static [Permission] = &[Permission::FilesystemRead];

    fn rows(&self, args: WatchSyslogArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let accessor = scope.accessor(&args.accessor)?;
        let line_max = usize::try_from(args.buffer_size.clamp(64, 64 << 20)).unwrap_or(1 << 20);
        let mut followed: Vec<Followed> = args
            .filename
            .into_iter()
            .map(|path| Followed { path, open: None, partial: Vec::new(), line_max, failed: None })
            .collect();
        for file in &mut followed {
            file.start_at_end(&*accessor, scope);
        }
        let scope = scope.clone();
        let mut ready: VecDeque<Row> = VecDeque::new();
        Ok(Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = ready.pop_front() {
                    return Some(row);
                }
                for file in &mut followed {
                    file.look(&*accessor, &scope, &mut ready);
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

/// A file that is open, how far it has been read, and which file it is.
struct Open {
    file: Box<dyn ReadSeek>,
    at: u64,
    inode: Value,
}

struct Followed {
    path: Arc<OsPath>,
    open: Option<Open>,
    partial: Vec<u8>,
    line_max: usize,
    /// What was last reported, so that it is reported once.
    failed: Option<String>,
}

impl Followed {
    fn start_at_end(&mut self, accessor: &dyn Accessor, scope: &Scope) {
        let Some(info) = self.stat(accessor, scope) else { return };
        self.open_at(info.size, &info, accessor, scope);
    }

    fn stat(&self, accessor: &dyn Accessor, scope: &Scope) -> Option<FileInfo> {
        let info = accessor.stat(&self.path, scope).ok()?;
        match &info.link {
            // The file behind the link is the one that grows.
            Some(target) => {
                let target = if target.starts_with(b"/") {
                    accessor.parse(target).ok()?
                } else {
                    self.path.dirname().join_text(target)
                };
                accessor.stat(&target, scope).ok()
            }
            None => Some(info),
        }
    }

    fn open_at(&mut self, at: u64, info: &FileInfo, accessor: &dyn Accessor, scope: &Scope) {
        let opened = accessor.open(&self.path, scope).map_err(|error| error.to_string());
        let opened = opened.and_then(|mut file| {
            file.seek(SeekFrom::Start(at)).map_err(|error| error.to_string())?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                let inode = info.data.get("Inode").cloned().unwrap_or_default();
                self.open = Some(Open { file, at, inode });
                self.failed = None;
            }
            Err(error) => {
                if self.failed.as_ref() != Some(&error) {
                    scope.log(Level::Default, &format!("watch_syslog: {error}"));
                }
                self.failed = Some(error);
            }
        }
    }

    /// Reads what has been added, and notices when the file is another one.
    fn look(&mut self, accessor: &dyn Accessor, scope: &Scope, ready: &mut VecDeque<Row>) {
        self.read(scope, ready);
        let Some(info) = self.stat(accessor, scope) else { return };
        let changed = self.open.as_ref().is_none_or(|open| {
            info.size < open.at || info.data.get("Inode").is_some_and(|inode| *inode != open.inode)
        });
        if changed {
            if !self.partial.is_empty() {
                let rest = std::mem::take(&mut self.partial);
                ready.push_back(self.row(rest));
            }
            self.open_at(0, &info, accessor, scope);
            self.read(scope, ready);
        }
    }

    fn read(&mut self, scope: &Scope, ready: &mut VecDeque<Row>) {
        /// So that one fast file neither fills the memory nor starves the others.
        const ROUND_BYTES: u64 = 4 << 20;
        let mut chunk = vec![0; 1 << 16];
        let mut round = 0;
        while round < ROUND_BYTES {
            let Some(open) = &mut self.open else { return };
            match open.file.read(&mut chunk) {
                Ok(0) => return,
                Ok(count) => {
                    open.at += count as u64;
                    round += count as u64;
                    self.lines(&chunk[..count], ready);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let text = format!("watch_syslog: cannot read `{}`: {error}", self.path);
                    scope.log(Level::Default, &text);
                    self.open = None;
                    return;
                }
            }
        }
    }

    fn lines(&mut self, mut bytes: &[u8], ready: &mut VecDeque<Row>) {
        while !bytes.is_empty() {
            let room = (self.line_max - self.partial.len()).min(bytes.len());
            match bytes[..room].iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.partial.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                }
                None => {
                    self.partial.extend_from_slice(&bytes[..room]);
                    bytes = &bytes[room..];
                    if self.partial.len() < self.line_max {
                        continue;
                    }
                }
            }
            let mut line = std::mem::take(&mut self.partial);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            ready.push_back(self.row(line));
        }
    }

    fn row(&self, line: Vec<u8>) -> Row {
        Row::new().with("Line", line).with("Filename", self.path.clone())
    }
}
