//! VQL plugins and functions that need no machine: text, numbers, time, paths, encodings, and
//! the parsers of evidence, which read through whatever accessor the program offers.
//!
//! One file per topic; each declares its arguments with their documentation, its permissions and
//! its behaviour. [`catalog`] lists everything.
//!
//! # Not here
//!
//! The row sources and functions that are part of the language (`foreach`, `if`, `dict`, `get`,
//! aggregates, ...): `vql-eval`. Plugins about a machine: `vql-machine`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod collections;
mod command_lines;
mod encodings;
mod functions;
mod grok;
mod json;
mod lines;
mod numbers;
mod paths;
mod plugins;
mod reading;
mod regexes;
mod self_description;
mod serialize;
mod strings;
mod tables;
mod times;
mod yaml;

use vql_plugin::Catalog;

pub use crate::self_description::self_describing;

/// Every plugin and function of this crate.
pub fn catalog() -> Catalog {
    [
        addresses::catalog(),
        collections::catalog(),
        command_lines::catalog(),
        encodings::catalog(),
        functions::catalog(),
        grok::catalog(),
        json::catalog(),
        lines::catalog(),
        numbers::catalog(),
        paths::catalog(),
        plugins::catalog(),
        regexes::catalog(),
        serialize::catalog(),
        strings::catalog(),
        tables::catalog(),
        times::catalog(),
        yaml::catalog(),
    ]
    .into_iter()
    .fold(Catalog::new(), Catalog::and)
}
