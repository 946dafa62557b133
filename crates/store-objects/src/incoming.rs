//! Files that are arriving: their parts as objects, and what this node remembers of them.

use std::collections::HashMap;

use base::UploadId;
use flows::uploads::{AppendError, Blob};
use futures_util::{StreamExt, TryStreamExt};
use model::store::StoreError;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parking_lot::Mutex;

use crate::{ObjectBlobs, failed};

/// So many files are remembered; beyond it all are forgotten, which costs a listing each.
const REMEMBERED_MAX: usize = 10_000;

/// How much of each file is there at least. Only what this node wrote or saw: another one may have
/// gone on since.
#[derive(Default)]
pub(crate) struct Known {
    lengths: Mutex<HashMap<UploadId, u64>>,
}

impl Known {
    pub(crate) fn length(&self, id: UploadId) -> Option<u64> {
        self.lengths.lock().get(&id).copied()
    }

    pub(crate) fn set(&self, id: UploadId, length: u64) {
        let mut lengths = self.lengths.lock();
        if lengths.len() >= REMEMBERED_MAX && !lengths.contains_key(&id) {
            lengths.clear();
        }
        lengths.insert(id, length);
    }

    pub(crate) fn forget(&self, id: UploadId) {
        self.lengths.lock().remove(&id);
    }
}

/// One part: an object with bytes of the file from `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl Part {
    fn name(self) -> String {
        format!("{:016x}-{:08x}", self.offset, self.length)
    }

    fn from_name(name: &str) -> Option<Self> {
        let (offset, length) = name.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        Some(Self { offset: number(offset)?, length: number(length)? })
    }
}

/// A stretch of an object: where the next bytes of the file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) path: Path,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What is there of an incoming file.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    folder: Path,
    pub(crate) begun: bool,
    pub(crate) sealed: Option<Blob>,
    parts: Vec<Part>,
}

impl Incoming {
    /// The bytes that are there without a gap from the beginning.
    pub(crate) fn length(&self) -> u64 {
        cover(&self.parts).last().map_or(0, |(_, _, end)| *end)
    }

    /// Where these bytes are, in order.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        let stretch = |(part, from, end): (Part, u64, u64)| Stretch {
            path: self.folder.clone().join(part.name()),
            from: from - part.offset,
            to: end - part.offset,
        };
        cover(&self.parts).into_iter().map(stretch).collect()
    }

    /// All parts, also those that nobody needs.
    fn all_parts(&self) -> Vec<Path> {
        self.parts.iter().map(|part| self.folder.clone().join(part.name())).collect()
    }
}

/// Which parts give which bytes of the file, from the beginning up to the first gap.
fn cover(parts: &[Part]) -> Vec<(Part, u64, u64)> {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| (part.offset, std::cmp::Reverse(part.length)));
    let mut reached = 0;
    let mut covered = Vec::new();
    for part in parts {
        let end = part.offset.saturating_add(part.length);
        if part.offset <= reached && end > reached {
            covered.push((part, reached, end));
            reached = end;
        }
    }
    covered
}

impl ObjectBlobs {
    fn folder(&self, id: UploadId) -> Path {
        self.path(&["incoming", &format!("{:032x}", id.bits())])
    }

    /// Looks at what is there.
    pub(crate) async fn incoming(&self, id: UploadId) -> Result<Incoming, StoreError> {
        let folder = self.folder(id);
        let mut found = Incoming { folder: folder.clone(), ..Incoming::default() };
        let mut sealed = None;
        let mut listing = self.objects.list(Some(&folder));
        while let Some(object) = listing.next().await {
            let object = object.map_err(|error| failed("list", &folder, error))?;
            match object.location.filename() {
                Some("begun") => found.begun = true,
                Some("sealed") => sealed = Some(object.location),
                Some(name) => found.parts.extend(Part::from_name(name)),
                None => {}
            }
        }
        if let Some(mark) = sealed {
            found.sealed = Some(self.read_mark(&mark).await?);
        }
        Ok(found)
    }

    pub(crate) async fn begin(&self, id: UploadId) -> Result<(), StoreError> {
        self.write(&self.folder(id).join("begun"), PutPayload::new()).await
    }

