//! Words for what flows bring home: batches of rows, log lines, uploaded files, and how results
//! are asked for.

use base::{ClientId, FlowId, HuntId, Timestamp, UploadId};

/// One attempt of one flow: what rows, logs and uploads belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The flow.
    pub flow: FlowId,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// A numbered batch of rows of one source of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowBatch {
    /// Whose rows.
    pub attempt: AttemptId,
    /// The source, `Artifact` or `Artifact/Source`.
    pub source: String,
    /// Counts the batches of this attempt and source from 0, without gaps.
    pub seq: u64,
    /// One JSON object each, in order.
    pub rows: Vec<String>,
}

/// One line of a flow's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// By the client's clock.
    pub time: Timestamp,
    /// `DEBUG`, `INFO`, `DEFAULT`, `WARN`, `ERROR`, `ALERT`.
    pub level: String,
    /// What was said.
    pub text: String,
}

/// The record of one uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its identity.
    pub id: UploadId,
    /// Who sent it.
    pub client: ClientId,
    /// In which attempt.
    pub attempt: AttemptId,
    /// Its number within the attempt, from 0.
    pub number: u64,
    /// The path as the client names it; not to be used as a file name unchanged.
    pub path: String,
    /// The accessor it was read through.
    pub accessor: String,
    /// Bytes stored.
    pub size: u64,
    /// SHA-256 of the content, which is also its name in the store; `None` while it arrives.
    pub sha256: Option<[u8; 32]>,
    /// When it was complete.
    pub stored: Option<Timestamp>,
}

/// Whose rows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultScope {
    /// All finished attempts of one round of a hunt, over all clients.
    Hunt {
        /// Which hunt.
        hunt: HuntId,
        /// Which round.
        round: u32,
    },
    /// All finished attempts of all rounds of a hunt, over all clients.
    Rounds(HuntId),
    /// The latest attempt of one flow, finished or not.
    Flow(FlowId),
}

/// How a column is compared with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same text.
    Equals,
    /// Another text, or none.
    Differs,
    /// Has it inside, letter case ignored.
    Contains,
    /// Numerically or textually greater.
    Greater,
    /// Numerically or textually less.
    Less,
}

/// One condition on a column. All conditions of a query must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFilter {
    /// A column of the row, or one that every row has, such as `_client`.
    pub column: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub text: String,
}

/// A page of rows, filtered and sorted by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultQuery {
    /// Whose rows.
    pub scope: ResultScope,
    /// Of this source only.
    pub source: Option<String>,
    /// Rows in which any column has this text, letter case ignored.
    pub search: Option<String>,
    /// Conditions on columns.
    pub filters: Vec<ColumnFilter>,
    /// Column to sort by, and whether it descends. Without it: order of arrival.
    pub sort: Option<(String, bool)>,
    /// Rows to skip.
    pub offset: u64,
    /// Rows wanted at most.
    pub limit: u64,
}

/// One row of a result, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultRow {
    /// Which client.
    pub client: ClientId,
    /// Which flow.
    pub flow: FlowId,
    /// In which round, when that flow is of a hunt.
    pub round: Option<u32>,
    /// Which source.
    pub source: String,
    /// When it arrived.
    pub stored: Timestamp,
    /// The row itself, a JSON object.
    pub json: String,
}

impl ResultRow {
    /// Whether it arrived with another: they differ in nothing but the row itself.
    pub fn arrived_with(&self, other: &Self) -> bool {
        (self.client, self.flow, self.round, self.stored)
            == (other.client, other.flow, other.round, other.stored)
            && self.source == other.source
    }
}

/// A page of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// The rows of the page.
    pub rows: Vec<ResultRow>,
    /// How many rows pass the filters in all.
    pub total: u64,
}

/// In which order the values of a column are shown; equal counts by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacetOrder {
    /// Those of most rows first.
    MostRows,
    /// Those of fewest rows first: what is rare.
    FewestRows,
    /// Those of most clients first.
    MostClients,
    /// Those of fewest clients first.
    FewestClients,
}

/// Asks which values a column has and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetQuery {
    /// Over which rows: scope, source, search and filters count; sort and page do not.
    pub of: ResultQuery,
    /// A column of the rows, or one of those that every row has.
    pub column: String,
    /// Which values come first.
    pub order: FacetOrder,
    /// Values wanted at most.
    pub limit: u64,
}

/// One value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// Its text; `None` stands for rows that have none.
    pub value: Option<String>,
    /// Whether it is a number.
    pub number: bool,
    /// In how many rows.
    pub rows: u64,
    /// On how many clients.
    pub clients: u64,
}

/// The values of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Those that were asked for.
    pub values: Vec<Facet>,
    /// How many different ones there are, rows without one counted as one.
    pub distinct: u64,
    /// How many rows were counted.
    pub rows: u64,
}

/// How much each source of a scope has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSummary {
    /// The source.
    pub source: String,
    /// Its rows.
    pub rows: u64,
    /// Its columns, in the order in which they were first met.
    pub columns: Vec<String>,
}
