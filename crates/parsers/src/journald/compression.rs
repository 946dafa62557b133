//! Unpacking a field.

use std::io::Read;

const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;

/// The payload as it was written, at most `max` bytes of it; or a note why it cannot be told.
pub(super) fn unpack(flags: u8, mut payload: Vec<u8>, max: usize) -> Result<Vec<u8>, String> {
    match flags & (XZ | LZ4 | ZSTD) {
        0 => {
            payload.truncate(max);
            Ok(payload)
        }
        XZ => Err("a field that is compressed with XZ is left out".to_owned()),
        LZ4 => lz4(&payload, max)
            .ok_or_else(|| "a field that is compressed with LZ4 is damaged".to_owned()),
        ZSTD => {
            let said =
                |error| format!("a field that is compressed with Zstandard is damaged: {error}");
            let decoder = zstd::stream::read::Decoder::new(&*payload).map_err(said)?;
            let mut out = Vec::new();
            // A cut field is still worth reading.
            decoder.take(max as u64).read_to_end(&mut out).map_err(said)?;
            Ok(out)
        }
        _ => Err("a field that claims several compressions is left out".to_owned()),
    }
}

/// The length as eight bytes, then one LZ4 block.
fn lz4(payload: &[u8], max: usize) -> Option<Vec<u8>> {
    let (length, mut block) = payload.split_at_checked(8)?;
    let length = u64::from_le_bytes(super::part(length, 0));
    let length = usize::try_from(length).ok()?.min(max);
    let mut out = Vec::new();
    while out.len() < length {
        let (token, rest) = block.split_first()?;
        block = rest;
        let literals = lz4_length(usize::from(token >> 4), &mut block)?;
        let (literal, rest) = block.split_at_checked(literals)?;
        out.extend_from_slice(&literal[..literal.len().min(length - out.len())]);
        block = rest;
        if out.len() == length || block.is_empty() {
            break;
        }
        let (distance, rest) = block.split_at_checked(2)?;
        block = rest;
        let distance = usize::from(u16::from_le_bytes([distance[0], distance[1]]));
        let copied = lz4_length(usize::from(token & 15), &mut block)?.checked_add(4)?;
        let start = out.len().checked_sub(distance).filter(|_| distance > 0)?;
        // What is copied may reach into what it makes.
        for at in start..start.saturating_add(copied.min(length - out.len())) {
            out.push(out[at]);
        }
    }
    (out.len() == length).then_some(out)
}

/// A length of which 15 means that more follows.
fn lz4_length(short: usize, block: &mut &[u8]) -> Option<usize> {
    let mut length = short;
    if short == 15 {
        loop {
            let (more, rest) = block.split_first()?;
            *block = rest;
            length = length.checked_add(usize::from(*more))?;
            if *more != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(length: u64, block: &[u8]) -> Vec<u8> {
        [&length.to_le_bytes()[..], block].concat()
    }

    #[test]
    fn lz4_copies_what_it_makes() {
        // Four literals, then 8 bytes from 4 back, then the last literal.
        let block = b"\x44abcd\x04\x00\x10e";
        let check = |length, wanted: Option<&[u8]>| {
            assert_eq!(unpack(LZ4, packed(length, block), 100).ok().as_deref(), wanted);
        };
        check(13, Some(b"abcdabcdabcde"));
        check(6, Some(b"abcdab"));
        check(14, None);
        assert_eq!(unpack(LZ4, packed(1_000_000, block), 5).as_deref(), Ok(&b"abcda"[..]));
    }

    #[test]
    fn long_lengths_follow() {
        let block = [&[0xf0, 255, 3][..], &[b'x'; 273]].concat();
        assert_eq!(unpack(LZ4, packed(273, &block), 1000).unwrap().len(), 273);
    }

    #[test]
    fn damaged_fields_are_notes() {
        for block in [&b"\x10"[..], b"\x04\x00\x00", b"\x14a\x09\x00", b"\xff\xff\xff"] {
            assert!(unpack(LZ4, packed(50, block), 100).is_err());
        }
        assert!(unpack(LZ4, vec![1], 100).is_err());
        assert!(unpack(ZSTD, b"nonsense".to_vec(), 100).is_err());
        assert!(unpack(XZ, vec![], 100).is_err());
        assert!(unpack(XZ | LZ4, vec![], 100).is_err());
    }

    #[test]
    fn a_field_is_cut() {
        let packed = zstd::encode_all(&[b'a'; 100_000][..], 3).unwrap();
        assert_eq!(unpack(ZSTD, packed, 1000).unwrap().len(), 1000);
        assert_eq!(unpack(0, vec![b'a'; 10], 3).unwrap(), b"aaa");
    }
}
