//! One collection on one client: its queue, its attempts, and what it brings home.
//!
//! - [`ports`] are the records of flows; [`life`] is how an event moves one.
//! - [`results`] are the records of rows and logs; [`query`] filters, sorts and cuts them, [`facets`]
//!   counts their values, [`cell`] says what a value is and how it compares, the same
//!   way over every store. [`hot`] is the part of these records that has not been put into segments,
//!   and which segments there are.
//! - [`reports`] takes what an agent reports at once in one step.
//! - [`uploads`] are the records and the bytes of files.
//! - [`tools`] are the records of files that artifacts need on clients.
//! - [`monitoring`] is the record of event artifacts: which are wanted, and what they bring.
//! - [`completion`] compares what an agent declares with what arrived; [`reconcile`] what both
//!   sides believe to be under way.
//! - [`steer`] reads ports, asks those decisions and writes ports; servers and the simulation call
//!   it.
//! - [`memory`] keeps all of these ports in memory.
//!
//! # Not here
//!
//! Why a flow of a hunt exists (`hunts`), frames and sockets (`server`), SQL (`store-sqlite`).

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod cell;
pub mod completion;
pub mod diff;
#[cfg(test)]
mod examples;
pub mod facets;
pub mod hot;
pub mod life;
pub mod memory;
pub mod monitoring;
pub mod ports;
pub mod query;
pub mod reconcile;
pub mod reports;
pub mod results;
pub mod steer;
pub mod tools;
pub mod uploads;

pub use hot::HotRows;
pub use monitoring::MonitoringStore;
pub use ports::FlowStore;
pub use reports::ReportStore;
pub use results::ResultStore;
pub use tools::ToolStore;
pub use uploads::{BlobStore, UploadStore};
