//! A SQLite database as an SQL engine.
//!
//! The file is opened for reading only; what a question may do is restricted to reading tables of
//! this one file. Predicates are judged row by row in this process, many in one pass.
//!
//! # Invariants
//!
//! - **SE-1** A question can neither write nor reach another file, whatever its text.
//! - **SE-2** A moment is what [`times`](self) says and nothing else: units are never guessed.
//! - **SE-3** The cursor is an `AUTOINCREMENT` key, which never falls; when its sequence does, the
//!   source has changed.
//!
//! # Not here
//!
//! Windows, templates and their bound values: `sql-text`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod engine;
mod lanes;
mod pass;
mod schema;
mod session;
mod times;
mod trouble;

pub use engine::SqliteEngine;
