//! The memory of a process of Linux, through `/proc/PID/mem`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::machine::ProcessMemory;

/// The memory of a process.
pub(super) struct Memory(File);

impl Memory {
    /// Opens the memory of the process whose folder below `/proc` this is.
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        File::open(folder.join("mem")).map(Self)
    }
}

impl ProcessMemory for Memory {
    fn read_at(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], address + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // A page that is not there ends what can be read.
                Err(_) => break,
            }
        }
        filled
    }
}
