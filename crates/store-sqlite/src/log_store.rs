//! The file of log hunts: who writes, who reads, and by which clock.

use std::path::Path;
use std::sync::Arc;

use base::Clock;
use model::store::StoreError;
use rusqlite::Connection;

use crate::codec::Done;
use crate::open::{self, OpenError};
use crate::readers::Readers;
use crate::schema;
use crate::writer::Writer;

/// The records of log hunts in one SQLite file. Clones share it, and other processes may use it too.
#[derive(Clone)]
pub struct LogStore {
    writer: Arc<Writer>,
    look_ups: Arc<Readers>,
    searches: Arc<Readers>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl LogStore {
    /// Opens the file, makes it when it is not there, and brings its schema up to date. Leases are
    /// judged by `clock`: that of the machine, which all processes that use the file share.
    ///
    /// # Errors
    ///
    /// When it cannot be written, was written by a newer version, or is not a file of log hunts.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let connection = open::open_shared(path, &schema::LOG_HUNTS)?;
        // Apart, so that a look-up never waits for somebody's long search.
        let look_ups = Arc::new(Readers::open(path)?);
        let searches = Arc::new(Readers::open(path)?);
        let writer = Arc::new(Writer::start(connection, None).map_err(OpenError::Thread)?);
        Ok(Self { writer, look_ups, searches, clock })
    }

    /// Changes records; returns when the change is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(doing, job).await
    }

    /// Reads a few records by key, here and now.
    pub(crate) fn look_up<T>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> Done<T>,
    ) -> Result<T, StoreError> {
        self.look_ups.here(doing, job)
    }

    /// Reads what may take long, on a thread for such work.
    pub(crate) async fn search<T: Send + 'static>(
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
