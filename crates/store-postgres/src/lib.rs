//! The records of log hunts on PostgreSQL, for several schedulers.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
