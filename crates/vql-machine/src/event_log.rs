//! Windows event logs as files: their chunks one after the other, and what is wrong with them.

use std::io::{ErrorKind, Read, SeekFrom};
use std::sync::Arc;

use parsers::evtx::{self, CHUNK_BYTES, HEADER_BYTES};
use rows::OsPath;
use vql_plugin::{Failure, Level, ReadSeek, Scope};

/// Opens a log; what is none is refused.
pub(crate) fn open(
    path: &OsPath,
    accessor: &str,
    scope: &Scope,
) -> Result<Box<dyn ReadSeek>, Failure> {
    let mut file = scope.accessor(accessor)?.open(path, scope)?;
    let mut header = Vec::new();
    file.by_ref()
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(|error| Failure::new(format!("cannot read `{path}`: {error}")))?;
    evtx::check_header(&header).map_err(|wrong| Failure::new(format!("`{path}`: {wrong}")))?;
    Ok(file)
}

/// The chunk of that number; shorter when the file ends within it, empty when it ends before.
pub(crate) fn chunk(file: &mut dyn ReadSeek, number: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start_of(number)))?;
    piece(file, CHUNK_BYTES)
}

/// Where a chunk starts in the file.
pub(crate) fn start_of(number: u64) -> u64 {
    HEADER_BYTES as u64 + number * CHUNK_BYTES as u64
}

/// The next bytes, fewer at the end of the file.
pub(crate) fn piece(file: &mut dyn ReadSeek, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The chunks of an open log, in their order in the file.
pub(crate) struct Chunks {
    pub(crate) file: Box<dyn ReadSeek>,
    pub(crate) scope: Scope,
    number: u64,
    ended: bool,
}

impl Chunks {
    /// From the first chunk on; the file stands behind its header.
    pub(crate) fn of(file: Box<dyn ReadSeek>, scope: &Scope) -> Self {
        Self { file, scope: scope.clone(), number: 0, ended: false }
    }
}

impl Iterator for Chunks {
    type Item = (u64, std::io::Result<Vec<u8>>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.scope.stopped() {
            return None;
        }
        let read = piece(&mut *self.file, CHUNK_BYTES);
        self.ended = read.as_ref().map_or(true, |bytes| bytes.len() < CHUNK_BYTES);
        if read.as_ref().is_ok_and(Vec::is_empty) {
            return None;
        }
        self.number += 1;
        Some((self.number - 1, read))
    }
}

/// Says what is wrong with a log, as long as that is not too much.
pub(crate) struct Complaints {
    name: &'static str,
    path: Arc<OsPath>,
    said: usize,
}

/// So many lines about one log.
const SAID_MAX: usize = 50;

impl Complaints {
    pub(crate) fn about(name: &'static str, path: &Arc<OsPath>) -> Self {
        Self { name, path: path.clone(), said: 0 }
    }

    pub(crate) fn say(&mut self, chunk: u64, problem: &str, scope: &Scope) {
        self.said += 1;
        let text = match self.said {
            ..=SAID_MAX => format!("{}: `{}`, chunk {chunk}: {problem}", self.name, self.path),
            said if said == SAID_MAX + 1 => {
                format!("{}: more that is wrong with `{}` is not told", self.name, self.path)
            }
            _ => return,
        };
        scope.log(Level::Default, &text);
    }
}
