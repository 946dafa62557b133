//! Files that only their owner may read, on each operating system.

use std::io::{self, Write};
use std::path::Path;

/// Writes a new file that only its owner may read. A file that exists is an error.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
