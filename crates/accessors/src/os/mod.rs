//! What differs between operating systems about files. The only place of the crate that names one.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use other::{STYLE, describe, name_bytes, native, open};
#[cfg(unix)]
pub use unix::{STYLE, describe, name_bytes, native, open};
