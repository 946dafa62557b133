//! The records, as one scheduler reaches them: a step may fail before it is made, be made and never
//! answered, or take long enough for a lease to end on either side of it; a full store takes nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::{SeededEntropy, Timestamp};
use loghunt::command::{Applied, Refusal};
use loghunt::ports::{
    AuditNote, ControlStore, Delivery, Facet, FindingQuery, FindingStore, Job, LedgerStore, Old,
    OutboxStore, Pause, Settled, SliceQuery, Step, StreamQuery, TriageChange,
};
use loghunt::stream::{Run, Stream};
use model::log::{Finding, FindingId, Slice, StreamKey, TenantName};
use model::store::{Page, Paging, StoreError};
use parking_lot::Mutex;
use testkit::stores::pick;

use super::gate::Gate;
use super::spy::Spy;
use super::time::{StoreClock, pass};

/// All records of log hunts.
pub trait Records: LedgerStore + FindingStore + OutboxStore + ControlStore {}
impl<T: LedgerStore + FindingStore + OutboxStore + ControlStore> Records for T {}

/// How badly the store behaves, each in so many of a thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreTrouble {
    /// Fails, and nothing was done.
    pub(crate) fails: u64,
    /// Does it, and fails.
    pub(crate) unanswered: u64,
    /// Takes its time before or after.
    pub(crate) slow: u64,
    /// The caller dies of it, before or after.
    pub(crate) deadly: u64,
    /// Takes no change at all.
    pub(crate) full: bool,
}

impl StoreTrouble {
    pub(crate) const USUAL: Self =
        Self { fails: 8, unanswered: 8, slow: 8, deadly: 2, full: false };
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Trouble(&'static str);

/// The records behind a bad connection.
pub(crate) struct Reached {
    pub(crate) inner: Arc<dyn Records>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) spy: Arc<Spy>,
    pub(crate) trouble: Arc<Mutex<StoreTrouble>>,
    pub(crate) entropy: Arc<Mutex<SeededEntropy>>,
    pub(crate) clock: Arc<StoreClock>,
    /// It works on threads of its own, in real time.
    pub(crate) is_real: bool,
}

/// Does something that takes real time: true time stands still meanwhile, because tokio's clock does not
/// go on while it waits for a thread of its own.
async fn in_real_time<T>(work: impl Future<Output = T>) -> T {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    // The answer is that nobody is left to send anything.
    let hold = tokio::task::spawn_blocking(move || wait.recv().is_err());
    let answer = work.await;
    drop(done);
    hold.await.expect("it only waits");
    answer
}

fn broken<T>(why: &'static str) -> Result<T, StoreError> {
    Err(StoreError::broken("answer", Trouble(why)))
}

impl Reached {
    fn happens(&self, per_mille: u64) -> bool {
        pick(&mut *self.entropy.lock(), 1000) < per_mille
    }

    async fn perhaps_slow(&self, trouble: StoreTrouble) {
        if self.happens(trouble.slow) {
            let millis = pick(&mut *self.entropy.lock(), 90_000);
            pass(Duration::from_millis(millis)).await;
        }
    }

    fn perhaps_deadly(&self, trouble: StoreTrouble) {
        if self.happens(trouble.deadly) {
            self.gate.die();
        }
    }

    async fn change<T>(
        &self,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.gate.pass().await;
        let trouble = *self.trouble.lock();
        self.perhaps_slow(trouble).await;
        self.perhaps_deadly(trouble);
        self.gate.pass().await;
        if self.trouble.lock().full {
            return broken("no space left on the device");
        }
        if self.happens(trouble.fails) {
            return broken("the connection was refused");
        }
        self.clock.look();
        let answer = if self.is_real { in_real_time(change).await } else { change.await };
        self.perhaps_deadly(trouble);
        self.gate.pass().await;
        self.perhaps_slow(trouble).await;
        self.gate.pass().await;
        if self.happens(trouble.unanswered) {
            return broken("the connection broke before the answer");
        }
        answer
    }

    async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.gate.pass().await;
        let fails = self.trouble.lock().fails;
        if self.happens(fails) {
            return broken("the connection was refused");
        }
        self.clock.look();
        let answer = if self.is_real { in_real_time(read).await } else { read.await };
        self.gate.pass().await;
        answer
    }
}

#[async_trait]
impl LedgerStore for Reached {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.read(self.inner.now()).await
    }

    async fn step(&self, step: &Step) -> Result<Result<Applied, Refusal>, StoreError> {
        let seen = async {
            let answer = self.inner.step(step).await?;
            self.spy.step(step, &answer);
            Ok(answer)
        };
        let answer = self.change(seen).await;
        if let Ok(Ok(_)) = &answer {
            self.spy.heard(step);
        }
        answer
    }

    async fn stream(&self, key: &StreamKey) -> Result<Option<Stream>, StoreError> {
        self.read(self.inner.stream(key)).await
    }

    async fn streams(&self, query: &StreamQuery) -> Result<Page<Stream>, StoreError> {
        self.read(self.inner.streams(query)).await
    }

    async fn slices(&self, query: &SliceQuery) -> Result<Page<Slice>, StoreError> {
        self.read(self.inner.slices(query)).await
    }

    async fn runs(&self, query: &StreamQuery, paging: Paging) -> Result<Page<Run>, StoreError> {
        self.read(self.inner.runs(query, paging)).await
    }

    async fn forget(&self, old: &Old) -> Result<u64, StoreError> {
        self.change(self.inner.forget(old)).await
    }
}

#[async_trait]
impl FindingStore for Reached {
    async fn finding(&self, id: FindingId) -> Result<Option<Finding>, StoreError> {
        self.read(self.inner.finding(id)).await
    }

    async fn findings(&self, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        self.read(self.inner.findings(query)).await
    }

    async fn facet(
        &self,
        query: &FindingQuery,
        facet: Facet,
        limit: u64,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(self.inner.facet(query, facet, limit)).await
    }

    async fn triage(&self, id: FindingId, change: &TriageChange) -> Result<Finding, StoreError> {
        self.change(self.inner.triage(id, change)).await
    }
}

#[async_trait]
impl OutboxStore for Reached {
    async fn take(
        &self,
        owner: &str,
        ttl: Duration,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.change(self.inner.take(owner, ttl, limit)).await
    }

    async fn settle(&self, id: u64, token: u64, how: &Settled) -> Result<(), StoreError> {
        self.change(self.inner.settle(id, token, how)).await
    }

    async fn waiting(&self, paging: Paging) -> Result<Page<Delivery>, StoreError> {
        self.read(self.inner.waiting(paging)).await
    }
}

#[async_trait]
impl ControlStore for Reached {
    async fn pause(&self, pause: &Pause) -> Result<(), StoreError> {
        self.change(self.inner.pause(pause)).await
    }

    async fn resume(
        &self,
        tenant: &TenantName,
        note: &AuditNote,
    ) -> Result<Option<Pause>, StoreError> {
        self.change(self.inner.resume(tenant, note)).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.read(self.inner.pauses()).await
    }

    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.change(self.inner.put_job(job)).await
    }

    async fn jobs(&self, paging: Paging) -> Result<Page<Job>, StoreError> {
        self.read(self.inner.jobs(paging)).await
    }

    async fn note(&self, note: &AuditNote) -> Result<(), StoreError> {
        self.change(self.inner.note(note)).await
    }

    async fn notes(&self, paging: Paging) -> Result<Page<AuditNote>, StoreError> {
        self.read(self.inner.notes(paging)).await
    }
}
