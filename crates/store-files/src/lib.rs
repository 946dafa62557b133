//! The bytes of uploaded files on a local disk, named by their content.
//!
//! ```text
//! incoming/<upload id>.part     bytes that have arrived; its length is the durable offset
//! incoming/<upload id>.sealed   hash and size of a file that is complete
//! content/ab/ab12…              content by SHA-256
//! ```
//!
//! # Invariants
//!
//! - Bytes are synced before [`append`](BlobStore::append) returns; names are synced with their
//!   folder before the step that relies on them.
//! - Sealing writes the mark first and renames then: a kill in between is completed by the next
//!   [`open`](BlobStore::open) or [`seal`](BlobStore::seal). Content is therefore whole or absent.
//! - No name on this disk comes from a client: ids and hashes only.
//!
//! # Not here
//!
//! Who may send what (`flows::uploads`), which files there are (`store-sqlite`).

mod folder;
mod os;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base::UploadId;
use flows::uploads::{AppendError, Blob, BlobProgress, BlobStore, SealError};
use model::store::StoreError;

use folder::Folder;

/// Uploaded files in one folder.
#[derive(Clone)]
pub struct FileBlobs {
    folder: Arc<Folder>,
}

impl FileBlobs {
    /// Opens the folder; makes it when it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { folder: Arc::new(Folder::open(path)?) })
    }

    /// Does something with the disk on a thread for such work.
    async fn on_disk<T, E>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let folder = self.folder.clone();
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(outcome) => outcome,
            Err(stopped) => Err(StoreError::broken("work on the disk", stopped).into()),
        }
    }
}

#[async_trait]
impl BlobStore for FileBlobs {
    async fn open(&self, id: UploadId) -> Result<BlobProgress, StoreError> {
        self.on_disk(move |folder| folder.begin(id)).await
    }

    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError> {
        let data = data.to_vec();
        self.on_disk(move |folder| folder.append(id, offset, &data, size_max)).await
    }

    async fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError> {
        self.on_disk(move |folder| folder.seal(id, sha256)).await
    }

    async fn discard(&self, id: UploadId) -> Result<(), StoreError> {
        self.on_disk(move |folder| folder.discard(id)).await
    }

    async fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let sha256 = *sha256;
        self.on_disk(move |folder| folder.forget(&sha256)).await
    }

    async fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let sha256 = *sha256;
        self.on_disk(move |folder| folder.read(&sha256, offset, length)).await
    }

    async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        let sha256 = *sha256;
        self.on_disk(move |folder| folder.size(&sha256)).await
    }
}
