//! The records of rows and logs.

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use model::results::{
    AttemptId, FacetQuery, Facets, LogLine, ResultPage, ResultQuery, ResultRow, ResultScope,
    RowBatch, SourceSummary,
};
use model::store::{Page, Paging, StoreError};

use crate::completion::Tally;

/// Remembers rows and log lines.
///
/// # Contract
///
/// - A batch that was `Stored` is durable and readable, once, for ever: the same number again is
///   `Duplicate`, also after its attempt has ended. Batches of one attempt and source are accepted
///   in the order of their numbers from 0 only.
/// - A batch is refused unless its flow is the sender's own and accepts its attempt.
/// - A hunt's rows are those of finished attempts: the flow is done and the row belongs to its
///   current attempt. A flow's rows are those of its current attempt, finished or not.
/// - The order without a sort is the order of arrival, the same on every page.
/// - [`page`](Self::page) filters and sorts as [`crate::query`] says.
///
/// Every implementation runs `testkit::result_suite`.
#[async_trait]
pub trait ResultStore: Send + Sync {
    /// Appends rows that `client` has sent.
    async fn append(
        &self,
        client: ClientId,
        batch: &RowBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError>;

    /// Appends log lines that `client` has sent.
    async fn append_log(
        &self,
        client: ClientId,
        batch: &LogBatch,
        now: Timestamp,
    ) -> Result<Appended, StoreError>;

    /// What has arrived of an attempt. Files are counted when they are complete.
    async fn received(&self, attempt: AttemptId) -> Result<Tally, StoreError>;

    /// A page of rows.
    async fn page(&self, query: &ResultQuery) -> Result<ResultPage, StoreError>;

    /// Which values a column has, and how often, as [`crate::facets`] says.
    async fn facet(&self, query: &FacetQuery) -> Result<Facets, StoreError>;

    /// How much each source has brought, by name, from the counters.
    async fn sources(&self, scope: ResultScope) -> Result<Vec<SourceSummary>, StoreError>;

    /// The log of a flow's current attempt, in order of arrival, a page of it.
    async fn log(&self, flow: FlowId, paging: Paging) -> Result<Page<LogLine>, StoreError>;

    /// Reads all rows of a scope in order of arrival, a piece at a time, for exports: memory stays
    /// within one piece however many rows there are.
    async fn scan(&self, scan: &Scan) -> Result<ScanPiece, StoreError>;

    /// Counts the rows themselves, to compare with the counters.
    async fn recount(&self, scope: ResultScope) -> Result<RowRecount, StoreError>;

    /// Forgets rows and log lines of a hunt that is being deleted, about `limit` batches of them;
    /// whether there are more. From the first call on nobody should ask for them. Its flows are
    /// over, or gone.
    async fn forget(&self, hunt: HuntId, limit: u64, now: Timestamp) -> Result<bool, StoreError>;

    /// Answers a question in SQL over the rows of a scope, which are the table `results`. Only stores
    /// that keep rows in columns can; the others say so.
    async fn sql(&self, query: &SqlQuery) -> Result<SqlAnswer, StoreError> {
        Err(StoreError::refused(format!(
            "`{:.40}`: the rows of this server are not kept in columns, so SQL cannot be asked",
            query.text
        )))
    }

    /// Begins a Parquet file of the rows that a scope has now. Only stores that keep rows in columns
    /// can; the others say so.
    async fn parquet(
        &self,
        scope: ResultScope,
        source: Option<&str>,
    ) -> Result<Box<dyn TableEncoder>, StoreError> {
        let _ = (scope, source);
        Err(StoreError::refused(
            "the rows of this server are not kept in columns; export them as NDJSON or CSV",
        ))
    }

    /// Names what a scope has now: the same while, and only while, its rows are the same and in the
    /// same order. A download that was cut can go on when it has not changed.
    async fn state(&self, scope: ResultScope, source: Option<&str>) -> Result<String, StoreError> {
        // Finished attempts never change, so what is counted tells them apart.
        let sources = self.sources(scope).await?;
        let mut state = String::new();
        for summary in sources.iter().filter(|of| source.is_none_or(|name| of.source == name)) {
            state.push_str(&format!("{:?}:{};", summary.source, summary.rows));
        }
        Ok(state)
    }
}

/// A numbered batch of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBatch {
    /// Whose log.
    pub attempt: AttemptId,
    /// Counts the batches of this attempt's log from 0, without gaps.
    pub seq: u64,
    /// In order.
    pub lines: Vec<LogLine>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is durable.
    Stored,
    /// It was durable already.
    Duplicate,
    /// It will never be accepted.
    Refused(BatchRefusal),
}

/// Why a batch is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchRefusal {
    /// No such flow, or another client's. A client is not told which.
    #[error("this client has no flow {0}")]
    NotYours(FlowId),
    /// The flow is over, or a later attempt is under way.
    #[error("attempt {} of flow {} is over", .0.attempt, .0.flow)]
    Over(AttemptId),
    /// A batch before it is missing.
    #[error("batch {found} came when {expected} was expected")]
    Gap {
        /// The number that is wanted next.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A row is not a JSON object.
    #[error("row {index} is not a JSON object: {why}")]
    BadRow {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The flow may not bring so many rows.
    #[error("the flow may bring {rows_max} rows and this batch exceeds that")]
    RowLimit {
        /// Its limit.
        rows_max: u64,
    },
}

/// What to read next of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Whose rows.
    pub scope: ResultScope,
    /// Of this source only.
    pub source: Option<String>,
    /// After this place; `None` for the beginning.
    pub after: Option<ScanPlace>,
    /// About so many rows; a batch is not split.
    pub rows: u64,
}

/// A place between two batches of rows. Remains good while rows arrive behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanPlace(pub u64);

/// A piece of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPiece {
    /// The rows.
    pub rows: Vec<ResultRow>,
    /// Where to go on; `None` at the end.
    pub next: Option<ScanPlace>,
}

/// A question in SQL. It can only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlQuery {
    /// Whose rows are the table `results`.
    pub scope: ResultScope,
    /// Of this source only.
    pub source: Option<String>,
    /// One SELECT.
    pub text: String,
    /// Rows wanted at most.
    pub rows_max: u64,
}

/// The answer to a question in SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlAnswer {
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// One JSON object each.
    pub rows: Vec<String>,
    /// Whether there were more rows.
    pub truncated: bool,
}

/// A row and the name of the machine that it is from.
#[derive(Clone, Copy, Debug)]
pub struct NamedRow<'r> {
    /// The row.
    pub row: &'r ResultRow,
    /// What the machine calls itself.
    pub hostname: &'r str,
}

/// Makes a file of rows, a piece at a time. The same rows in the same pieces make the same bytes.
pub trait TableEncoder: Send {
    /// Adds rows; the bytes that are ready.
    ///
    /// # Errors
    ///
    /// When they cannot be encoded.
    fn add(&mut self, rows: &[NamedRow<'_>]) -> Result<Vec<u8>, StoreError>;

    /// The last bytes.
    ///
    /// # Errors
    ///
    /// When they cannot be encoded.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, StoreError>;
}

/// Rows as counted in three ways; all the same in a scope of finished attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowRecount {
    /// As the finished flows declared.
    pub declared: u64,
    /// As the counters say.
    pub kept: u64,
    /// As counted one by one.
    pub counted: u64,
}
