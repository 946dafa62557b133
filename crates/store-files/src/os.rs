//! What differs between systems: making a name durable.

use std::io;
use std::path::Path;

/// Makes the names in a folder durable.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}

/// On other systems a folder cannot be opened like a file; their file systems keep names in a
/// journal.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
