//! Stores under a process that may die: each change may fail before it is made, or be made and
//! never answered. Either its caller dies of it at once, or it has the bad luck of a node of an estate.
//!
//! Every change is looked at when it was made and before anybody hears of it: counters against a recount,
//! limits, rates, batches. A planted fault breaks a promise here, so that the checks can be checked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::{ClientId, Entropy, FlowId, HuntId, SeededEntropy, Timestamp};
use flows::completion::Tally;
use flows::ports::{Applied, FlowList, FlowStep};
use flows::reports::{Burst, Taken};
use flows::results::{Appended, LogBatch, RowRecount, Scan, ScanPiece};
use flows::{FlowStore, ReportStore, ResultStore};
use hunts::ports::{
    ActiveHunts, Admissions, Decided, Decision, Grant, HuntEdit, HuntList, HuntStep, HuntSummary,
    MemberKey, MemberList, NewHunt, Progress, ResultPointer, RetryFailed, Round, TagChange,
    Transitioned,
};
use hunts::{AdmissionStore, HuntStore, MemberStore};
use model::flow::{Flow, FlowOrigin};
use model::hunt::{Hunt, HuntEvent, HuntRevision, QueueCounts};
use model::member::{Member, MemberEvent, MemberQueue};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultScope, RowBatch,
    SourceSummary,
};
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;
use parking_lot::Mutex;
use testkit::stores::Stores;

use crate::estate::luck::NodeLuck;
use crate::watch::{Planted, Watch};

/// Stores whose caller may die at each change.
pub(crate) struct Faulty {
    inner: Stores,
    luck: Luck,
    watch: Arc<Watch>,
    planted: Option<Planted>,
}

enum Luck {
    /// The caller dies in so many of a thousand changes.
    Deadly(Mutex<SeededEntropy>, AtomicU64),
    /// That of a node.
    Node(NodeLuck),
}

/// How a caller learns that it has died.
#[derive(Debug, thiserror::Error)]
#[error("the process was killed")]
struct Killed;

impl Faulty {
    pub(crate) fn new(inner: Stores, seed: u64, per_mille: u64) -> Arc<Self> {
        let luck = Luck::Deadly(Mutex::new(SeededEntropy::new(seed)), AtomicU64::new(per_mille));
        let (watch, planted) = (Arc::new(Watch::new(inner.clone())), None);
        Arc::new(Self { inner, luck, watch, planted })
    }

    /// The stores as a node of an estate reaches them.
    pub(crate) fn of_node(
        inner: Stores,
        luck: NodeLuck,
        watch: Arc<Watch>,
        planted: Option<Planted>,
    ) -> Arc<Self> {
        Arc::new(Self { inner, luck: Luck::Node(luck), watch, planted })
    }

    /// From now on nobody dies of a change.
    pub(crate) fn heal(&self) {
        if let Luck::Deadly(_, per_mille) = &self.luck {
            per_mille.store(0, Ordering::SeqCst);
        }
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn plants(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }

    async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (entropy, per_mille) = match &self.luck {
            Luck::Node(luck) => return luck.change(change).await,
            Luck::Deadly(entropy, per_mille) => (entropy, per_mille),
        };
        let dies = || entropy.lock().next_u64() % 1_000 < per_mille.load(Ordering::SeqCst);
        let killed = || Err(StoreError::broken("go on", Killed));
        if dies() {
            return killed();
        }
        let outcome = change.await;
        if dies() { killed() } else { outcome }
    }

    /// Time passes before a read, too, where there is time.
    async fn about_to_read(&self) -> Result<(), StoreError> {
        match &self.luck {
            Luck::Node(luck) => luck.read().await,
            Luck::Deadly(..) => Ok(()),
        }
    }
}

#[async_trait]
impl HuntStore for Faulty {
    async fn create(&self, new: &NewHunt) -> Result<Hunt, StoreError> {
        self.change(self.inner.hunts.create(new)).await
    }

    async fn edit(&self, edit: &HuntEdit) -> Result<Hunt, StoreError> {
        let edited = async {
            let hunt = self.inner.hunts.edit(edit).await?;
            self.watch.hunt(edit.id).await;
            Ok(hunt)
        };
        self.change(edited).await
    }

