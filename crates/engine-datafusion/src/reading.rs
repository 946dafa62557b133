//! Files as batches: one file after the other, in a thread that may block.
//!
//! Whatever a file has in it, reading ends with its rows or with an error that names the file, and
//! the line where there are lines. A line that is still being written ends a file that grows; it
//! will be read once it is whole.

use std::io::{BufRead, BufReader, Read};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use loghunt::engine::EngineError;
use model::log::Window;
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore};
use rows::{Dict, Name, Row, Shape, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::files::{Format, LogFile, Packing};
use crate::place::unreachable;

/// A batch of rows read from texts has at most so many.
const ROWS_MAX: usize = 8_192;
/// And is made of at most so much text, but for its last row.
const TEXT_MAX_BYTES: usize = 8 << 20;
/// A line is at most so long.
const LINE_MAX_BYTES: usize = 32 << 20;

/// With what files are read.
#[derive(Clone)]
pub(crate) struct Io {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) handle: Handle,
    pub(crate) stop: Arc<Stop>,
    /// Files that cannot be read piece by piece may be so large.
    pub(crate) memory_max: u64,
}

/// Ends work from another thread.
pub(crate) struct Stop {
    asked: watch::Sender<bool>,
    /// Bytes read so far.
    pub(crate) bytes: AtomicU64,
    /// Rows looked at so far.
    pub(crate) rows: AtomicU64,
}

impl Stop {
    pub(crate) fn new() -> Arc<Self> {
        let (asked, _) = watch::channel(false);
        Arc::new(Self { asked, bytes: AtomicU64::new(0), rows: AtomicU64::new(0) })
    }

    pub(crate) fn ask(&self) {
        self.asked.send_replace(true);
    }

    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Ends when it is asked.
    pub(crate) async fn asked(&self) {
        // The sender lives as long as this does, so waiting cannot fail.
        let _ = self.asked.subscribe().wait_for(|asked| *asked).await;
    }
}

/// Columns that are wanted.
#[derive(Clone, Debug)]
pub(crate) enum Columns {
    /// These.
    Named(Vec<String>),
    /// These, and all whose names stand in a text.
    In(Arc<str>, Vec<String>),
}

/// What is wanted of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Columns; nothing stands for all.
    pub(crate) columns: Option<Columns>,
    /// The column of positions and the window: what certainly lies outside is not read.
    pub(crate) prune: Option<(String, Window)>,
    /// Texts that files keep as dictionaries stay dictionaries.
    pub(crate) dictionaries: bool,
}

impl Wanted {
    pub(crate) fn wants(&self, column: &str) -> bool {
        match &self.columns {
            None => true,
            Some(Columns::Named(names)) => names.iter().any(|name| name == column),
            Some(Columns::In(text, names)) => {
                text.contains(column) || names.iter().any(|name| name == column)
            }
        }
    }
}

/// Some rows of a file.
pub(crate) struct Chunk {
    pub(crate) batch: RecordBatch,
    /// The same rows as the file has them, where it is made of rows: without the columns that only
    /// others have, and with their own types.
    pub(crate) rows: Option<Vec<Row>>,
}

/// Takes chunks; breaking off ends the file.
pub(crate) type Take<'t> = dyn FnMut(Chunk) -> Result<ControlFlow<()>, EngineError> + 't;

/// Reads a file, or a part of it that begins and ends between lines.
pub(crate) fn read(
    file: &LogFile,
    part: Option<Range<u64>>,
    wanted: &Wanted,
    io: &Io,
    take: &mut Take<'_>,
) -> Result<(), EngineError> {
    match file.format {
        Format::Parquet => crate::parquet_file::read(file, wanted, io, take),
        Format::Arrow => crate::arrow_file::read(file, wanted, io, take),
        Format::JsonLines => {
            let whole = part.is_none();
            let reader = opened(file, part, io)?;
            json_lines(file, reader, whole, wanted, io, take)
        }
        Format::Csv => {
            let header = match &part {
                Some(part) if part.start > 0 => Some(header_of(file, io)?),
                _ => None,
            };
            let whole = part.is_none();
            let reader = opened(file, part, io)?;
            csv_rows(file, (reader, header), whole, wanted, io, take)
        }
    }
}

/// An error in a file's content.
pub(crate) fn corrupt(file: &LogFile, what: impl std::fmt::Display) -> EngineError {
    EngineError::permanent(format!(
        "`{}` is not what its name says: {what}; mend it, or move it out of the table",
        file.path
    ))
}

