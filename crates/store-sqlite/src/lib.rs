//! The record ports on SQLite: one file, one writer thread, a few reading connections.
//!
//! # What is durable when
//!
//! The file is in WAL mode with `synchronous = FULL`: a call that returned `Ok` has been through an
//! `fsync`, so neither the death of the process nor a loss of power takes it back. That is
//! affordable because calls that come at the same time share one transaction (see [`writer`]): under
//! load, hundreds of them share one `fsync`.
//!
//! # Invariants
//!
//! - Everything that belongs together is one job of the writer, inside one savepoint: a member, its
//!   hunt's counters and its flow never disagree.
//! - Decisions are made by `fleet`, `flows` and `hunts`; this crate reads what they need and writes
//!   what they say.
//! - Nothing that comes from outside becomes SQL text: values are bound, orders come from closed
//!   enums, columns of rows are compared by `flows::query`.
//!
//! # Log hunts
//!
//! [`LogStore`] keeps the records of log hunts in a file of their own, so that they can be used without
//! a server. Several processes may use it at the same time: each transaction that writes takes the
//! file's lock when it begins. All steps that wait at that moment share it and its `fsync`.
//!
//! # Not here
//!
//! Bytes of uploaded files (`store-files`).

mod accounts;
mod admission;
mod clients;
mod codec;
mod dump;
mod erasure;
mod flows_table;
mod hunts_table;
mod leases;
mod log_columns;
mod log_control;
mod log_filter;
mod log_findings;
mod log_ledger;
mod log_outbox;
mod log_step;
mod log_store;
mod members;
mod monitoring;
mod open;
mod progress;
mod readers;
mod reports;
mod roster;
mod rows_table;
mod rows_write;
mod schema;
mod segments_table;
mod tools;
mod uploads;
mod writer;

use std::path::Path;
use std::sync::Arc;

use model::store::StoreError;
use rusqlite::Connection;

pub use dump::{Dump, DumpPage};
pub use leases::SqliteLeases;
pub use log_store::LogStore;
pub use open::OpenError;

use codec::Done;

/// All records of an installation in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Arc<writer::Writer>,
    look_ups: Arc<readers::Readers>,
    searches: Arc<readers::Readers>,
}

impl SqliteStore {
    /// Opens the file, makes it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// When it cannot be written, is in use by another process, was written by a newer version, or
    /// is not a store of ours.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (lock, connection) = open::open_for_writing(path)?;
        // Apart, so that a look-up never waits for somebody's long search.
        let look_ups = Arc::new(readers::Readers::open(path)?);
        let searches = Arc::new(readers::Readers::open(path)?);
        let writer = writer::Writer::start(connection, Some(lock)).map_err(OpenError::Thread)?;
        Ok(Self { writer: Arc::new(writer), look_ups, searches })
    }

    /// Changes records; returns when the change is durable.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(doing, job).await
    }

    /// Changes records with a job that has no other effect, so that it may run again; see [`writer`].
    async fn write_again<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl Fn(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run_again(doing, job).await
    }

    /// Reads a few records by key, here and now: cheaper than handing it to another thread.
    fn look_up<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T>,
    ) -> Result<T, StoreError> {
        self.look_ups.here(doing, job)
    }

    /// Reads what may take long, on a thread for such work.
    async fn search<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.searches.clone();
        tokio::task::spawn_blocking(move || readers.here(doing, job))
            .await
            .map_err(|stopped| StoreError::broken(doing, stopped))?
    }
}
