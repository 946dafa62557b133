//! The folder itself, with plain blocking calls.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base::UploadId;
use flows::uploads::{AppendError, Blob, BlobProgress, SealError};
use model::store::StoreError;
use sha2::{Digest, Sha256};

use crate::os::sync_folder;

/// Bytes that are read at once for hashing.
const PIECE: usize = 256 << 10;

pub(crate) struct Folder {
    incoming: PathBuf,
    content: PathBuf,
}

/// Says which file an error is about.
fn at<T>(doing: &str, path: &Path, outcome: io::Result<T>) -> Result<T, StoreError> {
    outcome.map_err(|error| StoreError::broken(format!("{doing} {}", path.display()), error))
}

fn or_none<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = Self { incoming: path.join("incoming"), content: path.join("content") };
        for made in [&folder.incoming, &folder.content] {
            at("make the folder", made, fs::create_dir_all(made))?;
        }
        at("sync", path, sync_folder(path))?;
        let probe = folder.incoming.join("probe");
        at("write into the folder", &folder.incoming, fs::write(&probe, b""))?;
        at("remove", &probe, fs::remove_file(&probe))?;
        Ok(folder)
    }

    fn part(&self, id: UploadId) -> PathBuf {
        self.incoming.join(format!("{:032x}.part", id.bits()))
    }

    fn mark(&self, id: UploadId) -> PathBuf {
        self.incoming.join(format!("{:032x}.sealed", id.bits()))
    }

    fn content(&self, sha256: &[u8; 32]) -> PathBuf {
        let name = hex::encode(sha256);
        self.content.join(&name[..2]).join(name)
    }

    /// Where an incoming file stands; completes a sealing that was interrupted.
    pub(crate) fn begin(&self, id: UploadId) -> Result<BlobProgress, StoreError> {
        if let Some(blob) = self.sealed(id)? {
            return Ok(BlobProgress::Sealed(blob));
        }
        let part = self.part(id);
        if let Some(found) = at("look at", &part, or_none(fs::metadata(&part)))? {
            return Ok(BlobProgress::Open { offset: found.len() });
        }
        at("make", &part, File::create(&part))?;
        at("sync", &self.incoming, sync_folder(&self.incoming))?;
        Ok(BlobProgress::Open { offset: 0 })
    }

    pub(crate) fn append(
        &self,
        id: UploadId,
        offset: u64,
        data: &[u8],
        size_max: u64,
    ) -> Result<u64, AppendError> {
        if self.sealed(id)?.is_some() {
            return Err(AppendError::Sealed);
        }
        let part = self.part(id);
        let opened = at("open", &part, or_none(OpenOptions::new().write(true).open(&part)))?;
        let mut file =
            opened.ok_or_else(|| StoreError::not_found(format!("incoming file {id}")))?;
        let length = at("look at", &part, file.metadata())?.len();
        if offset > length {
            return Err(AppendError::Gap { expected: length, found: offset });
        }
        let end = offset.saturating_add(data.len() as u64);
        if end > size_max {
            return Err(AppendError::TooLong { size_max });
        }
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(data)?;
            file.sync_data()
        };
        at("write", &part, write(&mut file))?;
        Ok(length.max(end))
    }

    pub(crate) fn seal(&self, id: UploadId, sha256: [u8; 32]) -> Result<Blob, SealError> {
        if let Some(blob) = self.sealed(id)? {
            return Ok(blob);
        }
        let part = self.part(id);
        let opened = at("open", &part, or_none(File::open(&part)))?;
        let mut file =
            opened.ok_or_else(|| StoreError::not_found(format!("incoming file {id}")))?;
        let blob = at("read", &part, hash(&mut file))?;
        if blob.sha256 != sha256 {
            return Err(SealError::WrongHash);
        }
        at("sync", &part, file.sync_all())?;
        self.write_mark(id, blob)?;
        self.move_to_content(id, blob)?;
        Ok(blob)
    }

    fn write_mark(&self, id: UploadId, blob: Blob) -> Result<(), StoreError> {
        let mark = self.mark(id);
        let fresh = mark.with_extension("fresh");
        let write = || {
            let mut file = File::create(&fresh)?;
            file.write_all(format!("{} {}", hex::encode(blob.sha256), blob.size).as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &mark)?;
            sync_folder(&self.incoming)
        };
        at("write", &mark, write())
    }

    /// The second half of sealing; does nothing when it was done.
    fn move_to_content(&self, id: UploadId, blob: Blob) -> Result<(), StoreError> {
        let (part, content) = (self.part(id), self.content(&blob.sha256));
        let folder = content.parent().unwrap_or(&self.content);
        let move_there = || {
            if !content.try_exists()? {
                fs::create_dir_all(folder)?;
                sync_folder(&self.content)?;
                or_none(fs::rename(&part, &content))?;
                sync_folder(folder)?;
            }
            or_none(fs::remove_file(&part)).map(|_| ())
        };
        at("keep", &content, move_there())
    }

    /// What the mark of a complete file says; completes a sealing that was interrupted.
    fn sealed(&self, id: UploadId) -> Result<Option<Blob>, StoreError> {
        let mark = self.mark(id);
        let Some(text) = at("read", &mark, or_none(fs::read_to_string(&mark)))? else {
            return Ok(None);
        };
        let damaged = || StoreError::broken(format!("read {}", mark.display()), "it is damaged");
        let (hash, size) = text.split_once(' ').ok_or_else(damaged)?;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash, &mut sha256).map_err(|_| damaged())?;
        let blob = Blob { sha256, size: size.parse().map_err(|_| damaged())? };
        self.move_to_content(id, blob)?;
        Ok(Some(blob))
    }

    pub(crate) fn discard(&self, id: UploadId) -> Result<(), StoreError> {
        // The part first: a mark without content and part would be unreadable.
        for path in [self.part(id), self.mark(id)] {
            at("remove", &path, or_none(fs::remove_file(&path)))?;
        }
        Ok(())
    }

    /// Takes content away, if it is there.
    pub(crate) fn forget(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let path = self.content(sha256);
        at("remove", &path, or_none(fs::remove_file(&path))).map(|_| ())
    }

    pub(crate) fn read(
        &self,
        sha256: &[u8; 32],
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let path = self.content(sha256);
        let opened = at("open", &path, or_none(File::open(&path)))?;
        let mut file = opened
            .ok_or_else(|| StoreError::not_found(format!("content {}", hex::encode(sha256))))?;
        let read = |file: &mut File| {
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(length as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        at("read", &path, read(&mut file))
    }

    pub(crate) fn size(&self, sha256: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        let path = self.content(sha256);
        Ok(at("look at", &path, or_none(fs::metadata(&path)))?.map(|found| found.len()))
    }
}

fn hash(file: &mut File) -> io::Result<Blob> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        size += read as u64;
    }
    Ok(Blob { sha256: hasher.finalize().into(), size })
}
