//! Files of which only some stretches are there: `sparse` shows no others of a file, `ranged` puts
//! the stretches that were kept back where they were.
//!
//! Everywhere else there are zeros.

use std::io::{self, Read, Seek, SeekFrom};

use rows::{OsPath, PathStyle, Text};
use serde_json::Value as Json;
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, ReadSeek, Scope};

use crate::container;

/// More stretches than this are refused.
const STRETCHES_MAX: usize = 1_000_000;

/// The delegate restricted to stretches of it.
#[derive(Debug, Clone, Copy)]
pub struct SparseAccessor;

/// Stretches of a file that were kept one behind the other, and where they belong.
#[derive(Debug, Clone, Copy)]
pub struct RangedAccessor;

/// A stretch of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// Where it is seen.
    at: u64,
    /// Where its bytes are.
    from: u64,
    length: u64,
}

impl Stretch {
    fn end(&self) -> u64 {
        self.at.saturating_add(self.length)
    }
}

fn number(item: &Json, names: &[&str]) -> Result<u64, String> {
    let found = names.iter().find_map(|name| item.get(name));
    let number = match found {
        Some(Json::String(digits)) => digits.parse().ok(),
        Some(other) => other.as_u64(),
        None => None,
    };
    number.ok_or_else(|| format!("`{item}` has no {} that is a number", names[0]))
}

/// Puts stretches in order and refuses those that overlap.
fn in_order(mut stretches: Vec<Stretch>) -> Result<Vec<Stretch>, String> {
    stretches.retain(|stretch| stretch.length > 0);
    stretches.sort_by_key(|stretch| stretch.at);
    match stretches.windows(2).find(|pair| pair[0].end() > pair[1].at) {
        Some(pair) => Err(format!("two stretches overlap at {}", pair[1].at)),
        None => Ok(stretches),
    }
}

fn list_of(json: &Json) -> Result<&[Json], String> {
    let list = match json.get("ranges").or_else(|| json.get("Ranges")) {
        Some(ranges) => ranges,
        None => json,
    };
    let list = list.as_array().ok_or("it must be a list of stretches")?;
    if list.len() > STRETCHES_MAX {
        return Err(format!("there are more than {STRETCHES_MAX} stretches"));
    }
    Ok(list)
}

/// What the path of `sparse` says: `[{"Offset": 10, "Length": 5}, …]`.
fn sparse_stretches(text: &[u8]) -> Result<Vec<Stretch>, String> {
    let json: Json = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let stretches = list_of(&json)?.iter().map(|item| {
        let at = number(item, &["Offset", "offset"])?;
        let length = number(item, &["Length", "length"])?;
        Ok(Stretch { at, from: at, length })
    });
    in_order(stretches.collect::<Result<_, String>>()?)
}

/// What the index beside the kept stretches says.
fn kept_stretches(text: &[u8]) -> Result<Vec<Stretch>, String> {
    let json: Json = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let mut stretches = Vec::new();
    for item in list_of(&json)? {
        let at = number(item, &["original_offset", "OriginalOffset"])?;
        let whole = number(item, &["length", "Length"])?;
        // A stretch of which nothing was kept has no place in the file.
        let kept = number(item, &["file_length", "FileLength"]).unwrap_or(0).min(whole);
        let from = number(item, &["file_offset", "FileOffset"]).unwrap_or(0);
        stretches.push(Stretch { at, from, length: kept });
        if whole > kept {
            let nothing =
                Stretch { at: at.saturating_add(kept), from: u64::MAX, length: whole - kept };
            stretches.push(nothing);
        }
    }
    in_order(stretches)
}

fn wrong(path: &OsPath, reason: String) -> AccessError {
    AccessError::Unsupported { path: path.to_string(), reason }
}

fn open_sparse(path: &OsPath, scope: &Scope) -> Result<Stretches, AccessError> {
    let (accessor, text) = container::required(path, "file")?;
    let example = r#"[{"Offset": 0, "Length": 512}]"#;
    // A path of another kind would write its quotes differently.
    let list = match path.components() {
        [only] => only.clone(),
        _ => path.path_text(),
    };
    let stretches = sparse_stretches(&list).map_err(|reason| {
        wrong(path, format!("the path must be a list such as {example}: {reason}"))
    })?;
    let file = container::open(&accessor, &text, scope)?;
    Ok(Stretches::new(file, stretches))
}

fn open_ranged(path: &OsPath, scope: &Scope) -> Result<Stretches, AccessError> {
    const INDEX_BYTES_MAX: u64 = 64 << 20;
    let (accessor, text) = container::of(path);
    let accessor = scope.accessor(&accessor)?;
    let place = accessor.parse(&text)?;
    let mut name = place.basename().to_vec();
    name.extend_from_slice(b".idx");
    let index_place = place.dirname().join([Text::from(name)]);
    let index = accessor.open(&index_place, scope)?;
    let mut said = Vec::new();
    index
        .take(INDEX_BYTES_MAX)
        .read_to_end(&mut said)
        .map_err(|error| AccessError::from_io(&index_place, &error))?;
    let stretches = kept_stretches(&said)
        .map_err(|reason| wrong(&index_place, format!("is no list of stretches: {reason}")))?;
    Ok(Stretches::new(accessor.open(&place, scope)?, stretches))
}

