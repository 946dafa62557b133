//! Definitions of log hunts: YAML files to tenants, datasets, engines, rules, and what is wrong
//! with them.
//!
//! - [`read`] takes files to [`Definitions`] and problems, each with its place and mend.
//! - [`definitions`] and [`schedule`] are what the files say, as plain data.
//! - [`Definitions::streams`] says what runs where; [`test_outcome`] judges rule tests;
//!   [`json_schema`] describes the files to editors.
//!
//! # Invariants
//!
//! - **LR-0** Whatever the texts, reading ends with definitions or with placed problems.
//!
//! # Not here
//!
//! Reading folders, and the secrets that files refer to: the programs.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asked;
mod channel;
mod check;
pub mod definitions;
mod engine;
mod manner;
mod outcome;
mod pack;
mod read;
mod rule;
pub mod schedule;
mod schema;
mod secrets;
mod streams;
mod table;
mod tables;
mod take;
mod tenant;
mod timetable;

pub use definitions::*;
pub use outcome::{Mismatch, test_outcome};
pub use read::read;
pub use schedule::{FirstFrom, Retry, Schedule, Ticks};
pub use schema::json_schema;
pub use streams::{Assignment, Excepted, Inapplicable, Streams, Why};
pub use yaml_nodes::{Problem, Severity as ProblemSeverity};
