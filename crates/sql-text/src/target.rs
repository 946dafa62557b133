//! What a query is asked of: the table behind `{table}`, and which of its rows.
//!
//! # Hidden columns
//!
//! [`POSITION`], [`EVENT`] and `_lycaon_id_0`, `_lycaon_id_1`, … ([`identity_column`]) stand beside
//! what the query asked for, so that a changed `SELECT` list does not change which match is which.
//! They hold the columns as they are; for [`ClockForm::Text`] and [`ClockForm::Wrapped`] what the
//! form makes of them. Engine times are floored to the microsecond by whoever reads the answer; the
//! bounds in the text need no flooring, as whole microseconds are not between a time and its floor.

use std::time::Duration;

use base::Timestamp;
use rows::{Name, Value};

use crate::dialect::{Dialect, Unquotable};
use crate::parameter::{Parameter, ParameterStyle, iso};
use crate::statement::{Sql, Statement};

/// The hidden column of the position.
pub const POSITION: &str = "_lycaon_position";
/// The hidden column of the event's time.
pub const EVENT: &str = "_lycaon_event";
/// What the hidden columns begin with; nothing else may.
pub const HIDDEN: &str = "_lycaon_";

/// The hidden column of one of the identity columns, by its place among them.
pub fn identity_column(place: usize) -> String {
    format!("_lycaon_id_{place}")
}

/// What a query is asked of.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The dialect of the engine.
    pub dialect: Dialect,
    /// How values are handed over; usually [`Dialect::style`].
    pub style: ParameterStyle,
    /// The table, as the tenant's files name it.
    pub table: String,
    /// The column of positions; nothing where the engine restricts the table by itself (files of a
    /// manifest).
    pub position: Option<Clock>,
    /// The column of the event's time; may be the column of positions.
    pub event_time: Option<Clock>,
    /// Columns that tell rows apart.
    pub identity: Vec<String>,
    /// From the names that rules use to columns.
    pub columns: Vec<(String, String)>,
    /// All columns of the table, where the engine knows them; otherwise empty. With them a mapped
    /// name hides a column of the same name; without, the engine finds such a name ambiguous.
    pub known: Vec<String>,
    /// The window that is read: positions from the first number to before the second. The smallest
    /// and the largest number are no bounds.
    pub read: (i64, i64),
    /// The window of the slice, for `{from}` and `{to}`.
    pub emit: (i64, i64),
    /// Which rows are meant.
    pub restriction: Restriction,
    /// Values for `{name}`; arrays stand for `IN` lists.
    pub values: Vec<(String, Value)>,
    /// The most rows of the answer; one more than the caller accepts shows it that there were more.
    /// Not for windowed and opaque templates.
    pub limit: Option<u64>,
}

/// A column of moments, or of a source's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The column.
    pub column: String,
    /// How it holds them.
    pub form: ClockForm,
}

/// How a column holds moments or a source's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClockForm {
    /// As a type of the engine for moments.
    Native,
    /// As text; what is no moment counts as NULL.
    Text,
    /// As the numbers that positions are: a cursor, or microseconds since 1970.
    Number,
    /// As whole seconds since 1970.
    Seconds,
    /// As whole milliseconds since 1970.
    Millis,
    /// As whole nanoseconds since 1970.
    Nanos,
    /// As something of which these texts around the column's name make the number that positions
    /// are, for instance `lycaon_micros(` and `)`.
    Wrapped(String, String),
}

/// Which rows are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restriction {
    /// Those with a position in the window.
    #[default]
    Window,
    /// Those of the window whose event time lies in `[from - behind, to + ahead)`: what a store
    /// that is sorted by event time reads quickly. [`Restriction::Beyond`] has the others.
    Within(Prune),
    /// Those of the window whose event time lies outside, or that have none.
    Beyond(Prune),
    /// Whatever the window: those with a position after this moment, which is in the future.
    Future {
        /// The source's clock and the skew that it may have.
        after: Timestamp,
    },
    /// Whatever the window: those without a position, or with one that is no moment.
    NullTime,
}

/// How far an event's time may lie from its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Before it: how late a row may come.
    pub behind: Duration,
    /// After it: how wrong its clock may be.
    pub ahead: Duration,
}

impl Prune {
    /// The two restrictions that together are the window.
    pub fn both(self) -> [Restriction; 2] {
        [Restriction::Within(self), Restriction::Beyond(self)]
    }
}

impl Clock {
    /// A column with the engine's own type for moments.
    pub fn native(column: impl Into<String>) -> Self {
        Self { column: column.into(), form: ClockForm::Native }
    }

