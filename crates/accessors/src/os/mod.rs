//! What differs between operating systems about files. The only place of the crate that names one.

// Also compiled in tests, so that it keeps compiling.
#[cfg(any(not(unix), test))]
#[cfg_attr(unix, allow(dead_code, unreachable_pub))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use other::{STYLE, describe, kind, name_bytes, native, open};
#[cfg(unix)]
pub use unix::{STYLE, describe, kind, name_bytes, native, open};
