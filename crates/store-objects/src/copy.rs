//! Objects that move from a folder to another place, such as segments of rows.

use std::path::Path as FilePath;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use model::store::StoreError;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, WriteMultipart};

use crate::failed;

/// A place for objects.
pub type Objects = Arc<dyn ObjectStore>;

/// What is not complete yet lies there.
const INCOMPLETE: &str = "incoming";

/// The objects in a folder of this machine.
///
/// # Errors
///
/// When it is not there.
pub fn folder(path: &FilePath) -> Result<Objects, StoreError> {
    let doing = || format!("open the folder {}", path.display());
    let objects =
        LocalFileSystem::new_with_prefix(path).map_err(|e| StoreError::broken(doing(), e))?;
    Ok(Arc::new(objects))
}

/// Copies every complete object of a folder that is not there yet with the same size. How many there
/// are.
///
/// # Errors
///
/// When one cannot be read or written; those before it are there.
pub async fn copy_folder(from: &FilePath, to: &Objects) -> Result<u64, StoreError> {
    let from = folder(from)?;
    let all = from.list(None).try_collect::<Vec<_>>().await;
    let all = all.map_err(|error| failed("list", &Path::default(), error))?;
    let mut copied = 0;
    for object in all {
        let path = object.location;
        if path.parts().next().is_some_and(|part| part.as_ref() == INCOMPLETE) {
            continue;
        }
        copied += 1;
        match to.head(&path).await {
            Ok(there) if there.size == object.size => continue,
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(failed("look at", &path, error)),
        }
        let one = copy_one(&from, to, &path).await;
        one.map_err(|error| failed("copy", &path, error))?;
    }
    Ok(copied)
}

async fn copy_one(from: &Objects, to: &Objects, path: &Path) -> Result<(), Error> {
    let mut bytes = from.get(path).await?.into_stream();
    let mut upload = WriteMultipart::new(to.put_multipart(path).await?);
    while let Some(some) = bytes.next().await {
        upload.put(some?);
        upload.wait_for_capacity(2).await?;
    }
    upload.finish().await.map(|_| ())
}
