//! Arrow files and streams as batches.
//!
//! The library's readers set memory aside for whatever a file says that it holds, and memory that is
//! not there ends the process. So every length in a file is compared with the file first.

use std::io::Read;

use arrow::array::RecordBatch;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::ipc::{Block, MessageHeader, root_as_footer, root_as_message};
use bytes::Bytes;
use loghunt::engine::EngineError;

use crate::files::LogFile;
use crate::reading::{Chunk, Io, Take, Wanted, corrupt, failed, opened};

const MAGIC: &[u8] = b"ARROW1";

/// Reads a file.
pub(crate) fn read(
    file: &LogFile,
    wanted: &Wanted,
    io: &Io,
    take: &mut Take<'_>,
) -> Result<(), EngineError> {
    let bytes = whole(file, io)?;
    let sound = if bytes.starts_with(MAGIC) {
        file_is_sound(&bytes, io.memory_max)
    } else {
        stream_is_sound(&bytes, io.memory_max)
    };
    sound.map_err(|what| corrupt(file, what))?;
    // The readers assert where they could refuse; a hostile file must not take the process with it.
    let batches = std::panic::catch_unwind(|| batches(bytes));
    let batches = match batches {
        Ok(batches) => batches.map_err(|error| corrupt(file, error))?,
        Err(_) => return Err(corrupt(file, "its metadata contradicts itself")),
    };
    for batch in batches {
        let schema = batch.schema();
        let fields = schema.fields();
        let chosen: Vec<usize> =
            (0..fields.len()).filter(|at| wanted.wants(fields[*at].name())).collect();
        let batch = batch.project(&chosen).map_err(|error| corrupt(file, error))?;
        if io.stop.is_asked() || take(Chunk { batch, rows: None })?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn whole(file: &LogFile, io: &Io) -> Result<Bytes, EngineError> {
    let too_large = |size: u64| {
        EngineError::too_large(format!(
            "`{}` has {size} bytes or more, and Arrow files are read at once; write smaller ones, or Parquet",
            file.path
        ))
    };
    if file.size > io.memory_max {
        return Err(too_large(file.size));
    }
    let mut bytes = Vec::new();
    let mut limited = opened(file, None, io)?.take(io.memory_max.saturating_add(1));
    limited.read_to_end(&mut bytes).map_err(|error| failed(file, &error))?;
    if bytes.len() as u64 > io.memory_max {
        return Err(too_large(io.memory_max));
    }
    Ok(bytes.into())
}

fn batches(bytes: Bytes) -> Result<Vec<RecordBatch>, arrow::error::ArrowError> {
    let is_file = bytes.starts_with(MAGIC);
    let reader = std::io::Cursor::new(bytes);
    if is_file {
        FileReader::try_new(reader, None)?.collect()
    } else {
        StreamReader::try_new(reader, None)?.collect()
    }
}

/// Whether what the footer of a file points at lies in the file.
fn file_is_sound(bytes: &[u8], memory_max: u64) -> Result<(), String> {
    let short = || "it ends before its footer".to_owned();
    let trailer = bytes.len().checked_sub(10).ok_or_else(short)?;
    let length = i32::from_le_bytes(four(bytes, trailer)?);
    if bytes.get(trailer + 4..) != Some(MAGIC) {
        return Err(short());
    }
    let length = usize::try_from(length).map_err(|_| short())?;
    let start = trailer.checked_sub(length).ok_or_else(short)?;
    let footer = root_as_footer(&bytes[start..trailer]).map_err(|error| error.to_string())?;
    let mut left = memory_max;
    let blocks = footer.recordBatches().into_iter().flatten();
    for block in blocks.chain(footer.dictionaries().into_iter().flatten()) {
        block_is_sound(bytes, block, &mut left)?;
    }
    Ok(())
}

fn block_is_sound(bytes: &[u8], block: &Block, left: &mut u64) -> Result<(), String> {
    let outside = || "it points outside of itself".to_owned();
    let number = |number: i64| usize::try_from(number).map_err(|_| outside());
    let start = number(block.offset())?;
    let body = start.checked_add(number(block.metaDataLength().into())?).ok_or_else(outside)?;
    let end = body.checked_add(number(block.bodyLength())?).ok_or_else(outside)?;
    let message = bytes.get(start..body).ok_or_else(outside)?;
    let body = bytes.get(body..end).ok_or_else(outside)?;
    let (_, metadata) = prefixed(message)?;
    message_is_sound(metadata, body, left)
}

/// Whether the messages of a stream lie in it.
fn stream_is_sound(bytes: &[u8], memory_max: u64) -> Result<(), String> {
    let mut rest = bytes;
    let mut left = memory_max;
    while !rest.is_empty() {
        let (length, _) = prefixed(rest)?;
        if length == 0 {
            return Ok(());
        }
        let skipped = if rest.starts_with(&[0xff; 4]) { 8 } else { 4 };
        let short = || "it ends in the middle of a message".to_owned();
        let metadata = rest.get(skipped..skipped + length).ok_or_else(short)?;
        let message = root_as_message(metadata).map_err(|error| error.to_string())?;
        let body = usize::try_from(message.bodyLength()).map_err(|_| short())?;
        let start = skipped + length;
        let end = start.checked_add(body).ok_or_else(short)?;
        message_is_sound(metadata, rest.get(start..end).ok_or_else(short)?, &mut left)?;
        rest = &rest[end..];
    }
    Ok(())
}

/// The length of a message's metadata, and what follows.
fn prefixed(message: &[u8]) -> Result<(usize, &[u8]), String> {
    let at = if message.starts_with(&[0xff; 4]) { 4 } else { 0 };
    let length = i32::from_le_bytes(four(message, at)?);
    let length = usize::try_from(length).map_err(|_| "a length is negative".to_owned())?;
    Ok((length, &message[at + 4..]))
}

fn four(bytes: &[u8], at: usize) -> Result<[u8; 4], String> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.ok_or_else(|| "it ends in the middle of a length".to_owned())
}

/// Whether the buffers of a message lie in its body, and unpack to what may be.
fn message_is_sound(metadata: &[u8], body: &[u8], left: &mut u64) -> Result<(), String> {
    let message = root_as_message(metadata).map_err(|error| error.to_string())?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data())
        }
        _ => return Ok(()),
    };
    let Some(batch) = batch else { return Ok(()) };
    // Types without buffers have as many rows as they say.
    let rows = u64::try_from(batch.length()).map_err(|_| "a length is negative".to_owned())?;
    if rows > left.saturating_mul(8) {
        return Err("it says that it has more rows than could be".to_owned());
    }
    for buffer in batch.buffers().into_iter().flatten() {
        let outside = || "a buffer lies outside of its message".to_owned();
        let start = usize::try_from(buffer.offset()).map_err(|_| outside())?;
        let length = usize::try_from(buffer.length()).map_err(|_| outside())?;
        let end = start.checked_add(length).ok_or_else(outside)?;
        let content = body.get(start..end).ok_or_else(outside)?;
        if batch.compression().is_some() && length >= 8 {
            let prefix = content.first_chunk::<8>().map_or(0, |prefix| i64::from_le_bytes(*prefix));
            let unpacked = u64::try_from(prefix).unwrap_or(0);
            *left = left
                .checked_sub(unpacked)
                .ok_or_else(|| "it unpacks to more than may be kept".to_owned())?;
        }
    }
    Ok(())
}
