//! Operating systems whose processes nobody has taught the program to read.

use std::io;

use parsers::linux::maps::Region;

fn not_here<T>() -> io::Result<T> {
    let text = "the memory of processes is not available on this operating system yet";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// The memory of a process, open for reading.
#[derive(Debug)]
pub struct ProcessMemory;

impl ProcessMemory {
    /// Reads from an address.
    pub fn read_at(&self, _buffer: &mut [u8], _at: u64) -> io::Result<usize> {
        not_here()
    }
}

/// The regions of a process's address space.
pub fn memory_regions(_pid: u32) -> io::Result<Vec<Region>> {
    not_here()
}

/// Opens the memory of a process.
pub fn open_memory(_pid: u32) -> io::Result<ProcessMemory> {
    not_here()
}

/// The processes that exist now.
pub fn process_ids() -> io::Result<Vec<u32>> {
    not_here()
}
