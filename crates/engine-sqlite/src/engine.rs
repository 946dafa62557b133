//! The port of engines on a SQLite database.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::Timestamp;
use loghunt::engine::{
    Capabilities, Description, EngineError, Estimate, Horizon, MatchSink, Query, QueryClass,
    Report, Scan, Source, SqlEngine,
};
use model::log::{Completeness, Domain, FailureClass, Position, Window};
use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use sql_text::{Class, Statement, Target, Template, select};
use tokio::sync::mpsc;

use crate::lanes::{Lanes, Running};
use crate::pass::{self, Ending, Parcel, Question, Reading};
use crate::schema::{Table, own_name};
use crate::trouble;

/// How many questions run at once.
const LANES: usize = 4;

/// How long everything that is not a question may take.
const ASIDE: Duration = Duration::from_secs(60);

/// One SQLite database.
pub struct SqliteEngine {
    lanes: Arc<Lanes>,
    capabilities: Capabilities,
    /// The highest number that the sequence of a table had.
    sequences: Mutex<HashMap<String, i64>>,
}

impl SqliteEngine {
    /// The database in this file. It is opened when it is first asked.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            lanes: Arc::new(Lanes::new(path.into(), LANES)),
            capabilities: Capabilities {
                kind: "sqlite",
                domains: vec![Domain::EventTime, Domain::IngestTime, Domain::Cursor],
                like_is_cased: true,
                regex: Some("rust"),
                rows_max: None,
                many_in_one_pass: true,
                blocking: true,
            },
            sequences: Mutex::new(HashMap::new()),
        }
    }

    /// Runs something that is no question.
    async fn aside<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection, &str) -> Result<T, Aside> + Send + 'static,
    ) -> Result<T, EngineError> {
        let running = self.lanes.announce(&"".into(), ASIDE);
        let (stop, place) = (running.stop.clone(), self.lanes.place().to_owned());
        let answer = self.lanes.work(&running.stop, move |connection| {
            job(connection, &place).map_err(|failed| match failed {
                Aside::Engine(error) => error,
                Aside::Sqlite(error) => trouble::said(&place, &error, &stop),
            })
        });
        answer.await
    }

    /// Runs questions that share a statement; `deliver` gets their matches.
    async fn pass(
        &self,
        scans: &[&Scan],
        deliver: &mut (dyn FnMut(usize, Vec<loghunt::engine::Match>) -> bool + Send),
    ) -> Vec<Ending> {
        let started = Instant::now();
        let runs: Vec<Running> =
            scans.iter().map(|scan| self.lanes.announce(&scan.tag, scan.limits.timeout)).collect();
        let longest = scans.iter().map(|scan| scan.limits.timeout).max().unwrap_or(ASIDE);
        let whole = self.lanes.announce(&"".into(), longest);
        let questions: Vec<Question> =
            scans.iter().zip(&runs).map(|(scan, run)| question(scan, run)).collect();
        let scan = scans[0].clone();
        let stop = if let [only] = &runs[..] { only.stop.clone() } else { whole.stop.clone() };
        let (out, mut parcels) = mpsc::channel::<Parcel>(4);
        let (place, pass_stop) = (self.lanes.place().to_owned(), stop.clone());
        let count = scans.len();
        let work = self.lanes.work(&stop, move |connection| {
            let reading = reading(connection, &scan, &place)?;
            Ok(pass::run(connection, &place, &reading, &questions, &out, &pass_stop))
        });
        let mut broken = vec![false; count];
        let listen = async {
            while let Some((at, matches)) = parcels.recv().await {
                if !broken[at] && !deliver(at, matches) {
                    broken[at] = true;
                    runs[at].stop.cancel();
                }
            }
        };
        let (endings, ()) = tokio::join!(work, listen);
        let endings = endings.unwrap_or_else(|error| vec![Err(error); count]);
        let took = started.elapsed();
        endings
            .into_iter()
            .zip(broken)
            .map(|(ending, broken)| match ending {
                Ok(report) if !broken => Ok(Report { took, ..report }),
                Err(error) if !broken => Err(error),
                _ => Ok(Report {
                    completeness: Completeness::Partial("the caller had enough".into()),
                    bytes: 0,
                    rows_read: 0,
                    took,
                }),
            })
            .collect()
    }
}

/// What went wrong in something that is no question.
enum Aside {
    Engine(EngineError),
    Sqlite(rusqlite::Error),
}

