//! What the database says of a table, and how a source is read from it.

use loghunt::engine::{EngineError, Scan, Source};
use model::log::{Domain, Window};
use rows::Value;
use rusqlite::{Connection, OptionalExtension};
use sql_text::{Clock, Dialect, Restriction, Target};

use crate::times;

/// A table, as the database describes it.
pub(crate) struct Table {
    /// Columns and their declared types, in order.
    pub(crate) columns: Vec<(String, String)>,
    /// Rows have a number of their own.
    pub(crate) has_rowid: bool,
    /// The numbers of rows never come again.
    pub(crate) counts_up: bool,
}

/// The table's own name: what stands after `main.`, without quotes.
pub(crate) fn own_name(spelled: &str) -> &str {
    let name = spelled.strip_prefix("main.").unwrap_or(spelled);
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)
}

impl Table {
    /// Looks it up; `None` when there is none.
    pub(crate) fn find(connection: &Connection, spelled: &str) -> rusqlite::Result<Option<Self>> {
        let name = own_name(spelled);
        let listed = connection
            .query_row(
                "SELECT l.type, l.wr, coalesce(m.sql, '') FROM pragma_table_list l \
                 LEFT JOIN sqlite_master m ON m.name = l.name AND m.type = 'table' \
                 WHERE l.schema = 'main' AND l.name = ?1 COLLATE NOCASE",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let Some((kind, without_rowid, sql)) = listed else { return Ok(None) };
        let (kind, without_rowid, sql): (String, bool, String) = (kind, without_rowid, sql);
        let mut columns = connection.prepare_cached(
            "SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid",
        )?;
        let columns = columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let has_rowid = kind == "table" && !without_rowid;
        Ok(Some(Self {
            columns: columns.collect::<rusqlite::Result<_>>()?,
            has_rowid,
            counts_up: has_rowid && sql.to_ascii_uppercase().contains("AUTOINCREMENT"),
        }))
    }

    /// The table that a source names, or why it cannot be read.
    pub(crate) fn of(
        connection: &Connection,
        source: &Source,
        place: &str,
    ) -> Result<Self, EngineError> {
        match Self::find(connection, &source.table) {
            Ok(Some(table)) => Ok(table),
            Ok(None) => Err(EngineError::permanent(format!(
                "{place} has no table `{}`; mend the dataset's `table`",
                source.table
            ))),
            Err(error) => {
                let never = crate::lanes::Stop::after(std::time::Duration::MAX);
                Err(crate::trouble::said(place, &error, &never))
            }
        }
    }

    fn clock(&self, source: &Source, column: &str, place: &str) -> Result<Clock, EngineError> {
        let found = self.columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
        let (name, declared) = found.ok_or_else(|| {
            EngineError::permanent(format!(
                "table `{}` of {place} has no column `{column}`; mend the dataset's `time`",
                source.table
            ))
        })?;
        Ok(times::clock(name, declared))
    }

    /// The column of positions.
    pub(crate) fn position(&self, source: &Source, place: &str) -> Result<Clock, EngineError> {
        match (source.domain, source.position_column()) {
            (Domain::Cursor, column) => {
                if !self.counts_up {
                    return Err(EngineError::permanent(format!(
                        "table `{}` of {place} cannot be read by cursor: numbers of its rows may \
                         come again; declare its key `INTEGER PRIMARY KEY AUTOINCREMENT`, or give \
                         the dataset a clock",
                        source.table
                    )));
                }
                Ok(Clock::number(column.unwrap_or("rowid")))
            }
            (_, Some(column)) => self.clock(source, column, place),
            (domain, None) => Err(EngineError::permanent(format!(
                "the dataset of table `{}` names no column for `{}`; mend its `time`",
                source.table,
                domain.word()
            ))),
        }
    }

    /// How a window of the source is read.
    pub(crate) fn target(
        &self,
        source: &Source,
        windows: (Window, Window),
        place: &str,
    ) -> Result<Target, EngineError> {
        let event = source.event_time.as_deref();
        let bounds = |window: Window| (window.from().0, window.to().0);
        let identity = if self.has_rowid { vec!["rowid".to_owned()] } else { Vec::new() };
        Ok(Target {
            dialect: Dialect::Sqlite,
            style: Dialect::Sqlite.style(),
            table: source.table.to_string(),
            position: Some(self.position(source, place)?),
            event_time: event.map(|column| self.clock(source, column, place)).transpose()?,
            identity,
            columns: source.columns.to_vec(),
            known: self.columns.iter().map(|(name, _)| name.clone()).collect(),
            read: bounds(windows.0),
            emit: bounds(windows.1),
            restriction: Restriction::Window,
            values: Vec::new(),
            limit: None,
        })
    }

    /// How a scan is read, with its values.
    pub(crate) fn target_of(
        &self,
        scan: &Scan,
        values: &[(String, Value)],
        place: &str,
    ) -> Result<Target, EngineError> {
        let mut target = self.target(&scan.source, (scan.read, scan.emit), place)?;
        target.values = values.to_vec();
        Ok(target)
    }
}
