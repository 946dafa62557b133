//! What only the operating system can do for this program: private files, children that do not
//! outlive their parent, what a process has used.
//!
//! The only module of this crate that may know one operating system.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;
