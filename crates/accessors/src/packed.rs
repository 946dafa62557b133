//! Files that are packed whole: `gzip`, `bzip2`, `zstd` and `xz` read a path's content unpacked.
//!
//! The path is the packed file, or its delegate is. Nothing is unpacked into memory: going back
//! unpacks again from the start.

use std::io::{self, BufReader, Read};
use std::sync::{Arc, Mutex};

use rows::{OsPath, PathStyle};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, ReadSeek, Scope};

use crate::rewind::Rewind;
use crate::{container, os};

/// How much memory unpacking may need, in KiB.
const MEMORY_MAX_KIB: u32 = 256 << 10;

type Unpack = fn(BufReader<Box<dyn ReadSeek>>) -> io::Result<Box<dyn Read + Send>>;

/// Files packed in one way.
#[derive(Debug, Clone, Copy)]
pub struct PackedAccessor {
    name: &'static str,
    doc: &'static str,
    unpack: Unpack,
}

impl PackedAccessor {
    /// Packed with gzip.
    pub fn gzip() -> Self {
        Self {
            name: "gzip",
            doc: "The unpacked content of a gzip file. The path is the file, or its delegate is.",
            unpack: |file| Ok(Box::new(flate2::bufread::MultiGzDecoder::new(file))),
        }
    }

    /// Packed with bzip2.
    pub fn bzip2() -> Self {
        Self {
            name: "bzip2",
            doc: "The unpacked content of a bzip2 file. The path is the file, or its delegate is.",
            unpack: |file| Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(file))),
        }
    }

    /// Packed with zstd.
    pub fn zstd() -> Self {
        Self {
            name: "zstd",
            doc: "The unpacked content of a zstd file. The path is the file, or its delegate is.",
            unpack: |file| Ok(Box::new(zstd::stream::read::Decoder::with_buffer(file)?)),
        }
    }

    /// Packed with xz.
    pub fn xz() -> Self {
        Self {
            name: "xz",
            doc: "The unpacked content of an xz file. The path is the file, or its delegate is.",
            unpack: |file| {
                let reader = lzma_rust2::XzReader::new_mem_limit(file, true, MEMORY_MAX_KIB);
                Ok(Box::new(reader))
            },
        }
    }
}

impl Accessor for PackedAccessor {
    fn name(&self) -> &str {
        self.name
    }

    fn doc(&self) -> &str {
        self.doc
    }

    fn style(&self) -> PathStyle {
        os::STYLE
    }

    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(container::parse(text, self.style()))
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let (accessor, text) = container::of(path);
        // The first opening reports what is wrong with the container in its own words.
        let first = Mutex::new(Some(container::open(&accessor, &text, scope)?));
        let (scope, unpack) = (scope.clone(), self.unpack);
        let open = move || -> io::Result<Box<dyn Read + Send>> {
            let first = first.lock().ok().and_then(|mut first| first.take());
            let file = match first {
                Some(file) => file,
                None => container::open(&accessor, &text, &scope)
                    .map_err(|error| io::Error::other(error.to_string()))?,
            };
            unpack(BufReader::with_capacity(1 << 16, file))
        };
        let stream = Rewind::new(open, None).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(Box::new(stream))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let (accessor, text) = container::of(path);
        let accessor = scope.accessor(&accessor)?;
        let info = accessor.stat(&accessor.parse(&text)?, scope)?;
        Ok(FileInfo { path: path.clone(), ..info })
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        let (accessor, text) = container::of(path);
        let accessor = scope.accessor(&accessor)?;
        accessor.list(&accessor.parse(&text)?, scope)
    }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = Arc<dyn Accessor>> {
    let all = [
        PackedAccessor::gzip(),
        PackedAccessor::bzip2(),
        PackedAccessor::zstd(),
        PackedAccessor::xz(),
    ];
    all.into_iter().map(|packed| Arc::new(packed) as Arc<dyn Accessor>)
}
