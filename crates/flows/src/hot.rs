//! The hot part of results and the register of segments.
//!
//! Rows arrive in a record store, in the transaction that makes them durable. Those of finished
//! attempts of hunts are later written to *segments*: whole objects that never change, each with many
//! batches of one [`Series`]. A transaction of the record store then takes the segment into the
//! register and removes the batches that are in it; so each batch is in exactly one place, whatever
//! dies when. Counters (rows and columns of an attempt) and logs stay in the record store.
//!
//! # Invariants
//!
//! - **SEG-1** Every batch that was stored is hot, or in exactly one live segment.
//! - **SEG-2** A live segment has batches of finished attempts of its series only.
//! - **SEG-3** The arrival number of a batch is never given again, also after it has left.
//! - **SEG-4** A key that was doomed never becomes live.
//!
//! # Not here
//!
//! Which batches make a segment, what a segment looks like, where its bytes are (`store-segments`).

use async_trait::async_trait;
use base::{ClientId, FlowId, HuntId, Timestamp};
use model::results::{ResultRow, ResultScope};
use model::store::StoreError;

use crate::results::ResultStore;

/// The rows of one source of one round of a hunt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Which hunt.
    pub hunt: HuntId,
    /// Which round.
    pub round: u32,
    /// Which source.
    pub source: String,
}

/// A series that has batches of finished attempts in the record store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ripe {
    /// Which.
    pub series: Series,
    /// How many such batches there are.
    pub batches: u64,
    /// How many rows they have.
    pub rows: u64,
    /// When the oldest of them arrived.
    pub oldest: Timestamp,
}

/// A batch in the record store, without its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// Its arrival number.
    pub arrival: u64,
    /// How many rows it has.
    pub rows: u64,
}

/// A batch in the record store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotBatch {
    /// Its arrival number.
    pub arrival: u64,
    /// Who sent it.
    pub client: ClientId,
    /// What that machine calls itself now.
    pub hostname: String,
    /// Which flow.
    pub flow: FlowId,
    /// In which round, when that flow is of a hunt.
    pub round: Option<u32>,
    /// Which source.
    pub source: String,
    /// When it arrived.
    pub stored: Timestamp,
    /// One JSON object each, in order.
    pub rows: Vec<String>,
}

impl HotBatch {
    /// One of its rows, with where it comes from.
    pub fn row(&self, json: &str) -> ResultRow {
        ResultRow {
            client: self.client,
            flow: self.flow,
            round: self.round,
            source: self.source.clone(),
            stored: self.stored,
            json: json.to_owned(),
        }
    }
}

/// What all values of a column of a segment are; rows without the column do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Whole numbers within 64 bits.
    Integers,
    /// Numbers.
    Numbers,
    /// True or false.
    Booleans,
    /// Texts.
    Texts,
    /// Nested values, or several of the above.
    Mixed,
}

impl ColumnKind {
    const WORDS: [(Self, &'static str); 5] = [
        (Self::Integers, "integers"),
        (Self::Numbers, "numbers"),
        (Self::Booleans, "booleans"),
        (Self::Texts, "texts"),
        (Self::Mixed, "mixed"),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(kind, _)| *kind == self);
        found.map_or("mixed", |(_, word)| word)
    }

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

/// A column of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// The record of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name of its object; never given twice.
    pub key: String,
    /// Whose rows.
    pub series: Series,
    /// How many rows it has.
    pub rows: u64,
    /// In how many batches.
    pub batches: u64,
    /// The size of its object.
    pub bytes: u64,
    /// The first arrival number in it.
    pub first: u64,
    /// The last arrival number in it.
    pub last: u64,
    /// The columns that it keeps apart, in the order in which they were met.
    pub columns: Vec<SegmentColumn>,
    /// When it was registered.
    pub registered: Timestamp,
}

/// Where the rows of a scope are at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Live segments, by first arrival number and key. Those of a flow's scope are all of its
    /// series, and have other flows' rows too.
    pub segments: Vec<Segment>,
    /// Batches of the scope that are in the record store, in order of arrival.
    pub hot: Vec<BatchHead>,
}

/// A segment that takes the place of batches, or of smaller segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentChange {
    /// The new segment. Its object is whole and durable.
    pub segment: Segment,
    /// The arrival numbers of the batches of the record store that are in it.
    pub batches: Vec<u64>,
    /// The keys of the segments that are in it.
    pub replaces: Vec<String>,
    /// Numbers whoever writes segments, when only one may: a larger number was given later.
    pub fence: Option<u64>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is durable.
    Done,
    /// It was durable already.
    Already,
    /// Nothing has changed, and it never will be accepted: write another segment under another key.
    Stale(String),
}

/// Remembers rows until they are in segments, and which segments there are.
///
/// # Contract
///
/// - The methods of [`ResultStore`] that read rows ([`page`](ResultStore::page),
///   [`scan`](ResultStore::scan), [`facet`](ResultStore::facet), and what
///   [`recount`](ResultStore::recount) counts one by one) answer from batches that are still here.
///   All others answer as if nothing had left.
/// - [`register`](Self::register) is one transaction. It changes nothing unless every batch is here,
///   of a finished attempt of the series, every replaced segment is live and of the series, their
///   rows and batches add up to the new segment's, its key is new, and no larger fence was seen.
///   The same change again is `Already`.
/// - [`view`](Self::view) is one moment: SEG-1 holds in what it returns.
///
/// Every implementation runs `testkit::hot_suite`.
#[async_trait]
pub trait HotRows: ResultStore {
    /// Series with batches that could leave, those with most rows first.
    async fn ripe(&self, limit: u64) -> Result<Vec<Ripe>, StoreError>;

    /// Series with at least two live segments of at most so many rows each.
    async fn scattered(&self, rows_max: u64, limit: u64) -> Result<Vec<Series>, StoreError>;

    /// Where the rows of a scope are, of this source only if one is named.
    async fn view(&self, scope: ResultScope, source: Option<&str>) -> Result<View, StoreError>;

    /// Whether a scope has live segments.
    async fn has_segments(&self, scope: ResultScope) -> Result<bool, StoreError>;

    /// Reads batches by arrival number, in that order. Those that have left are left out.
    async fn read_hot(&self, arrivals: &[u64]) -> Result<Vec<HotBatch>, StoreError>;

    /// Takes a segment into the register.
    async fn register(
        &self,
        change: &SegmentChange,
        now: Timestamp,
    ) -> Result<Registered, StoreError>;

    /// Dooms those of these keys that are not live, also such as were never heard of; which they
    /// are. For objects that nobody registered.
    async fn condemn(&self, keys: &[String], now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Keys that were doomed before a moment (replaced, condemned, of forgotten hunts) and whose
    /// objects are not known to be gone.
    async fn doomed(&self, before: Timestamp, limit: u64) -> Result<Vec<String>, StoreError>;

    /// The objects of these doomed keys are gone.
    async fn erased(&self, keys: &[String]) -> Result<(), StoreError>;
}
