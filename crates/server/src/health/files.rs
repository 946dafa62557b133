//! Notices when the store of uploaded files fails, or takes long.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{Fault, UploadId};
use flows::BlobStore;
use flows::uploads::{AppendError, Blob, BlobProgress, SealError};
use model::store::StoreError;

use super::trouble::{Cause, Place, Troubles};

/// One step takes milliseconds on a disk and less than a second in an object store.
const LONG: Duration = Duration::from_secs(5);

/// A store of files that is watched.
pub(crate) struct WatchedFiles {
    pub(crate) inner: Arc<dyn BlobStore>,
    pub(crate) troubles: Arc<Troubles>,
}

/// The cause of a failure of this store: says whose it is, and is noted already.
#[derive(Debug)]
struct OfFiles(Box<dyn Error + Send + Sync>);

impl fmt::Display for OfFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for OfFiles {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Whether a failure is one of the store of files, and noted.
pub(crate) fn is_of_files(error: &StoreError) -> bool {
    error.source().is_some_and(|cause| cause.is::<OfFiles>())
}

impl WatchedFiles {
    /// Does one step. What takes long is noted while it does.
    async fn timed<T>(&self, step: impl Future<Output = T>) -> T {
        let mut step = std::pin::pin!(step);
        loop {
            tokio::select! {
                biased;
                done = &mut step => return done,
                () = tokio::time::sleep(LONG) => {
                    self.troubles.note(Place::Files, Cause::Slow, None);
                }
            }
        }
    }

    /// Notes a failure that is the store's own.
    fn noted(&self, error: StoreError) -> StoreError {
        let cause = match (error.fault(), Cause::of(&error)) {
            (Fault::Busy, Cause::Unknown) => Cause::Away,
            (Fault::Busy | Fault::Ours, cause) => cause,
            (Fault::Caller | Fault::Denied | Fault::NotFound | Fault::Conflict, _) => return error,
        };
        self.troubles.note(Place::Files, cause, Some(&error));
        match error {
            StoreError::Away { doing, source } => StoreError::away(doing, OfFiles(source)),
            StoreError::Broken { doing, source } => StoreError::broken(doing, OfFiles(source)),
            other => other,
        }
    }
}

#[async_trait]
impl BlobStore for WatchedFiles {
    async fn open(&self, id: UploadId) -> Result<BlobProgress, StoreError> {
        self.timed(self.inner.open(id)).await.map_err(|error| self.noted(error))
    }

    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError> {
        let appended = self.timed(self.inner.append(id, offset, data, size_max)).await;
        appended.map_err(|error| match error {
            AppendError::Store(error) => self.noted(error).into(),
            other => other,
        })
    }

    /// Takes as long as the file is large.
    async fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError> {
        self.inner.seal(id, sha256).await.map_err(|error| match error {
            SealError::Store(error) => self.noted(error).into(),
            SealError::WrongHash => SealError::WrongHash,
        })
    }

    async fn discard(&self, id: UploadId) -> Result<(), StoreError> {
        self.timed(self.inner.discard(id)).await.map_err(|error| self.noted(error))
    }

    async fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        self.timed(self.inner.forget(sha256)).await.map_err(|error| self.noted(error))
    }

    async fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let read = self.timed(self.inner.read(sha256, offset, length)).await;
        read.map_err(|error| self.noted(error))
    }

    async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        self.timed(self.inner.size(sha256)).await.map_err(|error| self.noted(error))
    }
}
