//! Writes event logs: evidence for tests and for measurements, in any amount.
//!
//! Each chunk defines one template for each form of event that occurs in it, and records refer to
//! it, as Windows does. Names are written once in a chunk.
//!
//! # Not here
//!
//! Everything about the format that generated evidence does not need: hash tables of names,
//! binary XML inside values, more types of values.

use std::collections::HashMap;

use super::{CHUNK_BYTES, HEADER_BYTES};

/// An event to be written.
#[derive(Clone, Debug)]
pub struct NewEvent<'e> {
    /// Who says so.
    pub provider: &'e str,
    /// In which log.
    pub channel: &'e str,
    /// On which machine.
    pub computer: &'e str,
    /// What happened.
    pub event_id: u16,
    /// How bad it is, from 1 (critical) to 5 (verbose).
    pub level: u8,
    /// When, in 100 ns since 1601.
    pub filetime: u64,
    /// The process that says so.
    pub process_id: u32,
    /// The data, with names; an empty name stands for none.
    pub data: &'e [(&'e str, Datum<'e>)],
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub enum Datum<'e> {
    /// Text, at most 20,000 characters.
    Text(&'e str),
    /// A number.
    Number(u32),
    /// A number that is shown in hexadecimal.
    Hex(u64),
}

/// Seconds since 1970 as a file time.
pub fn filetime(seconds: u64) -> u64 {
    (seconds + 11_644_473_600) * 10_000_000
}

/// An event that does not fit into a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event is larger than a chunk of a log; give it less data")]
pub struct TooLarge;

const CHUNK_HEADER: usize = 512;

/// A log in the making.
pub struct LogWriter {
    chunks: Vec<Vec<u8>>,
    open: OpenChunk,
    next_id: u64,
}

impl Default for LogWriter {
    fn default() -> Self {
        Self::starting_at(1)
    }
}

impl LogWriter {
    /// An empty log whose first record has this number.
    pub fn starting_at(first_id: u64) -> Self {
        Self { chunks: Vec::new(), open: OpenChunk::new(first_id), next_id: first_id }
    }

    /// Adds an event.
    pub fn push(&mut self, event: &NewEvent<'_>) -> Result<(), TooLarge> {
        if self.open.push(event, self.next_id).is_err() {
            if self.open.first_id == self.next_id {
                return Err(TooLarge);
            }
            let full = std::mem::replace(&mut self.open, OpenChunk::new(self.next_id));
            self.chunks.push(full.finish());
            self.open.push(event, self.next_id)?;
        }
        self.next_id += 1;
        Ok(())
    }

    /// How many bytes the log has so far, about.
    pub fn size(&self) -> u64 {
        (HEADER_BYTES + self.chunks.len() * CHUNK_BYTES + self.open.bytes.len()) as u64
    }

    /// The log so far.
    pub fn bytes(&self) -> Vec<u8> {
        let last = (self.next_id > self.open.first_id).then(|| self.open.clone().finish());
        let count = self.chunks.len() + usize::from(last.is_some());
        let mut out = Vec::with_capacity(HEADER_BYTES + count * CHUNK_BYTES);
        out.extend_from_slice(b"ElfFile\0");
        out.extend_from_slice(&0_u64.to_le_bytes());
        out.extend_from_slice(&(count.saturating_sub(1) as u64).to_le_bytes());
        out.extend_from_slice(&self.next_id.to_le_bytes());
        out.extend_from_slice(&128_u32.to_le_bytes());
        for half in [1_u16, 3, 4096, u16::try_from(count).unwrap_or(u16::MAX)] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        out.resize(124, 0);
        let sum = evtx::checksum_ieee(&out[..120]);
        out.extend_from_slice(&sum.to_le_bytes());
        out.resize(HEADER_BYTES, 0);
        for chunk in self.chunks.iter().chain(&last) {
            out.extend_from_slice(chunk);
        }
        out
    }
}

/// A chunk that takes records; offsets in it count from its start.
#[derive(Clone)]
struct OpenChunk {
    bytes: Vec<u8>,
    first_id: u64,
    last_id: u64,
    last_record: usize,
    /// Where names are written.
    names: HashMap<String, u32>,
    /// Where the template of a form of event is, by the names of its data.
    templates: HashMap<Vec<String>, u32>,
}

