//! Suites for ports, builders, example machines. Never shipped.
//!
//! A suite is the list of promises that a port's contract makes, as code. Every implementation runs
//! it: twins in memory in this crate's own tests, stores in theirs.

pub mod blob_suite;
pub mod control_suite;
pub mod engine_suite;
pub mod erasure_suite;
pub mod finding_suite;
pub mod fleet_suite;
pub mod flow_suite;
pub mod hot_suite;
mod hunt_bounds_suite;
pub mod hunt_suite;
pub mod ledger_suite;
pub mod log_load;
pub mod log_stores;
pub mod monitoring_suite;
pub mod node_suite;
pub mod outbox;
pub mod outbox_suite;
pub mod postgres;
pub mod report_suite;
pub mod roster_suite;
mod rounds_suite;
pub mod stores;
pub mod tool_suite;
