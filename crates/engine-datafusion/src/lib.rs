//! Files and folders of logs as an SQL engine, in process.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
