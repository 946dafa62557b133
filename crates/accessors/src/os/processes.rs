//! The memory of the processes of a Linux machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use parsers::linux::maps::{Region, regions};

/// The memory of a process, open for reading.
#[derive(Debug)]
pub struct ProcessMemory(File);

impl ProcessMemory {
    /// Reads from an address.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(buffer, at)
    }
}

/// The regions of a process's address space.
pub fn memory_regions(pid: u32) -> io::Result<Vec<Region>> {
    let text = fs::read(format!("/proc/{pid}/maps"))?;
    Ok(regions(&String::from_utf8_lossy(&text)))
}

/// Opens the memory of a process.
pub fn open_memory(pid: u32) -> io::Result<ProcessMemory> {
    File::open(format!("/proc/{pid}/mem")).map(ProcessMemory)
}

/// The processes that exist now.
pub fn process_ids() -> io::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?;
    let mut ids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}
