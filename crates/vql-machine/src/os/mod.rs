//! The machine this program runs on. The only place of the crate that names an operating system.

#[cfg(target_os = "linux")]
mod addresses;
#[cfg(target_os = "linux")]
mod attributes;
#[cfg(target_os = "linux")]
mod feeds;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod process_memory;
// Also compiled in tests, so that it keeps compiling.
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", allow(dead_code, unreachable_pub))]
mod other;

#[cfg(target_os = "linux")]
pub use linux::{ThisMachine, kill_group, make_executable, own_group};
#[cfg(not(target_os = "linux"))]
pub use other::{ThisMachine, kill_group, make_executable, own_group};
