//! A writer of segments that dies at any step, or meets another, loses and doubles nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use flows::HotRows;
use flows::results::ResultStore;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use model::results::{ResultQuery, ResultScope, RowBatch};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use store_segments::{Place, Policy, SegmentedResults};
use store_sqlite::SqliteStore;
use testkit::stores::{Stores, at, batch, decision, first, rows, spec};

use crate::pressed::compactor;

/// An object store whose client dies after so many requests.
#[derive(Clone, Debug)]
pub(crate) struct Dying {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) left: Arc<AtomicU64>,
}

impl Dying {
    fn live(&self) -> Result<()> {
        let less = |left: u64| left.checked_sub(1);
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        left.map(|_| ()).map_err(|_| Error::Generic { store: "dying", source: "dead".into() })
    }
}

impl fmt::Display for Dying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dying {}", self.objects)
    }
}

#[async_trait]
impl ObjectStore for Dying {
    async fn put_opts(&self, path: &Path, data: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.live()?;
        self.objects.put_opts(path, data, how).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.live()?;
        self.objects.put_multipart_opts(path, how).await
    }

    async fn get_opts(&self, path: &Path, how: GetOptions) -> Result<GetResult> {
        self.live()?;
        self.objects.get_opts(path, how).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let dying = self.clone();
        let paths = paths.map(move |path| dying.live().and(path)).boxed();
        self.objects.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let dying = self.clone();
        self.objects.list(prefix).map(move |found| dying.live().and(found)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.live()?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.live()?;
        self.objects.copy_opts(from, to, how).await
    }
}

/// A hunt with eight batches of two rows, all done.
pub(crate) async fn filled(stores: &Stores) -> ResultScope {
    let client = stores.enrol(1).await;
    let hunt = stores.start_hunt(1, spec(), at(0)).await.id;
    stores.members.decide(&[decision(hunt, client, Ok(()))], at(1)).await.unwrap();
    let flow = stores.admit(hunt, 9, at(2)).await.remove(0);
    for seq in 0..8 {
        let texts = [format!("{{\"n\":{}}}", seq * 2), format!("{{\"n\":{}}}", seq * 2 + 1)];
        let batch = RowBatch { rows: texts.to_vec(), ..batch(first(flow.id), seq, &[]) };
        stores.results.append(client, &batch, at(3)).await.unwrap();
    }
    stores.end(first(flow.id), Ok(rows(16)), false, at(4)).await;
    ResultScope::Hunt { hunt, round: 1 }
}

pub(crate) fn query(scope: ResultScope) -> ResultQuery {
    ResultQuery {
        scope,
        source: None,
        search: None,
        filters: vec![],
        sort: None,
        offset: 0,
        limit: 100,
    }
}

pub(crate) async fn assert_whole(results: &SegmentedResults, scope: ResultScope) {
    let page = results.page(&query(scope)).await.unwrap();
    let found: Vec<String> = page.rows.into_iter().map(|row| row.json).collect();
    let wanted: Vec<String> = (0..16).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(found, wanted);
    let counts = results.recount(scope).await.unwrap();
    assert_eq!((counts.declared, counts.kept, counts.counted), (16, 16, 16));
}

pub(crate) async fn objects_of(objects: &Arc<dyn ObjectStore>) -> usize {
    objects.list(None).filter(|found| std::future::ready(found.is_ok())).count().await
}

#[tokio::test]
async fn a_writer_may_die_at_any_request() {
    let policy = || Policy { merged_least: 2, ..Policy::eager() };
    let mut deaths = 0;
    for dies_after in 0..200 {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("records.sqlite")).unwrap());
        let stores = Stores::of(store.clone());
        let scope = filled(&stores).await;
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let left = Arc::new(AtomicU64::new(dies_after));
        let dying = Arc::new(Dying { objects: objects.clone(), left: left.clone() });
        let mortal = SegmentedResults::new(store.clone(), Place::object_store(dying));
        let first_life = compactor(&mortal, policy());
        let mut died = false;
        for _ in 0..4 {
            died = died || first_life.round(None).await.is_err();
            died = died || first_life.sweep().await.is_err();
        }
        deaths += u64::from(died);
        let results = SegmentedResults::new(store.clone(), Place::object_store(objects.clone()));
        assert_whole(&results, scope).await;
        let second_life = compactor(&results, policy());
        second_life.sweep().await.unwrap();
        while !second_life.round(None).await.unwrap().is_nothing() {}
        assert_whole(&results, scope).await;
        let live = store.view(scope, None).await.unwrap().segments.len();
        assert_eq!(objects_of(&objects).await, live, "nothing lies around after {dies_after}");
        if !died {
            break;
        }
    }
    assert!(deaths > 10, "{deaths} requests at which it died");
}

#[tokio::test]
async fn two_writers_at_once_move_every_batch_once() {
    let (stores, hot) = Stores::in_memory_and_hot();
    let scope = filled(&stores).await;
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let place = || Place::object_store(objects.clone());
    let results = [0; 2].map(|_| SegmentedResults::new(hot.clone(), place()));
    let writers = results.each_ref().map(|results| compactor(results, Policy::eager()));
    for _ in 0..6 {
        let (one, two) = tokio::join!(writers[0].round(None), writers[1].round(None));
        one.unwrap();
        two.unwrap();
        assert_whole(&results[0], scope).await;
        assert_whole(&results[1], scope).await;
    }
    assert_eq!(hot.view(scope, None).await.unwrap().hot, []);
}

#[tokio::test]
async fn what_a_reader_has_open_stays_for_the_grace() {
    let (stores, hot) = Stores::in_memory_and_hot();
    let scope = filled(&stores).await;
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let results = SegmentedResults::new(hot.clone(), Place::object_store(objects.clone()));
    let patient =
        Policy { grace: std::time::Duration::from_secs(3_600), merged_least: 2, ..Policy::eager() };
    let writer = compactor(&results, patient);
    for _ in 0..3 {
        writer.round(None).await.unwrap();
    }
    let live = hot.view(scope, None).await.unwrap().segments.len();
    assert!(objects_of(&objects).await > live, "the small ones are still there");
    assert_whole(&results, scope).await;
}

#[tokio::test]
async fn a_forgotten_hunt_leaves_no_object() {
    let (stores, hot) = Stores::in_memory_and_hot();
    let ResultScope::Hunt { hunt, .. } = filled(&stores).await else {
        unreachable!("it is a hunt")
    };
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let results = SegmentedResults::new(hot, Place::object_store(objects.clone()));
    let writer = compactor(&results, Policy::eager());
    writer.round(None).await.unwrap();
    assert!(objects_of(&objects).await > 0);
    while results.forget(hunt, 100, at(50)).await.unwrap() {}
    writer.round(None).await.unwrap();
    assert_eq!(objects_of(&objects).await, 0);
}
