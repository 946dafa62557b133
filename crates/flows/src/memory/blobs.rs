//! The bytes of files in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base::UploadId;
use model::store::StoreError;
use parking_lot::Mutex;

use crate::uploads::{AppendError, Blob, BlobProgress, BlobStore, SealError};

/// Content and incoming files in memory. The hash function is handed in: this floor has none.
pub struct MemBlobs {
    hash: fn(&[u8]) -> [u8; 32],
    blobs: Mutex<Blobs>,
}

#[derive(Default)]
struct Blobs {
    incoming: BTreeMap<UploadId, Vec<u8>>,
    sealed: BTreeMap<UploadId, Blob>,
    content: BTreeMap<[u8; 32], Vec<u8>>,
}

impl MemBlobs {
    /// Nothing; `hash` is SHA-256.
    pub fn new(hash: fn(&[u8]) -> [u8; 32]) -> Self {
        Self { hash, blobs: Mutex::default() }
    }
}

#[async_trait]
impl BlobStore for MemBlobs {
    async fn open(&self, id: UploadId) -> Result<BlobProgress, StoreError> {
        let mut blobs = self.blobs.lock();
        if let Some(blob) = blobs.sealed.get(&id) {
            return Ok(BlobProgress::Sealed(*blob));
        }
        let offset = blobs.incoming.entry(id).or_default().len() as u64;
        Ok(BlobProgress::Open { offset })
    }

    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError> {
        let mut blobs = self.blobs.lock();
        if blobs.sealed.contains_key(&id) {
            return Err(AppendError::Sealed);
        }
        let held = blobs
            .incoming
            .get_mut(&id)
            .ok_or_else(|| StoreError::not_found(format!("incoming file {id}")))?;
        let length = held.len() as u64;
        if offset > length {
            return Err(AppendError::Gap { expected: length, found: offset });
        }
        let end = offset.saturating_add(data.len() as u64);
        if end > size_max {
            return Err(AppendError::TooLong { size_max });
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let known = held.len().min(start + data.len()) - start;
        held[start..start + known].copy_from_slice(&data[..known]);
        held.extend_from_slice(&data[known..]);
        Ok(held.len() as u64)
    }

    async fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError> {
        let mut blobs = self.blobs.lock();
        if let Some(blob) = blobs.sealed.get(&id) {
            return Ok(*blob);
        }
        let held = blobs
            .incoming
            .get(&id)
            .ok_or_else(|| StoreError::not_found(format!("incoming file {id}")))?;
        if (self.hash)(held) != sha256 {
            return Err(SealError::WrongHash);
        }
        let blob = Blob { sha256, size: held.len() as u64 };
        if let Some(bytes) = blobs.incoming.remove(&id) {
            blobs.content.entry(sha256).or_insert(bytes);
        }
        blobs.sealed.insert(id, blob);
        Ok(blob)
    }

    async fn discard(&self, id: UploadId) -> Result<(), StoreError> {
        let mut blobs = self.blobs.lock();
        blobs.incoming.remove(&id);
        blobs.sealed.remove(&id);
        Ok(())
    }

    async fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        self.blobs.lock().content.remove(sha256);
        Ok(())
    }

    async fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let blobs = self.blobs.lock();
        let content = blobs.content.get(sha256).ok_or_else(|| StoreError::not_found("content"))?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        Ok(content[start..content.len().min(start.saturating_add(length))].to_vec())
    }

    async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        Ok(self.blobs.lock().content.get(sha256).map(|content| content.len() as u64))
    }
}