macro_rules! accessor_of_stretches {
    ($Accessor:ty, $name:literal, $doc:literal, $style:expr, $open:path) => {
        impl Accessor for $Accessor {
            fn name(&self) -> &str {
                $name
            }

            fn doc(&self) -> &str {
                $doc
            }

            fn style(&self) -> PathStyle {
                $style
            }

            fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
                Ok(container::parse(text, self.style()))
            }

            fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
                Ok(Box::new($open(path, scope)?))
            }

            fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
                let size = $open(path, scope)?.size();
                Ok(FileInfo { path: path.clone(), size, mode: 0o100_644, ..FileInfo::default() })
            }

            fn list(&self, path: &OsPath, _scope: &Scope) -> Result<DirStream, AccessError> {
                Err(container::no_directories(path))
            }
        }
    };
}

accessor_of_stretches!(
    SparseAccessor,
    "sparse",
    "The delegate with zeros everywhere but in the stretches that the path lists: \
     `[{\"Offset\": 0, \"Length\": 512}]`.",
    PathStyle::Opaque,
    open_sparse
);
accessor_of_stretches!(
    RangedAccessor,
    "ranged",
    "A file of which stretches were kept, put together again with the index beside it (`.idx`).",
    crate::os::STYLE,
    open_ranged
);

/// A file seen through its stretches, which are in order and do not overlap.
struct Stretches {
    file: Box<dyn ReadSeek>,
    stretches: Vec<Stretch>,
    at: u64,
}

impl Stretches {
    fn new(file: Box<dyn ReadSeek>, stretches: Vec<Stretch>) -> Self {
        Self { file, stretches, at: 0 }
    }

    fn size(&self) -> u64 {
        self.stretches.last().map_or(0, Stretch::end)
    }
}

impl Read for Stretches {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.stretches.partition_point(|stretch| stretch.end() <= self.at);
        let Some(stretch) = self.stretches.get(next).copied() else { return Ok(0) };
        let gap = stretch.at.saturating_sub(self.at);
        let room = if gap > 0 { gap } else { stretch.end() - self.at };
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..room];
        let mut count = 0;
        if gap == 0 && stretch.from != u64::MAX {
            let from = stretch.from.saturating_add(self.at - stretch.at);
            self.file.seek(SeekFrom::Start(from))?;
            count = self.file.read(buffer)?;
        }
        if count == 0 {
            // Nothing was kept, or the file is shorter than was said.
            buffer.fill(0);
            count = buffer.len();
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Stretches {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(stretches: &str) -> Result<String, String> {
        let file = Box::new(io::Cursor::new(b"0123456789".to_vec()));
        let mut seen = Stretches::new(file, sparse_stretches(stretches.as_bytes())?);
        let mut text = String::new();
        seen.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text.replace('\0', "."))
    }

    #[test]
    fn between_the_stretches_there_are_zeros() {
        let check = |stretches: &str, text: &str| assert_eq!(seen(stretches).unwrap(), text);
        check(r#"[{"Offset":2,"Length":3},{"Offset":7,"Length":1}]"#, "..234..7");
        check(r#"[{"Offset":7,"Length":1},{"Offset":"0","Length":1}]"#, "0......7");
        check(r#"[{"Offset":8,"Length":4}]"#, "........89..");
        check("[]", "");
    }

    #[test]
    fn lists_that_make_no_sense_are_refused_in_words() {
        let check = |stretches: &str, words: &str| assert_eq!(seen(stretches).unwrap_err(), words);
        check(r#"[{"Offset":2,"Length":3},{"Offset":4,"Length":1}]"#, "two stretches overlap at 4");
        check(r#"[{"Offset":2}]"#, r#"`{"Offset":2}` has no Length that is a number"#);
        check("7", "it must be a list of stretches");
        check("[", "EOF while parsing a list at line 1 column 1");
    }

    #[test]
    fn kept_stretches_are_put_back_where_they_were() {
        let index = r#"{"ranges":[
            {"file_offset":0,"original_offset":0,"file_length":2,"length":2},
            {"file_offset":2,"original_offset":2,"file_length":0,"length":3},
            {"file_offset":2,"original_offset":5,"file_length":3,"length":3}]}"#;
        let file = Box::new(io::Cursor::new(b"abcde".to_vec()));
        let mut seen = Stretches::new(file, kept_stretches(index.as_bytes()).unwrap());
        let mut text = String::new();
        seen.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab\0\0\0cde");
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(
            stretches in proptest::collection::vec((0u64..40, 0u64..20), 0..6),
            at in 0u64..80,
        ) {
            let list: Vec<String> = stretches
                .iter()
                .map(|(at, length)| format!(r#"{{"Offset":{at},"Length":{length}}}"#))
                .collect();
            let Ok(list) = sparse_stretches(format!("[{}]", list.join(",")).as_bytes()) else {
                return Ok(());
            };
            let content: Vec<u8> = (1..=30).collect();
            let mut expected: Vec<u8> = vec![0; 80];
            for stretch in &list {
                for at in stretch.at..stretch.end() {
                    expected[at as usize] = content.get(at as usize).copied().unwrap_or(0);
                }
            }
            let mut seen = Stretches::new(Box::new(io::Cursor::new(content)), list);
            expected.truncate(seen.size() as usize);
            seen.seek(SeekFrom::Start(at)).unwrap();
            let mut found = Vec::new();
            seen.read_to_end(&mut found).unwrap();
            prop_assert_eq!(&found[..], expected.get(at as usize..).unwrap_or_default());
        }
    }
}
