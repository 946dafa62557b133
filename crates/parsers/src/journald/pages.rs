//! Reading here and there in a large file: pages that are read once while they are in use.

use std::io::{Read, Seek, SeekFrom};

use super::JournalError;

const PAGE_BYTES: u64 = 16 << 10;
/// A page's place among those that are held depends on its number alone.
const PAGES_HELD: usize = 64;

#[derive(Debug)]
pub(super) struct Pages<R> {
    source: R,
    length: u64,
    held: Vec<Option<(u64, Vec<u8>)>>,
}

impl<R: Read + Seek> Pages<R> {
    pub(super) fn new(source: R) -> Result<Self, JournalError> {
        let mut pages = Self { source, length: 0, held: Vec::new() };
        pages.forget()?;
        Ok(pages)
    }

    /// Forgets all pages and asks again how long the file is.
    pub(super) fn forget(&mut self) -> Result<(), JournalError> {
        self.held = vec![None; PAGES_HELD];
        self.length = self
            .source
            .seek(SeekFrom::End(0))
            .map_err(|error| JournalError::Io { offset: 0, why: error.to_string() })?;
        Ok(())
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn u64(&mut self, at: u64) -> Result<u64, JournalError> {
        Ok(u64::from_le_bytes(super::part(&self.bytes(at, 8)?, 0)))
    }

    pub(super) fn u32(&mut self, at: u64) -> Result<u32, JournalError> {
        Ok(u32::from_le_bytes(super::part(&self.bytes(at, 4)?, 0)))
    }

    /// Exactly these bytes.
    pub(super) fn bytes(&mut self, at: u64, count: u64) -> Result<Vec<u8>, JournalError> {
        let outside = JournalError::Broken { offset: at, what: "the file ends before" };
        let end = at.checked_add(count).filter(|end| *end <= self.length).ok_or(outside.clone())?;
        let mut bytes = Vec::with_capacity(usize::try_from(count).map_err(|_| outside.clone())?);
        let mut from = at;
        while from < end {
            let page = self.page(from / PAGE_BYTES)?;
            let start = usize::try_from(from % PAGE_BYTES).unwrap_or(0);
            let wanted = usize::try_from(end - from).unwrap_or(usize::MAX);
            let some = page.get(start..).filter(|some| !some.is_empty()).ok_or(outside.clone())?;
            let some = &some[..some.len().min(wanted)];
            bytes.extend_from_slice(some);
            from += some.len() as u64;
        }
        Ok(bytes)
    }

    fn page(&mut self, number: u64) -> Result<&[u8], JournalError> {
        let slot = usize::try_from(number % PAGES_HELD as u64).unwrap_or(0);
        let held = self.held[slot].as_ref().is_some_and(|(known, _)| *known == number);
        if !held {
            let offset = number * PAGE_BYTES;
            let mut page = Vec::new();
            self.source
                .seek(SeekFrom::Start(offset))
                .and_then(|_| (&mut self.source).take(PAGE_BYTES).read_to_end(&mut page))
                .map_err(|error| JournalError::Io { offset, why: error.to_string() })?;
            self.held[slot] = Some((number, page));
        }
        Ok(self.held[slot].as_ref().map_or(&[][..], |(_, page)| page))
    }
}
