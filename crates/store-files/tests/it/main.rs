//! The folder keeps the contract of its port, and completes after a kill what was half done.

use std::cell::Cell;
use std::path::Path;

use base::{Chain, UploadId};
use flows::uploads::{BlobProgress, BlobStore};
use sha2::{Digest, Sha256};
use store_files::FileBlobs;
use tempfile::TempDir;
use testkit::blob_suite::blob_suite;

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[tokio::test]
async fn the_folder_keeps_bytes() {
    let folder = TempDir::new().unwrap();
    let count = Cell::new(0);
    let fresh = async || {
        count.set(count.get() + 1);
        FileBlobs::open(&folder.path().join(count.get().to_string())).unwrap()
    };
    blob_suite(fresh, hash).await;
}

const ID: UploadId = UploadId::from_bits(0xab);

fn incoming(folder: &Path, extension: &str) -> std::path::PathBuf {
    folder.join("incoming").join(format!("{:032x}.{extension}", ID.bits()))
}

#[tokio::test]
async fn a_half_written_file_resumes_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let before = FileBlobs::open(folder.path()).unwrap();
    before.open(ID).await.unwrap();
    before.append(ID, 0, b"first half ", 100).await.unwrap();
    drop(before);
    let after = FileBlobs::open(folder.path()).unwrap();
    assert_eq!(after.open(ID).await.unwrap(), BlobProgress::Open { offset: 11 });
    after.append(ID, 11, b"second half", 100).await.unwrap();
    after.seal(ID, hash(b"first half second half")).await.unwrap();
}

#[tokio::test]
async fn a_sealing_that_was_killed_between_its_steps_is_completed() {
    let folder = TempDir::new().unwrap();
    let blobs = FileBlobs::open(folder.path()).unwrap();
    blobs.open(ID).await.unwrap();
    blobs.append(ID, 0, b"content", 100).await.unwrap();
    // The mark is written, the rename has not happened.
    let mark = format!("{} 7", hex::encode(hash(b"content")));
    std::fs::write(incoming(folder.path(), "sealed"), mark).unwrap();
    let progress = FileBlobs::open(folder.path()).unwrap().open(ID).await.unwrap();
    assert!(matches!(progress, BlobProgress::Sealed(blob) if blob.size == 7));
    assert_eq!(blobs.read(&hash(b"content"), 0, 99).await.unwrap(), b"content");
    assert!(!incoming(folder.path(), "part").exists());
}

#[tokio::test]
async fn a_damaged_mark_is_an_error_and_not_content() {
    let folder = TempDir::new().unwrap();
    let blobs = FileBlobs::open(folder.path()).unwrap();
    std::fs::write(incoming(folder.path(), "sealed"), "nonsense").unwrap();
    let error = blobs.open(ID).await.unwrap_err();
    assert!(Chain(&error).to_string().contains("it is damaged"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = FileBlobs::open(&file).err().expect("a file is no folder");
    assert!(Chain(&error).to_string().contains("make the folder"));
}
