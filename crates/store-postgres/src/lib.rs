//! The record ports on PostgreSQL: the records of an installation for several servers
//! ([`RecordStore`]), those of log hunts for several schedulers ([`PostgresLog`]).
//!
//! # How a step becomes one transaction
//!
//! What a step is about is locked and read, the mind decides, and everything that follows is written
//! before the commit. Statements are prepared once for each connection and sent without waiting for
//! one another where none needs another's answer: most steps take two round trips.
//!
//! # Invariants
//!
//! - A call that returned `Ok` is on the disk of the database, whose `synchronous_commit` is left on.
//! - Rows are locked in one order, so that steps do not wait for one another in a circle: for log
//!   hunts the stream, findings by id, buckets by name; for endpoint hunts the gate of admissions, the
//!   hunts' own locks, flows by id, members by key, counters by key, offers. Should they all the same,
//!   the step is begun again.
//! - A key that another node writes at the same moment makes a step fail and begin again, with the
//!   other's record before it. So a decision is made twice and written once.
//! - A transaction that was not ended in good order closes its connection; it never goes back to the
//!   pool.
//! - Nothing that comes from outside becomes SQL text: values are bound.
//! - Leases of log hunts follow the server's clock, read after the lock was granted; endpoint hunts
//!   follow the moments that their callers give.
//!
//! # What a client's part in a hunt costs
//!
//! What clients say at the same moment is one transaction: the answers of up to 64 checks, the reports
//! of up to 64 clients. `BEGIN` and `COMMIT` counted, in two round trips, whatever their number
//! (`examples/postgres_client_flows.rs` counts them, with 64 clients at once):
//!
//! | step | statements of one client alone | for each of 64 at once | commits for each |
//! |---|---|---|---|
//! | the answer of a check, for any number of hunts | 7 | 0.33 | 0.03 |
//! | admission, for thousands of clients | 14 | 0.03 | 0.03 |
//! | the flow was received, brought rows and ended | 13 | 0.65 | 0.05 |
//!
//! A client's part in a hunt is 6 KB of the database's log.
//!
//! # Not here
//!
//! Any decision: `fleet`, `flows`, `hunts`, `loghunt`. What becomes of a value in a column: `records`
//! and `loghunt::flat`. Bytes of uploaded files.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accounts;
mod admission;
mod announcements;
mod asks;
mod clients;
mod columns;
mod connect;
mod control;
mod erasure;
mod failure;
mod filter;
mod findings;
mod flow_steps;
mod flows_table;
mod gather;
mod hunts_table;
mod import;
mod joint;
mod leases;
mod ledger;
mod log_records;
mod members;
mod members_write;
mod monitoring;
mod nodes_table;
mod outbox;
mod record_store;
mod reports;
mod roster;
mod rounds_table;
mod rows_read;
mod rows_write;
mod segments_table;
mod step;
mod tokens;
mod tools;
mod transaction;
mod uploads;
mod values;

pub use connect::{OpenError, PostgresLog, RecordStore, Settings};
pub use import::{ImportColumn, ImportProgress, ImportTable};
