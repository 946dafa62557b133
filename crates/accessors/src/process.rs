//! The memory of a process: the path is its number, an offset is an address.
//!
//! An address space is mostly nothing. Reading from an address gives what is there; reading on, or from
//! where nothing is, goes on with the next region that can be read. So the whole content is everything
//! readable, one region behind the other, and seeking to an address finds its bytes.

use std::io::{self, Read, Seek, SeekFrom};

use parsers::linux::maps::Region;
use rows::{Dict, OsPath, PathStyle, Text};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, FileKind, ReadSeek, Scope};

use crate::os;

/// The memory of a process by its number.
#[derive(Debug, Clone, Copy)]
pub struct ProcessAccessor;

impl Accessor for ProcessAccessor {
    fn name(&self) -> &'static str {
        "process"
    }

    fn doc(&self) -> &'static str {
        "The memory of a process that runs: the path is `/PID`, an offset is an address. What is \
         not there, or may not be read, is passed over."
    }

    fn style(&self) -> PathStyle {
        PathStyle::Unix
    }

    fn open(&self, path: &OsPath, _scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let pid = number(path)?;
        let failed = |error: io::Error| AccessError::from_io(path, &error);
        let regions = os::memory_regions(pid).map_err(failed)?;
        let memory = os::open_memory(pid).map_err(failed)?;
        Ok(Box::new(Memory::new(memory, &regions)))
    }

    fn stat(&self, path: &OsPath, _scope: &Scope) -> Result<FileInfo, AccessError> {
        if path.components().is_empty() {
            return Ok(FileInfo { path: path.clone(), kind: FileKind::Dir, ..FileInfo::default() });
        }
        let regions = os::memory_regions(number(path)?)
            .map_err(|error| AccessError::from_io(path, &error))?;
        let readable = || regions.iter().filter(|region| region.is_readable());
        Ok(FileInfo {
            path: path.clone(),
            size: readable().map(Region::size).sum(),
            data: Dict::new().with("Regions", regions.len()),
            ..FileInfo::default()
        })
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        if !path.components().is_empty() {
            let reason = "a process has no entries".to_owned();
            return Err(AccessError::Unsupported { path: path.to_string(), reason });
        }
        let ids = os::process_ids().map_err(|error| AccessError::from_io(path, &error))?;
        let (accessor, path, scope) = (*self, path.clone(), scope.clone());
        Ok(Box::new(
            ids.into_iter()
                .map(move |id| accessor.stat(&path.join([Text::from(id.to_string())]), &scope)),
        ))
    }
}

fn number(path: &OsPath) -> Result<u32, AccessError> {
    let number = match path.components() {
        [only] => only.as_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    number.ok_or_else(|| AccessError::Unsupported {
        path: path.to_string(),
        reason: "the path of a process is its number: `/1234`".to_owned(),
    })
}

/// Reads here and there in memory.
trait ReadAt: Send {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

impl ReadAt for os::ProcessMemory {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        os::ProcessMemory::read_at(self, buffer, at)
    }
}

struct Memory<M> {
    memory: M,
    /// First address and the address behind the last, in order.
    regions: Vec<(u64, u64)>,
    at: u64,
}

/// Memory that cannot be read (a device's) is passed over in steps of this size.
const PAGE_BYTES: u64 = 4096;
/// After so many pages that cannot be read, the rest of a region is not tried.
const FAILURES_MAX: u32 = 16;

impl<M> Memory<M> {
    fn new(memory: M, regions: &[Region]) -> Self {
        // No file reaches farther; the kernel's own page lies there.
        let reachable =
            |region: &&Region| region.is_readable() && i64::try_from(region.end).is_ok();
        let regions = regions.iter().filter(reachable);
        let mut regions: Vec<_> = regions.map(|region| (region.start, region.end)).collect();
        regions.sort_unstable();
        Self { memory, regions, at: 0 }
    }
}

impl<M: ReadAt> Read for Memory<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut failures = 0;
        loop {
            let next = self.regions.partition_point(|(_, end)| *end <= self.at);
            let Some((start, end)) = self.regions.get(next).copied() else { return Ok(0) };
            self.at = self.at.max(start);
            let room = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(buffer.len());
            match self.memory.read_at(&mut buffer[..room], self.at) {
                Ok(count) if count > 0 => {
                    self.at += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Gone meanwhile, or never there to be read.
                Ok(_) | Err(_) => {
                    failures += 1;
                    let page_end = (self.at / PAGE_BYTES + 1) * PAGE_BYTES;
                    self.at = if failures < FAILURES_MAX { page_end } else { end };
                }
            }
        }
    }
}

impl<M: ReadAt> Seek for Memory<M> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.regions.last().map_or(0, |(_, end)| *end);
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => end.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Address `n` holds the byte `n / 16`, but nothing can be read of one page.
    struct Made;

    const HOLE: u64 = 0x5000;

    impl ReadAt for Made {
        fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            if at / PAGE_BYTES == HOLE / PAGE_BYTES {
                return Err(io::Error::other("not this one"));
            }
            let until_hole = usize::try_from(HOLE.saturating_sub(at)).unwrap();
            let room = if at < HOLE { buffer.len().min(until_hole) } else { buffer.len() };
            for (offset, byte) in buffer[..room].iter_mut().enumerate() {
                *byte = ((at + offset as u64) / 16) as u8;
            }
            Ok(room)
        }
    }

    fn made() -> Memory<Made> {
        let text = "1000-1020 r--p 0 0:0 0\n2000-2010 -w-p 0 0:0 0\n4ff0-6010 rw-p 0 0:0 0\n\
                    ffffffffff600000-ffffffffff601000 r-xp 0 0:0 0\n";
        Memory::new(Made, &parsers::linux::maps::regions(text))
    }

    #[test]
    fn everything_readable_comes_one_behind_the_other() {
        let mut bytes = Vec::new();
        made().read_to_end(&mut bytes).unwrap();
        let wanted: Vec<u8> = [[0_u8; 16], [1; 16], [0xff; 16], [0; 16]].concat();
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn an_offset_is_an_address() {
        let mut memory = made();
        let mut byte = [0];
        let mut check = |to: SeekFrom, wanted: Option<u8>| {
            memory.seek(to).unwrap();
            let count = memory.read(&mut byte).unwrap();
            assert_eq!((count == 1).then_some(byte[0]), wanted);
        };
        check(SeekFrom::Start(0x1010), Some(1));
        check(SeekFrom::Start(0x1800), Some(0xff));
        check(SeekFrom::Start(0x6005), Some(0));
        check(SeekFrom::Start(0x7000), None);
        check(SeekFrom::End(0), None);
        assert!(made().seek(SeekFrom::Current(-1)).is_err());
    }
}
