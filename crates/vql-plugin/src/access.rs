//! Files as plugins see them: accessors that open, stat and list structured paths; and where
//! uploads go.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek};
use std::sync::Arc;

use rows::{Dict, Name, OsPath, PathStyle, Text, Time};

use crate::Scope;

/// An open file.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum FileKind {
    /// Has content.
    #[default]
    File,
    /// Has entries.
    Dir,
    /// Points elsewhere.
    Symlink,
    /// A block or character device.
    Device,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Something else.
    Other,
}

/// What is known about a file without opening it.
#[derive(Clone, Debug, Default)]
pub struct FileInfo {
    /// Where it is.
    pub path: OsPath,
    /// What it is; a link is a link, not what it points to.
    pub kind: FileKind,
    /// How many bytes it has.
    pub size: u64,
    /// Unix mode bits, the type bits included; 0 where there are none.
    pub mode: u32,
    /// When its content was last changed.
    pub mtime: Option<Time>,
    /// When it was last read.
    pub atime: Option<Time>,
    /// When its metadata was last changed.
    pub ctime: Option<Time>,
    /// When it was made.
    pub btime: Option<Time>,
    /// Where a link points.
    pub link: Option<Text>,
    /// Which file system it is on, to notice mount points; 0 when unknown.
    pub device: u64,
    /// What else the accessor knows (`Data` in VQL).
    pub data: Dict,
}

/// Why a file could not be opened, looked at or listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It is not there.
    #[error("`{path}` does not exist")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// It may not be read.
    #[error("`{path}` may not be read: {reason}")]
    Denied {
        /// What was asked for.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// There is no accessor of that name.
    #[error("no accessor is called `{name}`; there are {known}")]
    NoSuchAccessor {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The accessor is known not to be here.
    #[error("the accessor {what}")]
    Elsewhere {
        /// What it is and why it is not here.
        what: crate::Elsewhere,
    },
    /// The accessor cannot do that, or the path makes no sense to it.
    #[error("`{path}`: {reason}")]
    Unsupported {
        /// What was asked for.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Reading failed.
    #[error("`{path}`: {reason}")]
    Io {
        /// What was asked for.
        path: String,
        /// What the system said.
        reason: String,
    },
}

impl AccessError {
    /// The error for what the system said about a path.
    pub fn from_io(path: &OsPath, error: &std::io::Error) -> Self {
        let (path, reason) = (path.to_string(), error.to_string());
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { path },
            std::io::ErrorKind::PermissionDenied => Self::Denied { path, reason },
            _ => Self::Io { path, reason },
        }
    }
}

/// The entries of a directory.
pub type DirStream = Box<dyn Iterator<Item = Result<FileInfo, AccessError>> + Send>;

/// Which entries of a directory are wanted, by their names and, where the directory itself says
/// so, by what they are.
pub type Wanted = Arc<dyn Fn(&[u8], Option<FileKind>) -> bool + Send + Sync>;

/// A virtual file system.
///
/// # Contract
///
/// - [`parse`](Self::parse) and printing a path are inverse: what is printed parses to the same path.
/// - Nothing panics on any path; what cannot be read is an [`AccessError`] that names the path.
/// - Containers (archives, hives) find their delegate with [`Scope::accessor`].
pub trait Accessor: Send + Sync {
    /// The name in `accessor="…"`.
    fn name(&self) -> &str;

    /// What it reads, in a sentence.
    fn doc(&self) -> &str;

    /// How its paths are written.
    fn style(&self) -> PathStyle;

    /// Reads a path. Containers also accept a path spec as JSON.
    fn parse(&self, text: &[u8]) -> Result<OsPath, AccessError> {
        Ok(OsPath::parse(self.style(), text))
    }

    /// Opens a file.
    fn open(&self, path: &OsPath, scope: &Scope) -> Result<Box<dyn ReadSeek>, AccessError>;

    /// Looks at a file without following a last link.
    fn stat(&self, path: &OsPath, scope: &Scope) -> Result<FileInfo, AccessError>;

    /// Lists a directory.
    fn list(&self, path: &OsPath, scope: &Scope) -> Result<DirStream, AccessError>;

    /// Lists the wanted entries of a directory. Accessors that know names before they have looked
    /// at files have a better way than this one.
    fn list_some(
        &self,
        path: &OsPath,
        scope: &Scope,
        wanted: Wanted,
    ) -> Result<DirStream, AccessError> {
        let entries = self.list(path, scope)?;
        Ok(Box::new(entries.filter(move |entry| match entry {
            Ok(info) => wanted(&info.path.basename(), Some(info.kind)),
            Err(_) => true,
        })))
    }
}

/// The accessors of a program, by name.
#[derive(Clone, Default)]
pub struct Accessors(Arc<BTreeMap<Name, Arc<dyn Accessor>>>);

impl fmt::Debug for Accessors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Accessors {
    /// These accessors.
    pub fn new(accessors: impl IntoIterator<Item = Arc<dyn Accessor>>) -> Self {
        Self(Arc::new(accessors.into_iter().map(|a| (Name::from(a.name()), a)).collect()))
    }

    /// These accessors and one more, or the same one under one more name.
    #[must_use]
    pub fn with(self, name: impl Into<Name>, accessor: Arc<dyn Accessor>) -> Self {
        let mut all = (*self.0).clone();
        all.insert(name.into(), accessor);
        Self(Arc::new(all))
    }

    /// The accessor of that name; the empty name means `auto`, or `file` where there is no `auto`.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn Accessor>, AccessError> {
        let found = if name.is_empty() {
            self.0.get("auto").or_else(|| self.0.get("file"))
        } else {
            self.0.get(name)
        };
        found.ok_or_else(|| match crate::accessor_elsewhere(name) {
            Some(what) => AccessError::Elsewhere { what },
            None => AccessError::NoSuchAccessor {
                name: if name.is_empty() { "auto" } else { name }.to_owned(),
                known: self.0.keys().map(Name::as_str).collect::<Vec<_>>().join(", "),
            },
        })
    }

    /// Without any of these names.
    #[must_use]
    pub fn without(self, names: &[&str]) -> Self {
        let mut all = (*self.0).clone();
        all.retain(|name, _| !names.contains(&name.as_str()));
        Self(Arc::new(all))
    }

    /// A number that differs from that of all other sets of accessors that exist at the same time;
    /// for the keys of caches that hold on to their accessors.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<dyn Accessor>)> {
        self.0.iter()
    }
}

