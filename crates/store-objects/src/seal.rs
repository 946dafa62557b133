//! From parts to content: all of them once through the hash, and on the way into the object that is
//! named by it. It becomes one only when the hash is right.

use bytes::Bytes;
use flows::uploads::{Blob, SealError};
use futures_util::{StreamExt, TryStreamExt};
use model::store::StoreError;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};

use crate::incoming::{Incoming, Stretch};
use crate::{ObjectBlobs, failed};

/// Parts that are read at once.
const READ_AHEAD: usize = 4;
/// Bytes of a piece of a multipart upload. S3 takes no fewer than 5 MiB.
const PIECE_BYTES: u64 = 8 << 20;
/// Pieces of one multipart upload; S3 takes 10,000.
const PIECES_MAX: u64 = 9_000;

/// Content on its way: kept back until it is known whether it is worth an upload of many pieces.
struct Content<'a> {
    blobs: &'a ObjectBlobs,
    path: Path,
    piece_bytes: usize,
    held: Vec<Bytes>,
    held_bytes: usize,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The content is there already: nothing is written.
    is_kept: bool,
}

impl Content<'_> {
    async fn take(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if self.is_kept {
            return Ok(());
        }
        self.held_bytes += bytes.len();
        self.held.push(bytes);
        if self.held_bytes >= self.piece_bytes {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        let fail = |error| failed("write", &self.path, error);
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => {
                let begun = self.blobs.objects.put_multipart(&self.path).await.map_err(fail)?;
                self.upload.insert(begun)
            }
        };
        self.held_bytes = 0;
        let piece = PutPayload::from_iter(std::mem::take(&mut self.held));
        upload.put_part(piece).await.map_err(fail)
    }

    async fn keep(mut self) -> Result<(), StoreError> {
        if self.is_kept {
            return Ok(());
        }
        if self.upload.is_none() {
            let whole = PutPayload::from_iter(std::mem::take(&mut self.held));
            return self.blobs.write(&self.path, whole).await;
        }
        if self.held_bytes > 0 {
            self.send().await?;
        }
        if let Some(mut upload) = self.upload.take() {
            upload.complete().await.map_err(|error| failed("complete", &self.path, error))?;
        }
        Ok(())
    }

    async fn drop_it(mut self) {
        if let Some(mut upload) = self.upload.take()
            // What cannot be taken back now is collected by the bucket's rule.
            && upload.abort().await.is_err()
        {
            self.held.clear();
        }
    }
}

impl ObjectBlobs {
    /// Reads an incoming file once; when it has this hash, it is content afterwards.
    pub(crate) async fn gather(
        &self,
        found: &Incoming,
        sha256: [u8; 32],
    ) -> Result<Blob, SealError> {
        let path = self.content(&sha256);
        let size = found.length();
        let is_kept = self.size_of(&path).await? == Some(size);
        let piece_bytes = usize::try_from(PIECE_BYTES.max(size / PIECES_MAX)).unwrap_or(usize::MAX);
        let mut content = Content {
            blobs: self,
            path,
            piece_bytes,
            held: Vec::new(),
            held_bytes: 0,
            upload: None,
            is_kept,
        };
        match self.pour(found, &mut content).await {
            Ok(hash) if hash == sha256 => {
                content.keep().await?;
                Ok(Blob { sha256, size })
            }
            Ok(_) => {
                content.drop_it().await;
                Err(SealError::WrongHash)
            }
            Err(error) => {
                content.drop_it().await;
                Err(error.into())
            }
        }
    }

    async fn pour(
        &self,
        found: &Incoming,
        content: &mut Content<'_>,
    ) -> Result<[u8; 32], StoreError> {
        let mut hasher = Sha256::new();
        let reads = found.stretches().into_iter().map(|stretch| self.read_stretch(stretch));
        let mut pieces = futures_util::stream::iter(reads).buffered(READ_AHEAD);
        while let Some(bytes) = pieces.try_next().await? {
            hasher.update(&bytes);
            content.take(bytes).await?;
        }
        Ok(hasher.finalize().into())
    }

    async fn read_stretch(&self, stretch: Stretch) -> Result<Bytes, StoreError> {
        let Stretch { path, from, to } = stretch;
        let read = self.objects.get_range(&path, from..to).await;
        let bytes = read.map_err(|error| failed("read", &path, error))?;
        if bytes.len() as u64 == to - from {
            Ok(bytes)
        } else {
            let why = format!("it has fewer bytes than its name says: {} of {to}", bytes.len());
            Err(StoreError::broken(format!("read the object {path}"), why))
        }
    }
}
