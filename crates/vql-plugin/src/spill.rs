//! Room outside of memory: where a query puts rows that it has to keep and that do not fit.
//!
//! What is written is the evaluator's own form, of no use to anybody else. Whoever offers it makes
//! files that are gone when they are dropped, whatever happens to the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Something outside of memory could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpillFailed(pub String);

/// Makes room outside of memory.
pub trait Spill: Send + Sync {
    /// A new, empty file.
    fn create(&self) -> Result<Box<dyn SpillFile>, SpillFailed>;
}

/// A file that is written from its start to its end, then read anywhere, and gone when dropped.
pub trait SpillFile: Send + Sync {
    /// Adds bytes at the end: all of them, or it fails.
    fn append(&mut self, bytes: &[u8]) -> Result<(), SpillFailed>;

    /// Reads from a place; returns how many bytes there were, 0 only at the end.
    fn read_at(&self, place: u64, buffer: &mut [u8]) -> Result<usize, SpillFailed>;
}

/// The twin of a disk, in memory: for tests.
#[derive(Clone, Debug, Default)]
pub struct MemorySpill(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    files: AtomicUsize,
    made: AtomicUsize,
    bytes: AtomicU64,
    bytes_max: u64,
}

impl Default for Counts {
    fn default() -> Self {
        let bytes = AtomicU64::new(0);
        let (files, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { files, made, bytes, bytes_max: u64::MAX }
    }
}

impl MemorySpill {
    /// A disk on which there is so much room.
    pub fn with_room(bytes_max: u64) -> Self {
        Self(Arc::new(Counts { bytes_max, ..Counts::default() }))
    }

    /// How many files there are now.
    pub fn files(&self) -> usize {
        self.0.files.load(Ordering::SeqCst)
    }

    /// How many files were ever made.
    pub fn files_made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }
}

impl Spill for MemorySpill {
    fn create(&self) -> Result<Box<dyn SpillFile>, SpillFailed> {
        self.0.files.fetch_add(1, Ordering::SeqCst);
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(MemoryFile { bytes: Vec::new(), disk: self.0.clone() }))
    }
}

struct MemoryFile {
    bytes: Vec<u8>,
    disk: Arc<Counts>,
}

impl SpillFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SpillFailed> {
        let more = bytes.len() as u64;
        let before = self.disk.bytes.fetch_add(more, Ordering::SeqCst);
        if before + more > self.disk.bytes_max {
            self.disk.bytes.fetch_sub(more, Ordering::SeqCst);
            return Err(SpillFailed("no space left on the device".to_owned()));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, place: u64, buffer: &mut [u8]) -> Result<usize, SpillFailed> {
        let from = usize::try_from(place).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - from);
        buffer[..count].copy_from_slice(&self.bytes[from..from + count]);
        Ok(count)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.disk.files.fetch_sub(1, Ordering::SeqCst);
        self.disk.bytes.fetch_sub(self.bytes.len() as u64, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twin_reads_what_was_written_and_counts() {
        let disk = MemorySpill::with_room(10);
        let mut file = disk.create().unwrap();
        file.append(b"hello").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(file.read_at(1, &mut buffer), Ok(4));
        assert_eq!(&buffer[..4], b"ello");
        assert_eq!(file.read_at(9, &mut buffer), Ok(0));
        assert!(file.append(b"too much").is_err());
        assert_eq!((disk.files(), disk.files_made()), (1, 1));
        drop(file);
        assert_eq!((disk.files(), disk.files_made()), (0, 1));
    }
}