impl From<EngineError> for Aside {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<rusqlite::Error> for Aside {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn question(scan: &Scan, run: &Running) -> Question {
    let (predicate, columns) = match &scan.query {
        Query::Predicate { predicate, columns } => (Some(predicate.clone()), columns.clone()),
        Query::Sql { .. } => (None, Arc::from([])),
    };
    Question { predicate, columns, rows_max: scan.limits.rows_max, stop: run.stop.clone() }
}

/// The statement of a scan. For predicates: every row of the window.
fn reading(connection: &Connection, scan: &Scan, place: &str) -> Result<Reading, EngineError> {
    let table = Table::of(connection, &scan.source, place)?;
    let (statement, target, whole) = match &scan.query {
        Query::Predicate { .. } => {
            let target = table.target_of(scan, &[], place)?;
            (every_row(&target)?, target, false)
        }
        Query::Sql { text, values, class } => {
            let class = match class {
                QueryClass::PerEvent => Class::PerEvent,
                QueryClass::Windowed { .. } => Class::Windowed,
                QueryClass::Opaque => Class::Opaque,
            };
            let template = Template::parse(text, class).map_err(|problems| {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                EngineError::permanent(format!("the question is wrong: {}", problems.join("; ")))
            })?;
            let target = table.target_of(scan, values, place)?;
            let statement = template.render(&target).map_err(|error| {
                EngineError::permanent(format!("the question is wrong: {error}"))
            })?;
            (statement, target, class != Class::PerEvent)
        }
    };
    let mut reading = Reading::new(statement, &target, &scan.source, scan.emit);
    reading.whole = whole;
    Ok(reading)
}

fn every_row(target: &Target) -> Result<Statement, EngineError> {
    select(&[], "1 = 1", target).map_err(|error| EngineError::permanent(error.to_string()))
}

#[async_trait]
impl SqlEngine for SqliteEngine {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn describe(&self, source: &Source) -> Result<Description, EngineError> {
        let source = source.clone();
        self.aside(move |connection, place| {
            let table = Table::of(connection, &source, place)?;
            let oldest = match table.position(&source, place) {
                Ok(_) if source.domain == Domain::Cursor => oldest(connection, &source)?,
                _ => None,
            };
            Ok(Description {
                identity: format!("sqlite:{}", own_name(&source.table).to_lowercase()).into(),
                columns: table.columns,
                parts: Vec::new(),
                oldest,
            })
        })
        .await
    }

    async fn horizon(&self, source: &Source) -> Result<Horizon, EngineError> {
        let asked = source.clone();
        let (clock, sequence) = self
            .aside(move |connection, place| {
                let table = Table::of(connection, &asked, place)?;
                table.position(&asked, place)?;
                let clock: i64 = connection.query_row(
                    "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000",
                    [],
                    |row| row.get(0),
                )?;
                let sequence = match asked.domain {
                    Domain::Cursor => Some(sequence(connection, &asked)?),
                    _ => None,
                };
                Ok((clock, sequence))
            })
            .await?;
        if let Some(sequence) = sequence {
            self.never_falls(&source.table, sequence)?;
        }
        Ok(Horizon {
            clock: Some(Timestamp::from_micros(clock)),
            stable: sequence.map(|last| Position(last.saturating_add(1))),
        })
    }

