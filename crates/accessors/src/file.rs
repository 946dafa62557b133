//! Files of the machine through the operating system: `file` (and `auto`), `file_nocase`,
//! `file_links`, `raw_file`.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rows::{OsPath, PathStyle, Text};
use vql_plugin::{AccessError, Accessor, DirStream, FileInfo, FileKind, ReadSeek, Scope, Wanted};

use crate::os;

/// Files of the machine.
#[derive(Debug, Clone, Copy)]
pub struct FileAccessor {
    name: &'static str,
    doc: &'static str,
    ignores_case: bool,
    opens_anything: bool,
    follows_links: bool,
}

impl FileAccessor {
    /// Regular files and block devices, as `file` and `auto`.
    pub fn files() -> Self {
        Self {
            name: "file",
            doc: "Files through the operating system. Opens regular files and block devices only.",
            ignores_case: false,
            opens_anything: false,
            follows_links: false,
        }
    }

    /// The same, finding names that differ in case.
    pub fn ignoring_case() -> Self {
        Self {
            name: "file_nocase",
            doc: "Files through the operating system; names may differ in case.",
            ignores_case: true,
            ..Self::files()
        }
    }

    /// The same, seeing what links point to instead of the links.
    pub fn following_links() -> Self {
        Self {
            name: "file_links",
            doc: "Files through the operating system; a link is seen as what it points to, \
                  so a directory may contain itself.",
            follows_links: true,
            ..Self::files()
        }
    }

    /// Anything that can be opened, also devices and pipes, which may never end.
    pub fn raw() -> Self {
        Self {
            name: "raw_file",
            doc: "Anything the operating system can open, also devices and pipes.",
            opens_anything: true,
            ..Self::files()
        }
    }

    /// What a directory itself says about an entry.
    fn kind_of(&self, entry: &DirEntry) -> Option<FileKind> {
        let kind = os::kind(entry.file_type().ok()?);
        (kind != FileKind::Symlink || !self.follows_links).then_some(kind)
    }

    /// What is there. A link that leads nowhere is seen as itself.
    fn look(&self, native: &Path) -> io::Result<Metadata> {
        match self.follows_links.then(|| fs::metadata(native)) {
            Some(Ok(metadata)) => Ok(metadata),
            _ => fs::symlink_metadata(native),
        }
    }

    /// `None` for a file that has vanished since its name was read.
    fn entry(&self, path: OsPath, native: &Path) -> Option<Result<FileInfo, AccessError>> {
        match self.look(native) {
            Ok(metadata) => Some(Ok(os::describe(path, native, &metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(AccessError::from_io(&path, &error))),
        }
    }

    fn native(&self, path: &OsPath) -> Result<PathBuf, AccessError> {
        if path.delegate().is_some() {
            return Err(unsupported(path, "this accessor has no containers"));
        }
        let native = os::native(path).map_err(|reason| unsupported(path, reason))?;
        if self.ignores_case && fs::symlink_metadata(&native).is_err() {
            return Ok(any_case(path).unwrap_or(native));
        }
        Ok(native)
    }
}

fn unsupported(path: &OsPath, reason: &str) -> AccessError {
    AccessError::Unsupported { path: path.to_string(), reason: reason.to_owned() }
}

/// The path whose names are those of `path` when case is ignored.
fn any_case(path: &OsPath) -> Option<PathBuf> {
    let mut found = os::native(&path.with_components([])).ok()?;
    for component in path.components() {
        let exact = found.join(component.to_str_lossy().as_ref());
        if fs::symlink_metadata(&exact).is_ok() {
            found = exact;
            continue;
        }
        let wanted = component.to_str_lossy().to_lowercase();
        let entry = fs::read_dir(&found)
            .ok()?
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().to_lowercase() == wanted)?;
        found.push(entry.file_name());
    }
    Some(found)
}

impl Accessor for FileAccessor {
    fn name(&self) -> &str {
        self.name
    }

    fn doc(&self) -> &str {
        self.doc
    }

    fn style(&self) -> PathStyle {
        os::STYLE
    }

    fn open(&self, path: &OsPath, _scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError> {
        let failed = |error: io::Error| AccessError::from_io(path, &error);
        let native = self.native(path)?;
        let file = os::open(&native).map_err(failed)?;
        let info = os::describe(path.clone(), &native, &file.metadata().map_err(failed)?);
        if info.kind == FileKind::Dir {
            return Err(unsupported(path, "is a directory"));
        }
        if !self.opens_anything && !may_be_opened(&info) {
            return Err(unsupported(
                path,
                "is no regular file and may never end; the accessor raw_file opens it",
            ));
        }
        Ok(Box::new(file))
    }

    fn stat(&self, path: &OsPath, _scope: &Scope) -> Result<FileInfo, AccessError> {
        let native = self.native(path)?;
        let metadata = self.look(&native).map_err(|error| AccessError::from_io(path, &error))?;
        Ok(os::describe(path.clone(), &native, &metadata))
    }

    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError> {
        self.list_some(path, scope, Arc::new(|_, _| true))
    }

    fn list_some(
        &self,
        path: &OsPath,
        _scope: &Scope,
        wanted: Wanted,
    ) -> Result<DirStream, AccessError> {
        let native = self.native(path)?;
        let entries = fs::read_dir(&native).map_err(|error| AccessError::from_io(path, &error))?;
        // Only the names are collected, so that they come in order; each file is looked at when
        // its turn comes.
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| AccessError::from_io(path, &error))?;
            let name = entry.file_name();
            if wanted(name.as_encoded_bytes(), self.kind_of(&entry)) {
                names.push(name);
            }
        }
        names.sort_unstable();
        let (directory, accessor) = (path.clone(), *self);
        Ok(Box::new(names.into_iter().filter_map(move |name| {
            let native = native.join(&name);
            let path = directory.join([Text::from(os::name_bytes(name))]);
            accessor.entry(path, &native)
        })))
    }
}

/// Regular files end, block devices have a size; whatever else there is may block or go on.
fn may_be_opened(info: &FileInfo) -> bool {
    const TYPE_MASK: u32 = 0o170_000;
    const BLOCK_DEVICE: u32 = 0o060_000;
    info.kind == FileKind::File
        || (info.kind == FileKind::Device && info.mode & TYPE_MASK == BLOCK_DEVICE)
}
