//! What differs between operating systems: private and runnable files, and the processor time of a thread.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as here;

#[cfg(not(unix))]
mod portable;
#[cfg(not(unix))]
use portable as here;

use std::io;
use std::path::Path;
use std::time::Duration;

/// Writes a new file that only its owner may read, replacing an older one as a whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    here::write_private(path, content)
}

/// Lets the owner of a file run it.
pub(crate) fn make_runnable(path: &Path) -> io::Result<()> {
    here::make_runnable(path)
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    here::thread_cpu_time()
}

/// Whether nobody but its owner may read a file. Always true where this cannot be asked.
#[cfg(test)]
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    here::is_private(path)
}
