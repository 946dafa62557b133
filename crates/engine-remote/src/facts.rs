//! What an engine says of a table, and how a source is read from it.

use std::sync::Arc;

use loghunt::engine::{EngineError, Source};
use model::log::Window;
use rows::Value;
use sql_text::{Clock, ClockForm, ColumnKind, Dialect, Restriction, Target};

/// A table, as its engine describes it.
#[derive(Clone, Debug)]
pub(crate) struct TableFacts {
    /// The engine's own id of it.
    pub(crate) identity: Arc<str>,
    /// Columns and the engine's names of their types, in order.
    pub(crate) columns: Vec<(String, String)>,
    /// Columns that together are different for each row, if the engine knows.
    pub(crate) key: Vec<String>,
}

impl TableFacts {
    /// A column, by its name; in another case only where case tells no names apart.
    pub(crate) fn column(&self, dialect: Dialect, name: &str) -> Option<&(String, String)> {
        let exact = self.columns.iter().find(|(known, _)| known == name);
        exact.or_else(|| {
            let folded = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
            self.columns.iter().find(folded).filter(|_| !dialect.names_are_cased())
        })
    }

    fn clock(&self, reading: &How<'_>, name: &str) -> Result<Clock, EngineError> {
        let Some((column, kind)) = self.column(reading.dialect, name) else {
            return Err(EngineError::permanent(format!(
                "{}: table `{}` has no column `{name}`; mend the dataset's `time`",
                reading.place, reading.source.table
            )));
        };
        let form = (reading.clock_form)(kind).ok_or_else(|| {
            EngineError::permanent(format!(
                "{}: column `{name}` of table `{}` has the type `{kind}`, which holds no moments; \
                 name another column in the dataset's `time`, or make a view",
                reading.place, reading.source.table
            ))
        })?;
        Ok(Clock { column: column.clone(), form })
    }

    /// How a window is read.
    pub(crate) fn target(
        &self,
        reading: &How<'_>,
        windows: (Window, Window),
        values: &[(String, Value)],
    ) -> Result<Target, EngineError> {
        let source = reading.source;
        let Some(position) = source.position_column() else {
            return Err(EngineError::permanent(format!(
                "{}: the dataset of table `{}` names no column for `{}`; mend its `time`",
                reading.place,
                source.table,
                source.domain.word()
            )));
        };
        let bounds = |window: Window| (window.from().0, window.to().0);
        let event = source.event_time.as_deref();
        let identity =
            if self.key.is_empty() { source.identity.to_vec() } else { self.key.clone() };
        Ok(Target {
            dialect: reading.dialect,
            style: reading.dialect.style(),
            table: source.table.to_string(),
            position: Some(self.clock(reading, position)?),
            event_time: event.map(|name| self.clock(reading, name)).transpose()?,
            identity,
            columns: source.columns.to_vec(),
            known: self.columns.iter().map(|(name, _)| name.clone()).collect(),
            read: bounds(windows.0),
            emit: bounds(windows.1),
            restriction: Restriction::Window,
            values: values.to_vec(),
            limit: None,
        })
    }
}

/// Who reads what.
pub(crate) struct How<'h> {
    pub(crate) dialect: Dialect,
    pub(crate) place: &'h str,
    pub(crate) source: &'h Source,
    /// How a column of a type holds moments; nothing when it holds none.
    pub(crate) clock_form: &'h (dyn Fn(&str) -> Option<ClockForm> + Sync),
}

/// The usual rule: a type for moments holds moments, integers are microseconds since 1970, texts are
/// RFC 3339.
pub(crate) fn usual_clock(dialect: Dialect, kind: &str) -> Option<ClockForm> {
    match ColumnKind::of(dialect, kind) {
        ColumnKind::Time { .. } => Some(ClockForm::Native),
        ColumnKind::Int => Some(ClockForm::Number),
        ColumnKind::Text => Some(ClockForm::Text),
        _ => None,
    }
}
