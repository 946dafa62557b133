//! The agent's memory on disk: a bounded queue of reports, the flow requests it holds, and its
//! bookmark. Implements the ports [`link::Outbox`] and [`link::Bookmarks`].
//!
//! ```text
//! STATE/spool/lock                       held by the one process that may write here
//! STATE/spool/acknowledged               the last report that the server has
//! STATE/spool/NUMBER.seg                 reports from NUMBER on, each with its length and checksum
//! STATE/spool/flows/FLOW-ATTEMPT.waiting a request that nobody has begun
//! STATE/spool/flows/FLOW-ATTEMPT.begun   a request under evaluation
//! STATE/spool/flows/FLOW-ATTEMPT.over    the status of an attempt that has run
//! STATE/spool/bookmark                   last_hunt_timestamp and the recheck mark
//! STATE/spool/monitoring                 what the server wants to be monitored
//! STATE/spool/check.marker               offers whose client query is under evaluation, or crashed
//! ```
//!
//! # When something is durable
//!
//! A method that returned `Ok` has written to the file, so nothing is lost by kill -9. Against a
//! power failure, requests, rows, log lines, statuses and the last part of a file are also synced
//! before the method returns; other parts of files are synced with the next of these. So a status on
//! disk means that everything before it is on disk. What is lost without a sync (the acknowledged
//! number, a removed file) only makes the agent send something twice, which the server notices.
//!
//! # What is found after a crash
//!
//! A record that ends in the middle, with nothing readable behind it, is a write that never
//! finished: it is cut off. Anything else that does not match its checksum is damage: it is reported,
//! skipped up to the next record that matches, and every attempt that may have lost a report in the
//! gap is ended as `incomplete`, so that the server runs it again instead of waiting for ever.
//!
//! # Not here
//!
//! What reports mean and when they are sent.

#![warn(missing_docs)]

mod bookmarks;
mod durable;
mod flow_files;
mod os;
mod outbox;
mod record;
mod recovery;
mod segments;

pub use bookmarks::DiskBookmarks;
pub use outbox::DiskOutbox;
pub use recovery::Recovery;
