//! The bytes of uploaded files in an S3-like object store, for any number of nodes.
//!
//! ```text
//! incoming/<upload id>/begun                   the file is known
//! incoming/<upload id>/<offset>-<length>       bytes that have arrived
//! incoming/<upload id>/sealed                  hash and size of a file that is complete
//! blobs/ab/ab12…                               content by SHA-256
//! ```
//!
//! # Invariants
//!
//! - A part is one object and never changes: its name says which bytes it holds. Two nodes that write
//!   the same stretch write the same name, or two names of which both may be read.
//! - Content is written under its hash only after all of it was hashed: a multipart upload becomes an
//!   object when it is completed, and not before. It is whole or absent.
//! - The mark `sealed` comes after the content, and parts go after the mark. A kill in between leaves
//!   what the next [`seal`](BlobStore::seal), on any node, completes, or what
//!   [`discard`](BlobStore::discard) takes away.
//! - What a node remembers of an incoming file is at most what is there, never more.
//! - Memory is bounded: a few parts and one piece of a multipart upload at a time.
//!
//! # Not here
//!
//! Who may send what (`flows::uploads`), which files there are (the record store). A multipart upload
//! that a kill left unfinished costs room that no listing shows; the bucket's lifecycle rule for those
//! collects it (docs/DEPLOY.md).

mod copy;
mod incoming;
mod open;
mod seal;

use std::sync::Arc;

use async_trait::async_trait;
use base::UploadId;
use flows::uploads::{AppendError, Blob, BlobProgress, BlobStore, SealError};
use model::store::StoreError;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};

pub use copy::{Objects, copy_folder, folder};
use incoming::Known;
pub use open::{OpenError, S3Settings, below, probe, s3};

/// Uploaded files in one object store, below a prefix.
#[derive(Clone)]
pub struct ObjectBlobs {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    known: Arc<Known>,
}

fn failed(doing: &str, path: &Path, error: Error) -> StoreError {
    let doing = format!("{doing} the object {path}");
    match error {
        // It does not answer, or with errors of its own, and was asked several times.
        error @ Error::Generic { .. } => StoreError::away(doing, error),
        error => StoreError::broken(doing, error),
    }
}

impl ObjectBlobs {
    /// Files in this store, below `prefix`, which may be empty.
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { objects, prefix: Path::from(prefix), known: Arc::default() }
    }

    /// The object with this name.
    fn path(&self, parts: &[&str]) -> Path {
        self.prefix.parts().chain(parts.iter().map(|part| (*part).into())).collect()
    }

    fn content(&self, sha256: &[u8; 32]) -> Path {
        let name = hex::encode(sha256);
        self.path(&["blobs", &name[..2], &name])
    }

    async fn size_of(&self, path: &Path) -> Result<Option<u64>, StoreError> {
        match self.objects.head(path).await {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("look at", path, error)),
        }
    }
}

#[async_trait]
impl BlobStore for ObjectBlobs {
    async fn open(&self, id: UploadId) -> Result<BlobProgress, StoreError> {
        if let Some(offset) = self.known.length(id) {
            return Ok(BlobProgress::Open { offset });
        }
        let found = self.incoming(id).await?;
        if let Some(blob) = found.sealed {
            return Ok(BlobProgress::Sealed(blob));
        }
        if !found.begun {
            self.begin(id).await?;
        }
        self.known.set(id, found.length());
        Ok(BlobProgress::Open { offset: found.length() })
    }

    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError> {
        let length = match self.known.length(id) {
            Some(known) if known == offset => known,
            Some(_) | None => self.open_length(id).await?,
        };
        if offset > length {
            return Err(AppendError::Gap { expected: length, found: offset });
        }
        let end = offset.saturating_add(data.len() as u64);
        if end > size_max {
            return Err(AppendError::TooLong { size_max });
        }
        if end <= length {
            return Ok(length);
        }
        let known = usize::try_from(length - offset).unwrap_or(usize::MAX);
        self.write_part(id, length, &data[known..]).await?;
        self.known.set(id, end);
        Ok(end)
    }

    async fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError> {
        self.known.forget(id);
        let found = self.incoming(id).await?;
        if let Some(blob) = found.sealed {
            self.remove_parts(id, &found).await?;
            return Ok(blob);
        }
        if !found.begun {
            return Err(StoreError::not_found(format!("incoming file {id}")).into());
        }
        let blob = self.gather(&found, sha256).await?;
        self.write_mark(id, blob).await?;
        self.remove_parts(id, &found).await?;
        Ok(blob)
    }

    async fn discard(&self, id: UploadId) -> Result<(), StoreError> {
        self.known.forget(id);
        let found = self.incoming(id).await?;
        // The mark last: parts without it would look like a file that is still arriving.
        self.remove_parts(id, &found).await?;
        self.remove_marks(id, &found).await
    }

    async fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let path = self.content(sha256);
        match self.objects.delete(&path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("remove", &path, error)),
        }
    }

    async fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.content(sha256);
        let missing = || StoreError::not_found(format!("content {}", hex::encode(sha256)));
        let size = self.size_of(&path).await?.ok_or_else(missing)?;
        let end = offset.saturating_add(length as u64).min(size);
        if offset >= end {
            return Ok(Vec::new());
        }
        match self.objects.get_range(&path, offset..end).await {
            Ok(bytes) => Ok(bytes.into()),
            Err(Error::NotFound { .. }) => Err(missing()),
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        self.size_of(&self.content(sha256)).await
    }
}
