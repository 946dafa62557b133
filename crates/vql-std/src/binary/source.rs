//! A file that is read in small pieces at any place: a few large pieces of it are kept.

use std::io::{Read, Seek, SeekFrom};

use parking_lot::Mutex;
use vql_plugin::ReadSeek;

const PAGE_BYTES: usize = 16 << 10;
const PAGES: usize = 16;

/// A file for reading at any place.
pub(super) struct Source(Mutex<Pages>);

struct Pages {
    file: Box<dyn ReadSeek>,
    kept: [Option<(u64, Vec<u8>)>; PAGES],
}

impl Source {
    pub(super) fn new(file: Box<dyn ReadSeek>) -> Self {
        Self(Mutex::new(Pages { file, kept: [const { None }; PAGES] }))
    }

    /// Up to so many bytes from there on; fewer at the end, or where the file cannot be read.
    pub(super) fn read(&self, offset: i64, length: usize) -> Vec<u8> {
        let Ok(mut offset) = u64::try_from(offset) else { return Vec::new() };
        let mut pages = self.0.lock();
        let mut bytes = Vec::with_capacity(length.min(PAGE_BYTES));
        while bytes.len() < length {
            let number = offset / PAGE_BYTES as u64;
            let within = usize::try_from(offset % PAGE_BYTES as u64).unwrap_or(0);
            let page = pages.page(number);
            let Some(rest) = page.get(within..).filter(|rest| !rest.is_empty()) else { break };
            let count = rest.len().min(length - bytes.len());
            bytes.extend_from_slice(&rest[..count]);
            let Some(next) = offset.checked_add(count as u64) else { break };
            offset = next;
        }
        bytes
    }
}

impl Pages {
    fn page(&mut self, number: u64) -> &[u8] {
        let slot = usize::try_from(number % PAGES as u64).unwrap_or(0);
        if self.kept[slot].as_ref().is_none_or(|(kept, _)| *kept != number) {
            let bytes = self.load(number).unwrap_or_default();
            self.kept[slot] = Some((number, bytes));
        }
        self.kept[slot].as_ref().map_or(&[], |(_, bytes)| bytes)
    }

    fn load(&mut self, number: u64) -> Option<Vec<u8>> {
        let start = number.checked_mul(PAGE_BYTES as u64)?;
        self.file.seek(SeekFrom::Start(start)).ok()?;
        let mut bytes = Vec::with_capacity(PAGE_BYTES);
        let read = (&mut self.file).take(PAGE_BYTES as u64).read_to_end(&mut bytes);
        // What came before a failure counts.
        (read.is_ok() || !bytes.is_empty()).then_some(bytes)
    }
}
