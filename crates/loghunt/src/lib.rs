//! Which windows are due, what is committed, what is found: the ledger of log hunts.
//!
//! - [`engine`] is the port of query engines.
//! - [`command`] is what may be asked of a stream's ledger, [`ledger`] the one function that does it,
//!   [`stream`] what is remembered besides slices, [`retry`] what follows from a failure.
//! - [`ticks`] says when a rule is due, [`frontier`] which windows it then reads, [`choice`] and
//!   [`breaker`] what runs next, [`repair`] what is read again, [`lineage`] whether a source is still
//!   the one that was read, [`finding`] which match is which finding.
//! - [`channel`] is the port by which findings are told, and what becomes of a message.
//! - [`correlated`] makes matches of rows that belong together.
//! - [`ids`] are identities that follow from what a thing is.
//! - [`tell`] decides what becomes of findings: which are new, and who is told.
//! - [`decided`] are the nouns of what operators decide.
//! - [`ports`] are the records: ledgers, findings, deliveries, what operators decided; [`memory`] is
//!   their twin in memory, [`flat`] what stores in SQL write of states.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod breaker;
pub mod channel;
pub mod choice;
pub mod command;
pub mod correlated;
pub mod decided;
pub mod engine;
#[cfg(test)]
mod examples;
pub mod finding;
pub mod flat;
pub mod frontier;
pub mod ids;
pub mod ledger;
pub mod lineage;
pub mod memory;
pub mod ports;
pub mod repair;
pub mod retry;
pub mod stream;
pub mod tell;
pub mod ticks;
