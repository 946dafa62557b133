//! A record: a magic word, a length, a number, a checksum, a payload. Reads a file of records and
//! says what of it can be trusted.
//!
//! # Invariants
//! - **S1** a payload is believed only when the checksum over length, number and payload matches.

use std::ops::Range;

const MAGIC: [u8; 4] = *b"LyR1";

/// Bytes before the payload.
pub(crate) const HEADER: usize = 20;

/// No record is larger; a length beyond it is damage.
const PAYLOAD_MAX: usize = 2 * wire::FRAME_BYTES_MAX;

const CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// CRC-32 as in zip and Ethernet.
fn crc(parts: [&[u8]; 3]) -> u32 {
    let bytes = parts.into_iter().flatten();
    !bytes
        .fold(!0u32, |crc, byte| CRC_TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

/// The bytes of a record.
pub(crate) fn encode(number: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let number = number.to_le_bytes();
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&number);
    bytes.extend_from_slice(&crc([&length, &number, payload]).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A record found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u64,
    /// Where it begins in the file.
    pub(crate) at: usize,
    /// Where its payload lies in the file.
    pub(crate) payload: Range<usize>,
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The record at this place, if there is one that can be believed.
pub(crate) fn decode_at(bytes: &[u8], at: usize) -> Option<Found> {
    if word::<4>(bytes, at)? != MAGIC {
        return None;
    }
    let length = word::<4>(bytes, at + 4)?;
    let number = word::<8>(bytes, at + 8)?;
    let wanted = u32::from_le_bytes(word::<4>(bytes, at + 16)?);
    let size = u32::from_le_bytes(length) as usize;
    let payload = at + HEADER..at + HEADER + size;
    let content = bytes.get(payload.clone()).filter(|_| size <= PAYLOAD_MAX)?;
    let matches = crc([&length, &number, content]) == wanted;
    matches.then(|| Found { number: u64::from_le_bytes(number), at, payload })
}

/// What a file of records holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The records that can be believed, in order.
    pub(crate) found: Vec<Found>,
    /// Stretches that cannot, with more records behind them.
    pub(crate) gaps: Vec<Range<usize>>,
    /// Where the last believable record ends; bytes behind it are a write that never finished.
    pub(crate) end: usize,
}

/// Reads a file of records from the beginning.
pub(crate) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(found) = decode_at(bytes, at) {
            if at > scan.end {
                scan.gaps.push(scan.end..at);
            }
            at = found.payload.end;
            scan.end = at;
            scan.found.push(found);
            continue;
        }
        // Look for the next magic word; what lies between is damage, or the torn end.
        let rest = &bytes[at + 1..];
        match rest.windows(MAGIC.len()).position(|window| window == MAGIC) {
            Some(ahead) => at += 1 + ahead,
            None => break,
        }
    }
    scan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        [encode(1, b"one"), encode(2, b""), encode(3, b"three")].concat()
    }

    fn numbers(bytes: &[u8]) -> Vec<u64> {
        scan(bytes).found.iter().map(|found| found.number).collect()
    }

    #[test]
    fn the_checksum_is_the_one_of_zip() {
        assert_eq!(crc([b"123", b"456", b"789"]), 0xcbf4_3926);
    }

    #[test]
    fn a_file_reads_what_was_appended() {
        let bytes = three();
        let read = scan(&bytes);
        let payloads: Vec<&[u8]> =
            read.found.iter().map(|found| &bytes[found.payload.clone()]).collect();
        assert_eq!(payloads, [b"one".as_slice(), b"", b"three"]);
        assert_eq!((read.end, read.gaps.len()), (bytes.len(), 0));
    }

    #[test]
    fn a_cut_at_every_byte_keeps_the_whole_records_before_it() {
        let bytes = three();
        for cut in 0..bytes.len() {
            let whole = [23, 43, bytes.len()].iter().filter(|end| **end <= cut).count();
            let read = scan(&bytes[..cut]);
            assert_eq!((read.found.len(), read.gaps.len()), (whole, 0), "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_byte_costs_its_own_record_only() {
        for at in 0..23 {
            let mut bytes = three();
            bytes[at] ^= 0x10;
            assert_eq!(numbers(&bytes), [2, 3], "byte {at}");
            assert_eq!(scan(&bytes).gaps.first(), Some(&(0..23)), "byte {at}");
        }
    }

    #[test]
    fn a_record_inside_a_payload_is_not_taken_for_one() {
        let bytes = [encode(1, &encode(9, b"inner")), encode(2, b"x")].concat();
        assert_eq!(numbers(&bytes), [1, 2]);
    }
}
