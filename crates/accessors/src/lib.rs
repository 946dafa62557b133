//! Real file systems, archives and memory behind one path type.
//!
//! Each accessor is one file and implements [`vql_plugin::Accessor`]. [`all`] lists those that
//! this program offers; `auto` is the operating system's files.
//!
//! # Invariants
//!
//! - **AC-1** Opening never waits: pipes, sockets and endless devices are refused with a reason,
//!   except by the accessor `raw_file`, which is asked for by name.
//! - **AC-2** What is compressed is never unpacked into memory whole: members of archives are
//!   streamed, and seeking in them reads again from the start.
//! - **AC-3** No path leaves its container: names inside an archive are compared, never joined
//!   to a path of the machine.

#![warn(missing_docs)]

mod container;
mod file;
mod memory;
mod offset;
pub mod os;
mod packed;
mod process;
mod ranges;
mod rewind;
mod zip;

use std::sync::Arc;

use vql_plugin::{Accessor, Accessors};

pub use crate::file::FileAccessor;
pub use crate::memory::{DataAccessor, ScopeAccessor};
pub use crate::offset::OffsetAccessor;
pub use crate::packed::PackedAccessor;
pub use crate::process::ProcessAccessor;
pub use crate::ranges::{RangedAccessor, SparseAccessor};
pub use crate::zip::ZipAccessor;

/// Every accessor of this crate, under the names that `accessor=` takes.
pub fn all() -> Accessors {
    let files: Arc<dyn Accessor> = Arc::new(FileAccessor::files());
    let one_by_one = [
        files.clone(),
        Arc::new(FileAccessor::ignoring_case()) as Arc<dyn Accessor>,
        Arc::new(FileAccessor::following_links()),
        Arc::new(FileAccessor::raw()),
        Arc::new(DataAccessor),
        Arc::new(ScopeAccessor),
        Arc::new(ZipAccessor::exact()),
        Arc::new(ZipAccessor::ignoring_case()),
        Arc::new(OffsetAccessor),
        Arc::new(SparseAccessor),
        Arc::new(RangedAccessor),
        Arc::new(ProcessAccessor),
    ];
    Accessors::new(one_by_one.into_iter().chain(packed::all())).with("auto", files)
}
