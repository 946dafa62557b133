//! Stores under a process that may die: each change may fail before it is made, or be made and
//! never answered. Both look the same to the caller, who dies of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use base::{ClientId, Entropy, FlowId, HuntId, SeededEntropy, Timestamp};
use flows::completion::Tally;
use flows::ports::{Applied, FlowList, FlowStep};
use flows::results::{Appended, LogBatch, RowRecount, Scan, ScanPiece};
use flows::{FlowStore, ResultStore};
use hunts::ports::{
    ActiveHunts, Admissions, Decided, Decision, Grant, HuntEdit, HuntList, HuntStep, HuntSummary,
    MemberKey, MemberList, NewHunt, Progress, ResultPointer, RetryFailed, Round, TagChange,
    Transitioned,
};
use hunts::{AdmissionStore, HuntStore, MemberStore};
use model::flow::Flow;
use model::hunt::{Hunt, HuntRevision, QueueCounts};
use model::member::{Member, MemberEvent};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultScope, RowBatch,
    SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;
use parking_lot::Mutex;
use testkit::stores::Stores;

/// Stores whose caller may die at each change.
pub(crate) struct Faulty {
    inner: Stores,
    entropy: Mutex<SeededEntropy>,
    /// In how many of a thousand changes the caller dies.
    per_mille: AtomicU64,
    /// Every admission that was made, answered or not.
    made: Mutex<Vec<Admissions>>,
}

/// How a caller learns that it has died.
#[derive(Debug, thiserror::Error)]
#[error("the process was killed")]
struct Killed;

impl Faulty {
    pub(crate) fn new(inner: Stores, seed: u64, per_mille: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            entropy: Mutex::new(SeededEntropy::new(seed)),
            per_mille: AtomicU64::new(per_mille),
            made: Mutex::default(),
        })
    }

    /// From now on nobody dies of a change.
    pub(crate) fn heal(&self) {
        self.per_mille.store(0, Ordering::SeqCst);
    }

    pub(crate) fn admissions_made(&self) -> Vec<Admissions> {
        self.made.lock().clone()
    }

    fn dies(&self) -> bool {
        self.entropy.lock().next_u64() % 1_000 < self.per_mille.load(Ordering::SeqCst)
    }

    async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let killed = || Err(StoreError::broken("go on", Killed));
        if self.dies() {
            return killed();
        }
        let outcome = change.await;
        if self.dies() { killed() } else { outcome }
    }
}

#[async_trait]
impl HuntStore for Faulty {
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError> {
        self.change(self.inner.hunts.create(new)).await
    }

    async fn edit(&self, edit: &HuntEdit) -> Result<Hunt, StoreError> {
        self.change(self.inner.hunts.edit(edit)).await
    }

    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError> {
        self.change(self.inner.hunts.transition(step)).await
    }

    async fn get(&self, id: HuntId) -> Result<Option<HuntSummary>, StoreError> {
        self.inner.hunts.get(id).await
    }

    async fn list(&self, query: &HuntList) -> Result<Page<HuntSummary>, StoreError> {
        self.inner.hunts.list(query).await
    }

    async fn set_tags(&self, id: HuntId, change: &TagChange) -> Result<Hunt, StoreError> {
        self.change(self.inner.hunts.set_tags(id, change)).await
    }

    async fn active(&self) -> Result<ActiveHunts, StoreError> {
        self.inner.hunts.active().await
    }

    async fn revisions(&self, id: HuntId) -> Result<Vec<HuntRevision>, StoreError> {
        self.inner.hunts.revisions(id).await
    }

    async fn rounds(&self, id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError> {
        self.inner.hunts.rounds(id, paging).await
    }
}

#[async_trait]
impl MemberStore for Faulty {
    async fn decide(
        &self,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<Vec<Decided>, StoreError> {
        self.change(self.inner.members.decide(decisions, now)).await
    }

    async fn member(&self, key: MemberKey) -> Result<Option<Member>, StoreError> {
        self.inner.members.member(key).await
    }

    async fn members(&self, query: &MemberList) -> Result<Page<Member>, StoreError> {
        self.inner.members.members(query).await
    }

    async fn of_client(
        &self,
        client: ClientId,
        paging: Paging,
    ) -> Result<Page<Member>, StoreError> {
        self.inner.members.of_client(client, paging).await
    }

    async fn counts(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        self.inner.members.counts(hunt, round).await
    }

    async fn recount(&self, hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError> {
        self.inner.members.recount(hunt, round).await
    }

    async fn recount_progress(&self, hunt: HuntId) -> Result<Progress, StoreError> {
        self.inner.members.recount_progress(hunt).await
    }

    async fn checkpoints(
        &self,
        hunt: HuntId,
        client: ClientId,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        self.inner.members.checkpoints(hunt, client).await
    }

    async fn results_queue(
        &self,
        hunt: HuntId,
        round: u32,
        paging: Paging,
    ) -> Result<Page<ResultPointer>, StoreError> {
        self.inner.members.results_queue(hunt, round, paging).await
    }
}

#[async_trait]
impl AdmissionStore for Faulty {
    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError> {
        let admit = async {
            let flows = self.inner.admissions.admit(grant).await?;
            let count = flows.len() as u64;
            self.made.lock().push(Admissions { hunt: grant.hunt, at: grant.now, count });
            Ok(flows)
        };
        self.change(admit).await
    }

    async fn admissions(&self, since: Timestamp) -> Result<Vec<Admissions>, StoreError> {
        self.inner.admissions.admissions(since).await
    }

    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError> {
        self.change(self.inner.admissions.move_member(key, event, now)).await
    }

    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError> {
        self.change(self.inner.admissions.retry_failed(wanted)).await
    }
}

#[async_trait]
impl FlowStore for Faulty {
    async fn create(&self, flow: &Flow) -> Result<(), StoreError> {
        self.change(self.inner.flows.create(flow)).await
    }

    async fn get(&self, id: FlowId) -> Result<Option<Flow>, StoreError> {
        self.inner.flows.get(id).await
    }

    async fn list(&self, query: &FlowList) -> Result<Page<Flow>, StoreError> {
        self.inner.flows.list(query).await
    }

    async fn waiting(&self, clients: &[ClientId]) -> Result<Vec<Flow>, StoreError> {
        self.inner.flows.waiting(clients).await
    }

    async fn live(&self, client: ClientId) -> Result<Vec<Flow>, StoreError> {
        self.inner.flows.live(client).await
    }

    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError> {
        self.change(self.inner.flows.apply(step)).await
    }

    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError> {
        self.inner.flows.overdue(now, limit).await
    }
}

#[async_trait]
impl ResultStore for Faulty {
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.change(self.inner.results.append(client, batch, now)).await
    }

    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.change(self.inner.results.append_log(client, batch, now)).await
    }

    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError> {
        self.inner.results.received(attempt).await
    }

    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError> {
        self.inner.results.page(query).await
    }

    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError> {
        self.inner.results.sources(scope).await
    }

    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError> {
        self.inner.results.log(flow, paging).await
    }

    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError> {
        self.inner.results.scan(scan).await
    }

    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError> {
        self.inner.results.recount(scope).await
    }

    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError> {
        self.inner.results.facet(query).await
    }

    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError> {
        self.change(self.inner.results.forget(hunt, limit, now)).await
    }
}
