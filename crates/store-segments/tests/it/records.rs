//! A record store whose transactions on the register of segments go wrong: not done, done but not told,
//! or held up until somebody else was faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use flows::HotRows;
use flows::completion::Tally;
use flows::hot::{HotBatch, Registered, Ripe, SegmentChange, Series, View};
use flows::results::{Appended, LogBatch, ResultStore, RowRecount, Scan, ScanPiece};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultScope, RowBatch,
    SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use tokio::sync::Semaphore;

/// What becomes of a call of `register`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    NotDone,
    DoneButNotTold,
    HeldUp,
}

/// A record store that lets one call of `register` go wrong.
pub(crate) struct Unlucky {
    pub(crate) records: Arc<dyn HotRows>,
    fate: Fate,
    /// Calls that go well before.
    left: AtomicI64,
    /// Whoever is held up gives a permit here, and waits for one there.
    pub(crate) reached: Semaphore,
    pub(crate) go_on: Semaphore,
}

impl Unlucky {
    pub(crate) fn new(records: Arc<dyn HotRows>, fate: Fate, good: i64) -> Arc<Self> {
        let (reached, go_on) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { records, fate, left: AtomicI64::new(good), reached, go_on })
    }

    /// Whether its bad call has come.
    pub(crate) fn was_unlucky(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

#[async_trait]
impl HotRows for Unlucky {
    async fn ripe(&self, limit: u64) -> Result<Vec<Ripe>, StoreError> {
        self.records.ripe(limit).await
    }

    async fn scattered(&self, rows_max: u64, limit: u64) -> Result<Vec<Series>, StoreError> {
        self.records.scattered(rows_max, limit).await
    }

    async fn view(&self, scope: ResultScope, source: Option<&str>) -> Result<View, StoreError> {
        self.records.view(scope, source).await
    }

    async fn has_segments(&self, scope: ResultScope) -> Result<bool, StoreError> {
        self.records.has_segments(scope).await
    }

    async fn read_hot(&self, arrivals: &[u64]) -> Result<Vec<HotBatch>, StoreError> {
        self.records.read_hot(arrivals).await
    }

    async fn register(
        &self,
        change: &SegmentChange,
        now: Timestamp,
    ) -> Result<Registered, StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return self.records.register(change, now).await;
        }
        match self.fate {
            Fate::NotDone => Err(StoreError::away("register a segment", "it died before")),
            Fate::DoneButNotTold => {
                self.records.register(change, now).await?;
                Err(StoreError::away("register a segment", "it died afterwards"))
            }
            Fate::HeldUp => {
                self.reached.add_permits(1);
                self.go_on.acquire().await.unwrap().forget();
                self.records.register(change, now).await
            }
        }
    }

    async fn condemn(&self, keys: &[String], now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.records.condemn(keys, now).await
    }

    async fn doomed(&self, before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError> {
        self.records.doomed(before, limit).await
    }

    async fn erased(&self, keys: &[String]) -> Result<(), StoreError> {
        self.records.erased(keys).await
    }
}

#[async_trait]
impl ResultStore for Unlucky {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.records.append(client, batch, now).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.records.append_log(client, batch, now).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        self.records.received(attempt).await
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        self.records.page(query).await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        self.records.facet(query).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.records.sources(scope).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.records.log(flow, paging).await
    }

    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        self.records.scan(scan).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        self.records.recount(scope).await
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.records.forget(hunt, limit, now).await
    }
}
