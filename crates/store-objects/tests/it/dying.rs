//! An object store whose client dies: after so many changes nothing that it asks for happens any more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

#[derive(Clone, Debug)]
pub(crate) struct Dying {
    objects: Arc<dyn ObjectStore>,
    left: Arc<AtomicU64>,
}

impl Dying {
    pub(crate) fn after(objects: Arc<dyn ObjectStore>, changes: u64) -> Self {
        Self { objects, left: Arc::new(AtomicU64::new(changes)) }
    }

    fn change(&self) -> Result<()> {
        let lives = |left: u64| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lives) {
            Ok(_) => Ok(()),
            Err(_) => Err(dead()),
        }
    }

    fn look(&self) -> Result<()> {
        if self.left.load(Ordering::SeqCst) == 0 { Err(dead()) } else { Ok(()) }
    }
}

fn dead() -> Error {
    Error::Generic { store: "dying", source: "the node is dead".into() }
}

impl fmt::Display for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dying {}", self.objects)
    }
}

#[async_trait]
impl ObjectStore for Dying {
    async fn put_opts(&self, path: &Path, data: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.change()?;
        self.objects.put_opts(path, data, how).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.change()?;
        let upload = self.objects.put_multipart_opts(path, how).await?;
        Ok(Box::new(DyingUpload { upload, dying: self.clone() }))
    }

    async fn get_opts(&self, path: &Path, how: GetOptions) -> Result<GetResult> {
        self.look()?;
        self.objects.get_opts(path, how).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let dying = self.clone();
        let paths = paths.map(move |path| dying.change().and(path)).boxed();
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let dying = self.clone();
        self.objects.list(prefix).map(move |found| dying.look().and(found)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.look()?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.change()?;
        self.objects.copy_opts(from, to, how).await
    }
}

#[derive(Debug)]
struct DyingUpload {
    upload: Box<dyn MultipartUpload>,
    dying: Dying,
}

#[async_trait]
impl MultipartUpload for DyingUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.dying.change() {
            Ok(()) => self.upload.put_part(data),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.dying.change()?;
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.dying.change()?;
        self.upload.abort().await
    }
}
