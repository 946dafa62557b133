//! A SQLite database as an SQL engine.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