    /// A column of numbers as positions are.
    pub fn number(column: impl Into<String>) -> Self {
        Self { column: column.into(), form: ClockForm::Number }
    }

    /// The expression that bounds are compared with.
    fn expression(&self, dialect: Dialect, qualifier: &str) -> Result<String, Unquotable> {
        let column = format!("{qualifier}.{}", dialect.identifier(&self.column)?);
        Ok(match &self.form {
            ClockForm::Text => dialect.moment_of_text(&column),
            ClockForm::Wrapped(before, after) => format!("{before}{column}{after}"),
            ClockForm::Native
            | ClockForm::Number
            | ClockForm::Seconds
            | ClockForm::Millis
            | ClockForm::Nanos => column,
        })
    }

    /// The smallest value of the column whose microsecond is not before `micros`.
    fn bound(&self, dialect: Dialect, micros: i64) -> Parameter {
        // A whole number of a coarser unit is at or after the bound when it is at or after the
        // bound rounded up.
        let rounded_up = |unit: i64| {
            Parameter::Int(-((-i128::from(micros)).div_euclid(i128::from(unit))) as i64)
        };
        match &self.form {
            ClockForm::Text if dialect == Dialect::Sqlite => Parameter::Int(micros),
            ClockForm::Native if dialect == Dialect::Sqlite => {
                Parameter::Text(iso(Timestamp::from_micros(micros)).as_str().into())
            }
            ClockForm::Native | ClockForm::Text => Parameter::Time(Timestamp::from_micros(micros)),
            ClockForm::Number | ClockForm::Wrapped(..) => Parameter::Int(micros),
            ClockForm::Seconds => rounded_up(1_000_000),
            ClockForm::Millis => rounded_up(1_000),
            ClockForm::Nanos => Parameter::Int(micros.saturating_mul(1_000)),
        }
    }

    /// A bound of a window as authors compare it with the column itself.
    pub(crate) fn shown(&self, dialect: Dialect, micros: i64) -> Parameter {
        match &self.form {
            ClockForm::Text => Parameter::Text(iso(Timestamp::from_micros(micros)).as_str().into()),
            ClockForm::Wrapped(..) if dialect == Dialect::Sqlite => {
                Parameter::Text(iso(Timestamp::from_micros(micros)).as_str().into())
            }
            _ => self.bound(dialect, micros),
        }
    }
}

/// The name of the real table inside the subquery.
const INNER: &str = "_lycaon_source";

impl Target {
    /// Writes the subquery that stands for `{table}`, in parentheses and without an alias.
    pub(crate) fn write_table(&self, sql: &mut Sql, hidden: bool) -> Result<(), Unquotable> {
        let inner = self.dialect.identifier(INNER)?;
        sql.push("(SELECT ");
        self.write_columns(sql, &inner, hidden)?;
        sql.push(" FROM ").relation(&self.table).push(" AS ").push(&inner);
        self.write_restriction(sql, &inner)?;
        sql.push(")");
        Ok(())
    }

    fn write_columns(&self, sql: &mut Sql, inner: &str, hidden: bool) -> Result<(), Unquotable> {
        if self.known.is_empty() {
            sql.push(inner).push(".*");
        }
        let mut comma = self.known.is_empty();
        // Where case tells no names apart, a mapped name also hides a column of another case.
        let cased = self.dialect.names_are_cased();
        let same = |a: &str, b: &str| a == b || (!cased && a.eq_ignore_ascii_case(b));
        let mapped = |name: &String| self.columns.iter().any(|(field, _)| same(field, name));
        let own = self.known.iter().filter(|name| !mapped(name)).map(|name| (name, name));
        // A name that is mapped to itself is there already when all columns are taken.
        let renamed = self
            .columns
            .iter()
            .filter(|(field, column)| field != column || !self.known.is_empty())
            .map(|(field, column)| (field, column));
        for (field, column) in own.chain(renamed) {
            sql.push(if comma { ", " } else { "" }).push(inner).push(".").name(column);
            if field != column {
                sql.push(" AS ").name(field);
            }
            comma = true;
        }
        if !hidden {
            return Ok(());
        }
        for (clock, name) in [(&self.position, POSITION), (&self.event_time, EVENT)] {
            if let Some(clock) = clock {
                let expression = clock.expression(self.dialect, inner)?;
                sql.push(", ").push(&expression).push(" AS ").name(name);
            }
        }
        for (place, column) in self.identity.iter().enumerate() {
            sql.push(", ").push(inner).push(".").name(column);
            sql.push(" AS ").name(&identity_column(place));
        }
        Ok(())
    }

