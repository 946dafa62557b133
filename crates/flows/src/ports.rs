//! The records of flows.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use model::flow::{Flow, FlowEvent};
use model::org::OrgId;
use model::store::{Page, Paging, StoreError};
use model::window::WindowRead;

/// Remembers the flows.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable: a kill of the process loses nothing of it.
/// - [`apply`](Self::apply) moves a flow by [`crate::life::after`] only. When the flow belongs to a
///   hunt, its member, the hunt's counters (what its finished attempts have used among them), the
///   record in its results queue and its client's checkpoints move in the same transaction.
/// - A checkpoint moves only with the end of an attempt that finished, by
///   [`model::window::advanced`].
/// - With `retry`, a flow that is left failed has the limits of its next attempt.
/// - Flows of hunts are made by the hunt's admission, never by [`create`](Self::create).
///
/// Every implementation runs `testkit::flow_suite`.
#[async_trait]
pub trait FlowStore: Send + Sync {
    /// Writes a direct flow that a person asked for. The same record twice is one flow; another
    /// record with its id is [`StoreError::Conflict`].
    async fn create(&self, flow: &Flow) -> Result<(), StoreError>;

    /// The flow with this id.
    async fn get(&self, id: FlowId) -> Result<Option<Flow>, StoreError>;

    /// Those that match, newest first, a page of them.
    async fn list(&self, query: &FlowList) -> Result<Page<Flow>, StoreError>;

    /// What this client has to do or is doing: queued and running flows, oldest first.
    async fn live(&self, client: ClientId) -> Result<Vec<Flow>, StoreError>;

    /// What these clients have to do and have not taken yet: queued flows, oldest first. A client may
    /// be named twice.
    async fn waiting(&self, clients: &[ClientId]) -> Result<Vec<Flow>, StoreError>;

    /// Lets an event move a flow. An unknown flow is [`StoreError::NotFound`].
    async fn apply(&self, step: &FlowStep) -> Result<Applied, StoreError>;

    /// Up to `limit` flows that [`crate::life::overdue`] says are over at `now`.
    async fn overdue(&self, now: Timestamp, limit: u64) -> Result<Vec<Flow>, StoreError>;
}

/// An event for a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStep {
    /// Which flow.
    pub flow: FlowId,
    /// What happened.
    pub event: FlowEvent,
    /// When the event leaves it failed: whether the retry policy lets it run again. A direct flow
    /// is queued again at once, the member of a hunt waits for its next admission.
    pub retry: bool,
    /// When the event ends it well: the windows that its sources have read. Those of a hunt move
    /// its client's checkpoints.
    pub windows: Vec<WindowRead>,
    /// When it happened.
    pub now: Timestamp,
}

impl FlowStep {
    /// An event that is not followed by another attempt and read no windows.
    pub fn new(flow: FlowId, event: FlowEvent, now: Timestamp) -> Self {
        Self { flow, event, retry: false, windows: Vec::new(), now }
    }
}

/// What an event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The flow as it is now.
    pub flow: Flow,
    /// Whether the event changed anything; late and repeated events do not.
    pub moved: bool,
}

/// Which flows are wanted. All conditions must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowList {
    /// Of this organisation.
    pub org: OrgId,
    /// On this client.
    pub client: Option<ClientId>,
    /// Of this hunt.
    pub hunt: Option<HuntId>,
    /// In one of these states, by name; empty for any.
    pub states: Vec<&'static str>,
    /// A page of them.
    pub paging: Paging,
}

impl FlowList {
    /// All flows of an organisation, the first page.
    pub fn of(org: OrgId) -> Self {
        Self { org, client: None, hunt: None, states: Vec::new(), paging: Paging::default() }
    }
}
