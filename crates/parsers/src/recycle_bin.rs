//! Notes of the recycle bin of Windows: files named `$I…` beside the deleted content in `$R…`.
//!
//! Version 1 (Vista to 8.1) keeps the path in 260 units of UTF-16, version 2 (10 and later) says
//! how many there are. What follows the path is not looked at.

use rows::Time;

use crate::profile::decode;

/// What a note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// 1 or 2.
    pub version: i64,
    /// How many bytes the file had.
    pub size: i64,
    /// When it was deleted.
    pub deleted: Time,
    /// Where it was.
    pub path: String,
}

/// The bytes are no note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    /// It is too short.
    #[error("no note of the recycle bin: it ends after {0} bytes")]
    Short(usize),
    /// It has another version.
    #[error("no note of the recycle bin: version {0} is not known, there are 1 and 2")]
    Version(i64),
}

/// How many units of UTF-16 a path of version 1 takes.
const UNITS_OF_VERSION_1: usize = 260;
/// The longest path of Windows.
const UNITS_MAX: usize = 32_768;

/// Reads a note.
pub fn parse(bytes: &[u8]) -> Result<Note, NotANote> {
    let short = || NotANote::Short(bytes.len());
    let number = |from: usize, to: usize| {
        bytes.get(from..to).and_then(|b| decode::int(b, true, false)).ok_or_else(short)
    };
    let version = number(0, 8)?;
    let (start, units) = match version {
        1 => (24, UNITS_OF_VERSION_1),
        2 => (28, usize::try_from(number(24, 28)?).unwrap_or(0).min(UNITS_MAX)),
        other => return Err(NotANote::Version(other)),
    };
    let end = (start + 2 * units).min(bytes.len());
    let path = bytes.get(start..end).ok_or_else(short)?;
    let (path, _) = decode::text(path, b"\0", true);
    Ok(Note {
        version,
        size: number(8, 16)?,
        deleted: decode::file_time(number(16, 24)?, 1),
        path: path.to_str_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(version: u64, path: &str) -> Vec<u8> {
        let mut bytes = version.to_le_bytes().to_vec();
        bytes.extend(1234_u64.to_le_bytes());
        bytes.extend(133_485_408_000_000_000_u64.to_le_bytes());
        let units: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        if version == 2 {
            bytes.extend((units.len() as u32 / 2).to_le_bytes());
        }
        bytes.extend(&units);
        if version == 1 {
            bytes.resize(544, 0);
        }
        bytes
    }

    #[test]
    fn both_versions_are_read() {
        for version in [1, 2] {
            let read = parse(&note(version, r"C:\Users\ann\a.txt")).unwrap();
            assert_eq!((read.size, read.path.as_str()), (1234, r"C:\Users\ann\a.txt"));
            assert_eq!(read.deleted.to_string(), "2024-01-01T00:00:00Z");
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(parse(b"short"), Err(NotANote::Short(5)));
        assert_eq!(
            parse(&[9; 30]).unwrap_err().to_string(),
            "no note of the recycle bin: version 651061555542690057 is not known, there are 1 and 2"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(version in 0..3_u8, rest in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = parse(&[&[version, 0, 0, 0, 0, 0, 0, 0], &rest[..]].concat());
        }
    }
}
