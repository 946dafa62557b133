//! What operating systems do differently about folders.

use std::io;
use std::path::Path;

/// Makes names in a folder durable. Where a folder cannot be opened like a file, its names are durable
/// by themselves.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// Makes names in a folder durable. Where a folder cannot be opened like a file, its names are durable
/// by themselves.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
