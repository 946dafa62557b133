//! Which windows are due, what is committed, what is found: the ledger of log hunts.
//!
//! - [`engine`] is the port of query engines.
//! - [`command`] is what may be asked of a stream's ledger, [`ledger`] the one function that does it,
//!   [`stream`] what is remembered besides slices, [`retry`] what follows from a failure.
//! - [`channel`] is the port by which findings are told, and what becomes of a message.
//! - [`ids`] are identities that follow from what a thing is.
//! - [`tell`] decides what becomes of findings: which are new, and who is told.
//! - [`ports`] are the records: ledgers, findings, deliveries, what operators decided; [`memory`] is
//!   their twin in memory.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod channel;
pub mod command;
pub mod engine;
#[cfg(test)]
mod examples;
pub mod ids;
pub mod ledger;
pub mod memory;
pub mod ports;
pub mod retry;
pub mod stream;
pub mod tell;
