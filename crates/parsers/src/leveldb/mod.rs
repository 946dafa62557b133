//! Databases of LevelDB: browsers keep much in them.
//!
//! A database is a folder: `CURRENT` names a manifest, the manifest says which tables (`.ldb`,
//! `.sst`) and which log hold the newest state. [`Database`] takes the files in and gives the
//! living keys; a key that was deleted is not there.
//!
//! # Invariants
//!
//! - **LV-1** What is damaged is left out and named in [`Database::problems`]; the rest is read.
//! - **LV-2** No size in a file is believed before the bytes are there; what is unpacked and kept
//!   is bounded.
//!
//! # Not here
//!
//! Opening files: the plugin `leveldb`. What keys and values mean is the application's business.

mod bytes;
mod log;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::bytes::Bytes;

/// How many bytes of keys and values are kept.
const KEPT_MAX_BYTES: usize = 1 << 30;
/// How many problems are told.
const PROBLEMS_MAX: usize = 100;

/// A version of a key: its number, and its value unless it was deleted.
type Version = (u64, Option<Vec<u8>>);

/// The newest state of a database, while its files are taken in.
#[derive(Default)]
pub struct Database {
    entries: BTreeMap<Vec<u8>, Version>,
    kept_bytes: usize,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// The database holds more than can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database holds more than {} MiB of keys and values", KEPT_MAX_BYTES >> 20)]
pub struct TooLarge;

/// Which files hold the newest state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Numbers of the tables.
    pub tables: BTreeSet<u64>,
    /// The number of the log; logs with smaller numbers are in tables already.
    pub log: u64,
    /// A log that was being written to a table.
    pub previous_log: u64,
}

/// What a file of a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Sorted keys.
    Table(u64),
    /// What was written last.
    Log(u64),
    /// Says which files count.
    Manifest(u64),
    /// Names the manifest.
    Current,
    /// Anything else.
    Other,
}

impl FileKind {
    /// What the file of that name is.
    pub fn of(name: &str) -> Self {
        let number = |text: &str| text.parse::<u64>().ok();
        if name == "CURRENT" {
            return Self::Current;
        }
        if let Some(found) = name.strip_prefix("MANIFEST-").and_then(number) {
            return Self::Manifest(found);
        }
        match name.rsplit_once('.') {
            Some((stem, "ldb" | "sst")) => number(stem).map_or(Self::Other, Self::Table),
            Some((stem, "log")) => number(stem).map_or(Self::Other, Self::Log),
            _ => Self::Other,
        }
    }
}

impl Manifest {
    /// Reads a manifest; damaged records are left out and counted.
    pub fn parse(file: &[u8]) -> (Self, usize) {
        let mut manifest = Self::default();
        let mut records = log::Records::of(file);
        let mut bad = 0;
        for record in records.by_ref() {
            bad += usize::from(manifest.apply(&record).is_none());
        }
        (manifest, bad + records.damaged)
    }

    /// Takes in one edit.
    fn apply(&mut self, record: &[u8]) -> Option<()> {
        let mut edit = Bytes::of(record);
        while !edit.is_empty() {
            match edit.varint()? {
                1 => {
                    edit.counted()?;
                }
                2 => self.log = edit.varint()?,
                9 => self.previous_log = edit.varint()?,
                3 | 4 => {
                    edit.varint()?;
                }
                5 => {
                    edit.varint()?;
                    edit.counted()?;
                }
                6 => {
                    edit.varint()?;
                    let number = edit.varint()?;
                    self.tables.remove(&number);
                }
                7 => {
                    edit.varint()?;
                    let number = edit.varint()?;
                    edit.varint()?;
                    edit.counted()?;
                    edit.counted()?;
                    self.tables.insert(number);
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// Whether the file belongs to the newest state.
    pub fn holds(&self, kind: FileKind) -> bool {
        match kind {
            FileKind::Table(number) => self.tables.contains(&number),
            FileKind::Log(number) => number >= self.log || number == self.previous_log,
            FileKind::Manifest(_) | FileKind::Current | FileKind::Other => false,
        }
    }
}

impl Database {
    /// Takes in a table.
    pub fn add_table(&mut self, name: &str, file: &[u8]) -> Result<(), TooLarge> {
        let mut table = match table::Table::open(file) {
            Ok(table) => table,
            Err(why) => {
                self.problem(format!("{name}: {why}"));
                return Ok(());
            }
        };
        while let Some(block) = table.next_block() {
            match block {
                Ok(block) => {
                    let mut entries = table::Entries::of(&block);
                    for (key, value) in entries.by_ref() {
                        self.add_internal(&key, value)?;
                    }
                    if entries.damaged {
                        self.problem(format!("{name}: a block is damaged; its rest is left out"));
                    }
                }
                Err(why) => self.problem(format!("{name}: {why}")),
            }
        }
        Ok(())
    }

    /// Takes in a log.
    pub fn add_log(&mut self, name: &str, file: &[u8]) -> Result<(), TooLarge> {
        let mut records = log::Records::of(file);
        for record in records.by_ref() {
            if !self.add_batch(&record)? {
                self.problem(format!("{name}: a record is damaged; its rest is left out"));
            }
        }
        if records.damaged > 0 {
            let count = records.damaged;
            self.problem(format!("{name}: {count} damaged records are left out"));
        }
        Ok(())
    }

    /// The keys that live, in order, with their values.
    pub fn into_entries(self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.entries.into_iter().filter_map(|(key, (_, value))| Some((key, value?)))
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }

    /// A key as tables have it: with its number and kind behind it.
    fn add_internal(&mut self, key: &[u8], value: &[u8]) -> Result<(), TooLarge> {
        let Some((key, tail)) = key.split_last_chunk::<8>() else { return Ok(()) };
        let tail = u64::from_le_bytes(*tail);
        match tail & 0xff {
            0 => self.add(key, tail >> 8, None),
            1 => self.add(key, tail >> 8, Some(value)),
            _ => Ok(()),
        }
    }

    /// Several writes at once; false when they end too early.
    fn add_batch(&mut self, record: &[u8]) -> Result<bool, TooLarge> {
        let mut batch = Bytes::of(record);
        let (Some(first), Some(count)) = (batch.u64(), batch.u32()) else { return Ok(false) };
        for at in 0..u64::from(count) {
            let number = first.wrapping_add(at);
            let (Some(kind), Some(key)) = (batch.u8(), batch.counted()) else { return Ok(false) };
            match kind {
                0 => self.add(key, number, None)?,
                1 => {
                    let Some(value) = batch.counted() else { return Ok(false) };
                    self.add(key, number, Some(value))?;
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn add(&mut self, key: &[u8], number: u64, value: Option<&[u8]>) -> Result<(), TooLarge> {
        if self.entries.get(key).is_some_and(|(known, _)| *known > number) {
            return Ok(());
        }
        self.kept_bytes += key.len() + value.map_or(0, <[u8]>::len);
        if self.kept_bytes > KEPT_MAX_BYTES {
            return Err(TooLarge);
        }
        self.entries.insert(key.to_vec(), (number, value.map(<[u8]>::to_vec)));
        Ok(())
    }
}