impl OpenChunk {
    fn new(first_id: u64) -> Self {
        Self {
            bytes: vec![0; CHUNK_HEADER],
            first_id,
            last_id: first_id,
            last_record: CHUNK_HEADER,
            names: HashMap::new(),
            templates: HashMap::new(),
        }
    }

    /// Adds a record. When there is no room the chunk ends before it, and nothing more may be added.
    fn push(&mut self, event: &NewEvent<'_>, id: u64) -> Result<(), TooLarge> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(b"**\0\0\0\0\0\0");
        self.bytes.extend_from_slice(&id.to_le_bytes());
        self.bytes.extend_from_slice(&event.filetime.to_le_bytes());
        self.instance(event, id);
        let size = self.bytes.len() + 4 - start;
        let size_bytes = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        self.bytes.extend_from_slice(&size_bytes);
        if self.bytes.len() > CHUNK_BYTES {
            self.bytes.truncate(start);
            return Err(TooLarge);
        }
        self.bytes[start + 4..start + 8].copy_from_slice(&size_bytes);
        self.last_id = id;
        self.last_record = start;
        Ok(())
    }

    /// The values of an event behind its template, which is written where it is first needed.
    fn instance(&mut self, event: &NewEvent<'_>, id: u64) {
        self.raw(&[0x0f, 1, 1, 0, 0x0c, 1]);
        let names: Vec<String> = event.data.iter().map(|(name, _)| (*name).to_owned()).collect();
        let known = self.templates.get(&names).copied();
        let here = self.here() + 8;
        let at = known.unwrap_or(here);
        self.u32(at);
        self.u32(at);
        if known.is_none() {
            self.definition(&names);
            self.templates.insert(names, here);
        }
        let values = values(event, id);
        self.u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
        for (kind, bytes) in &values {
            self.raw(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes());
            self.raw(&[*kind, 0]);
        }
        for (_, bytes) in &values {
            self.raw(bytes);
        }
        self.raw(&[0]);
    }

    fn definition(&mut self, data: &[String]) {
        self.u32(0);
        self.raw(&[0x11; 16]);
        let size = self.bytes.len();
        self.u32(0);
        self.raw(&[0x0f, 1, 1, 0]);
        self.element("Event", &[], |chunk| {
            chunk.element("System", &[], |chunk| chunk.system());
            chunk.element("EventData", &[], |chunk| {
                for (index, name) in data.iter().enumerate() {
                    let value = u16::try_from(SYSTEM_VALUES + index).unwrap_or(u16::MAX);
                    let named = [("Name", Content::Text(name))];
                    let attributes = if name.is_empty() { &[][..] } else { &named[..] };
                    chunk.element("Data", attributes, |chunk| chunk.substitution(value, TEXT));
                }
            });
        });
        self.raw(&[0]);
        let length = u32::try_from(self.bytes.len() - size - 4).unwrap_or(u32::MAX);
        self.patch(size, length);
    }

    fn system(&mut self) {
        let value = |number, kind| Content::Value(number, kind);
        self.element("Provider", &[("Name", value(0, TEXT))], |_| ());
        self.element("EventID", &[], |chunk| chunk.substitution(1, U16));
        self.element("Level", &[], |chunk| chunk.substitution(2, U8));
        self.element("TimeCreated", &[("SystemTime", value(3, FILETIME))], |_| ());
        self.element("EventRecordID", &[], |chunk| chunk.substitution(4, U64));
        self.element("Execution", &[("ProcessID", value(5, U32))], |_| ());
        self.element("Channel", &[], |chunk| chunk.substitution(6, TEXT));
        self.element("Computer", &[], |chunk| chunk.substitution(7, TEXT));
    }

    fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, Content<'_>)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.raw(&[if attributes.is_empty() { 0x01 } else { 0x41 }, 0xff, 0xff]);
        let size = self.bytes.len();
        self.u32(0);
        self.name(name);
        if !attributes.is_empty() {
            let list = self.bytes.len();
            self.u32(0);
            for (index, (name, content)) in attributes.iter().enumerate() {
                self.raw(&[if index + 1 < attributes.len() { 0x46 } else { 0x06 }]);
                self.name(name);
                match content {
                    Content::Text(text) => {
                        let units: Vec<u16> = text.encode_utf16().collect();
                        self.raw(&[0x05, TEXT]);
                        self.raw(&u16::try_from(units.len()).unwrap_or(u16::MAX).to_le_bytes());
                        units.iter().for_each(|unit| self.raw(&unit.to_le_bytes()));
                    }
                    Content::Value(number, kind) => self.substitution(*number, *kind),
                }
            }
            let length = u32::try_from(self.bytes.len() - list - 4).unwrap_or(u32::MAX);
            self.patch(list, length);
        }
        self.raw(&[0x02]);
        inside(self);
        self.raw(&[0x04]);
        let length = u32::try_from(self.bytes.len() - size - 4).unwrap_or(u32::MAX);
        self.patch(size, length);
    }

    fn substitution(&mut self, value: u16, kind: u8) {
        self.raw(&[0x0d]);
        self.raw(&value.to_le_bytes());
        self.raw(&[kind]);
    }

    fn name(&mut self, name: &str) {
        if let Some(at) = self.names.get(name) {
            return self.u32(*at);
        }
        let at = self.here() + 4;
        self.u32(at);
        self.names.insert(name.to_owned(), at);
        let units: Vec<u16> = name.encode_utf16().collect();
        let hash = units
            .iter()
            .fold(0_u32, |hash, unit| hash.wrapping_mul(65_599).wrapping_add(u32::from(*unit)));
        self.u32(0);
        self.raw(&(hash as u16).to_le_bytes());
        self.raw(&u16::try_from(units.len()).unwrap_or(u16::MAX).to_le_bytes());
        units.iter().chain(&[0]).for_each(|unit| self.raw(&unit.to_le_bytes()));
    }

    fn here(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn u32(&mut self, number: u32) {
        self.raw(&number.to_le_bytes());
    }

    fn patch(&mut self, at: usize, number: u32) {
        self.bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let free = self.here();
        let records = evtx::checksum_ieee(&self.bytes[CHUNK_HEADER..]);
        let mut header = b"ElfChnk\0".to_vec();
        for number in [self.first_id, self.last_id, self.first_id, self.last_id] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        let last = u32::try_from(self.last_record).unwrap_or(u32::MAX);
        for number in [128, last, free, records] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        self.bytes[..header.len()].copy_from_slice(&header);
        let summed = [&self.bytes[..120], &self.bytes[128..CHUNK_HEADER]].concat();
        self.patch(124, evtx::checksum_ieee(&summed));
        self.bytes.resize(CHUNK_BYTES, 0);
        self.bytes
    }
}

/// What an attribute holds.
enum Content<'c> {
    Text(&'c str),
    /// The value of that number and type.
    Value(u16, u8),
}

const TEXT: u8 = 0x01;
const U8: u8 = 0x04;
const U16: u8 = 0x06;
const U32: u8 = 0x08;
const U64: u8 = 0x0a;
const FILETIME: u8 = 0x11;
const HEX64: u8 = 0x15;
/// The values before those of the data.
const SYSTEM_VALUES: usize = 8;

fn values(event: &NewEvent<'_>, id: u64) -> Vec<(u8, Vec<u8>)> {
    let text = |text: &str| {
        (TEXT, text.encode_utf16().take(20_000).flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    };
    let mut values = vec![
        text(event.provider),
        (U16, event.event_id.to_le_bytes().to_vec()),
        (U8, vec![event.level]),
        (FILETIME, event.filetime.to_le_bytes().to_vec()),
        (U64, id.to_le_bytes().to_vec()),
        (U32, event.process_id.to_le_bytes().to_vec()),
        text(event.channel),
        text(event.computer),
    ];
    values.extend(event.data.iter().map(|(_, datum)| match datum {
        Datum::Text(written) => text(written),
        Datum::Number(number) => (U32, number.to_le_bytes().to_vec()),
        Datum::Hex(number) => (HEX64, number.to_le_bytes().to_vec()),
    }));
    values
}
