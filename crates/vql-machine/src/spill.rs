//! Room on disk for what a query keeps and that does not fit into memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use parking_lot::Mutex;
use vql_plugin::{Spill, SpillFailed, SpillFile};

/// Temporary files without a name, which the system removes when they are closed, however the
/// program ends.
#[derive(Clone, Debug)]
pub struct TempFiles {
    folder: PathBuf,
}

impl TempFiles {
    /// In this folder, which has to exist when a file is made.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where the system keeps temporary files.
    pub fn of_the_system() -> Self {
        Self::in_folder(std::env::temp_dir())
    }
}

impl Spill for TempFiles {
    fn create(&self) -> Result<Box<dyn SpillFile>, SpillFailed> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| {
            let folder = self.folder.display();
            SpillFailed(format!("cannot make a temporary file in `{folder}`: {error}"))
        })?;
        Ok(Box::new(TempFile(Mutex::new(file))))
    }
}

struct TempFile(Mutex<File>);

impl SpillFile for TempFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SpillFailed> {
        let file = self.0.get_mut();
        let written = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(bytes));
        written.map_err(|error| SpillFailed(format!("cannot write a temporary file: {error}")))
    }

    fn read_at(&self, place: u64, buffer: &mut [u8]) -> Result<usize, SpillFailed> {
        let mut file = self.0.lock();
        let read = file.seek(SeekFrom::Start(place)).and_then(|_| {
            loop {
                match file.read(buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        });
        read.map_err(|error| SpillFailed(format!("cannot read a temporary file: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_anywhere_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = TempFiles::in_folder(folder.path()).create().unwrap();
        file.append(b"one ").unwrap();
        file.append(b"two").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(file.read_at(2, &mut buffer), Ok(5));
        assert_eq!(&buffer[..5], b"e two");
        file.append(b"!").unwrap();
        assert_eq!(file.read_at(7, &mut buffer), Ok(1));
        assert_eq!(file.read_at(8, &mut buffer), Ok(0));
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let nowhere = TempFiles::in_folder(folder.path().join("none")).create();
        assert!(nowhere.err().unwrap().to_string().contains("cannot make a temporary file in"));
    }
}
