//! Counts every call of the record ports that an agent's session may use, and breaks them on demand.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use fleet::ClientStore;
use fleet::enrolment::{Enrolment, LabelChange};
use fleet::ports::{ClientList, EnrolError, Enrolled, Sighting};
use flows::ports::{Applied, FlowList, FlowStep};
use flows::reports::{Burst, Taken};
use flows::{FlowStore, ReportStore};
use hunts::ports::{
    ActiveHunts, Decided, Decision, HuntEdit, HuntList, HuntStep, HuntStore, HuntSummary,
    MemberKey, MemberList, MemberStore, NewHunt, Progress, ResultPointer, Round, TagChange,
    Transitioned,
};
use model::client::Client;
use model::flow::Flow;
use model::hunt::{Hunt, HuntRevision, QueueCounts};
use model::member::Member;
use model::org::OrgId;
use model::store::{Page, Paging, StoreError};
use model::window::Checkpoint;

/// How many calls there were, and whether they fail.
#[derive(Clone, Default)]
pub(crate) struct Counted {
    calls: Arc<AtomicU64>,
    full: Arc<AtomicBool>,
}

struct Counting<S: ?Sized> {
    counted: Counted,
    inner: Arc<S>,
}

impl<S: ?Sized> Counting<S> {
    fn count(&self) -> Result<(), StoreError> {
        self.counted.calls.fetch_add(1, Ordering::SeqCst);
        if self.counted.full.load(Ordering::SeqCst) {
            return Err(StoreError::broken("write", io::Error::from(io::ErrorKind::StorageFull)));
        }
        Ok(())
    }
}

impl Counted {
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// From now on every call fails, or no call does.
    pub(crate) fn disk_is_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    pub(crate) fn clients(&self, inner: Arc<dyn ClientStore>) -> Arc<dyn ClientStore> {
        Arc::new(Counting { counted: self.clone(), inner })
    }

    pub(crate) fn flows(&self, inner: Arc<dyn FlowStore>) -> Arc<dyn FlowStore> {
        Arc::new(Counting { counted: self.clone(), inner })
    }

    pub(crate) fn reports(&self, inner: Arc<dyn ReportStore>) -> Arc<dyn ReportStore> {
        Arc::new(Counting { counted: self.clone(), inner })
    }

    pub(crate) fn hunts(&self, inner: Arc<dyn HuntStore>) -> Arc<dyn HuntStore> {
        Arc::new(Counting { counted: self.clone(), inner })
    }

    pub(crate) fn members(&self, inner: Arc<dyn MemberStore>) -> Arc<dyn MemberStore> {
        Arc::new(Counting { counted: self.clone(), inner })
    }
}

macro_rules! counted {
    ($Port:ident { $(fn $name:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $Port for Counting<dyn $Port> {
            $(async fn $name(&self, $($arg: $ty),*) -> $answer {
                self.count()?;
                self.inner.$name($($arg),*).await
            })*
        }
    };
}

counted!(ClientStore {
    fn enrol(enrolment: &Enrolment, now: Timestamp) -> Result<Enrolled, EnrolError>;
    fn get(id: ClientId) -> Result<Option<Client>, StoreError>;
    fn list(query: &ClientList) -> Result<Page<Client>, StoreError>;
    fn set_labels(id: ClientId, change: &LabelChange) -> Result<Client, StoreError>;
    fn seen(id: ClientId, sighting: &Sighting) -> Result<(), StoreError>;
    fn ask_again(id: ClientId) -> Result<u64, StoreError>;
    fn revoke(id: ClientId, now: Timestamp) -> Result<Client, StoreError>;
    fn named(org: &OrgId, names: &BTreeSet<String>) -> Result<Vec<(String, ClientId)>, StoreError>;
    fn labels(org: &OrgId) -> Result<Vec<(String, u64)>, StoreError>;
});

counted!(FlowStore {
    fn create(flow: &Flow) -> Result<(), StoreError>;
    fn get(id: FlowId) -> Result<Option<Flow>, StoreError>;
    fn list(query: &FlowList) -> Result<Page<Flow>, StoreError>;
    fn live(client: ClientId) -> Result<Vec<Flow>, StoreError>;
    fn waiting(clients: &[ClientId]) -> Result<Vec<Flow>, StoreError>;
    fn apply(step: &FlowStep) -> Result<Applied, StoreError>;
    fn overdue(now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError>;
});

counted!(ReportStore {
    fn take(burst: &Burst) -> Result<Vec<Taken>, StoreError>;
});

counted!(HuntStore {
    fn create(new: &NewHunt) -> Result<Hunt, StoreError>;
    fn edit(edit: &HuntEdit) -> Result<Hunt, StoreError>;
    fn transition(step: &HuntStep) -> Result<Transitioned, StoreError>;
    fn get(id: HuntId) -> Result<Option<HuntSummary>, StoreError>;
    fn list(query: &HuntList) -> Result<Page<HuntSummary>, StoreError>;
    fn set_tags(id: HuntId, change: &TagChange) -> Result<Hunt, StoreError>;
    fn active() -> Result<ActiveHunts, StoreError>;
    fn revisions(id: HuntId) -> Result<Vec<HuntRevision>, StoreError>;
    fn rounds(id: HuntId, paging: Paging) -> Result<Page<Round>, StoreError>;
});

counted!(MemberStore {
    fn decide(decisions: &[Decision], now: Timestamp) -> Result<Vec<Decided>, StoreError>;
    fn member(key: MemberKey) -> Result<Option<Member>, StoreError>;
    fn members(query: &MemberList) -> Result<Page<Member>, StoreError>;
    fn of_client(client: ClientId, paging: Paging) -> Result<Page<Member>, StoreError>;
    fn counts(hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError>;
    fn recount(hunt: HuntId, round: u32) -> Result<QueueCounts, StoreError>;
    fn recount_progress(hunt: HuntId) -> Result<Progress, StoreError>;
    fn checkpoints(hunt: HuntId, client: ClientId) -> Result<Vec<Checkpoint>, StoreError>;
    fn results_queue(
        hunt: HuntId,
        round: u32,
        paging: Paging
    ) -> Result<Page<ResultPointer>, StoreError>;
});
