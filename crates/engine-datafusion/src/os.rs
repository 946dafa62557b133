//! What is asked of this machine's files directly, and its clock.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use base::Timestamp;

/// This machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Whether there is such a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// A part of a file that is open.
pub(crate) fn part_of(mut file: File, from: u64, length: u64) -> std::io::Result<impl Read> {
    file.seek(SeekFrom::Start(from))?;
    Ok(file.take(length))
}

/// A file's content; nothing when there is none.
pub(crate) fn read(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A new file, or an emptied one.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    File::create(path)
}

/// Replaces a file's content: afterwards it is the old or the new one, whatever happens.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        // Makes the new name durable where folders can be synchronised.
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Holds a lock among processes until what is returned is dropped.
pub(crate) fn lock(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}
