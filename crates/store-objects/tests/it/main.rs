//! Objects keep the contract of their port in memory and on a local folder; and
//! whatever instant a node dies at, another goes on.

mod dying;

use std::cell::Cell;
use std::sync::Arc;

use base::{Chain, UploadId};
use flows::uploads::{BlobProgress, BlobStore};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use sha2::{Digest, Sha256};
use store_objects::ObjectBlobs;
use tempfile::TempDir;
use testkit::blob_suite::blob_suite;

use dying::Dying;

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A prefix of its own for each store.
fn apart(objects: &Arc<dyn ObjectStore>) -> impl AsyncFn() -> ObjectBlobs {
    let count = Cell::new(0);
    let objects = Arc::clone(objects);
    async move || {
        count.set(count.get() + 1);
        ObjectBlobs::new(Arc::clone(&objects), &format!("here/{}", count.get()))
    }
}

#[tokio::test]
async fn memory_keeps_bytes() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    blob_suite(apart(&objects), hash).await;
}

#[tokio::test]
async fn a_local_folder_keeps_bytes() {
    let folder = TempDir::new().unwrap();
    let objects: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    blob_suite(apart(&objects), hash).await;
}

/// Not all alike, so that bytes in the wrong place are seen.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64)
        .flat_map(|n| (n.wrapping_mul(0x9e37_79b9)).to_le_bytes())
        .take(length)
        .collect()
}

async fn whole(blobs: &ObjectBlobs, sha256: &[u8; 32]) -> Vec<u8> {
    let size = blobs.size(sha256).await.unwrap().unwrap();
    blobs.read(sha256, 0, usize::try_from(size).unwrap()).await.unwrap()
}

const ID: UploadId = UploadId::from_bits(0xab);

#[tokio::test]
async fn whatever_instant_a_node_dies_at_another_goes_on() {
    let bytes = content((17 << 20) + 5);
    let sha256 = hash(&bytes);
    let mut died = 0;
    for steps in 0.. {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let dying = Arc::new(Dying::after(Arc::clone(&objects), steps));
        let ended = send(&ObjectBlobs::new(dying, ""), &bytes, sha256).await;
        let other = ObjectBlobs::new(Arc::clone(&objects), "");
        if ended.is_err() {
            died += 1;
            send(&other, &bytes, sha256).await.unwrap();
        }
        assert!(whole(&other, &sha256).await == bytes, "after {steps} steps");
        other.discard(ID).await.unwrap();
        let left: Vec<_> = objects.list(None).try_collect().await.unwrap();
        assert_eq!(left.len(), 1, "after {steps} steps: {left:?}");
        if ended.is_ok() {
            break;
        }
    }
    assert!(died > 12, "{died}");
}

/// What a client does: asks where the file stands, goes on there, seals.
async fn send(blobs: &ObjectBlobs, bytes: &[u8], sha256: [u8; 32]) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| Chain(error).to_string();
    let mut at = match blobs.open(ID).await.map_err(|error| told(&error))? {
        BlobProgress::Sealed(_) => return Ok(()),
        BlobProgress::Open { offset } => offset,
    };
    while at < bytes.len() as u64 {
        let rest = &bytes[usize::try_from(at).unwrap()..];
        let part = &rest[..rest.len().min(3 << 20)];
        let taken = blobs.append(ID, at, part, bytes.len() as u64).await;
        at = taken.map_err(|error| told(&error))?;
    }
    blobs.seal(ID, sha256).await.map(|_| ()).map_err(|error| told(&error))
}
