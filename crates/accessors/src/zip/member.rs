//! The content of a member, unpacked as a stream.

use std::io::{self, Read, SeekFrom};

use rows::{Name, Text};
use vql_plugin::Scope;

use super::decrypt;
use super::index::{Member, extra_fields};
use crate::container;

/// More memory than this is not needed to unpack what honest people packed.
const DICTIONARY_BYTES_MAX: u32 = 256 << 20;

const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const DEFLATE64: u16 = 9;
const BZIP2: u16 = 12;
const LZMA: u16 = 14;
const ZSTD: u16 = 93;
const XZ: u16 = 95;
const AES: u16 = 99;

/// Name of a way to pack.
pub(crate) fn method_name(method: u16) -> String {
    match method {
        STORED => "Stored".into(),
        DEFLATE => "Deflated".into(),
        DEFLATE64 => "Deflate64".into(),
        BZIP2 => "Bzip2".into(),
        LZMA => "Lzma".into(),
        ZSTD | 20 => "Zstd".into(),
        XZ => "Xz".into(),
        AES => "Aes".into(),
        other => format!("method {other}"),
    }
}

fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// A stream of a member's content, from its start. Never yields more than the index says.
pub(crate) fn unpack(
    member: &Member,
    (accessor, text): &(Name, Text),
    scope: &Scope,
) -> io::Result<Box<dyn Read + Send>> {
    const HEADER_BYTES: usize = 30;
    let mut file = container::open(accessor, text, scope)
        .map_err(|error| io::Error::other(error.to_string()))?;
    file.seek(SeekFrom::Start(member.header_start))?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(bad("the member's header is missing"));
    }
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    file.seek(SeekFrom::Current(short(26).into()))?;
    let mut extra = vec![0; short(28).into()];
    file.read_exact(&mut extra)?;
    let packed = io::BufReader::with_capacity(1 << 16, file).take(member.packed);
    let mut packed: Box<dyn Read + Send> = Box::new(packed);
    let mut method = member.method;
    if method == AES {
        // Version, maker, strength, and how the content is really packed.
        let said =
            extra_fields(&extra).find(|(kind, content)| *kind == 0x9901 && content.len() >= 7);
        let said = said.ok_or_else(|| bad("is encrypted, and does not say how"))?.1;
        let passwords = decrypt::passwords(scope);
        packed = decrypt::aes(packed, member.packed, said[4], &passwords)?;
        method = u16::from_le_bytes([said[5], said[6]]);
    } else if member.encrypted() {
        let strong = member.flags & 0x40 != 0;
        if strong {
            return Err(bad("is encrypted in a way that is not read"));
        }
        let sizes_follow = member.flags & 8 != 0;
        let check = if sizes_follow { header[11] } else { (member.crc32 >> 24) as u8 };
        packed = decrypt::old_cipher(packed, check, &decrypt::passwords(scope))?;
    }
    Ok(Box::new(unpacked(packed, method, member)?.take(member.size)))
}

fn unpacked(
    mut packed: Box<dyn Read + Send>,
    method: u16,
    member: &Member,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match method {
        STORED => packed,
        DEFLATE => Box::new(flate2::read::DeflateDecoder::new(packed)),
        DEFLATE64 => Box::new(deflate64::Deflate64Decoder::new(packed)),
        BZIP2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
        ZSTD | 20 => Box::new(zstd::stream::read::Decoder::new(packed)?),
        XZ => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, DICTIONARY_BYTES_MAX >> 10))
        }
        LZMA => {
            let mut start = [0; 9];
            packed.read_exact(&mut start)?;
            if start[2..4] != [5, 0] {
                return Err(bad("its LZMA header makes no sense"));
            }
            let wanted = u32::from_le_bytes([start[5], start[6], start[7], start[8]]);
            // A dictionary larger than the content is never used.
            let useful = u32::try_from(member.size).unwrap_or(u32::MAX).max(4096);
            let dictionary = wanted.min(useful);
            if dictionary > DICTIONARY_BYTES_MAX {
                return Err(bad("its LZMA dictionary is too large"));
            }
            let ends_with_mark = member.flags & 2 != 0;
            let size = if ends_with_mark { u64::MAX } else { member.size };
            let reader =
                lzma_rust2::LzmaReader::new_with_props(packed, size, start[4], dictionary, None);
            Box::new(reader.map_err(|error| bad(error.to_string()))?)
        }
        other => {
            let name = method_name(other);
            return Err(bad(format!("is packed with {name}, which is not read")));
        }
    })
}
