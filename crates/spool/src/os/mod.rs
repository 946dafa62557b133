//! What differs between operating systems.

use std::io;
use std::path::Path;

/// Makes the names in a folder durable: files created, renamed and removed before are so after a
/// power failure too.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Windows journals names by itself and refuses to open a folder as a file.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