    async fn transition(&self, step: &HuntStep) -> Result<Transitioned, StoreError> {
        if self.plants(Planted::NeverEnds) && step.event == HuntEvent::Drained {
            return Err(StoreError::conflict("somebody else was faster"));
        }
        let moved = async {
            let moved = self.inner.hunts.transition(step).await?;
            self.watch.hunt(step.id).await;
            Ok(moved)
        };
        self.change(moved).await
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
        self.about_to_read().await?;
        let mut active = self.inner.hunts.active().await?;
        if self.plants(Planted::TellsTheCondition) {
            for summary in &mut active.hunts {
                summary.hunt.spec.condition.client = summary.hunt.spec.condition.server.clone();
            }
        }
        Ok(active)
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
        if self.plants(Planted::ForgetsDecisions) && decisions.len() == 1 {
            // It says that it is done, and has not begun.
            return Ok(vec![Decided::Recorded(MemberQueue::Pending)]);
        }
        let decided = async {
            let decided = self.inner.members.decide(decisions, now).await?;
            let hunts: BTreeSet<HuntId> =
                decisions.iter().map(|decision| decision.key.hunt).collect();
            for hunt in hunts {
                self.watch.hunt(hunt).await;
            }
            Ok(decided)
        };
        self.change(decided).await
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
    async fn clock(&self, here: Timestamp) -> Result<Timestamp, StoreError> {
        self.about_to_read().await?;
        match &self.luck {
            Luck::Node(luck) => Ok(luck.records_clock.now()),
            Luck::Deadly(..) => self.inner.admissions.clock(here).await,
        }
    }

    async fn admit(&self, grant: &Grant) -> Result<Vec<Flow>, StoreError> {
        let mut given = grant.clone();
        if self.plants(Planted::ForgetsTimes) {
            // Each admission is dated a minute after the last, so that no minute is ever full.
            given.now = grant.now.plus(Duration::from_secs(61 * (1 + self.watch.admitted())));
        }
        let admit = async {
            let flows = self.inner.admissions.admit(&given).await?;
            let count = flows.len() as u64;
            self.watch.admission(Admissions { hunt: grant.hunt, at: grant.now, count }).await;
            Ok(flows)
        };
        self.change(admit).await
    }

    async fn admissions(&self, since: Timestamp) -> Result<Vec<Admissions>, StoreError> {
        self.about_to_read().await?;
        if self.plants(Planted::ForgetsTimes) {
            return Ok(Vec::new());
        }
        self.inner.admissions.admissions(since).await
    }

    async fn move_member(
        &self,
        key: MemberKey,
        event: &MemberEvent,
        now: Timestamp,
    ) -> Result<Option<FlowId>, StoreError> {
        let moved = async {
            let moved = self.inner.admissions.move_member(key, event, now).await?;
            self.watch.hunt(key.hunt).await;
            Ok(moved)
        };
        self.change(moved).await
    }

    async fn retry_failed(&self, wanted: &RetryFailed) -> Result<u64, StoreError> {
        let retried = async {
            let retried = self.inner.admissions.retry_failed(wanted).await?;
            self.watch.hunt(wanted.hunt).await;
            Ok(retried)
        };
        self.change(retried).await
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
        self.about_to_read().await?;
        self.inner.flows.live(client).await
    }

    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError> {
        let applied = async {
            let applied = self.inner.flows.apply(step).await?;
            if let FlowOrigin::Hunt { hunt, .. } = applied.flow.origin {
                self.watch.hunt(hunt).await;
            }
            Ok(applied)
        };
        self.change(applied).await
    }

    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError> {
        self.about_to_read().await?;
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
        if self.plants(Planted::LosesRows) && batch.seq == 0 {
            return Ok(Appended::Stored);
        }
        let append = async {
            let mut appended = self.inner.results.append(client, batch, now).await?;
            if self.plants(Planted::StoresTwice) && appended == Appended::Duplicate {
                let again = RowBatch { seq: batch.seq + 1_000, ..batch.clone() };
                self.inner.results.append(client, &again, now).await?;
                appended = Appended::Stored;
            }
            if appended == Appended::Stored {
                self.watch.batch(batch.attempt, &batch.source, batch.seq);
            }
            Ok(appended)
        };
        self.change(append).await
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

#[async_trait]
impl ReportStore for Faulty {
    /// One after the other, so that a node may die between any two of them.
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError> {
        flows::steer::take_burst(self, self, burst).await
    }
}
