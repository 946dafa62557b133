//! Which windows are due, what is committed, what is found: the ledger of log hunts.
//!
//! - [`engine`] is the port of query engines.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod engine;
