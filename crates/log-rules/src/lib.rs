//! Definitions of log hunts: YAML files to tenants, datasets, engines, rules, and what is wrong
//! with them.
//!
//! - [`definitions`] and [`schedule`] are what the files say, as plain data.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod definitions;
pub mod schedule;

pub use definitions::*;
pub use schedule::{FirstFrom, Retry, Schedule, Ticks};
