//! Evidence formats: bytes and text to records.
//!
//! Every function here takes what somebody found on a machine and says what it means. The input
//! is hostile: nothing panics, nothing loops, nothing grows without bound; what cannot be read is
//! an error or is skipped, as each module says.
//!
//! # Not here
//!
//! Opening files, and the plugins that hand the records to a query: `vql-std`, `vql-machine`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod accounts;
pub mod audit;
pub mod command_line;
pub mod dns;
pub mod evtx;
pub mod free_dates;
pub mod glob;
pub mod go_layout;
pub mod grok;
pub mod humanize;
pub mod journald;
pub mod leveldb;
pub mod linux;
pub mod magic;
pub mod pe;
pub mod plist;
pub mod profile;
pub mod recycle_bin;
pub mod separators;
pub mod template;
pub mod utmp;
pub mod x509;
pub mod xml;
