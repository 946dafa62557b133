//! What every query engine must do.
//!
//! A [`Stand`] makes tables with rows in one engine and breaks things; the promises ask through the
//! port alone. What an engine cannot do, its stand says in [`Habits`]; the promise that it would
//! break is then left out, and nothing else is.
//!
//! # Not here
//!
//! Errors in the middle of an answer and failed shards: only fakes can make them on demand, so the
//! engines that have them test them beside their fake.

mod questions;
mod troubles;
mod values;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use loghunt::engine::{
    EngineError, Match, Query, QueryClass, Report, Scan, ScanLimits, Source, SqlEngine,
};
use model::log::{Completeness, Domain, Position, Window};
use rows::{Row, Time, Value};
use sigma::{Anchor, Predicate, Test, TextPattern, TextTest};

/// The password of engines that are refused; no message may have it.
pub const WRONG_SECRET: &str = "hunter2-wrong";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Texts.
    Text,
    /// 64-bit integers.
    Int,
    /// Doubles.
    Float,
    /// Truth values.
    Bool,
    /// Moments; a text in such a column has an offset, for instance `2026-01-01T01:00:00+01:00`.
    Time,
}

/// A table to be made. Columns that a row does not have are NULL.
#[derive(Clone, Debug)]
pub struct Table {
    /// Letters only; each is made once per stand.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<(&'static str, Kind)>,
    /// What is in it.
    pub rows: Vec<Row>,
}

/// What differs between engines.
#[derive(Clone, Debug)]
pub struct Habits {
    /// It answers SQL, not only predicates.
    pub sql: bool,
    /// Its times are finer than a microsecond.
    pub nanos: bool,
    /// A column of times takes texts with an offset.
    pub offsets: bool,
    /// SQL that runs for many seconds at least, whatever is in the table.
    pub slow: Option<String>,
    /// A condition that holds where a regular expression is found in a column.
    pub regex: Option<fn(column: &str, pattern: &str) -> String>,
    /// It knows rows by an identity of its own.
    pub identity: bool,
    /// It says when a window's rows have changed.
    pub fingerprint: bool,
    /// It has a clock of its own.
    pub clock: bool,
    /// A missing table is an error. (Where tables are folders or patterns, it may be empty.)
    pub missing_table: bool,
}

/// One engine with something to read, and somebody who can break it.
#[async_trait]
pub trait Stand: Send + Sync {
    /// What differs here.
    fn habits(&self) -> Habits;

    /// Makes a table and says how the engine spells it.
    async fn create(&self, table: &Table) -> Arc<str>;

    /// Adds rows to a table that was made.
    async fn add(&self, table: &Table, spelled: &str, rows: &[Row]);

    /// The engine, connected.
    async fn engine(&self) -> Arc<dyn SqlEngine>;

    /// The same, with [`WRONG_SECRET`]; nothing where there are no credentials.
    async fn refused(&self) -> Option<Arc<dyn SqlEngine>> {
        None
    }

    /// One whose server is not there.
    async fn dead(&self) -> Option<Arc<dyn SqlEngine>> {
        None
    }

    /// One whose server takes connections and says nothing.
    async fn silent(&self) -> Option<Arc<dyn SqlEngine>> {
        None
    }

    /// How the table is read by the engine's cursor, where it has one. Rows get their positions in
    /// the order in which they are added.
    fn by_cursor(&self, source: Source) -> Option<Source> {
        let _ = source;
        None
    }

    /// What comes back for a value of such a column.
    fn seen(&self, kind: Kind, value: &Value) -> Value {
        let _ = kind;
        value.clone()
    }
}

/// Runs all promises on one stand.
pub async fn engine_suite(stand: &dyn Stand) {
    values::promises(stand).await;
    windows::promises(stand).await;
    questions::promises(stand).await;
    troubles::promises(stand).await;
}

/// An engine and how to ask it.
struct Bench<'s> {
    stand: &'s dyn Stand,
    engine: Arc<dyn SqlEngine>,
    habits: Habits,
}

/// An answer.
struct Answer {
    matches: Vec<Match>,
    report: Report,
}

/// The first moment of the tests: 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;
const SECOND: i64 = 1_000_000;

impl<'s> Bench<'s> {
    async fn new(stand: &'s dyn Stand) -> Self {
        Self { stand, engine: stand.engine().await, habits: stand.habits() }
    }

