//! Files of a Unix system: names are bytes, metadata has modes and devices.

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rows::{Dict, OsPath, PathStyle, Shape, Text, Time, Value};
use rustix::fs::OFlags;
use vql_plugin::{FileInfo, FileKind};

/// How paths of the machine's files are written.
pub const STYLE: PathStyle = PathStyle::Unix;

/// The path as the operating system takes it; a sentence when a component cannot be a name.
pub fn native(path: &OsPath) -> Result<PathBuf, &'static str> {
    let mut native = PathBuf::from("/");
    for component in path.components() {
        if component.contains(&b'/') || component.contains(&0) {
            return Err("a name cannot hold a slash or a zero byte");
        }
        native.push(OsStr::from_bytes(component));
    }
    Ok(native)
}

/// The bytes of a file's name.
pub fn name_bytes(name: OsString) -> Vec<u8> {
    name.into_vec()
}

/// Opens a file for reading without waiting for anybody: a pipe without a writer opens at once.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// What a file is.
pub fn kind(kind: FileType) -> FileKind {
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Dir
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else if kind.is_fifo() {
        FileKind::Pipe
    } else if kind.is_socket() {
        FileKind::Socket
    } else if kind.is_block_device() || kind.is_char_device() {
        FileKind::Device
    } else {
        FileKind::Other
    }
}

/// The names in a file's `Data`, made once because a walk sees millions of files.
static DATA: LazyLock<Shape> =
    LazyLock::new(|| Shape::of(["DevMajor", "DevMinor", "Inode", "Uid", "Gid", "Links"]));

/// What is known about a file.
pub fn describe(path: OsPath, native: &Path, metadata: &Metadata) -> FileInfo {
    let kind = kind(metadata.file_type());
    let link = (kind == FileKind::Symlink)
        .then(|| std::fs::read_link(native).ok())
        .flatten()
        .map(|target| Text::from(target.into_os_string().into_vec()));
    let moment = |seconds: i64, nanos: i64| {
        Some(Time::from_unix(seconds, i32::try_from(nanos).unwrap_or(0)))
    };
    let device = metadata.dev();
    let data = Dict::of_shape(
        &DATA,
        [
            Value::from(i64::from(rustix::fs::major(device))),
            Value::from(i64::from(rustix::fs::minor(device))),
            Value::from(metadata.ino()),
            Value::from(metadata.uid()),
            Value::from(metadata.gid()),
            Value::from(metadata.nlink()),
        ],
    );
    FileInfo {
        path,
        kind,
        size: metadata.len(),
        mode: metadata.mode(),
        mtime: moment(metadata.mtime(), metadata.mtime_nsec()),
        atime: moment(metadata.atime(), metadata.atime_nsec()),
        ctime: moment(metadata.ctime(), metadata.ctime_nsec()),
        // File systems that do not keep it say the epoch.
        btime: metadata.created().ok().map(Time::from).filter(|made| *made != Time::EPOCH),
        link,
        device,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_one_name() {
        let path = OsPath::parse(STYLE, br#"/etc/"a/b""#);
        assert_eq!(native(&path), Err("a name cannot hold a slash or a zero byte"));
        assert_eq!(native(&OsPath::parse(STYLE, b"/etc/x")), Ok(PathBuf::from("/etc/x")));
    }
}
