//! The record of what is monitored and of what that brought.

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use model::monitoring::{
    Day, EventBatch, EventDay, EventPage, EventQuery, EventRow, EventScope, MonitoringTable,
};
use model::results::{ResultQuery, ResultScope};
use model::store::StoreError;

/// Remembers the monitoring table and the rows of event artifacts.
///
/// # Contract
///
/// - Every method that returned `Ok` is durable.
/// - A batch that was `Stored` is readable, once, until its day is forgotten: a batch of the same
///   client, run, source and kind whose number is not greater than one that was stored is
///   `Duplicate`. Numbers may be left out: an agent never goes back for what this store lost.
/// - Rows belong to the day of their arrival. The order without a sort is the order of arrival.
/// - [`event_page`](Self::event_page) filters and sorts as [`crate::query`] says; its `_observed`
///   is the moment at which the agent met the row.
///
/// Every implementation runs `testkit::monitoring_suite`.
#[async_trait]
pub trait MonitoringStore: Send + Sync {
    /// The table; an empty one of revision 0 at first.
    async fn monitoring_table(&self) -> Result<MonitoringTable, StoreError>;

    /// Keeps a table that was made by a change of the kept one; [`StoreError::Conflict`] when another
    /// change came between.
    async fn keep_monitoring_table(&self, table: &MonitoringTable) -> Result<(), StoreError>;

    /// Appends what `client` has sent.
    async fn append_events(
        &self,
        client: ClientId,
        batch: &EventBatch,
        now: Timestamp,
    ) -> Result<EventsAppended, StoreError>;

    /// How much each source brought each day: of one client, or of all; by client, source, kind, day.
    async fn event_days(&self, client: Option<ClientId>) -> Result<Vec<EventDay>, StoreError>;

    /// A page of rows.
    async fn event_page(&self, query: &EventQuery) -> Result<EventPage, StoreError>;

    /// Reads all rows of a scope in order of arrival, a piece at a time: memory stays within one
    /// piece however many rows there are. The place after the last row remains good while rows
    /// arrive behind it.
    async fn scan_events(&self, scan: &EventScan) -> Result<EventPiece, StoreError>;

    /// The place behind everything that is here now: a scan from there gives only what arrives later.
    async fn newest_event(&self) -> Result<EventPlace, StoreError>;

    /// Forgets rows of days before `first`, some at a time. Whether there may be more to forget.
    async fn forget_events(&self, first: Day) -> Result<bool, StoreError>;
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsAppended {
    /// It is durable.
    Stored,
    /// It was durable already.
    Duplicate,
    /// It will never be accepted.
    Refused(String),
}

/// A place between two batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// The day of the batch before it.
    pub day: i64,
    /// The number of the batch before it.
    pub batch: u64,
}

/// What to read next of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventScan {
    /// Whose rows.
    pub scope: EventScope,
    /// After this place; the default is the beginning.
    pub after: EventPlace,
    /// About so many rows; a batch is not split.
    pub rows: u64,
}

/// A piece of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPiece {
    /// The rows.
    pub rows: Vec<EventRow>,
    /// Where to go on.
    pub place: EventPlace,
    /// Whether there is nothing behind it now.
    pub end: bool,
}

/// A question about events as one about results, for [`crate::query`].
pub fn as_results(query: &EventQuery) -> ResultQuery {
    ResultQuery {
        scope: ResultScope::Flow(base::FlowId::from_bits(0)),
        source: None,
        search: query.search.clone(),
        filters: query.filters.clone(),
        sort: query.sort.clone(),
        offset: query.offset,
        limit: query.limit,
    }
}
