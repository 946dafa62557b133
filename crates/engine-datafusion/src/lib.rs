//! Files and folders of logs as an SQL engine, in process.
//!
//! NDJSON, CSV, Parquet and Arrow files, in local folders or S3-like stores, packed or not, in folders
//! like `date=2026-01-01/`. The only crate that names DataFusion.
//!
//! - `place` and `files` say where a table's files are; `reading` and `parquet_file` make
//!   batches of them; `dress` says where each row stands and keeps those of the window; `pass` does
//!   that for all files at once.
//! - `predicates` asks all predicates in one pass, `sql` everything else; `run` decides which is
//!   which.
//! - `manifest` numbers stretches of files, for datasets without any clock.
//!
//! # Invariants
//!
//! - **ED-1** Every row of the window that was visible when the pass began is looked at, or the answer
//!   is an error that names the file. No file is left out but those whose rows certainly stand
//!   outside: by Parquet's statistics, or because all of the same bytes were read before.
//! - **ED-2** Nothing blocks or computes on the caller's threads.
//! - **ED-3** Whatever a file holds, nothing panics out of this crate.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arrow_file;
mod dress;
mod engine;
mod files;
mod known;
mod manifest;
mod matchers;
mod os;
mod parquet_file;
mod parquet_writer;
mod pass;
mod place;
mod predicates;
mod reading;
mod run;
mod sql;
mod table;
mod work;

pub use engine::{DataFusionEngine, Settings};
pub use parquet_writer::ParquetWriter;
