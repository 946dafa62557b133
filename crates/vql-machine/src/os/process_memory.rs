//! The memory of a process of Linux, through `/proc/PID/maps` and `mem`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use parsers::linux::process::memory_maps;

use crate::machine::{ProcessMemory, Stretch};

/// The memory of a process.
pub(super) struct Memory {
    file: File,
    stretches: Vec<Stretch>,
}

impl Memory {
    /// Opens the memory of the process whose folder below `/proc` this is.
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        let maps = String::from_utf8_lossy(&std::fs::read(folder.join("maps"))?).into_owned();
        let stretches = memory_maps(&maps)
            .filter(|map| map.readable && !is_of_the_system(map.name))
            .map(|map| Stretch {
                start: map.start,
                length: map.end - map.start,
                name: map.name.to_owned(),
            })
            .collect();
        Ok(Self { file: File::open(folder.join("mem"))?, stretches })
    }
}

/// What every process has, and devices, whose reading may do something.
fn is_of_the_system(name: &str) -> bool {
    matches!(name, "[vvar]" | "[vvar_vclock]" | "[vsyscall]" | "[vdso]")
        || (name.starts_with("/dev/") && !name.starts_with("/dev/shm/") && name != "/dev/zero")
}

impl ProcessMemory for Memory {
    fn stretches(&self) -> Vec<Stretch> {
        self.stretches.clone()
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], address + filled as u64) {
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
