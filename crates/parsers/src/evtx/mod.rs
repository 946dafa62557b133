//! Windows event logs (`.evtx`): a header, then chunks of 64 KiB that can be read one by one.
//!
//! The binary XML is read by the crate `evtx`, which only this module names. What it renders is
//! brought into the shape that queries expect: `System` and `EventData` or `UserData` as dicts in
//! which attributes stand beside elements, `System.EventID.Value` always there, and
//! `System.TimeCreated.SystemTime` in seconds since 1970.
//!
//! # Invariants
//!
//! - **EV-1** A chunk that is damaged gives its readable records and says what is wrong with the
//!   others; nothing that it holds panics, and what it renders to is bounded.
//!
//! # Not here
//!
//! Finding and opening logs, following one as it grows, databases of messages: the plugins.

mod json;
mod message;
mod shape;
pub mod writer;

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use base::Chain;
use evtx::{EvtxChunkData, ParserSettings};
use rows::Row;

pub use message::fill;

/// The bytes before the first chunk.
pub const HEADER_BYTES: usize = 4096;
/// The bytes of a chunk.
pub const CHUNK_BYTES: usize = 65_536;
/// So many bytes of a chunk tell which records are in it.
pub const CHUNK_HEADER_BYTES: usize = 128;

/// A record of a log.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number in the log, from 1.
    pub record_id: u64,
    /// `System`, `EventData`, `UserData`.
    pub row: Row,
}

/// What a chunk holds.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Its records, in their order in the chunk.
    pub events: Vec<Event>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// Bytes that are not an event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALog {
    /// They end before the header does.
    #[error("it is shorter than the {HEADER_BYTES} bytes with which an event log begins")]
    Short,
    /// They do not begin like one.
    #[error("it does not begin with `ElfFile`, so it is no event log of Windows Vista or later")]
    OtherMagic,
}

/// Whether a file that begins with these bytes is an event log.
pub fn check_header(bytes: &[u8]) -> Result<(), NotALog> {
    if !bytes.starts_with(b"ElfFile\0") {
        return Err(if bytes.is_empty() { NotALog::Short } else { NotALog::OtherMagic });
    }
    if bytes.len() < HEADER_BYTES { Err(NotALog::Short) } else { Ok(()) }
}

/// The numbers of the records that a chunk says to hold, from its first bytes; `None` when it
/// was never used or is no chunk.
pub fn record_ids(chunk: &[u8]) -> Option<RangeInclusive<u64>> {
    let number = |at: usize| {
        let bytes = chunk.get(at..at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let (first, last) = (number(24)?, number(32)?);
    (chunk.starts_with(b"ElfChnk\0") && first <= last).then_some(first..=last)
}

/// Reads a chunk. One that was never used holds nothing.
pub fn read_chunk(bytes: Vec<u8>) -> Chunk {
    if bytes.len() < CHUNK_BYTES {
        let message = format!("the chunk is torn: {} of {CHUNK_BYTES} bytes", bytes.len());
        return Chunk { events: Vec::new(), problems: vec![message] };
    }
    if bytes[..8] == [0; 8] {
        return Chunk::default();
    }
    let mut chunk = Chunk::default();
    // The library is fuzzed and means not to panic; a log from an attacker is no place to rely on it.
    if catch_unwind(AssertUnwindSafe(|| read_into(bytes, &mut chunk))).is_err() {
        chunk.problems.push("the rest of the chunk cannot be read".into());
    }
    chunk
}

/// More problems of one chunk are only counted.
const PROBLEMS_MAX: usize = 10;

fn read_into(bytes: Vec<u8>, chunk: &mut Chunk) {
    let settings = Arc::new(ParserSettings::new());
    let mut failed = 0;
    let mut problem = |chunk: &mut Chunk, error: &dyn std::error::Error| {
        failed += 1;
        if failed <= PROBLEMS_MAX {
            chunk.problems.push(Chain(error).to_string());
        }
    };
    let mut data = match EvtxChunkData::new(bytes, false) {
        Ok(data) => data,
        Err(error) => return problem(chunk, &error),
    };
    let mut parsed = match data.parse(settings) {
        Ok(parsed) => parsed,
        Err(error) => return problem(chunk, &error),
    };
    let mut names = json::Names::default();
    for record in parsed.iter() {
        let rendered = record.and_then(|record| record.into_json_bytes());
        match rendered {
            Ok(record) => match json::read(&record.data, &mut names) {
                Some(value) => chunk.events.push(Event {
                    record_id: record.event_record_id,
                    row: shape::row(value, &mut names),
                }),
                None => chunk.problems.push(format!(
                    "record {} is nested too deeply to be read",
                    record.event_record_id
                )),
            },
            Err(error) => problem(chunk, &error),
        }
    }
    if failed > PROBLEMS_MAX {
        chunk.problems.push(format!("and {} more records", failed - PROBLEMS_MAX));
    }
}

#[cfg(test)]
mod tests;
