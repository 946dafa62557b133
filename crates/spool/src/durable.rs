//! Small files that are replaced as a whole: after any crash there is the old content or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use link::OutboxError;

use crate::os::sync_folder;

/// Adds what was tried to an error of the system.
pub(crate) fn tried<T>(
    result: io::Result<T>,
    action: impl FnOnce() -> String,
) -> Result<T, OutboxError> {
    result.map_err(|source| OutboxError::Disk { action: action(), source })
}

/// Writes a file so that it is there as a whole or not at all, also after a power failure.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> Result<(), OutboxError> {
    tried(replace(path, content, true), || format!("write {}", path.display()))
}

/// Like [`write_durably`], but after a power failure the file may be missing or empty.
pub(crate) fn write_quickly(path: &Path, content: &[u8]) -> Result<(), OutboxError> {
    tried(replace(path, content, false), || format!("write {}", path.display()))
}

fn replace(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    let fresh = beside(path);
    let mut file = File::create(&fresh)?;
    file.write_all(content)?;
    if sync {
        file.sync_data()?;
    }
    drop(file);
    fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) if sync => sync_folder(folder),
        _ => Ok(()),
    }
}

/// Writes over the whole of a small file that has the same length already; takes no room. Whether it did.
pub(crate) fn overwrite(path: &Path, content: &[u8]) -> bool {
    let same = fs::metadata(path).is_ok_and(|data| data.len() == content.len() as u64);
    // Less than a sector: there is the old content or the new after a power failure too.
    let write = || OpenOptions::new().write(true).open(path)?.write_all(content);
    same && write().is_ok()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), OutboxError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tried(Err(error), || format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Reads a file; `None` when it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, OutboxError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => tried(Err(error), || format!("read {}", path.display())),
    }
}

/// The names of the files in a folder.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>, OutboxError> {
    let entries = tried(fs::read_dir(folder), || format!("list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = tried(entry, || format!("list {}", folder.display()))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Makes a folder with all above it.
pub(crate) fn make_folder(folder: &Path) -> Result<(), OutboxError> {
    tried(fs::create_dir_all(folder), || format!("create folder {}", folder.display()))
}