    /// The length of a file that takes bytes.
    pub(crate) async fn open_length(&self, id: UploadId) -> Result<u64, AppendError> {
        let found = self.incoming(id).await?;
        if found.sealed.is_some() {
            return Err(AppendError::Sealed);
        }
        if !found.begun {
            return Err(StoreError::not_found(format!("incoming file {id}")).into());
        }
        Ok(found.length())
    }

    pub(crate) async fn write_part(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
    ) -> Result<(), StoreError> {
        let part = Part { offset, length: data.len() as u64 };
        let payload = PutPayload::from(data.to_vec());
        self.write(&self.folder(id).join(part.name()), payload).await
    }

    pub(crate) async fn write(&self, path: &Path, payload: PutPayload) -> Result<(), StoreError> {
        let written = self.objects.put(path, payload).await;
        written.map(|_| ()).map_err(|error| failed("write", path, error))
    }

    /// Remembers that a file is complete.
    pub(crate) async fn write_mark(&self, id: UploadId, blob: Blob) -> Result<(), StoreError> {
        let text = format!("{} {}", hex::encode(blob.sha256), blob.size);
        self.write(&self.folder(id).join("sealed"), text.into_bytes().into()).await
    }

    async fn read_mark(&self, path: &Path) -> Result<Blob, StoreError> {
        let read = async { self.objects.get(path).await?.bytes().await };
        let bytes = read.await.map_err(|error| failed("read", path, error))?;
        let damaged = || StoreError::broken(format!("read the object {path}"), "it is damaged");
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let (hash, size) = text.split_once(' ').ok_or_else(damaged)?;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash, &mut sha256).map_err(|_| damaged())?;
        Ok(Blob { sha256, size: size.parse().map_err(|_| damaged())? })
    }

    pub(crate) async fn remove_parts(
        &self,
        id: UploadId,
        found: &Incoming,
    ) -> Result<(), StoreError> {
        self.remove(id, found.all_parts()).await
    }

    pub(crate) async fn remove_marks(
        &self,
        id: UploadId,
        found: &Incoming,
    ) -> Result<(), StoreError> {
        let folder = self.folder(id);
        let begun = found.begun.then(|| folder.clone().join("begun"));
        let sealed = found.sealed.map(|_| folder.join("sealed"));
        self.remove(id, begun.into_iter().chain(sealed).collect()).await
    }

    async fn remove(&self, id: UploadId, paths: Vec<Path>) -> Result<(), StoreError> {
        if paths.is_empty() {
            return Ok(());
        }
        let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
        let removed = self.objects.delete_stream(paths).filter_map(async |removed| match removed {
            // Another node was faster.
            Err(object_store::Error::NotFound { .. }) => None,
            other => Some(other),
        });
        let all = std::pin::pin!(removed).try_for_each(async |_| Ok(())).await;
        all.map_err(|error| failed("remove parts of", &self.folder(id), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(parts: &[(u64, u64)], answer: &[(u64, u64, u64)]) {
        let parts: Vec<Part> =
            parts.iter().map(|&(offset, length)| Part { offset, length }).collect();
        let found: Vec<_> =
            cover(&parts).into_iter().map(|(part, from, end)| (part.offset, from, end)).collect();
        assert_eq!(found, answer);
    }

    #[test]
    fn bytes_count_up_to_the_first_gap() {
        check(&[], &[]);
        check(&[(0, 5), (5, 5)], &[(0, 0, 5), (5, 5, 10)]);
        check(&[(5, 5)], &[]);
        check(&[(7, 5), (0, 5)], &[(0, 0, 5)]);
    }

    #[test]
    fn what_two_nodes_wrote_is_read_once() {
        check(&[(0, 5), (0, 8), (5, 5)], &[(0, 0, 8), (5, 8, 10)]);
        check(&[(0, 8), (2, 3), (8, 1), (8, 4)], &[(0, 0, 8), (8, 8, 12)]);
    }

    #[test]
    fn a_part_reads_its_own_name() {
        let part = Part { offset: u64::MAX, length: 1 };
        assert_eq!(Part::from_name(&part.name()), Some(part));
        for name in ["begun", "x-1", "1-", "-"] {
            assert_eq!(Part::from_name(name), None);
        }
    }
}
