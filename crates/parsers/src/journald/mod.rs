//! Journal files of systemd: the entries in their order, each with its fields.
//!
//! A file is a header and objects that refer to each other by their offsets: arrays of entries that
//! are chained from the header, entries that list their data, and data that are `NAME=value`, perhaps
//! compressed. Both layouts (plain and compact) are read; hash tables and chains are not needed.
//! LZ4 and Zstandard are unpacked; a field in XZ is noted and left out.
//!
//! # Invariants
//!
//! - **JD-1** Reading ends: each array of entries lies behind the one before, so a ring is an error.
//! - **JD-2** No more is held than an entry of [`ENTRY_BYTES_MAX`] and a bounded number of pages and
//!   small fields, whatever sizes the file claims.
//! - **JD-3** An entry that cannot be read is an error of its own; the entries behind it still come.
//!
//! # Not here
//!
//! Opening, watching and rotating files: the plugins.

mod compression;
mod pages;
mod record;

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::sync::Arc;

use self::pages::Pages;
pub use self::record::{raw_row, row};

/// The longest field; what is longer is cut.
pub const FIELD_BYTES_MAX: usize = 16 << 20;
/// All fields of an entry together; what does not fit any more is noted and left out.
pub const ENTRY_BYTES_MAX: usize = 64 << 20;
/// The largest number of fields in an entry that is believed.
const ITEMS_MAX: u64 = 65_536;
/// Fields that repeat (the host's name, the boot) are unpacked once. Only small ones are kept.
const KNOWN_MAX: usize = 4_096;
const KNOWN_BYTES_MAX: usize = 4_096;

const HEADER_BYTES: u64 = 208;
const OBJECT_BYTES: u64 = 16;

mod flag {
    pub(super) const COMPACT: u32 = 16;
    /// XZ, LZ4, keyed hashes, Zstandard, compact.
    pub(super) const KNOWN: u32 = 31;
}

mod kind {
    pub(super) const DATA: u8 = 1;
    pub(super) const ENTRY: u8 = 3;
    pub(super) const ENTRY_ARRAY: u8 = 6;
}

/// Why a journal, or an entry of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The file does not begin like a journal.
    #[error("this is no journal file: it does not begin with LPKSHHRH")]
    NoJournal,
    /// The file was written by a newer systemd.
    #[error(
        "this journal uses features that are not known here (flags {flags:#x}); read it with the \
         journalctl of its machine"
    )]
    Unknown {
        /// The flags that are not known.
        flags: u32,
    },
    /// What is at an offset makes no sense.
    #[error("at offset {offset:#x}: {what}")]
    Broken {
        /// Where.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The file could not be read.
    #[error("cannot read at offset {offset:#x}: {why}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        why: String,
    },
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    flags: u32,
    /// The machine that wrote it.
    pub machine_id: [u8; 16],
    /// How many entries there are.
    pub entries: u64,
    /// The first and the last moment, in microseconds after 1970.
    pub realtime: (u64, u64),
    first_array: u64,
}

impl Header {
    fn is_compact(&self) -> bool {
        self.flags & flag::COMPACT != 0
    }
}

/// When an entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Where it is in the file.
    pub offset: u64,
    /// Its number, which counts over all files of a journal.
    pub number: u64,
    /// Microseconds after 1970.
    pub realtime: u64,
    /// Microseconds after the boot.
    pub monotonic: u64,
    /// The boot.
    pub boot: [u8; 16],
}

/// A field of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value; any bytes.
    pub value: Vec<u8>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written.
    pub stamp: Stamp,
    /// Its fields, in their order in the file. A name may repeat.
    pub fields: Vec<Arc<Field>>,
    /// What could not be read of it.
    pub notes: Vec<String>,
}

/// How far a journal has been read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The array of entries; 0 before the first.
    array: u64,
    /// The next of its items.
    item: u64,
    /// The chain of arrays is broken: nothing more can be found.
    lost: bool,
}

/// A journal file.
#[derive(Debug)]
pub struct Journal<R> {
    pages: Pages<R>,
    header: Header,
    known: HashMap<u64, Arc<Field>>,
}

/// An object: its kind, its flags, and where it ends.
struct Object {
    flags: u8,
    size: u64,
}

