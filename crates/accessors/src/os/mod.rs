//! What differs between operating systems about files. The only place of the crate that names one.

// Also compiled in tests, so that it keeps compiling.
#[cfg(any(not(unix), test))]
#[cfg_attr(unix, allow(dead_code, unreachable_pub))]
mod other;
// Also compiled in tests, so that it keeps compiling.
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", allow(dead_code, unreachable_pub))]
mod no_processes;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(unix)]
mod unix;

#[cfg(not(target_os = "linux"))]
pub use no_processes::{ProcessMemory, memory_regions, open_memory, process_ids};
#[cfg(not(unix))]
pub use other::{STYLE, describe, kind, name_bytes, native, open};
#[cfg(target_os = "linux")]
pub use processes::{ProcessMemory, memory_regions, open_memory, process_ids};
#[cfg(unix)]
pub use unix::{STYLE, describe, kind, name_bytes, native, open};
