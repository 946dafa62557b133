//! Rows outside of memory: written once from start to end, read as often as wanted.
//!
//! A [`Writer`] makes a [`Stored`], a [`Reader`] goes through it. What is stored counts against the
//! run's limit of disk space until it is dropped. A failure ends the run with a reason.
//!
//! # Invariants
//!
//! - **VS-1** What is read is what was written: every kind of plain value, to the bit.
//! - **VS-2** Nothing that can be computed or asked is stored: rows are plain data.

mod codec;
pub(crate) mod external_sort;
pub(crate) mod kept;

use std::sync::Arc;

use rows::{Row, Value};
use vql_plugin::{SpillFailed, SpillFile, Stopped};

use crate::session::{Session, StopReason};
use codec::{Decoder, Encoder};

/// So much is written at once, and read ahead.
const BLOCK_BYTES: usize = 64 * 1024;

/// Writes keyed rows into a new file.
pub(crate) struct Writer {
    stored: Stored,
    file: Box<dyn SpillFile>,
    block: Vec<u8>,
    record: Vec<u8>,
    encoder: Encoder,
}

impl Writer {
    /// `None` when there is no room outside of memory.
    pub(crate) fn start(session: &Arc<Session>) -> Option<Result<Self, Stopped>> {
        let spill = session.setup.host.spill()?;
        let made = spill.create().map_err(|failed| give_up(session, &failed));
        Some(made.map(|file| Self {
            stored: Stored { file: None, bytes: 0, rows: 0, session: session.clone() },
            file,
            block: Vec::with_capacity(BLOCK_BYTES),
            record: Vec::new(),
            encoder: Encoder::default(),
        }))
    }

    /// One more row. Both have to be plain data.
    pub(crate) fn push(&mut self, key: &Value, row: &Row) -> Result<(), Stopped> {
        self.record.clear();
        self.encoder.value(key, &mut self.record);
        self.encoder.row(row, &mut self.record);
        codec::number(self.record.len() as u64, &mut self.block);
        self.block.extend_from_slice(&self.record);
        self.stored.rows += 1;
        if self.block.len() >= BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        let session = &self.stored.session;
        let bytes = self.block.len() as u64;
        session.occupy_disk(bytes)?;
        self.stored.bytes += bytes;
        self.file.append(&self.block).map_err(|failed| give_up(session, &failed))?;
        self.block.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Arc<Stored>, Stopped> {
        self.flush()?;
        let Self { mut stored, file, .. } = self;
        stored.file = Some(Arc::from(file));
        Ok(Arc::new(stored))
    }
}

fn give_up(session: &Session, failed: &SpillFailed) -> Stopped {
    session.stop(StopReason::Plugin(format!(
        "rows that do not fit into its memory could not be kept in a temporary file: {failed}; \
         free some space or raise its limit of memory"
    )));
    Stopped
}

/// Keyed rows in a file.
pub(crate) struct Stored {
    /// `None` only while it is written.
    file: Option<Arc<dyn SpillFile>>,
    bytes: u64,
    rows: u64,
    session: Arc<Session>,
}

impl Stored {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Goes through them from the start.
    pub(crate) fn read(self: &Arc<Self>) -> Reader {
        Reader {
            stored: self.clone(),
            place: 0,
            block: Vec::new(),
            at: 0,
            left: self.rows,
            decoder: Decoder::default(),
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.file = None;
        self.session.leave_disk(self.bytes);
    }
}

/// Goes through stored rows.
pub(crate) struct Reader {
    stored: Arc<Stored>,
    /// Where in the file the block ends.
    place: u64,
    block: Vec<u8>,
    /// Where in the block the next record begins.
    at: usize,
    left: u64,
    decoder: Decoder,
}

impl Reader {
    /// Makes sure that so many bytes of the block are ahead.
    fn fill(&mut self, wanted: usize) -> Result<(), SpillFailed> {
        let cut_off = || SpillFailed("the file is shorter than what was written".to_owned());
        if self.block.len() - self.at >= wanted {
            return Ok(());
        }
        self.block.drain(..self.at);
        self.at = 0;
        while self.block.len() < wanted {
            let before = self.block.len();
            let ahead = wanted.max(BLOCK_BYTES) - before;
            let left = usize::try_from(self.stored.bytes - self.place).unwrap_or(usize::MAX);
            if left == 0 {
                return Err(cut_off());
            }
            self.block.resize(before + ahead.min(left), 0);
            let file = self.stored.file.as_ref().ok_or_else(cut_off)?;
            let count = file.read_at(self.place, &mut self.block[before..])?;
            if count == 0 {
                return Err(cut_off());
            }
            self.block.truncate(before + count);
            self.place += count as u64;
        }
        Ok(())
    }

    fn record(&mut self) -> Result<(Value, Row), SpillFailed> {
        let length = self.length()?;
        self.fill(length)?;
        let mut record = &self.block[self.at..self.at + length];
        self.at += length;
        let damaged = || SpillFailed("what was read is not what was written".to_owned());
        let key = self.decoder.value(&mut record).ok_or_else(damaged)?;
        let row = self.decoder.row(&mut record).ok_or_else(damaged)?;
        Ok((key, row))
    }

    /// The length that stands before a record: digits of 7 bits, the last without the high bit.
    fn length(&mut self) -> Result<usize, SpillFailed> {
        let mut length = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            self.fill(1)?;
            let byte = self.block[self.at];
            self.at += 1;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(length)
    }
}

impl Iterator for Reader {
    type Item = (Value, Row);

    fn next(&mut self) -> Option<(Value, Row)> {
        if self.left == 0 || self.stored.session.is_stopped() {
            return None;
        }
        self.left -= 1;
        match self.record() {
            Ok(found) => Some(found),
            Err(failed) => {
                self.left = 0;
                let reason = format!("rows could not be read back from a temporary file: {failed}");
                self.stored.session.stop(StopReason::Plugin(reason));
                None
            }
        }
    }
}

impl Session {
    /// How much one stage of a query may keep in memory before it uses a temporary file.
    pub(crate) fn stage_bytes(&self) -> usize {
        const MOST: usize = 64 * 1024 * 1024;
        (self.setup.limits.memory_max_bytes / 4).min(MOST)
    }
}
