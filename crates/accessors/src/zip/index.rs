//! The index of a zip archive: which members it has and where they are.
//!
//! # Invariants
//!
//! - **ZI-1** Memory is bounded by [`INDEX_BYTES_MAX`] and [`MEMBERS_MAX`], whatever the archive says.
//! - **ZI-2** What stands in front of the archive (a program that unpacks itself) does not matter.
//! - **ZI-3** Where the index breaks off, the members before are still known.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use rows::{Text, Time};

/// More members than this are refused.
pub(crate) const MEMBERS_MAX: u64 = 1_000_000;

/// A larger index is refused.
const INDEX_BYTES_MAX: u64 = 256 << 20;

/// One member.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) components: Vec<Text>,
    pub(crate) directory: bool,
    pub(crate) symlink: bool,
    pub(crate) mode: u32,
    pub(crate) header_start: u64,
    pub(crate) packed: u64,
    pub(crate) size: u64,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) modified: Option<Time>,
    pub(crate) crc32: u32,
}

impl Member {
    pub(crate) fn encrypted(&self) -> bool {
        self.flags & 1 != 0
    }
}

/// The members of an archive, and why there may be more.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) members: BTreeMap<Vec<Text>, Member>,
    pub(crate) trouble: Option<String>,
}

/// Reads the index. `key` makes a member's key of its components; of members with the same key the
/// first counts.
pub(crate) fn read<R: Read + Seek>(
    file: &mut R,
    key: impl Fn(&[Text]) -> Vec<Text>,
) -> Result<Index, String> {
    let end = find_end(file)?;
    if end.members > MEMBERS_MAX {
        return Err(format!("the archive has more than {MEMBERS_MAX} members"));
    }
    if end.index_bytes > INDEX_BYTES_MAX {
        return Err(format!("the archive's index is larger than {INDEX_BYTES_MAX} bytes"));
    }
    let (start, shift) = index_start(file, &end).map_err(|error| error.to_string())?;
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let mut stream = io::BufReader::with_capacity(1 << 16, file.take(end.index_bytes));
    let mut index = Index::default();
    for number in 0..end.members {
        match member(&mut stream, shift) {
            Ok(member) => {
                index.members.entry(key(&member.components)).or_insert(member);
            }
            Err(error) if number == 0 => {
                return Err(format!("is no zip archive that can be read: {error}"));
            }
            Err(error) => {
                let all = end.members;
                index.trouble =
                    Some(format!("the index ends after {number} of {all} members: {error}"));
                break;
            }
        }
    }
    Ok(index)
}

