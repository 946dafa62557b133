//! A result store whose rows are put into segments before every single question.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, SeededEntropy, Timestamp};
use flows::HotRows;
use flows::completion::Tally;
use flows::results::{Appended, LogBatch, ResultStore, RowRecount, Scan, ScanPiece};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultScope, RowBatch,
    SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use store_segments::{Compactor, Place, Policy, SegmentedResults};
use testkit::stores::at;

/// A clock that is long after everything that suites do, and a second later at every look.
struct Later;

static LOOKS: AtomicI64 = AtomicI64::new(0);

impl base::Clock for Later {
    fn now(&self) -> Timestamp {
        at(1_000_000_000 + LOOKS.fetch_add(1, Ordering::SeqCst))
    }
}

pub(crate) fn compactor(results: &SegmentedResults, policy: Policy) -> Arc<Compactor> {
    // Keys must never be given twice.
    static SEED: AtomicU64 = AtomicU64::new(1);
    let entropy = Box::new(SeededEntropy::new(SEED.fetch_add(1, Ordering::SeqCst)));
    Arc::new(Compactor::new(results.clone(), policy, Arc::new(Later), entropy))
}

pub(crate) struct Pressed {
    pub(crate) results: SegmentedResults,
    pub(crate) compactor: Arc<Compactor>,
}

impl Pressed {
    pub(crate) fn new(hot: Arc<dyn HotRows>, place: Place) -> Self {
        let results = SegmentedResults::new(hot, place);
        let compactor = compactor(&results, Policy::eager());
        Self { results, compactor }
    }

    async fn press(&self) {
        while !self.compactor.round(None).await.unwrap().is_nothing() {}
    }
}

#[async_trait]
impl ResultStore for Pressed {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.results.append(client, batch, now).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.results.append_log(client, batch, now).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        self.press().await;
        self.results.received(attempt).await
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        self.press().await;
        self.results.page(query).await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        self.press().await;
        self.results.facet(query).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.press().await;
        self.results.sources(scope).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.results.log(flow, paging).await
    }

    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        self.press().await;
        self.results.scan(scan).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        self.press().await;
        self.results.recount(scope).await
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.press().await;
        self.results.forget(hunt, limit, now).await
    }
}
