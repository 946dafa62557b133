//! Files: their records, their bytes, and how much a flow may send.
//!
//! # Invariants
//!
//! - Nothing is written for a file whose declared size is beyond what the flow may still send.
//! - A part is acknowledged when its bytes are on the disk; a half-written file resumes there.
//! - Content that a file refers to, or is about to, is never taken away: see
//!   [`UploadStore::condemned`].
//! - Content is kept once however many clients send it, but its bytes always travel: an agent never
//!   learns whether the server has a file already.

use async_trait::async_trait;
use base::{ClientId, FlowId, Timestamp, UploadId};
use model::flow::Flow;
use model::results::{AttemptId, ResultScope, Upload};
use model::store::{Page, Paging, StoreError};

/// Most files that one attempt may send.
pub const UPLOADS_MAX: u64 = 1_000_000;

/// Remembers which files were sent.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - (attempt, number) is one file: [`begin`](Self::begin) a second time finds the first record,
///   whatever id it brings.
/// - `begin` decides by [`admit`] inside its transaction, with what the attempt's other files hold
///   or have declared; it refuses a flow that is not the client's or does not accept the attempt.
/// - A hunt's files are those of finished attempts, a flow's those of its current attempt.
/// - Content is condemned in the transaction that takes the last record away which refers to it: a
///   file that is complete, one whose last part was announced with this hash, or a tool. While it is
///   condemned, `begin` with this hash and `keep_tool` are [`StoreError::Conflict`], to be tried again;
///   so between [`condemned`](Self::condemned) and [`absolve`](Self::absolve) nobody can come to need
///   what is being taken away.
///
/// Every implementation runs `testkit::upload_suite` and `testkit::erasure_suite`.
#[async_trait]
pub trait UploadStore: Send + Sync {
    /// Finds or makes the record of a file that begins to arrive.
    async fn begin(&self, upload: &NewUpload) -> Result<UploadBegun, StoreError>;

    /// Notes that a file is complete. Once it is, the same again changes nothing.
    async fn finish(&self, id: UploadId, blob: Blob, now: Timestamp) -> Result<Upload, StoreError>;

    /// Forgets a file that cannot be completed. Complete files are left alone.
    async fn give_up(&self, id: UploadId) -> Result<(), StoreError>;

    /// Up to `limit` files that will never be complete, because their attempt is over.
    async fn abandoned(&self, limit: u64) -> Result<Vec<UploadId>, StoreError>;

    /// Up to `limit` hashes of content that nobody refers to any more.
    async fn condemned(&self, limit: u64) -> Result<Vec<[u8; 32]>, StoreError>;

    /// Notes that condemned content was taken away. Once is enough.
    async fn absolve(&self, sha256: &[u8; 32]) -> Result<(), StoreError>;

    /// The file with this id.
    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError>;

    /// The complete files of a scope in order of arrival, a page of them.
    async fn uploads(&self, scope: ResultScope, paging: Paging)
    -> Result<Page<Upload>, StoreError>;
}

/// A file that begins to arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// Its id, if it is new.
    pub id: UploadId,
    /// Who sends it.
    pub client: ClientId,
    /// In which attempt.
    pub attempt: AttemptId,
    /// Its number within the attempt.
    pub number: u64,
    /// The path as the client names it.
    pub path: String,
    /// The accessor it is read through.
    pub accessor: String,
    /// Its bytes, as the client says.
    pub declared_size: u64,
    /// With its last part: the hash of the whole file, by which its content will be kept.
    pub sha256: Option<[u8; 32]>,
}

/// What became of [`UploadStore::begin`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadBegun {
    /// Bytes are expected, at most so many as were declared when it was new.
    Open {
        /// Its id.
        id: UploadId,
        /// Its declared size.
        declared_size: u64,
    },
    /// It is complete already.
    Complete(Upload),
    /// It is not wanted.
    Refused(UploadRefusal),
}

/// Why a file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadRefusal {
    /// No such flow, or another client's.
    #[error("this client has no flow {0}")]
    NotYours(FlowId),
    /// The flow is over, or a later attempt is under way.
    #[error("attempt {} of flow {} is over", .0.attempt, .0.flow)]
    Over(AttemptId),
    /// The flow may not send so much.
    #[error("a file of {declared} bytes was declared, but the flow may send {left} more")]
    TooLarge {
        /// The size it declared.
        declared: u64,
        /// What the flow may still send.
        left: u64,
    },
    /// The flow sends too many files.
    #[error("the flow has sent {UPLOADS_MAX} files and may send no more")]
    TooMany,
}

/// What the files of an attempt hold or have declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadsSoFar {
    /// Files, complete or not.
    pub files: u64,
    /// Their bytes: stored when complete, declared when not.
    pub bytes: u64,
}

