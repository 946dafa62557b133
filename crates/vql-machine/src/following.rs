//! Following files that grow and are replaced: which files, where reading goes on, and when a file is
//! another one than before.
//!
//! # Invariants
//!
//! - **FO-1** Of the files that are there at the start, only what is added is told; of files that come
//!   later, everything.
//! - **FO-2** The rest of a file that was replaced (rotated) is read before the new one.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rows::{OsPath, Value};
use vql_plugin::{Accessor, Failure, FileInfo, Level, Query, ReadSeek, Scope};

/// How often the files are looked at.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often new files are searched for.
const SEARCH_AGAIN: Duration = Duration::from_secs(2);
/// More files than this are not followed at once.
const FILES_MAX: usize = 10_000;

/// The file that grows: the one behind a link.
pub(crate) fn stat(accessor: &dyn Accessor, path: &OsPath, scope: &Scope) -> Option<FileInfo> {
    let info = accessor.stat(path, scope).ok()?;
    match &info.link {
        Some(target) => {
            let target = if target.starts_with(b"/") {
                accessor.parse(target).ok()?
            } else {
                path.dirname().join_text(target)
            };
            accessor.stat(&target, scope).ok()
        }
        None => Some(info),
    }
}

/// Tells one file from another of the same name; NULL where the accessor does not know.
pub(crate) fn identity(info: &FileInfo) -> Value {
    info.data.get("Inode").cloned().unwrap_or_default()
}

/// Which files are followed.
pub(crate) struct Which {
    pub(crate) files: Vec<Arc<OsPath>>,
    pub(crate) accessor: String,
    /// Finds more of them: rows with `OSPath`.
    pub(crate) search: Option<Query>,
}

/// The lines that are added to files.
pub(crate) struct Lines {
    name: &'static str,
    accessor: Arc<dyn Accessor>,
    files: Vec<Followed>,
    search: Option<Query>,
    searched: Option<Instant>,
    line_max: usize,
    ready: VecDeque<Line>,
}

/// A line without its end.
pub(crate) struct Line {
    pub(crate) path: Arc<OsPath>,
    pub(crate) bytes: Vec<u8>,
}

impl Lines {
    /// Failures are logged behind `name`.
    pub(crate) fn follow(
        name: &'static str,
        which: Which,
        line_max: usize,
        scope: &Scope,
    ) -> Result<Self, Failure> {
        if which.files.is_empty() && which.search.is_none() {
            return Err("Field filename is required, or a query that finds files".into());
        }
        let accessor = scope.accessor(&which.accessor)?;
        let mut lines = Self {
            name,
            accessor,
            files: Vec::new(),
            search: which.search,
            searched: None,
            line_max,
            ready: VecDeque::new(),
        };
        for path in which.files {
            lines.add(path, true, scope);
        }
        lines.search(scope);
        Ok(lines)
    }

    fn add(&mut self, path: Arc<OsPath>, at_end: bool, scope: &Scope) {
        let known = self.files.iter().any(|file| file.path.to_text() == path.to_text());
        if known || self.files.len() >= FILES_MAX {
            return;
        }
        let mut file = Followed { path, open: None, partial: Vec::new(), failed: None };
        if at_end {
            file.start_at_end(self.name, &*self.accessor, scope);
        }
        self.files.push(file);
    }

    fn search(&mut self, scope: &Scope) {
        let Some(query) = self.search.clone() else { return };
        if self.searched.is_some_and(|when| when.elapsed() < SEARCH_AGAIN) {
            return;
        }
        let first = self.searched.is_none();
        for row in query.rows(scope) {
            let path = match row.get("OSPath").map(|path| scope.materialise(path)) {
                Some(Value::Path(path)) => path,
                Some(Value::Text(text)) => match self.accessor.parse(&text) {
                    Ok(path) => Arc::new(path),
                    Err(_) => continue,
                },
                _ => {
                    scope.log(
                        Level::Default,
                        &format!("{}: query gave a row without `OSPath`", self.name),
                    );
                    self.search = None;
                    return;
                }
            };
            self.add(path, first, scope);
        }
        self.searched = Some(Instant::now());
    }

