//! What an agent reports at once, taken in one step of the records.
//!
//! A small flow's rows and its end come together, from thousands of clients at the same time: a store
//! that takes them in one step reads and writes the flow's record once.

use async_trait::async_trait;
use base::{ClientId, Timestamp};
use model::results::{AttemptId, RowBatch};
use model::store::StoreError;

use crate::results::{Appended, LogBatch};
use crate::steer::{Ended, StatusReport};

/// Some reports of one client, in the order in which it made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Who reports.
    pub client: ClientId,
    /// What.
    pub reports: Vec<Report>,
    /// When.
    pub now: Timestamp,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The request is on the agent's disk.
    Delivered(AttemptId),
    /// Rows.
    Rows(RowBatch),
    /// Log lines.
    Log(LogBatch),
    /// The attempt is over.
    Ended(StatusReport),
}

/// What became of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A delivery; whether that was news.
    Delivered(bool),
    /// Rows or log lines.
    Appended(Appended),
    /// An end.
    Ended(Ended),
}

/// Takes reports.
///
/// # Contract
///
/// - The answer has one entry for each report, in order. It comes when all their effects are durable.
/// - Each report has the effect and the answer that it would have by itself, after those before it:
///   [`crate::steer::note_delivery`], [`crate::ResultStore::append`],
///   [`crate::ResultStore::append_log`], [`crate::steer::end_attempt`].
/// - A failure may leave those before it done; the same burst again has the same end.
///
/// Every implementation runs `testkit::report_suite`. A store that has nothing better calls
/// [`crate::steer::take_burst`].
#[async_trait]
pub trait ReportStore: Send + Sync {
    /// Takes a burst.
    async fn take(&self, burst: &Burst) -> Result<Vec<Taken>, StoreError>;
}
