//! A file from an offset on: the path is the number of bytes to skip, the delegate is the file.

use std::io::{self, Read, Seek, SeekFrom};

use rows::{OsPath, PathStyle};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, ReadSeek, Scope};

use crate::container;

/// A file from an offset on.
#[derive(Debug, Clone, Copy)]
pub struct OffsetAccessor;

impl Accessor for OffsetAccessor {
    fn name(&self) -> &str {
        "offset"
    }

    fn doc(&self) -> &str {
        "The delegate's content from an offset on; the path is the offset."
    }

    fn style(&self) -> PathStyle {
        PathStyle::Relative
    }

    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(container::parse(text, self.style()))
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let unsupported = |reason: &str| AccessError::Unsupported {
            path: path.to_string(),
            reason: reason.into(),
        };
        let (accessor, text) = container::required(path, "file")?;
        let offset: u64 = path
            .basename()
            .as_str()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| unsupported("the path must be a number of bytes"))?;
        let mut file = container::open(&accessor, &text, scope)?;
        file.seek(SeekFrom::Start(offset)).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(Box::new(Shifted { file, offset }))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let mut file = self.open(path, scope)?;
        let size =
            file.seek(SeekFrom::End(0)).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(FileInfo { path: path.clone(), size, mode: 0o100_644, ..FileInfo::default() })
    }

    fn list(&self, path: &OsPath, _scope: &Scope) -> Result<DirStream, AccessError> {
        Err(container::no_directories(path))
    }
}

struct Shifted {
    file: Box<dyn ReadSeek>,
    offset: u64,
}

impl Read for Shifted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Shifted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(at.saturating_add(self.offset)),
            other => other,
        };
        let at = self.file.seek(to)?;
        match at.checked_sub(self.offset) {
            Some(at) => Ok(at),
            None => {
                self.file.seek(SeekFrom::Start(self.offset))?;
                Ok(0)
            }
        }
    }
}