    fn write_restriction(&self, sql: &mut Sql, inner: &str) -> Result<(), Unquotable> {
        let Some(position) = &self.position else { return Ok(()) };
        let expression = position.expression(self.dialect, inner)?;
        let mut conditions = Conditions { sql, some: false };
        match self.restriction {
            Restriction::Future { after } => {
                let after = position.bound(self.dialect, after.as_micros().saturating_add(1));
                conditions.next().push(&expression).push(" >= ").bind(after);
            }
            Restriction::NullTime => {
                conditions.next().push(&expression).push(" IS NULL");
            }
            Restriction::Window => self.write_window(&mut conditions, position, &expression),
            Restriction::Within(prune) => {
                self.write_window(&mut conditions, position, &expression);
                self.write_prune(&mut conditions, inner, prune, true)?;
            }
            Restriction::Beyond(prune) => {
                self.write_window(&mut conditions, position, &expression);
                self.write_prune(&mut conditions, inner, prune, false)?;
            }
        }
        Ok(())
    }

    fn write_window(&self, conditions: &mut Conditions<'_>, position: &Clock, expression: &str) {
        let (from, to) = self.read;
        if from != i64::MIN {
            let bound = position.bound(self.dialect, from);
            conditions.next().push(expression).push(" >= ").bind(bound);
        }
        if to != i64::MAX {
            let bound = position.bound(self.dialect, to);
            conditions.next().push(expression).push(" < ").bind(bound);
        }
    }

    fn write_prune(
        &self,
        conditions: &mut Conditions<'_>,
        inner: &str,
        by: Prune,
        within: bool,
    ) -> Result<(), Unquotable> {
        let Some(event) = &self.event_time else {
            if !within {
                // Without an event time nothing is pruned, and nothing is left for the second query.
                conditions.next().push("1 = 0");
            }
            return Ok(());
        };
        let expression = event.expression(self.dialect, inner)?;
        let (from, to) = self.read;
        let first = event.bound(self.dialect, before(from, by.behind));
        let last = event.bound(self.dialect, after(to, by.ahead));
        let sql = conditions.next();
        if within {
            sql.push(&expression).push(" >= ").bind(first);
            sql.push(" AND ").push(&expression).push(" < ").bind(last);
        } else {
            sql.push("(").push(&expression).push(" IS NULL OR ");
            sql.push(&expression).push(" < ").bind(first).push(" OR ");
            sql.push(&expression).push(" >= ").bind(last).push(")");
        }
        Ok(())
    }

    /// The names of the hidden columns that a statement for this target answers with.
    pub fn hidden(&self) -> Vec<String> {
        let clocks = [(&self.position, POSITION), (&self.event_time, EVENT)];
        let clocks = clocks.iter().filter(|(clock, _)| clock.is_some());
        let identity = (0..self.identity.len()).map(identity_column);
        clocks.map(|(_, name)| (*name).to_owned()).chain(identity).collect()
    }

    /// Writes the most rows of the answer.
    pub(crate) fn write_limit(&self, sql: &mut Sql) {
        if let Some(limit) = self.limit {
            sql.push(&format!(" LIMIT {limit}"));
        }
    }
}

/// The parts of a `WHERE`.
struct Conditions<'s> {
    sql: &'s mut Sql,
    some: bool,
}

impl Conditions<'_> {
    fn next(&mut self) -> &mut Sql {
        let word = if self.some { " AND " } else { " WHERE " };
        self.some = true;
        self.sql.push(word)
    }
}

fn before(micros: i64, by: Duration) -> i64 {
    Timestamp::from_micros(micros).minus(by).as_micros()
}

fn after(micros: i64, by: Duration) -> i64 {
    Timestamp::from_micros(micros).plus(by).as_micros()
}

/// The statement for rows that satisfy a condition: with `columns` (all, when empty) and the hidden
/// columns. The condition is over the names that rules use, as it is made from predicates.
pub fn select(columns: &[Name], condition: &str, target: &Target) -> Result<Statement, Unquotable> {
    let mut sql = Sql::new(target.dialect, target.style);
    sql.push("SELECT ");
    if columns.is_empty() {
        sql.push("*");
    } else {
        let names = columns.iter().map(Name::as_str).map(str::to_owned).chain(target.hidden());
        for (place, name) in names.enumerate() {
            sql.push(if place == 0 { "" } else { ", " }).name(&name);
        }
    }
    sql.push(" FROM ");
    target.write_table(&mut sql, true)?;
    sql.push(" AS ").name(OUTER).push(" WHERE ").push(condition);
    target.write_limit(&mut sql);
    sql.finish()
}

/// The name of the subquery that stands for `{table}` where the author gave none.
pub(crate) const OUTER: &str = "_lycaon_table";
