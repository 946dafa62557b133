//! Where segments are: a folder, or an object store that speaks S3.
//!
//! An object is there whole or not at all, and durable once it is there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use base::Timestamp;
use futures_util::TryStreamExt;
use model::store::StoreError;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;

use crate::os::sync_folder;
use crate::trouble::Trouble;

/// Unfinished objects of a folder.
const INCOMING: &str = "incoming";

/// Where segments are.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
    trouble: Arc<Trouble>,
}

impl Place {
    /// A folder of this machine, which is made when it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written.
    pub fn folder(path: &FilePath) -> Result<Self, StoreError> {
        let at = |error: io::Error| {
            StoreError::broken(format!("make the folder of segments {}", path.display()), error)
        };
        fs::create_dir_all(path.join(INCOMING)).map_err(at)?;
        sync_folder(path).map_err(at)?;
        let store =
            LocalFileSystem::new_with_prefix(path).map_err(|error| failed("open", error))?;
        Ok(Self { folder: Some(path.to_owned()), ..Self::object_store(Arc::new(store)) })
    }

    /// An object store, whose objects are durable when they are there.
    pub fn object_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None, trouble: Arc::default() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    pub(crate) fn trouble(&self) -> &Arc<Trouble> {
        &self.trouble
    }

    /// Begins an object.
    pub(crate) fn create(&self, key: &str) -> Result<NewObject, StoreError> {
        let Some(folder) = &self.folder else {
            let path = path_of(key)?;
            return Ok(NewObject::Remote(Box::new(BufWriter::new(self.store.clone(), path))));
        };
        let part = folder.join(INCOMING).join(format!("{}.part", key.replace('/', "_")));
        let file = File::create(&part)
            .map_err(|error| StoreError::broken(format!("make {}", part.display()), error))?;
        Ok(NewObject::Local { file, part, folder: folder.clone(), key: key.to_owned() })
    }

    /// Removes objects; such as are not there are gone already.
    pub(crate) async fn remove(&self, key: &str) -> Result<(), StoreError> {
        match self.store.delete(&path_of(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("remove a segment", error)),
        }
    }

    /// The keys of objects that were last written before a moment.
    pub(crate) async fn older(&self, before: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut listed = self.store.list(None);
        let mut keys = Vec::new();
        while let Some(object) =
            listed.try_next().await.map_err(|error| failed("list segments", error))?
        {
            if object.last_modified.timestamp_micros() < before.as_micros() {
                keys.push(object.location.to_string());
            }
        }
        Ok(keys)
    }
}

pub(crate) fn path_of(key: &str) -> Result<Path, StoreError> {
    Path::parse(key).map_err(|error| StoreError::broken(format!("name segment {key}"), error))
}

pub(crate) fn failed(doing: &str, error: object_store::Error) -> StoreError {
    StoreError::broken(doing, error)
}

/// An object that is being written. Dropped before its end, it does not become one.
pub(crate) enum NewObject {
    Local { file: File, part: PathBuf, folder: PathBuf, key: String },
    Remote(Box<BufWriter>),
}

impl NewObject {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let written = match self {
            Self::Local { file, .. } => file.write_all(bytes),
            Self::Remote(writer) => writer.write_all(bytes).await,
        };
        written.map_err(|error| StoreError::broken("write a segment", error))
    }

    /// The object is whole; it is durable when this returns.
    pub(crate) async fn finish(self) -> Result<(), StoreError> {
        let done = match self {
            Self::Local { file, part, folder, key } => keep(&file, &part, &folder, &key),
            Self::Remote(mut writer) => writer.shutdown().await,
        };
        done.map_err(|error| StoreError::broken("finish a segment", error))
    }
}

fn keep(file: &File, part: &FilePath, folder: &FilePath, key: &str) -> io::Result<()> {
    file.sync_all()?;
    let kept = folder.join(key);
    let parent = kept.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    fs::rename(part, &kept)?;
    // Its name, and those of the folders that were made for it.
    let mut changed = Some(parent);
    while let Some(inner) = changed.filter(|inner| inner.starts_with(folder)) {
        sync_folder(inner)?;
        changed = inner.parent();
    }
    Ok(())
}