    /// The next line; `None` when the query was stopped, or when none came for a while and `idle` says
    /// to stop waiting.
    pub(crate) fn next(&mut self, scope: &Scope, mut idle: impl FnMut() -> bool) -> Option<Line> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            self.search(scope);
            for file in &mut self.files {
                let round = Round {
                    name: self.name,
                    accessor: &*self.accessor,
                    scope,
                    line_max: self.line_max,
                    ready: &mut self.ready,
                };
                file.look(round);
            }
            if scope.stopped() {
                return None;
            }
            if self.ready.is_empty() && (idle() || !crate::waiting::wait(LOOK_AGAIN, scope)) {
                return None;
            }
        }
    }
}

/// A file that is open, how far it has been read, and which file it is.
struct Open {
    file: Box<dyn ReadSeek>,
    at: u64,
    identity: Value,
}

struct Followed {
    path: Arc<OsPath>,
    open: Option<Open>,
    partial: Vec<u8>,
    /// What was last reported, so that it is reported once.
    failed: Option<String>,
}

/// What a look at a file is done with.
struct Round<'a> {
    name: &'static str,
    accessor: &'a dyn Accessor,
    scope: &'a Scope,
    line_max: usize,
    ready: &'a mut VecDeque<Line>,
}

impl Followed {
    fn start_at_end(&mut self, name: &'static str, accessor: &dyn Accessor, scope: &Scope) {
        let Some(info) = stat(accessor, &self.path, scope) else { return };
        self.open_at(info.size, &info, (name, accessor, scope));
    }

    fn open_at(
        &mut self,
        at: u64,
        info: &FileInfo,
        (name, accessor, scope): (&'static str, &dyn Accessor, &Scope),
    ) {
        let opened = accessor.open(&self.path, scope).map_err(|error| error.to_string());
        let opened = opened.and_then(|mut file| {
            file.seek(SeekFrom::Start(at)).map_err(|error| error.to_string())?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                self.open = Some(Open { file, at, identity: identity(info) });
                self.failed = None;
            }
            Err(error) => {
                if self.failed.as_ref() != Some(&error) {
                    scope.log(Level::Default, &format!("{name}: {error}"));
                }
                self.failed = Some(error);
            }
        }
    }

    /// Reads what has been added, and notices when the file is another one.
    fn look(&mut self, mut round: Round<'_>) {
        self.read(&mut round);
        let Some(info) = stat(round.accessor, &self.path, round.scope) else { return };
        let changed = self.open.as_ref().is_none_or(|open| {
            let now = identity(&info);
            info.size < open.at || (!now.is_null() && now != open.identity)
        });
        if changed {
            if !self.partial.is_empty() {
                let bytes = std::mem::take(&mut self.partial);
                round.ready.push_back(Line { path: self.path.clone(), bytes });
            }
            self.open_at(0, &info, (round.name, round.accessor, round.scope));
            self.read(&mut round);
        }
    }

    fn read(&mut self, round: &mut Round<'_>) {
        /// So that one fast file neither fills the memory nor starves the others.
        const ROUND_BYTES: u64 = 4 << 20;
        let mut chunk = vec![0; 1 << 16];
        let mut read = 0;
        while read < ROUND_BYTES {
            let Some(open) = &mut self.open else { return };
            match open.file.read(&mut chunk) {
                Ok(0) => return,
                Ok(count) => {
                    open.at += count as u64;
                    read += count as u64;
                    self.lines(&chunk[..count], round);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let text = format!("{}: cannot read `{}`: {error}", round.name, self.path);
                    round.scope.log(Level::Default, &text);
                    self.open = None;
                    return;
                }
            }
        }
    }

    fn lines(&mut self, mut bytes: &[u8], round: &mut Round<'_>) {
        while !bytes.is_empty() {
            let room = (round.line_max - self.partial.len()).min(bytes.len());
            match bytes[..room].iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.partial.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end + 1..];
                }
                None => {
                    self.partial.extend_from_slice(&bytes[..room]);
                    bytes = &bytes[room..];
                    if self.partial.len() < round.line_max {
                        continue;
                    }
                }
            }
            let mut line = std::mem::take(&mut self.partial);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            round.ready.push_back(Line { path: self.path.clone(), bytes: line });
        }
    }
}
