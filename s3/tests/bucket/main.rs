//! Objects keep the contract of their port on a real S3 server.

mod server;

use std::cell::Cell;

use base::UploadId;
use flows::uploads::{BlobProgress, BlobStore, SealError};
use futures_util::TryStreamExt;
use object_store::ObjectStore;
use sha2::{Digest, Sha256};
use store_objects::{ObjectBlobs, S3Settings, below, copy_folder, probe, s3};
use testkit::blob_suite::blob_suite;

use server::S3Server;

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[tokio::test]
async fn a_bucket_keeps_bytes() {
    let server = S3Server::start().await;
    probe(&*server.bucket(), "", "me").await.unwrap();
    let count = Cell::new(0);
    let fresh = async || {
        count.set(count.get() + 1);
        ObjectBlobs::new(server.bucket(), &format!("here/{}", count.get()))
    };
    blob_suite(fresh, hash).await;
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
async fn a_large_file_goes_to_a_bucket_in_pieces_and_over_two_nodes() {
    let server = S3Server::start().await;
    let bytes = content((19 << 20) + 12_345);
    let [one, two] = [(); 2].map(|()| ObjectBlobs::new(server.bucket(), "files"));
    let mut length = 0;
    for (number, part) in bytes.chunks(1 << 20).enumerate() {
        // The client moves to the other node and back.
        let node = if number % 7 < 4 { &one } else { &two };
        let open = node.open(ID).await.unwrap();
        assert!(matches!(open, BlobProgress::Open { offset } if offset <= length));
        length = node.append(ID, length, part, bytes.len() as u64).await.unwrap();
    }
    let wrong = one.seal(ID, hash(b"else")).await;
    assert!(matches!(wrong, Err(SealError::WrongHash)));
    let blob = two.seal(ID, hash(&bytes)).await.unwrap();
    assert_eq!(blob.size, bytes.len() as u64);
    assert_eq!(one.seal(ID, hash(&bytes)).await.unwrap(), blob);
    assert!(whole(&one, &blob.sha256).await == bytes, "the content is what was sent");
    let middle = one.read(&blob.sha256, 9 << 20, 1_000).await.unwrap();
    assert!(middle == bytes[9 << 20..][..1_000]);
    one.discard(ID).await.unwrap();
    let left: Vec<_> = server.bucket().list(None).try_collect().await.unwrap();
    assert_eq!(left.len(), 1, "the content and nothing else: {left:?}");
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_shown() {
    let server = S3Server::start().await;
    let keys = Some(("lycaon".to_owned(), "guessed".to_owned()));
    let guessed = s3(&S3Settings { keys, ..server.settings() }).unwrap();
    let error = probe(&*guessed, "", "me").await.unwrap_err().to_string();
    assert!(error.starts_with("an object cannot be written in AmazonS3(files)"), "{error}");
    assert!(error.contains("SignatureDoesNotMatch") || error.contains("403"), "{error}");
    assert!(!error.contains("guessed"), "{error}");
}

#[tokio::test]
async fn a_folder_moves_to_a_bucket_and_moving_it_again_changes_nothing() {
    let server = S3Server::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir_all(folder.path().join("H.1/incoming")).unwrap();
    std::fs::create_dir(folder.path().join("incoming")).unwrap();
    std::fs::write(folder.path().join("H.1/a.parquet"), content(11 << 20)).unwrap();
    std::fs::write(folder.path().join("H.1/incoming/b.parquet"), "b").unwrap();
    std::fs::write(folder.path().join("incoming/half"), "half").unwrap();
    let to = below(server.bucket(), "here", "segments");
    for _ in 0..2 {
        assert_eq!(copy_folder(folder.path(), &to).await.unwrap(), 2);
    }
    let there: Vec<_> = server.bucket().list(None).try_collect().await.unwrap();
    let mut sizes: Vec<_> = there.iter().map(|it| (it.location.to_string(), it.size)).collect();
    sizes.sort();
    let wanted =
        [("here/segments/H.1/a.parquet", 11 << 20), ("here/segments/H.1/incoming/b.parquet", 1)];
    assert_eq!(sizes, wanted.map(|(name, size)| (name.to_owned(), size)));
}
