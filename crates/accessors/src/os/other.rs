//! Files of an operating system that is not a Unix: what the standard library knows.

use std::ffi::OsString;
use std::fs::{File, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use rows::{Dict, OsPath, PathStyle, Text, Time};
use vql_plugin::{FileInfo, FileKind};

/// How paths of the machine's files are written.
pub const STYLE: PathStyle = PathStyle::Windows;

/// The path as the operating system takes it; a sentence when a component cannot be a name.
pub fn native(path: &OsPath) -> Result<PathBuf, &'static str> {
    let mut native = String::new();
    for (index, component) in path.components().iter().enumerate() {
        let device = index == 0 && component.starts_with(br"\\");
        if !device && component.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) {
            return Err("a name cannot hold a slash, a backslash or a zero byte");
        }
        if index > 0 {
            native.push('\\');
        }
        native.push_str(&component.to_str_lossy());
    }
    // A bare drive means its root, not the current folder on it.
    if native.ends_with(':') {
        native.push('\\');
    }
    Ok(PathBuf::from(native))
}

/// The bytes of a file's name.
pub fn name_bytes(name: OsString) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}

/// Opens a file for reading.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What a file is.
pub fn kind(kind: FileType) -> FileKind {
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Dir
    } else if kind.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    }
}

/// What is known about a file.
pub fn describe(path: OsPath, native: &Path, metadata: &Metadata) -> FileInfo {
    let kind = kind(metadata.file_type());
    let link = (kind == FileKind::Symlink)
        .then(|| std::fs::read_link(native).ok())
        .flatten()
        .map(|target| Text::from(target.to_string_lossy().into_owned()));
    FileInfo {
        path,
        kind,
        size: metadata.len(),
        mode: 0,
        mtime: metadata.modified().ok().map(Time::from),
        atime: metadata.accessed().ok().map(Time::from),
        ctime: None,
        btime: metadata.created().ok().map(Time::from),
        link,
        device: 0,
        data: Dict::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_windows_have_drives_and_devices() {
        let check = |text: &str, wanted: &str| {
            let path = OsPath::parse(STYLE, text.as_bytes());
            assert_eq!(native(&path).map_err(str::to_owned), Ok(PathBuf::from(wanted)));
        };
        check(r"C:\Users\x", r"C:\Users\x");
        check("c:", r"c:\");
        check(r"\\.\PhysicalDrive0", r"\\.\PhysicalDrive0");
        let escape = OsPath::new(STYLE, [Text::from("C:"), Text::from(r"a\..\b")]);
        assert!(native(&escape).is_err());
    }
}