    async fn estimate(&self, source: &Source, window: Window) -> Result<Estimate, EngineError> {
        let source = source.clone();
        self.aside(move |connection, place| {
            let table = Table::of(connection, &source, place)?;
            let target = table.target(&source, (window, window), place)?;
            let statement = every_row(&target)?;
            let text = format!("SELECT count(*) FROM ({})", statement.text);
            let mut counted = connection.prepare(&text)?;
            pass::bind_all(&mut counted, &statement)?;
            let mut answer = counted.raw_query();
            let rows: i64 = match answer.next()? {
                Some(row) => row.get(0)?,
                None => 0,
            };
            let (pages, size): (i64, i64) = connection.query_row(
                "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            let everywhere = format!("SELECT count(*) FROM {}", quoted(&source)?);
            let all: i64 = connection.query_row(&everywhere, [], |row| row.get(0))?;
            let bytes =
                i128::from(pages) * i128::from(size) * i128::from(rows) / i128::from(all.max(1));
            Ok(Estimate { bytes: u64::try_from(bytes).ok(), rows: u64::try_from(rows).ok() })
        })
        .await
    }

    async fn fingerprint(
        &self,
        source: &Source,
        window: Window,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let source = source.clone();
        self.aside(move |connection, place| {
            let table = Table::of(connection, &source, place)?;
            let statement = every_row(&table.target(&source, (window, window), place)?)?;
            let mut all = connection.prepare(&statement.text)?;
            pass::bind_all(&mut all, &statement)?;
            let width = all.column_count();
            let mut rows = all.raw_query();
            let (mut count, mut sum) = (0u64, 0u64);
            while let Some(row) = rows.next()? {
                let mut hash = Fnv::new();
                for at in 0..width {
                    hash.cell(row.get_ref(at)?);
                }
                count += 1;
                // Of no order: rows may come in any.
                sum = sum.wrapping_add(hash.0);
            }
            Ok(Some(format!("{count}.{sum:016x}").into()))
        })
        .await
    }

    async fn run(&self, scan: &Scan, sink: &mut dyn MatchSink) -> Result<Report, EngineError> {
        let mut deliver = |_, matches| sink.take(matches).is_continue();
        let mut endings = self.pass(&[scan], &mut deliver).await;
        endings.pop().unwrap_or_else(|| Err(EngineError::transient("nothing was run")))
    }

    async fn run_together(
        &self,
        scans: &[Scan],
        sinks: &mut [Box<dyn MatchSink>],
    ) -> Vec<Result<Report, EngineError>> {
        let mut endings: Vec<Option<Ending>> = scans.iter().map(|_| None).collect();
        for at in 0..scans.len() {
            if endings[at].is_some() {
                continue;
            }
            let together: Vec<usize> =
                (at..scans.len()).filter(|other| one_pass(&scans[at], &scans[*other])).collect();
            let together = if together.is_empty() { vec![at] } else { together };
            let asked: Vec<&Scan> = together.iter().map(|place| &scans[*place]).collect();
            let mut deliver =
                |place: usize, matches| sinks[together[place]].take(matches).is_continue();
            let answers = self.pass(&asked, &mut deliver).await;
            for (place, answer) in together.iter().zip(answers) {
                endings[*place] = Some(answer);
            }
        }
        let missing = || Err(EngineError::transient("nothing was run"));
        endings.into_iter().map(|ending| ending.unwrap_or_else(missing)).collect()
    }

    async fn cancel(&self, tag: &str) -> Result<(), EngineError> {
        self.lanes.cancel(tag);
        Ok(())
    }
}

/// Whether two scans read the same rows.
fn one_pass(a: &Scan, b: &Scan) -> bool {
    let predicates =
        matches!((&a.query, &b.query), (Query::Predicate { .. }, Query::Predicate { .. }));
    predicates && a.source == b.source && a.read == b.read && a.emit == b.emit
}

impl SqliteEngine {
    fn never_falls(&self, table: &str, sequence: i64) -> Result<(), EngineError> {
        let mut sequences = self.sequences.lock();
        let highest = sequences.entry(table.to_owned()).or_insert(sequence);
        if sequence < *highest {
            return Err(EngineError {
                class: FailureClass::SourceChanged,
                message: format!(
                    "the sequence of table `{table}` in {} fell from {highest} to {sequence}: it \
                     was restored or made anew; see `on_replace` of the dataset",
                    self.lanes.place()
                ),
            });
        }
        *highest = sequence;
        Ok(())
    }
}

/// The highest number that a row of the table ever had.
fn sequence(connection: &Connection, source: &Source) -> rusqlite::Result<i64> {
    let name = own_name(&source.table);
    let found = connection
        .query_row(
            "SELECT seq FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE",
            [name],
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.unwrap_or(0))
}

fn oldest(connection: &Connection, source: &Source) -> Result<Option<Position>, Aside> {
    let text = format!("SELECT min(rowid) FROM {}", quoted(source)?);
    let first: Option<i64> = connection.query_row(&text, [], |row| row.get(0))?;
    Ok(first.map(Position))
}

/// The table's name as a token.
fn quoted(source: &Source) -> Result<String, EngineError> {
    sql_text::Dialect::Sqlite
        .path(&source.table)
        .map_err(|error| EngineError::permanent(error.to_string()))
}

/// A hash that is the same in every build: FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// A cell with its type and length, so that no two rows read the same.
    fn cell(&mut self, cell: ValueRef<'_>) {
        match cell {
            ValueRef::Null => self.bytes(b"n"),
            ValueRef::Integer(number) => {
                self.bytes(b"i");
                self.bytes(&number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                self.bytes(b"r");
                self.bytes(&number.to_le_bytes());
            }
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                self.bytes(b"t");
                self.bytes(&(bytes.len() as u64).to_le_bytes());
                self.bytes(bytes);
            }
        }
    }
}