/// What the end of an archive says about its index.
struct End {
    /// Where this is said.
    at: u64,
    members: u64,
    index_bytes: u64,
    index_start: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn find_end<R: Read + Seek>(file: &mut R) -> Result<End, String> {
    const END_BYTES: usize = 22;
    const LOCATOR_BYTES: u64 = 20;
    // A comment of any length may follow; the locator of a large archive stands before.
    const TAIL_BYTES: u64 = 65_535 + 22;
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let size = file.seek(SeekFrom::End(0)).map_err(cannot)?;
    let tail_start = size.saturating_sub(TAIL_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(tail_start)).map_err(cannot)?;
    file.by_ref().take(TAIL_BYTES).read_to_end(&mut tail).map_err(cannot)?;
    let at = (0..tail.len().saturating_sub(END_BYTES - 1))
        .rev()
        .find(|at| {
            let end = &tail[*at..];
            end.starts_with(b"PK\x05\x06") && usize::from(u16_at(end, 20)) + END_BYTES <= end.len()
        })
        .ok_or("is no zip archive: its end has no index, or is cut off")?;
    let bytes = &tail[at..];
    let end = End {
        at: tail_start + at as u64,
        members: u16_at(bytes, 10).into(),
        index_bytes: u32_at(bytes, 12).into(),
        index_start: u32_at(bytes, 16).into(),
    };
    let is_large =
        end.members == 0xffff || end.index_bytes == 0xffff_ffff || end.index_start == 0xffff_ffff;
    match end.at.checked_sub(LOCATOR_BYTES).filter(|_| is_large) {
        Some(locator) => Ok(large_end(file, locator).map_err(cannot)?.unwrap_or(end)),
        None => Ok(end),
    }
}

/// The end of an archive with more than 65,535 members or 4 GiB.
fn large_end<R: Read + Seek>(file: &mut R, locator: u64) -> io::Result<Option<End>> {
    let mut bytes = [0; 56];
    file.seek(SeekFrom::Start(locator))?;
    file.read_exact(&mut bytes[..20])?;
    if !bytes.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // Where it is said to be, or right before the locator when something was put in front.
    for at in [u64_at(&bytes, 8), locator.saturating_sub(56)] {
        let mut end = [0; 56];
        file.seek(SeekFrom::Start(at))?;
        if file.read_exact(&mut end).is_ok() && end.starts_with(b"PK\x06\x06") {
            return Ok(Some(End {
                at,
                members: u64_at(&end, 32),
                index_bytes: u64_at(&end, 40),
                index_start: u64_at(&end, 48),
            }));
        }
    }
    Ok(None)
}

/// Where the index starts, and by how much everything is further back than the archive says.
fn index_start<R: Read + Seek>(file: &mut R, end: &End) -> io::Result<(u64, u64)> {
    let before_end = end.at.saturating_sub(end.index_bytes);
    for start in [before_end, end.index_start] {
        let mut sign = [0; 4];
        file.seek(SeekFrom::Start(start))?;
        if file.read_exact(&mut sign).is_ok() && &sign == b"PK\x01\x02" {
            return Ok((start, start.saturating_sub(end.index_start)));
        }
    }
    Ok((end.index_start, 0))
}

fn member(stream: &mut impl Read, shift: u64) -> Result<Member, String> {
    let mut header = [0; 46];
    let cut_off = |_| "it is cut off".to_owned();
    stream.read_exact(&mut header).map_err(cut_off)?;
    if !header.starts_with(b"PK\x01\x02") {
        return Err("what follows is no member".to_owned());
    }
    let mut part = |at: usize| -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; usize::from(u16_at(&header, at))];
        stream.read_exact(&mut bytes).map_err(cut_off)?;
        Ok(bytes)
    };
    let (name, extra) = (part(28)?, part(30)?);
    part(32)?;
    let made_on_unix = header[5] == 3;
    let attributes = u32_at(&header, 38);
    let mode = if made_on_unix { attributes >> 16 } else { 0 };
    let mut member = Member {
        directory: matches!(name.last(), Some(b'/' | b'\\')) || mode & 0o170_000 == 0o040_000,
        symlink: mode & 0o170_000 == 0o120_000,
        components: components(&name),
        mode,
        header_start: u32_at(&header, 42).into(),
        packed: u32_at(&header, 20).into(),
        size: u32_at(&header, 24).into(),
        method: u16_at(&header, 10),
        flags: u16_at(&header, 8),
        modified: dos_time(u16_at(&header, 14), u16_at(&header, 12)),
        crc32: u32_at(&header, 16),
    };
    for (kind, content) in extra_fields(&extra) {
        match kind {
            0x0001 => member.take_large(content),
            0x5455 if content.first().is_some_and(|known| known & 1 != 0) && content.len() >= 5 => {
                let seconds = u32_at(content, 1).cast_signed();
                member.modified = Some(Time::from_unix(seconds.into(), 0));
            }
            _ => {}
        }
    }
    member.header_start = member.header_start.saturating_add(shift);
    Ok(member)
}

impl Member {
    /// The numbers that do not fit into 32 bits, in this order, each only if it is needed.
    fn take_large(&mut self, content: &[u8]) {
        let mut at = 0;
        for number in [&mut self.size, &mut self.packed, &mut self.header_start] {
            if *number == 0xffff_ffff && content.len() >= at + 8 {
                *number = u64_at(content, at);
                at += 8;
            }
        }
    }
}

/// Kinds and contents of what else is said about a member.
pub(crate) fn extra_fields(extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = extra;
    std::iter::from_fn(move || {
        let (kind, length) = (u16_at(rest, 0), usize::from(u16_at(rest, 2)));
        let content = rest.get(4..4 + length)?;
        rest = &rest[4 + length..];
        Some((kind, content))
    })
}

fn components(name: &[u8]) -> Vec<Text> {
    name.split(|byte| matches!(byte, b'/' | b'\\'))
        .filter(|part| !part.is_empty() && *part != b".")
        .map(Text::from)
        .collect()
}

/// Local time of whoever made the archive, in steps of two seconds.
fn dos_time(date: u16, time: u16) -> Option<Time> {
    if date == 0 {
        return None;
    }
    Time::parse(&format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        ((time & 31) * 2).min(59),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_an_index_or_an_error(
            before in proptest::collection::vec(any::<u8>(), 0..200),
            header in proptest::collection::vec(any::<u8>(), 42),
            counts in proptest::collection::vec(any::<u8>(), 18),
        ) {
            let mut bytes = before;
            bytes.extend_from_slice(b"PK\x01\x02");
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(b"PK\x05\x06");
            bytes.extend_from_slice(&counts);
            if let Ok(index) = read(&mut io::Cursor::new(bytes), <[Text]>::to_vec) {
                prop_assert!(index.members.len() <= 6);
            }
        }
    }
}