/// An error while a file was read: the store's, or its content's.
pub(crate) fn failed(file: &LogFile, error: &std::io::Error) -> EngineError {
    if let Some(inner) =
        error.get_ref().and_then(|inner| inner.downcast_ref::<object_store::Error>())
    {
        return unreachable(file.path.as_ref(), inner);
    }
    match error.kind() {
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof
        | std::io::ErrorKind::Other => corrupt(file, error),
        _ => EngineError::transient(format!("`{}` cannot be read: {error}", file.path)),
    }
}

/// The bytes of a file, unpacked.
pub(crate) fn opened(
    file: &LogFile,
    part: Option<Range<u64>>,
    io: &Io,
) -> Result<Box<dyn BufRead>, EngineError> {
    let raw = raw(file, part, io)?;
    let counted = Counted { inner: raw, stop: io.stop.clone() };
    Ok(match file.packing {
        Packing::Plain => Box::new(BufReader::with_capacity(256 << 10, counted)),
        Packing::Gzip => {
            let unpacked = flate2::read::MultiGzDecoder::new(BufReader::new(counted));
            Box::new(BufReader::with_capacity(256 << 10, unpacked))
        }
        Packing::Zstd => {
            let unpacked = zstd::Decoder::new(counted).map_err(|error| failed(file, &error))?;
            Box::new(BufReader::with_capacity(256 << 10, unpacked))
        }
    })
}

fn raw(file: &LogFile, part: Option<Range<u64>>, io: &Io) -> Result<Box<dyn Read>, EngineError> {
    if file.size == 0 || part.as_ref().is_some_and(Range::is_empty) {
        return Ok(Box::new(std::io::empty()));
    }
    let options = GetOptions { range: part.map(GetRange::Bounded), ..GetOptions::default() };
    let got = io.handle.block_on(io.store.get_opts(&file.path, options));
    let got = got.map_err(|error| unreachable(file.path.as_ref(), &error))?;
    let range = got.range.clone();
    match got.payload {
        GetResultPayload::File(open, _) => {
            let length = range.end - range.start;
            let part = crate::os::part_of(open, range.start, length);
            Ok(Box::new(part.map_err(|error| failed(file, &error))?))
        }
        GetResultPayload::Stream(stream) => {
            Ok(Box::new(Pull { handle: io.handle.clone(), stream, piece: Bytes::new() }))
        }
    }
}

/// Pulls bytes out of a stream.
struct Pull {
    handle: Handle,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Pull {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.handle.block_on(self.stream.next()) {
                None => return Ok(0),
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(std::io::Error::other(error)),
            }
        }
        let length = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

/// Counts bytes, and ends when that is asked.
struct Counted<R> {
    inner: R,
    stop: Arc<Stop>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.stop.is_asked() {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut));
        }
        let length = self.inner.read(into)?;
        self.stop.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Rows that become batches.
struct Rows<'t, 'w> {
    rows: Vec<Row>,
    bytes: usize,
    file: &'w LogFile,
    stop: &'w Stop,
    take: &'t mut Take<'w>,
}

