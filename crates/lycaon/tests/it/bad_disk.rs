//! A disk that becomes full or read-only on demand, and good again, for one program: without rights of an
//! administrator, without a file system of its own. What the program asks of the C library is refused
//! there with the error that a real disk gives (`bad_disk.c`).

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrong {
    Nothing,
    Full,
    ReadOnly,
}

/// The library and the file that steers it.
pub(crate) struct BadDisk {
    folder: tempfile::TempDir,
}

impl BadDisk {
    /// Builds the library; or nothing, having said what is missing.
    pub(crate) fn or_say() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad_disk.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.path().join("bad_disk.so"))
            .arg(source)
            .output();
        let why = match built {
            Ok(built) if built.status.success() => return Some(Self { folder }),
            Ok(built) => String::from_utf8_lossy(&built.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let why = format!("a bad disk needs a C compiler called `cc`: {why}");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
        // Nothing is to be done about a standard error that is closed.
        let _ = writeln!(std::io::stderr(), "not tested: {why}");
        None
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// What a program needs in its environment so that this folder of it is on the disk.
    pub(crate) fn env(&self, below: &Path) -> Vec<(OsString, OsString)> {
        [
            ("LD_PRELOAD", self.folder.path().join("bad_disk.so")),
            ("LYCAON_BAD_DISK", self.control()),
            ("LYCAON_BAD_DISK_BELOW", below.to_owned()),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
    }

    /// From now on.
    pub(crate) fn is(&self, wrong: Wrong) {
        let letter = match wrong {
            Wrong::Nothing => "",
            Wrong::Full => "f",
            Wrong::ReadOnly => "r",
        };
        std::fs::write(self.control(), letter).expect("the folder is ours");
    }
}