/// Whether a flow may send one more file.
pub fn admit(
    flow: Option<&Flow>,
    upload: &NewUpload,
    so_far: UploadsSoFar,
) -> Result<(), UploadRefusal> {
    let flow = flow
        .filter(|flow| flow.client == upload.client)
        .ok_or(UploadRefusal::NotYours(upload.attempt.flow))?;
    if !flow.life.accepts(upload.attempt.attempt) {
        return Err(UploadRefusal::Over(upload.attempt));
    }
    if so_far.files >= UPLOADS_MAX {
        return Err(UploadRefusal::TooMany);
    }
    let max = match flow.limits.upload_bytes_max {
        0 => u64::MAX,
        max => max,
    };
    let left = max.saturating_sub(so_far.bytes);
    if upload.declared_size > left {
        return Err(UploadRefusal::TooLarge { declared: upload.declared_size, left });
    }
    Ok(())
}

/// Content by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// Its bytes.
    pub size: u64,
}

/// Keeps the bytes of files.
///
/// # Contract
///
/// - A kill at any instant leaves each open file at an offset up to which its bytes are durable;
///   [`open`](Self::open) tells it.
/// - [`append`](Self::append) that returned `Ok` is durable. Bytes that were appended before may be
///   sent again and change nothing of the length; a gap or an excess is refused and writes nothing.
/// - [`seal`](Self::seal) either makes the content readable under its hash, whole, or changes
///   nothing. Sealing again gives the same answer until [`discard`](Self::discard).
/// - The same content sealed twice is kept once.
///
/// Every implementation runs `testkit::blob_suite`.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Where an incoming file stands; makes an empty one when it is not known.
    async fn open(&self, id: UploadId) -> Result<BlobProgress, StoreError>;

    /// Writes `data` at `offset` of an incoming file that may grow to `size_max`. Returns the new
    /// length.
    async fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError>;

    /// Checks an incoming file against its hash and keeps it as content.
    async fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError>;

    /// Forgets an incoming file or the fact that it was sealed; the content stays.
    async fn discard(&self, id: UploadId) -> Result<(), StoreError>;

    /// Takes content away; nothing happens when it is not there. Whoever calls knows that nobody refers
    /// to it, or is about to.
    async fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError>;

    /// Up to `length` bytes of content from `offset`; fewer only at its end.
    async fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError>;

    /// The size of content; `None` when it is not there.
    async fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError>;
}

/// Why a file cannot be taken at this moment: its content is being taken away.
pub fn content_is_condemned() -> StoreError {
    StoreError::conflict("content with this hash is being taken away; send it again in a moment")
}

/// Where an incoming file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobProgress {
    /// So many bytes are durable.
    Open {
        /// The next byte that is wanted.
        offset: u64,
    },
    /// It is kept as content.
    Sealed(Blob),
}

/// Why bytes were not written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Bytes before them are missing.
    #[error("a part at {found} came when {expected} bytes had arrived")]
    Gap {
        /// Bytes that have arrived.
        expected: u64,
        /// Where the part would begin.
        found: u64,
    },
    /// More bytes than were declared.
    #[error("the file was declared with {size_max} bytes and has more")]
    TooLong {
        /// The declared size.
        size_max: u64,
    },
    /// It is sealed already.
    #[error("the file is complete")]
    Sealed,
    /// The store failed.
    #[error("could not keep a part of a file")]
    Store(#[from] StoreError),
}

/// Why a file was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Its content has another hash.
    #[error("the file's content is not what its hash says")]
    WrongHash,
    /// The store failed.
    #[error("could not complete a file")]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples::example_flow;
    use model::flow::FlowLimits;

    #[test]
    fn a_declared_size_is_refused_before_anything_is_written() {
        let limits = FlowLimits { upload_bytes_max: 1_000, ..FlowLimits::default() };
        let flow = Flow { limits, ..example_flow(1) };
        let upload = |declared_size| NewUpload {
            id: UploadId::from_bits(1),
            client: flow.client,
            attempt: AttemptId { flow: flow.id, attempt: 1 },
            number: 0,
            path: "/x".into(),
            accessor: "file".into(),
            declared_size,
            sha256: None,
        };
        let so_far = UploadsSoFar { files: 1, bytes: 900 };
        assert_eq!(admit(Some(&flow), &upload(100), so_far), Ok(()));
        let refusal = UploadRefusal::TooLarge { declared: 10 << 30, left: 100 };
        assert_eq!(admit(Some(&flow), &upload(10 << 30), so_far), Err(refusal));
        let other = NewUpload { client: ClientId::from_bits(77), ..upload(1) };
        assert_eq!(admit(Some(&flow), &other, so_far), Err(UploadRefusal::NotYours(flow.id)));
    }
}