/// A file that a query wants to keep.
pub struct UploadRequest<'a> {
    /// How it shall be called: the path as text, or the `name` argument.
    pub name: Text,
    /// The components of that name, for storing.
    pub components: Vec<Text>,
    /// The accessor that the content is read through.
    pub accessor: Name,
    /// How many bytes are expected, when that is known.
    pub size: Option<u64>,
    /// What is known about the file.
    pub info: Option<&'a FileInfo>,
    /// The content.
    pub content: &'a mut dyn Read,
    /// Asks whether to stop.
    pub stopped: &'a dyn Fn() -> bool,
}

/// What became of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadRecord {
    /// How it is called where it is kept.
    pub path: Text,
    /// The components under which it is kept.
    pub components: Vec<Text>,
    /// How many bytes the file has.
    pub size: u64,
    /// How many bytes were kept.
    pub stored_size: u64,
    /// SHA-256 of the kept bytes, in hex.
    pub sha256: String,
    /// MD5 of the kept bytes, in hex; empty where it is not computed.
    pub md5: String,
    /// A number or id of this upload within its flow.
    pub upload_id: String,
}

/// Why a file was not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UploadFailed(pub String);

/// Where uploads go.
///
/// # Contract
///
/// - The content is read to its end, or the upload fails; a failure keeps nothing.
/// - May be called from several threads at once.
pub trait Uploads: Send + Sync {
    /// Keeps a file.
    fn upload(&self, request: UploadRequest<'_>) -> Result<UploadRecord, UploadFailed>;
}