    /// Makes a table of events and says how to read it by event time.
    async fn events(&self, name: &str, rows: Vec<Row>) -> (Table, Source) {
        let table = events(name, rows);
        let spelled = self.stand.create(&table).await;
        let source = by_event_time(&spelled);
        (table, source)
    }

    async fn ask(&self, source: &Source, query: Query, window: Window) -> Answer {
        self.try_ask(&scan(source, query, window)).await.unwrap_or_else(|error| {
            panic!("the engine must answer {window:?} of {}: {error}", source.table)
        })
    }

    async fn try_ask(&self, scan: &Scan) -> Result<Answer, EngineError> {
        let mut matches: Vec<Match> = Vec::new();
        let report = self.engine.run(scan, &mut matches).await?;
        Ok(Answer { matches, report })
    }

    /// All rows of a window, complete; their `id`s in order.
    async fn ids(&self, source: &Source, window: Window) -> Vec<i64> {
        let answer = self.ask(source, everything(), window).await;
        assert_eq!(answer.report.completeness, Completeness::Complete);
        answer.ids()
    }
}

impl Answer {
    fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .matches
            .iter()
            .map(|one| match one.row.get("id") {
                Some(Value::Int(id)) => *id,
                other => panic!("`id` is {other:?} in {:?}", one.row),
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    fn with_id(&self, id: i64) -> &Match {
        let found = self.matches.iter().find(|one| one.row.get("id") == Some(&Value::Int(id)));
        found.unwrap_or_else(|| panic!("row {id} is missing among {} rows", self.matches.len()))
    }
}

/// A table of events: `id`, `at` (event time), `seen` (ingest time), `host`, `image`, `size`.
fn events(name: &str, rows: Vec<Row>) -> Table {
    Table {
        name: name.to_owned(),
        columns: vec![
            ("id", Kind::Int),
            ("at", Kind::Time),
            ("seen", Kind::Time),
            ("host", Kind::Text),
            ("image", Kind::Text),
            ("size", Kind::Int),
        ],
        rows,
    }
}

/// An event `micros` after the start of the tests.
fn event(id: i64, micros: i64) -> Row {
    Row::new().with("id", id).with("at", moment(micros)).with("seen", moment(micros))
}

fn moment(micros: i64) -> Value {
    Value::Time(Time::from_unix_nanos(i128::from(START + micros) * 1_000))
}

fn by_event_time(table: &Arc<str>) -> Source {
    Source {
        table: table.clone(),
        domain: Domain::EventTime,
        event_time: Some("at".into()),
        ingest_time: None,
        cursor: None,
        identity: Arc::new([]),
        columns: Arc::new([]),
        part: "".into(),
        lateness_max: None,
    }
}

/// `[from, to)` in microseconds after the start of the tests.
fn window(from: i64, to: i64) -> Window {
    Window::new(Position(START + from), Position(START + to)).expect("tests name real windows")
}

/// A day from the start of the tests.
fn day() -> Window {
    window(0, 86_400 * SECOND)
}

fn scan(source: &Source, query: Query, window: Window) -> Scan {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Scan {
        source: source.clone(),
        query,
        read: window,
        emit: window,
        tag: format!("suite-{}-{number}", std::process::id()).into(),
        limits: ScanLimits { timeout: Duration::from_secs(60), ..ScanLimits::default() },
    }
}

/// Every row.
fn everything() -> Query {
    asking(Predicate::And(Vec::new()))
}

fn asking(predicate: Predicate) -> Query {
    Query::Predicate { predicate: Arc::new(predicate), columns: Arc::new([]) }
}

fn sql(text: &str) -> Query {
    sql_with(text, &[])
}

fn sql_with(text: &str, values: &[(&str, Value)]) -> Query {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Query::Sql { text: text.into(), values, class: QueryClass::PerEvent }
}

fn field(name: &str, test: Test) -> Predicate {
    Predicate::Field { field: name.into(), test }
}

/// The text of a field stands there, whatever its case.
fn text_is(name: &str, anchor: Anchor, text: &str) -> Predicate {
    field(name, Test::Text(TextTest { pattern: pattern(anchor, text), cased: false }))
}

fn pattern(anchor: Anchor, text: &str) -> TextPattern {
    match anchor {
        Anchor::Whole => TextPattern::Equals(text.into()),
        Anchor::Start => TextPattern::StartsWith(text.into()),
        Anchor::End => TextPattern::EndsWith(text.into()),
        Anchor::Anywhere => TextPattern::Contains(text.into()),
    }
}