impl<R: Read + Seek> Journal<R> {
    /// Reads the header.
    pub fn open(source: R) -> Result<Self, JournalError> {
        let mut pages = Pages::new(source)?;
        let header = header(&mut pages)?;
        Ok(Self { pages, header, known: HashMap::new() })
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Forgets what was read, because the file may have grown.
    pub fn refresh(&mut self) -> Result<(), JournalError> {
        self.pages.forget()?;
        self.header = header(&mut self.pages)?;
        Ok(())
    }

    /// The place behind the last entry that is there now.
    pub fn end(&mut self) -> Result<Place, JournalError> {
        let mut place = Place::default();
        while let Some((_, count, next)) = self.array(&mut place)? {
            if next != 0 {
                self.follow(&mut place, next)?;
                continue;
            }
            while place.item < count && self.item(&place)? != 0 {
                place.item += 1;
            }
            break;
        }
        Ok(place)
    }

    /// The entry at a place, and moves the place behind it. `wanted` is asked first; an entry that is
    /// not wanted is passed over. `None` when there are no more entries yet.
    pub fn next(
        &mut self,
        place: &mut Place,
        mut wanted: impl FnMut(&Stamp) -> bool,
    ) -> Option<Result<Entry, JournalError>> {
        while !place.lost {
            match self.next_offset(place) {
                Ok(None) => return None,
                Ok(Some(offset)) => match self.stamp(offset) {
                    Ok((stamp, _)) if !wanted(&stamp) => {}
                    Ok((stamp, size)) => return Some(self.entry(stamp, size)),
                    Err(wrong) => return Some(Err(wrong)),
                },
                Err(wrong) => {
                    place.lost = true;
                    return Some(Err(wrong));
                }
            }
        }
        None
    }

    fn next_offset(&mut self, place: &mut Place) -> Result<Option<u64>, JournalError> {
        while let Some((_, count, next)) = self.array(place)? {
            if place.item < count {
                let offset = self.item(place)?;
                if offset != 0 {
                    place.item += 1;
                    return Ok(Some(offset));
                }
                // Items are filled from the front; a chain goes on only behind a full array.
                if next == 0 {
                    return Ok(None);
                }
            }
            if next == 0 {
                return Ok(None);
            }
            self.follow(place, next)?;
        }
        Ok(None)
    }

    /// The array at a place: its size, how many items it has, and the offset of the next.
    fn array(&mut self, place: &mut Place) -> Result<Option<(u64, u64, u64)>, JournalError> {
        if place.array == 0 {
            if self.header.first_array == 0 {
                return Ok(None);
            }
            place.array = self.header.first_array;
        }
        let object = self.object(place.array, kind::ENTRY_ARRAY, 24)?;
        let next = self.pages.u64(place.array + 16)?;
        Ok(Some((object.size, (object.size - 24) / self.item_bytes(), next)))
    }

    fn follow(&mut self, place: &mut Place, next: u64) -> Result<(), JournalError> {
        let object = self.object(place.array, kind::ENTRY_ARRAY, 24)?;
        if next < place.array.saturating_add(object.size) {
            let what = "the next array of entries does not lie behind this one";
            return Err(JournalError::Broken { offset: place.array, what });
        }
        *place = Place { array: next, item: 0, lost: false };
        Ok(())
    }

    fn item_bytes(&self) -> u64 {
        if self.header.is_compact() { 4 } else { 8 }
    }

    fn item(&mut self, place: &Place) -> Result<u64, JournalError> {
        let at = place.array + 24 + place.item * self.item_bytes();
        if self.header.is_compact() { Ok(self.pages.u32(at)?.into()) } else { self.pages.u64(at) }
    }

    /// The head of the object at an offset, which must be of a kind and lie within the file.
    fn object(&mut self, offset: u64, kind: u8, least: u64) -> Result<Object, JournalError> {
        let broken = |what| Err(JournalError::Broken { offset, what });
        if !offset.is_multiple_of(8) || offset < HEADER_BYTES {
            return broken("no object can be here");
        }
        let head = self.pages.bytes(offset, OBJECT_BYTES)?;
        let size = u64::from_le_bytes(part(&head, 8));
        if head[0] != kind {
            return broken("the object here is of another kind than the one that was looked for");
        }
        if size < least || offset.checked_add(size).is_none_or(|end| end > self.pages.length()) {
            return broken("the object here has an impossible size");
        }
        Ok(Object { flags: head[1], size })
    }

    fn stamp(&mut self, offset: u64) -> Result<(Stamp, u64), JournalError> {
        let object = self.object(offset, kind::ENTRY, 64)?;
        let head = self.pages.bytes(offset, 64)?;
        let stamp = Stamp {
            offset,
            number: u64::from_le_bytes(part(&head, 16)),
            realtime: u64::from_le_bytes(part(&head, 24)),
            monotonic: u64::from_le_bytes(part(&head, 32)),
            boot: part(&head, 40),
        };
        Ok((stamp, object.size))
    }

    fn entry(&mut self, stamp: Stamp, size: u64) -> Result<Entry, JournalError> {
        let item_bytes = if self.header.is_compact() { 4 } else { 16 };
        let items = (size - 64) / item_bytes;
        let mut entry = Entry { stamp, fields: Vec::new(), notes: Vec::new() };
        let mut bytes = 0;
        for item in 0..items.min(ITEMS_MAX) {
            let at = stamp.offset + 64 + item * item_bytes;
            let offset = match self.header.is_compact() {
                true => self.pages.u32(at)?.into(),
                false => self.pages.u64(at)?,
            };
            if offset == 0 {
                continue;
            }
            match self.field(offset) {
                Ok(Ok(field)) => {
                    bytes += field.value.len();
                    if bytes > ENTRY_BYTES_MAX {
                        entry.notes.push("the entry is too large; the rest is left out".to_owned());
                        break;
                    }
                    entry.fields.push(field);
                }
                Ok(Err(note)) => entry.notes.push(note),
                Err(wrong @ JournalError::Io { .. }) => return Err(wrong),
                Err(wrong) => entry.notes.push(format!("a field cannot be read: {wrong}")),
            }
        }
        Ok(entry)
    }

    /// The field in the data at an offset, or a note why it cannot be unpacked.
    fn field(&mut self, offset: u64) -> Result<Result<Arc<Field>, String>, JournalError> {
        if let Some(known) = self.known.get(&offset) {
            return Ok(Ok(known.clone()));
        }
        let head = if self.header.is_compact() { 72 } else { 64 };
        let object = self.object(offset, kind::DATA, head)?;
        // A compressed field is at most a little longer than what it holds.
        let stored = (object.size - head).min(2 * FIELD_BYTES_MAX as u64);
        let payload = self.pages.bytes(offset + head, stored)?;
        let payload = match compression::unpack(object.flags, payload, FIELD_BYTES_MAX) {
            Ok(payload) => payload,
            Err(note) => return Ok(Err(note)),
        };
        let Some(equals) = payload.iter().position(|byte| *byte == b'=') else {
            return Err(JournalError::Broken { offset, what: "a field without a name" });
        };
        let field = Arc::new(Field {
            name: String::from_utf8_lossy(&payload[..equals]).into_owned(),
            value: payload[equals + 1..].to_vec(),
        });
        if payload.len() <= KNOWN_BYTES_MAX {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(offset, field.clone());
        }
        Ok(Ok(field))
    }
}

fn header<R: Read + Seek>(pages: &mut Pages<R>) -> Result<Header, JournalError> {
    if pages.length() < HEADER_BYTES {
        return Err(JournalError::NoJournal);
    }
    let head = pages.bytes(0, HEADER_BYTES)?;
    if &head[..8] != b"LPKSHHRH" {
        return Err(JournalError::NoJournal);
    }
    let flags = u32::from_le_bytes(part(&head, 12));
    if flags & !flag::KNOWN != 0 {
        return Err(JournalError::Unknown { flags: flags & !flag::KNOWN });
    }
    let number = |at: usize| u64::from_le_bytes(part(&head, at));
    Ok(Header {
        flags,
        machine_id: part(&head, 40),
        entries: number(152),
        realtime: (number(184), number(192)),
        first_array: number(176),
    })
}

/// So many bytes at an index that is known to be within the slice.
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

#[cfg(test)]
mod tests;
