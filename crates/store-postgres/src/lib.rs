//! The records of log hunts on PostgreSQL, for several schedulers.
//!
//! # How a step becomes one transaction
//!
//! The row of the stream is locked (`SELECT … FOR UPDATE`), the store's clock and the working set are
//! read behind the lock, the ledger decides, and everything that follows is written before the
//! commit. Statements are prepared once and sent without waiting for one another where none needs
//! another's answer: a step without findings takes two round trips, one that found something three
//! or four.
//!
//! # Invariants
//!
//! - The clock is the server's, read after the lock was granted: steps of a stream see it in the order
//!   in which they happen, from whatever machine they come.
//! - No two committed windows of a stream meet: an exclusion constraint says so, whatever the ledger
//!   had loaded.
//! - A transaction that was not ended in good order closes its connection; it never goes back to the
//!   pool.
//! - Rows are locked in one order (stream, findings by id, buckets by name), so that steps do not wait
//!   for one another in a circle. Should they all the same, the step is begun again.
//! - Nothing that comes from outside becomes SQL text: values are bound.
//!
//! # Not here
//!
//! Any decision: `loghunt`. What becomes of a value in a column: `loghunt::flat`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod columns;
mod connect;
mod control;
mod failure;
mod filter;
mod findings;
mod ledger;
mod outbox;
mod records;
mod step;
mod transaction;

pub use connect::{OpenError, PostgresLog, Settings};
