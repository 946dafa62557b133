//! Suites for ports, builders, example machines. Never shipped.
//!
//! A suite is the list of promises that a port's contract makes, as code. Every implementation runs
//! it: twins in memory in this crate's own tests, stores in theirs.

pub mod blob_suite;
pub mod engine_suite;
pub mod fleet_suite;
pub mod flow_suite;
pub mod hunt_suite;
pub mod monitoring_suite;
pub mod outbox;
pub mod postgres;
pub mod stores;
pub mod tool_suite;