impl Rows<'_, '_> {
    fn push(&mut self, row: Row, bytes: usize) -> Result<ControlFlow<()>, EngineError> {
        self.rows.push(row);
        self.bytes += bytes;
        if self.rows.len() >= ROWS_MAX || self.bytes >= TEXT_MAX_BYTES {
            return self.flush();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> Result<ControlFlow<()>, EngineError> {
        if self.rows.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if self.stop.is_asked() {
            return Ok(ControlFlow::Break(()));
        }
        let rows = std::mem::take(&mut self.rows);
        let batch = rows_arrow::batch_of(&rows).map_err(|error| corrupt(self.file, error))?;
        self.bytes = 0;
        (self.take)(Chunk { batch, rows: Some(rows) })
    }
}

fn json_lines(
    file: &LogFile,
    mut reader: Box<dyn BufRead>,
    whole: bool,
    wanted: &Wanted,
    io: &Io,
    take: &mut Take<'_>,
) -> Result<(), EngineError> {
    let mut rows = Rows { rows: Vec::new(), bytes: 0, file, stop: &io.stop, take };
    let mut line = Vec::new();
    let mut number = 0_u64;
    let only = wanted.columns.is_some();
    while read_line(file, &mut reader, &mut line)? {
        number += 1;
        if number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        let finished = line.ends_with(b"\n");
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if text.first() == Some(&b'[') {
            let what = "a list instead of an object; write one object on each line";
            return Err(corrupt(file, format!("line {number} is {what}")));
        }
        let row = match rows_json::row_from_json(text) {
            Ok(row) => row,
            // Whoever writes it has not ended the line yet.
            Err(_) if !finished && whole && file.grows() && is_fresh(file) => break,
            Err(error) => return Err(corrupt(file, format!("line {number}: {error}"))),
        };
        let row = if only { projected(&row, wanted) } else { row };
        if rows.push(row, text.len())?.is_break() {
            return Ok(());
        }
    }
    rows.flush().map(|_| ())
}

/// A file that was changed just now may still be written to.
fn is_fresh(file: &LogFile) -> bool {
    const FRESH: std::time::Duration = std::time::Duration::from_secs(600);
    crate::os::now().since(file.modified) < FRESH
}

fn projected(row: &Row, wanted: &Wanted) -> Row {
    let cells = row.iter().filter(|(name, _)| wanted.wants(name));
    cells.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads a line with its end; `false` at the end of the file.
fn read_line(
    file: &LogFile,
    reader: &mut Box<dyn BufRead>,
    line: &mut Vec<u8>,
) -> Result<bool, EngineError> {
    line.clear();
    let mut limited = reader.take(LINE_MAX_BYTES as u64);
    let length = limited.read_until(b'\n', line).map_err(|error| failed(file, &error))?;
    if length == LINE_MAX_BYTES {
        return Err(corrupt(file, format!("a line is longer than {} MiB", LINE_MAX_BYTES >> 20)));
    }
    Ok(length > 0)
}

/// The first line of a file.
fn header_of(file: &LogFile, io: &Io) -> Result<csv::StringRecord, EngineError> {
    let reader = opened(file, None, io)?;
    let mut records = csv::Reader::from_reader(reader);
    records.headers().cloned().map_err(|error| bad_csv(file, &error))
}

fn bad_csv(file: &LogFile, error: &csv::Error) -> EngineError {
    match error.kind() {
        csv::ErrorKind::Io(error) => failed(file, error),
        _ => corrupt(file, error),
    }
}

fn csv_rows(
    file: &LogFile,
    (reader, header): (Box<dyn BufRead>, Option<csv::StringRecord>),
    whole: bool,
    wanted: &Wanted,
    io: &Io,
    take: &mut Take<'_>,
) -> Result<(), EngineError> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(header.is_none());
    let mut records = builder.from_reader(reader);
    let header = match header {
        Some(header) => header,
        None => records.headers().cloned().map_err(|error| bad_csv(file, &error))?,
    };
    let names: Vec<Name> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').into()).collect();
    let chosen: Vec<usize> = (0..names.len()).filter(|at| wanted.wants(&names[*at])).collect();
    let shape = Shape::of(chosen.iter().map(|at| names[*at].clone()));
    if shape.names().len() != chosen.len() {
        return Err(corrupt(file, "two columns have the same name"));
    }
    let mut rows = Rows { rows: Vec::new(), bytes: 0, file, stop: &io.stop, take };
    let mut record = csv::ByteRecord::new();
    loop {
        match records.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            // The last line has not all its cells yet.
            Err(error) if records.is_done() && whole && is_unfinished(file, &error) => break,
            Err(error) => return Err(bad_csv(file, &error)),
        }
        if record.len() != names.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let (found, wanted) = (record.len(), names.len());
            return Err(corrupt(file, format!("line {line} has {found} cells, not {wanted}")));
        }
        let cells = chosen.iter().map(|at| cell(&record[*at]));
        let row = Dict::of_shape(&shape, cells);
        if rows.push(row, record.as_slice().len())?.is_break() {
            return Ok(());
        }
    }
    rows.flush().map(|_| ())
}

fn is_unfinished(file: &LogFile, error: &csv::Error) -> bool {
    let unequal = matches!(error.kind(), csv::ErrorKind::UnequalLengths { .. });
    unequal && file.grows() && is_fresh(file)
}

/// A text of a cell or a folder's name: a number where its text is just what the number prints,
/// nothing where it is empty.
pub(crate) fn cell(text: &[u8]) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    let numeric =
        text.len() <= 24 && text.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b));
    if numeric && let Ok(spelled) = std::str::from_utf8(text) {
        let whole = spelled.parse().map(Value::Int).ok();
        let number = whole.or_else(|| spelled.parse().map(Value::Float).ok());
        if let Some(number) = number.filter(|number| number.to_text().as_bytes() == text) {
            return number;
        }
    }
    Value::text(text)
}
