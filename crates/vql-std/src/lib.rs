//! VQL plugins and functions that need no machine: text, numbers, time, paths, encodings, and
//! the parsers of evidence, which read through whatever accessor the program offers.
//!
//! One file per name, in `functions` or `plugins`; each declares its arguments with their
//! documentation, its permissions and its behaviour. What several share is in a file per topic.
//! [`catalog`] lists everything.
//!
//! # Not here
//!
//! The row sources and functions that are part of the language (`foreach`, `if`, `dict`, `get`,
//! aggregates, ...): `vql-eval`. Plugins about a machine: `vql-machine`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod binary;
mod functions;
mod json;
mod lines;
mod numbers;
mod paths;
mod plugins;
mod reading;
mod regexes;
mod remapping;
mod self_description;
mod serialize;
mod sigma;
mod times;

use vql_plugin::Catalog;

pub use crate::self_description::self_describing;

/// Every plugin and function of this crate.
pub fn catalog() -> Catalog {
    functions::catalog().and(plugins::catalog())
}
