//! Who can mend an error, and how an error with its causes is printed.

use std::error::Error;
use std::fmt;

/// Who can mend an error. Exit codes and HTTP statuses follow from this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller asked for something that makes no sense; asking again will not help.
    Caller,
    /// The caller is not known or not allowed.
    Denied,
    /// The thing named does not exist.
    NotFound,
    /// The thing has changed meanwhile or is in a state that does not allow this.
    Conflict,
    /// Too much at once; the same call may succeed later.
    Busy,
    /// Our own store or code failed.
    Ours,
}

/// Prints an error and all of its causes on one line: `a: b: c`.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
