//! Tables: blocks of sorted keys, packed, and an index of them at the end.

use super::bytes::{Bytes, checksum};

const FOOTER_BYTES: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// The largest block after unpacking.
const BLOCK_MAX_BYTES: usize = 64 << 20;

/// A table whose blocks are read one after the other.
pub(super) struct Table<'f> {
    file: &'f [u8],
    /// The places of the blocks that are still to come, the next one last.
    blocks: Vec<(u64, u64)>,
}

impl<'f> Table<'f> {
    pub(super) fn open(file: &'f [u8]) -> Result<Self, String> {
        let footer = file.len().checked_sub(FOOTER_BYTES).map(|start| &file[start..]);
        let footer = footer.ok_or("too short for a table")?;
        let mut end = Bytes::of(&footer[FOOTER_BYTES - 8..]);
        if end.u64() != Some(MAGIC) {
            return Err("not a table: its end mark is missing".to_owned());
        }
        let mut handles = Bytes::of(footer);
        let mut handle = || Some((handles.varint()?, handles.varint()?));
        let (_, index) = handle().zip(handle()).ok_or("its footer is damaged")?;
        let index = block(file, index).map_err(|why| format!("its index is damaged: {why}"))?;
        let mut blocks: Vec<_> = Entries::of(&index)
            .filter_map(|(_, value)| {
                let mut place = Bytes::of(value);
                Some((place.varint()?, place.varint()?))
            })
            .collect();
        blocks.reverse();
        Ok(Self { file, blocks })
    }

    pub(super) fn next_block(&mut self) -> Option<Result<Vec<u8>, String>> {
        let place = self.blocks.pop()?;
        Some(block(self.file, place))
    }
}

/// The block at that place, unpacked.
fn block(file: &[u8], (offset, size): (u64, u64)) -> Result<Vec<u8>, String> {
    let place = || {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        Some((file.get(start..end)?, file.get(end..end.checked_add(5)?)?))
    };
    let what = format!("the block at {offset}");
    let (content, tail) = place().ok_or_else(|| format!("{what} lies outside the file"))?;
    let stored = u32::from_le_bytes([tail[1], tail[2], tail[3], tail[4]]);
    if stored != checksum(&[content, &tail[..1]]) {
        return Err(format!("{what} has a wrong checksum"));
    }
    match tail[0] {
        0 => Ok(content.to_vec()),
        1 => {
            let length = snap::raw::decompress_len(content).unwrap_or(usize::MAX);
            if length > BLOCK_MAX_BYTES {
                return Err(format!("{what} is larger than {} MiB", BLOCK_MAX_BYTES >> 20));
            }
            snap::raw::Decoder::new()
                .decompress_vec(content)
                .map_err(|error| format!("{what} cannot be unpacked: {error}"))
        }
        other => Err(format!("{what} is packed in a way that is not known ({other})")),
    }
}

/// Keys and values of a block.
pub(super) struct Entries<'b> {
    bytes: Bytes<'b>,
    key: Vec<u8>,
    pub(super) damaged: bool,
}

impl<'b> Entries<'b> {
    pub(super) fn of(block: &'b [u8]) -> Self {
        let restarts = block.split_last_chunk::<4>().and_then(|(rest, count)| {
            let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
            rest.len().checked_sub(count.checked_mul(4)?)
        });
        Self {
            bytes: Bytes::of(&block[..restarts.unwrap_or(0)]),
            key: Vec::new(),
            damaged: restarts.is_none(),
        }
    }

    fn entry(&mut self) -> Option<(Vec<u8>, &'b [u8])> {
        let shared = self.bytes.length()?;
        let more = self.bytes.length()?;
        let value = self.bytes.length()?;
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(self.bytes.take(more)?);
        Some((self.key.clone(), self.bytes.take(value)?))
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = (Vec<u8>, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.damaged || self.bytes.is_empty() {
            return None;
        }
        let entry = self.entry();
        self.damaged = entry.is_none();
        entry
    }
}
