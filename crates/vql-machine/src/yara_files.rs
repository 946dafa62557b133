//! Files are searched for YARA rules.
//!
//! # Invariants
//!
//! - **YF-1** A file is never mapped into memory: one that is cut short while it is searched must
//!   not end this program.
//! - **YF-2** Files beyond [`LARGE_BYTES`] are in memory one at a time per query, and those beyond
//!   [`WHOLE_BYTES_MAX`] only in pieces.

use std::io::SeekFrom;
use std::sync::{Arc, Mutex, PoisonError};

use rows::{OsPath, Row};
use vql_plugin::{AccessError, Failure, FileInfo, FileKind, Level, ReadSeek, Scope};
use yara::{Found, Limits, Piece, Rules};

use crate::{file_rows, yara_rows};

/// What is larger waits until no other file of that size is in memory.
const LARGE_BYTES: u64 = 16 << 20;

/// What is larger is searched in pieces.
const WHOLE_BYTES_MAX: u64 = 128 << 20;

/// How long a piece is, unless the query says so.
const PIECE_BYTES: u64 = 16 << 20;

/// How much of a piece is searched again with the next one: what is longer and lies across the
/// border of two pieces is not found.
const OVERLAP_BYTES: u64 = 4 << 10;

/// How to search.
#[derive(Clone)]
pub(crate) struct Search {
    pub(crate) name: &'static str,
    pub(crate) rules: Rules,
    pub(crate) accessor: String,
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
    pub(crate) context: usize,
    pub(crate) limits: Limits,
    pub(crate) piece_bytes: Option<u64>,
    pub(crate) always_pieces: bool,
}

impl Search {
    /// The rows of one file. What cannot be read is logged.
    pub(crate) fn file(&self, path: &OsPath, scope: &Scope) -> Vec<Row> {
        match self.look(path, scope) {
            Ok(rows) => rows,
            Err(failure) => {
                scope.log(Level::Default, &format!("{}: {failure}", self.name));
                Vec::new()
            }
        }
    }

    fn look(&self, path: &OsPath, scope: &Scope) -> Result<Vec<Row>, Failure> {
        let accessor = scope.accessor(&self.accessor)?;
        let info = match accessor.stat(path, scope) {
            Ok(info) => info,
            // Some accessors can be read, but know nothing about their files.
            Err(AccessError::Unsupported { .. }) => {
                FileInfo { path: path.clone(), ..FileInfo::default() }
            }
            Err(error) => return Err(error.into()),
        };
        if info.kind == FileKind::Dir {
            return Ok(Vec::new());
        }
        let mut file = Opened { file: accessor.open(path, scope)?, path, scope };
        // A size may be wrong, as those below /proc are; then the file itself is asked.
        let size = match info.size {
            0 => file.measured().unwrap_or(0),
            size => size,
        };
        let end = self.end.unwrap_or(u64::MAX);
        let wanted = size.min(end).saturating_sub(self.start);
        let shared = Arc::new(path.clone());
        let rest =
            |row: Row| row.with("File", file_rows::row(&info)).with("FileName", shared.clone());
        if self.always_pieces || wanted > WHOLE_BYTES_MAX {
            return Ok(self.in_pieces(&mut file, wanted, &rest));
        }
        let turn = scope.keep("yara large", || Mutex::new(()));
        let held =
            (wanted > LARGE_BYTES).then(|| turn.lock().unwrap_or_else(PoisonError::into_inner));
        // What has no size is read all the same: it may be a file of /proc.
        let most = if size == 0 { WHOLE_BYTES_MAX } else { wanted };
        let bytes = file.read_at(self.start, most.min(end.saturating_sub(self.start)))?;
        let mut scanned = self.rules.scan(&bytes, &self.limits);
        yara_rows::report(&scanned, self.name, &path.to_string(), scope);
        for found in scanned.hits.iter_mut().flat_map(|hit| &mut hit.found) {
            found.offset += self.start;
            found.base += self.start;
        }
        let mut around = |found: &Found| {
            let at = usize::try_from(found.offset - self.start).unwrap_or(usize::MAX);
            let from = at.saturating_sub(self.context).min(bytes.len());
            let to = at.saturating_add(found.length).saturating_add(self.context);
            bytes[from..to.clamp(from, bytes.len())].to_vec()
        };
        let rows = yara_rows::rows(&scanned, &mut around, &rest);
        drop(held);
        Ok(rows)
    }

    fn in_pieces(&self, file: &mut Opened<'_>, wanted: u64, rest: &dyn Fn(Row) -> Row) -> Vec<Row> {
        let pieces = pieces(self.start, wanted, self.piece_bytes.unwrap_or(PIECE_BYTES));
        let read = |piece: Piece, buffer: &mut Vec<u8>| {
            match file.read_at(piece.start, piece.length as u64) {
                Ok(bytes) => *buffer = bytes,
                Err(_) => return false,
            }
            !buffer.is_empty()
        };
        let scanned = self.rules.scan_pieces(&pieces, read, &self.limits);
        yara_rows::report(&scanned, self.name, &file.path.to_string(), file.scope);
        let mut around = |found: &Found| {
            if self.context == 0 && found.data.len() == found.length {
                return found.data.clone();
            }
            let from = found.offset.saturating_sub(self.context as u64);
            let before = found.offset - from;
            let length = before + found.length as u64 + self.context as u64;
            file.read_at(from, length).unwrap_or_default()
        };
        yara_rows::rows(&scanned, &mut around, rest)
    }
}

/// The pieces of a stretch, each with the start of the next one.
fn pieces(start: u64, length: u64, piece_bytes: u64) -> Vec<Piece> {
    const PIECES_MAX: u64 = 1 << 20;
    let step = piece_bytes.clamp(OVERLAP_BYTES, WHOLE_BYTES_MAX).max(length / PIECES_MAX);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < length {
        let long = (step + OVERLAP_BYTES).min(length - at);
        let Ok(long) = usize::try_from(long) else { break };
        pieces.push(Piece { start: start + at, length: long });
        at += step;
    }
    pieces
}

struct Opened<'a> {
    file: Box<dyn ReadSeek>,
    path: &'a OsPath,
    scope: &'a Scope,
}

impl Opened<'_> {
    fn measured(&mut self) -> Option<u64> {
        self.file.seek(SeekFrom::End(0)).ok()
    }

    /// At most `length` bytes from `start` on.
    fn read_at(&mut self, start: u64, length: u64) -> Result<Vec<u8>, Failure> {
        const FIRST_BYTES: u64 = 1 << 20;
        self.file.seek(SeekFrom::Start(start)).map_err(|error| self.unreadable(&error))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        // What is said to be large may turn out to be small.
        let mut bytes = vec![0; length.min(FIRST_BYTES as usize)];
        let mut filled = 0;
        loop {
            self.scope.check()?;
            match self.file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(&error)),
            }
            if filled == length {
                break;
            }
            if filled == bytes.len() {
                bytes.resize(length.min(filled * 2), 0);
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn unreadable(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot read `{}`: {error}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_begins_before_the_last_one_ends() {
        let check = |start, length, bytes, cut: &[(u64, usize)]| {
            let found = pieces(start, length, bytes);
            let found: Vec<_> = found.iter().map(|piece| (piece.start, piece.length)).collect();
            assert_eq!(found, cut);
        };
        check(0, 0, 8192, &[]);
        check(100, 10, 8192, &[(100, 10)]);
        check(0, 20_000, 8192, &[(0, 12_288), (8192, 11_808), (16_384, 3_616)]);
    }
}
