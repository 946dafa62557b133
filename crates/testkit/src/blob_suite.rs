//! What every store of bytes must do.

use base::UploadId;
use flows::uploads::{AppendError, BlobProgress, BlobStore, SealError};
use model::store::StoreError;

/// Runs all promises, each on a store of its own. `hash` is SHA-256.
pub async fn blob_suite<S: BlobStore>(fresh: impl AsyncFn() -> S, hash: fn(&[u8]) -> [u8; 32]) {
    parts_become_content(fresh().await, hash).await;
    parts_may_come_again(fresh().await, hash).await;
    gaps_and_excess_write_nothing(fresh().await).await;
    a_wrong_hash_seals_nothing(fresh().await, hash).await;
    the_same_content_is_kept_for_both(fresh().await, hash).await;
    an_empty_file_is_a_file(fresh().await, hash).await;
}

const MAX: u64 = 1_000;

fn id(number: u128) -> UploadId {
    UploadId::from_bits(number)
}

async fn send(store: &impl BlobStore, number: u128, parts: &[&[u8]]) {
    let BlobProgress::Open { mut offset } = store.open(id(number)).await.unwrap() else {
        panic!("the file is new");
    };
    for part in parts {
        offset = store.append(id(number), offset, part, MAX).await.unwrap();
    }
}

async fn parts_become_content(store: impl BlobStore, hash: fn(&[u8]) -> [u8; 32]) {
    send(&store, 1, &[b"hello ", b"world"]).await;
    assert_eq!(store.open(id(1)).await.unwrap(), BlobProgress::Open { offset: 11 });
    let sha256 = hash(b"hello world");
    assert_eq!(store.size(&sha256).await.unwrap(), None);
    let blob = store.seal(id(1), sha256).await.unwrap();
    assert_eq!((blob.sha256, blob.size), (sha256, 11));
    assert_eq!(store.seal(id(1), sha256).await.unwrap(), blob);
    assert_eq!(store.open(id(1)).await.unwrap(), BlobProgress::Sealed(blob));
    let after = store.append(id(1), 0, b"HELLO", MAX).await;
    assert!(matches!(after, Err(AppendError::Sealed)), "content never changes");
    store.discard(id(1)).await.unwrap();
    store.discard(id(1)).await.unwrap();
    assert_eq!(store.size(&sha256).await.unwrap(), Some(11));
    assert_eq!(store.read(&sha256, 6, 100).await.unwrap(), b"world");
    assert_eq!(store.read(&sha256, 0, 5).await.unwrap(), b"hello");
    assert_eq!(store.read(&sha256, 50, 5).await.unwrap(), b"");
    let missing = store.read(&[0; 32], 0, 1).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })));
}

async fn parts_may_come_again(store: impl BlobStore, hash: fn(&[u8]) -> [u8; 32]) {
    send(&store, 1, &[b"abc", b"def"]).await;
    assert_eq!(store.append(id(1), 0, b"abc", MAX).await.unwrap(), 6);
    assert_eq!(store.append(id(1), 3, b"defgh", MAX).await.unwrap(), 8);
    assert!(store.seal(id(1), hash(b"abcdefgh")).await.is_ok());
}

async fn gaps_and_excess_write_nothing(store: impl BlobStore) {
    send(&store, 1, &[b"abc"]).await;
    let gap = store.append(id(1), 4, b"x", MAX).await;
    assert!(matches!(gap, Err(AppendError::Gap { expected: 3, found: 4 })));
    let excess = store.append(id(1), 3, b"xyz", 5).await;
    assert!(matches!(excess, Err(AppendError::TooLong { size_max: 5 })));
    let far = store.append(id(1), u64::MAX, b"x", MAX).await;
    assert!(matches!(far, Err(AppendError::Gap { .. })));
    assert_eq!(store.open(id(1)).await.unwrap(), BlobProgress::Open { offset: 3 });
    assert!(store.append(id(2), 0, b"x", MAX).await.is_err(), "never opened");
}

async fn a_wrong_hash_seals_nothing(store: impl BlobStore, hash: fn(&[u8]) -> [u8; 32]) {
    send(&store, 1, &[b"abc"]).await;
    let wrong = hash(b"abd");
    assert!(matches!(store.seal(id(1), wrong).await, Err(SealError::WrongHash)));
    assert_eq!(store.size(&wrong).await.unwrap(), None);
    assert_eq!(store.open(id(1)).await.unwrap(), BlobProgress::Open { offset: 3 });
    store.discard(id(1)).await.unwrap();
    assert_eq!(store.open(id(1)).await.unwrap(), BlobProgress::Open { offset: 0 });
}

async fn the_same_content_is_kept_for_both(store: impl BlobStore, hash: fn(&[u8]) -> [u8; 32]) {
    for number in 1..=2 {
        send(&store, number, &[b"same"]).await;
        store.seal(id(number), hash(b"same")).await.unwrap();
        store.discard(id(number)).await.unwrap();
    }
    assert_eq!(store.read(&hash(b"same"), 0, 9).await.unwrap(), b"same");
    for _ in 0..2 {
        store.forget(&hash(b"same")).await.unwrap();
        assert_eq!(store.size(&hash(b"same")).await.unwrap(), None);
    }
    send(&store, 3, &[b"same"]).await;
    store.seal(id(3), hash(b"same")).await.unwrap();
    assert_eq!(store.size(&hash(b"same")).await.unwrap(), Some(4), "it may come again");
}

async fn an_empty_file_is_a_file(store: impl BlobStore, hash: fn(&[u8]) -> [u8; 32]) {
    send(&store, 1, &[b""]).await;
    assert_eq!(store.seal(id(1), hash(b"")).await.unwrap().size, 0);
    assert_eq!(store.size(&hash(b"")).await.unwrap(), Some(0));
}
