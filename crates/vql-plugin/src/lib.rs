//! What a VQL plugin or function is: its arguments, its words, what it needs, and what it may ask.
//!
//! A plugin yields rows, a function yields a value. Either is one file: a struct of arguments
//! declared with [`plugin_args!`] (names, types, defaults and documentation in one place) and an
//! implementation of [`Plugin`] or [`Function`]. Everything outside itself it asks of the
//! [`Scope`] it is given: variables, queries and lambdas handed to it, the log, whether to stop,
//! and through [`Scope::host`] the clock, the accessors and the uploads.
//!
//! ```text
//! plugin_args! {
//!     /// Numbers from start up to, and without, end.
//!     pub struct RangeArgs for "range" {
//!         /// The first number.
//!         start: i64 = 0,
//!         /// Where to stop.
//!         end: i64,
//!     }
//! }
//! ```
//!
//! # Invariants
//!
//! - **VP-1** A plugin that fails logs `name: what happened` and yields no more rows; a function
//!   that fails logs and yields NULL. Neither ends the query.
//! - **VP-2** A stream of rows is pulled; nothing runs ahead of its consumer, except inside
//!   [`stream::produce`] by a bounded number of rows.
//! - **VP-3** Arguments are converted by their declared type, in one place ([`ArgType`]).
//!
//! # Not here
//!
//! Evaluation: `vql-eval`. Plugins themselves: `vql-std`, `vql-machine`. Real files: `accessors`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod access;
mod args;
mod catalog;
mod coerce;
mod elsewhere;
mod host;
mod permission;
mod plugin;
pub mod re2;
mod scope;
mod spec;
mod spill;
pub mod stream;
mod view;

pub use access::{
    AccessError, Accessor, Accessors, DirStream, FileInfo, FileKind, ReadSeek, UploadFailed,
    UploadRecord, UploadRequest, Uploads, Wanted,
};
pub use args::{Arguments, CallArgs, FreeArgs};
pub use catalog::{Catalog, Found};
pub use coerce::{ArgContext, ArgType, Lambda, LazyArg, Query};
pub use elsewhere::{
    Elsewhere, Why, accessor_elsewhere, all_accessors_elsewhere, all_elsewhere, elsewhere,
};
pub use host::{Host, HostBuilder};
pub use permission::Permission;
pub use plugin::{Body, Entry, Failure, Function, FunctionBody, Plugin, PluginBody};
pub use re2::{BadPattern, Pattern};
pub use scope::{Level, LogLine, Memory, Scope, ScopeCore, Stopped};
pub use spec::{ArgSpec, Kind, Spec};
pub use spill::{MemorySpill, Spill, SpillFailed, SpillFile};
pub use stream::RowStream;
pub use view::{Impersonated, View};
