//! Files compressed with gzip: `gzip` reads a path's content unpacked.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use rows::{Name, OsPath, PathStyle, Text};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, ReadSeek, Scope};

use crate::os;
use crate::rewind::Rewind;

/// What a path is inside of, or the path itself as a file of the machine.
pub(crate) fn container(path: &OsPath) -> (Name, Text) {
    match path.delegate() {
        Some(delegate) => (delegate.accessor.clone(), delegate.path.clone()),
        None => (Name::from("auto"), path.to_text()),
    }
}

/// Opens what a path is inside of.
pub(crate) fn open_container(
    accessor: &Name,
    text: &Text,
    scope: &Scope,
) -> Result<Box<dyn ReadSeek>, AccessError> {
    let accessor = scope.accessor(accessor)?;
    accessor.open(&accessor.parse(text)?, scope)
}

/// Files compressed with gzip.
#[derive(Debug, Clone, Copy)]
pub struct GzipAccessor;

impl Accessor for GzipAccessor {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn doc(&self) -> &'static str {
        "The unpacked content of a gzip file. The path is the file, or its delegate is."
    }

    fn style(&self) -> PathStyle {
        os::STYLE
    }

    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(crate::zip::path_spec(text, self.style())
            .unwrap_or_else(|| OsPath::parse(self.style(), text)))
    }

    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let (accessor, text) = container(path);
        // The first opening reports what is wrong with the container in its own words.
        let first = std::sync::Mutex::new(Some(open_container(&accessor, &text, scope)?));
        let scope = scope.clone();
        let open = move || -> io::Result<Box<dyn Read + Send>> {
            let first = first.lock().ok().and_then(|mut first| first.take());
            let file = match first {
                Some(file) => file,
                None => open_container(&accessor, &text, &scope)
                    .map_err(|error| io::Error::other(error.to_string()))?,
            };
            Ok(Box::new(MultiGzDecoder::new(io::BufReader::new(file))))
        };
        let stream = Rewind::new(open, None).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(Box::new(stream))
    }

    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError> {
        let (accessor, text) = container(path);
        let accessor = scope.accessor(&accessor)?;
        let info = accessor.stat(&accessor.parse(&text)?, scope)?;
        Ok(FileInfo { path: path.clone(), ..info })
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        let (accessor, text) = container(path);
        let accessor = scope.accessor(&accessor)?;
        accessor.list(&accessor.parse(&text)?, scope)
    }
}
