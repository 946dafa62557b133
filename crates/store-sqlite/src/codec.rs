//! How words of `base` and `model` become columns and come back, and how failures travel.

use base::Timestamp;
use model::flow::{FlowFailure, FlowYield};
use model::org::OrgId;
use model::store::{Paging, StoreError};
use rusqlite::Row;

/// What a job gives: its answer or a failure.
pub(crate) type Done<T> = Result<T, Failure>;

/// Why a job failed.
pub(crate) enum Failure {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// The decision was to refuse.
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The failure as the port tells it.
    pub(crate) fn while_doing(self, doing: &str) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::broken(doing, error),
            Self::Store(error) => error,
        }
    }
}

/// A record that can only have come from damage.
pub(crate) fn unreadable(what: &str) -> rusqlite::Error {
    let why = format!("a record has an unknown {what}").into();
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why)
}

/// The column of an id.
pub(crate) fn blob(bits: u128) -> [u8; 16] {
    bits.to_be_bytes()
}

/// The bits of an id's column.
pub(crate) fn bits(row: &Row<'_>, column: &str) -> rusqlite::Result<u128> {
    Ok(u128::from_be_bytes(row.get(column)?))
}

/// The bits of an id's column that may be empty.
pub(crate) fn bits_or_none(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<u128>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(u128::from_be_bytes))
}

/// The column of a count; counts that SQLite cannot hold stop at its greatest.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count of a column.
pub(crate) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A count that a statement gives as its only column.
pub(crate) fn only_count(row: &Row<'_>) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, Option<i64>>(0)?.unwrap_or(0)).unwrap_or(0))
}

/// The column of a moment.
pub(crate) fn micros(moment: Timestamp) -> i64 {
    moment.as_micros()
}

/// The moment of a column.
pub(crate) fn moment(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

/// The moment of a column that may be empty.
pub(crate) fn moment_or_none(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

/// The organisation of a row.
pub(crate) fn org(row: &Row<'_>) -> rusqlite::Result<OrgId> {
    let text: String = row.get("org")?;
    OrgId::new(&text).ok_or_else(|| unreadable("organisation"))
}

/// `LIMIT` and `OFFSET` of a page.
pub(crate) fn limit_offset(paging: Paging) -> (i64, i64) {
    (int(paging.limit), int(paging.offset))
}

/// What an attempt brought, from its four columns.
pub(crate) fn flow_yield(row: &Row<'_>) -> rusqlite::Result<FlowYield> {
    Ok(FlowYield {
        rows: count(row, "rows")?,
        uploads: count(row, "uploads")?,
        upload_bytes: count(row, "upload_bytes")?,
        cpu_millis: count(row, "cpu_millis")?,
    })
}

/// A failure from its two columns.
pub(crate) fn failure(row: &Row<'_>) -> rusqlite::Result<FlowFailure> {
    let (class, detail): (String, String) = (row.get("class")?, row.get("detail")?);
    FlowFailure::from_class(&class, &detail).ok_or_else(|| unreadable("failure"))
}

/// Collects the rows of a statement.
pub(crate) fn all<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> rusqlite::Result<Vec<T>> {
    rows.collect()
}
