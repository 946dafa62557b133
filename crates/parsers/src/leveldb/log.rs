//! Logs: records in blocks of 32 KiB, cut into fragments where they do not fit. Manifests have
//! the same form.

use super::bytes::checksum;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;

/// The records of a log. Damaged ones are counted and left out.
pub(super) struct Records<'f> {
    file: &'f [u8],
    at: usize,
    pub(super) damaged: usize,
}

impl<'f> Records<'f> {
    pub(super) fn of(file: &'f [u8]) -> Self {
        Self { file, at: 0, damaged: 0 }
    }

    /// The next fragment: its kind and content. `None` at the end.
    fn fragment(&mut self) -> Option<Result<(u8, &'f [u8]), ()>> {
        loop {
            let left = BLOCK_BYTES - self.at % BLOCK_BYTES;
            if left < HEADER_BYTES {
                self.at += left;
                continue;
            }
            let header = self.file.get(self.at..self.at + HEADER_BYTES)?;
            let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
            let kind = header[6];
            if kind == 0 && length == 0 {
                // Space that was reserved and never written.
                self.at += left;
                continue;
            }
            let start = self.at + HEADER_BYTES;
            if HEADER_BYTES + length > left {
                self.at += left;
                return Some(Err(()));
            }
            let Some(content) = self.file.get(start..start + length) else {
                // Torn: the machine stopped while it was written.
                self.at = self.file.len().next_multiple_of(BLOCK_BYTES);
                return Some(Err(()));
            };
            self.at = start + length;
            let stored = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            if stored != checksum(&[&[kind], content]) {
                return Some(Err(()));
            }
            return Some(Ok((kind, content)));
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut record: Option<Vec<u8>> = None;
        loop {
            let Some(fragment) = self.fragment() else {
                // A record whose end was never written is no damage.
                return None;
            };
            let Ok((kind, content)) = fragment else {
                self.damaged += 1;
                record = None;
                continue;
            };
            match (kind, &mut record) {
                (1, _) => return Some(content.to_vec()),
                (2, _) => record = Some(content.to_vec()),
                (3, Some(record)) => record.extend_from_slice(content),
                (4, Some(_)) => {
                    let mut whole = record.take().unwrap_or_default();
                    whole.extend_from_slice(content);
                    return Some(whole);
                }
                // The rest of a record whose start is damaged.
                (3 | 4, None) => {}
                _ => self.damaged += 1,
            }
        }
    }
}
