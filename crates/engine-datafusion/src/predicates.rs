//! All predicates over one window in one pass, through the matcher.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base::Timestamp;
use loghunt::engine::{EngineError, Match, Source};
use matcher::{Matcher, Scratch};
use model::log::{Completeness, Position};
use parking_lot::Mutex;
use rows::Name;
use sigma::{Predicate, Test};
use tokio::sync::mpsc;

use crate::dress::{Piece, Rows};
use crate::reading::{Columns, Wanted};

/// Matches on their way to the sink of a scan.
pub(crate) type Matches = (usize, Vec<Match>);

/// A question about rows.
pub(crate) struct Ask {
    /// The scan that it belongs to.
    pub(crate) scan: usize,
    /// With the source's columns as fields.
    pub(crate) predicate: Arc<Predicate>,
    /// The columns that travel, by the names of rules; all, when empty.
    pub(crate) columns: Arc<[Name]>,
    pub(crate) rows_max: u64,
    pub(crate) state: Arc<AskState>,
}

/// How far a question is.
#[derive(Default)]
pub(crate) struct AskState {
    found: AtomicU64,
    truncated: AtomicBool,
    /// Whoever asked has enough.
    pub(crate) broken_off: AtomicBool,
}

impl AskState {
    fn wants_more(&self) -> bool {
        !self.truncated.load(Ordering::Relaxed) && !self.broken_off.load(Ordering::Relaxed)
    }

    pub(crate) fn completeness(&self, rows_max: u64) -> Completeness {
        if self.broken_off.load(Ordering::Relaxed) {
            return Completeness::Partial("the caller broke the query off".into());
        }
        if self.truncated.load(Ordering::Relaxed) {
            return Completeness::Truncated(rows_max);
        }
        Completeness::Complete
    }

    /// Takes so many more; how many of them fit below the most that are wanted.
    pub(crate) fn admit(&self, more: usize, rows_max: u64) -> usize {
        let before = self.found.fetch_add(more as u64, Ordering::Relaxed);
        let left = usize::try_from(rows_max.saturating_sub(before)).unwrap_or(usize::MAX);
        if more > left {
            self.truncated.store(true, Ordering::Relaxed);
        }
        more.min(left)
    }
}

/// The questions of one pass.
pub(crate) struct Questions {
    asks: Vec<Ask>,
    matcher: Arc<Matcher>,
    source: Source,
    scratch: Mutex<Vec<Scratch>>,
    to: mpsc::Sender<Matches>,
}

impl Questions {
    pub(crate) fn new(
        asks: Vec<Ask>,
        matcher: Arc<Matcher>,
        source: Source,
        to: mpsc::Sender<Matches>,
    ) -> Self {
        Self { asks, matcher, source, scratch: Mutex::default(), to }
    }

    /// The columns that are needed for asking, and for those who are told.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted { dictionaries: true, ..Wanted::default() };
        let all = self.asks.iter().any(|ask| ask.columns.is_empty());
        let Some(fields) = self.matcher.fields().filter(|_| !all) else { return wanted };
        let source = &self.source;
        let told = self.asks.iter().flat_map(|ask| ask.columns.iter());
        let told = told.map(|name| source.column(name));
        let identity = source.identity.iter().map(String::as_str);
        let clocks = [&source.event_time, &source.ingest_time, &source.cursor];
        let clocks = clocks.into_iter().flatten().map(|name| &**name);
        let names = fields.into_iter().map(Name::as_str).chain(told).chain(identity).chain(clocks);
        let mut columns: Vec<String> = Vec::new();
        for name in names {
            // A path, or a column with dots in its name.
            for part in [name, name.split('.').next().unwrap_or(name)] {
                if !columns.iter().any(|known| known == part) {
                    columns.push(part.to_owned());
                }
            }
        }
        wanted.columns = Some(Columns::Named(columns));
        wanted
    }

    /// Asks all questions about some rows.
    pub(crate) fn ask(&self, piece: &Piece) -> Result<ControlFlow<()>, EngineError> {
        let too_deep = |error: rows_arrow::TooDeep| EngineError::permanent(error.to_string());
        let mut scratch = self.scratch.lock().pop().unwrap_or_default();
        let hits = self.matcher.matches(&piece.batch, &mut scratch).map_err(too_deep)?;
        self.scratch.lock().push(scratch);
        if hits.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let rows = Rows::of(piece, &self.source).map_err(too_deep)?;
        for hit in hits {
            let ask = &self.asks[hit.rule];
            if !ask.state.wants_more() {
                continue;
            }
            let admitted = ask.state.admit(hit.rows.len(), ask.rows_max);
            let found = hit.rows.into_iter().take(admitted).map(|row| {
                let row = row as usize;
                Match {
                    row: rows.row(row, &ask.columns),
                    position: Position(piece.positions[row]),
                    event_time: piece.event(row).map(Timestamp::from_micros),
                    identity: None,
                }
            });
            let found: Vec<Match> = found.collect();
            // Nobody listens any more: the question was dropped.
            if !found.is_empty() && self.to.blocking_send((ask.scan, found)).is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let enough = !self.asks.iter().any(|ask| ask.state.wants_more());
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// The predicate with the source's columns as fields.
pub(crate) fn renamed(predicate: &Arc<Predicate>, source: &Source) -> Arc<Predicate> {
    if source.columns.iter().all(|(name, column)| name == column) {
        return predicate.clone();
    }
    Arc::new(rename(predicate, source))
}

fn rename(predicate: &Predicate, source: &Source) -> Predicate {
    let all = |of: &[Predicate]| of.iter().map(|one| rename(one, source)).collect();
    match predicate {
        Predicate::And(of) => Predicate::And(all(of)),
        Predicate::Or(of) => Predicate::Or(all(of)),
        Predicate::Not(inner) => Predicate::Not(Box::new(rename(inner, source))),
        Predicate::AtLeast { count, of } => Predicate::AtLeast { count: *count, of: all(of) },
        Predicate::Field { field, test } => {
            Predicate::Field { field: column(field, source), test: of_column(test, source) }
        }
        Predicate::Keyword(test) => Predicate::Keyword(of_column(test, source)),
    }
}

fn of_column(test: &Test, source: &Source) -> Test {
    match test {
        Test::OtherField { field, anchor, cased } => {
            Test::OtherField { field: column(field, source), anchor: *anchor, cased: *cased }
        }
        other => other.clone(),
    }
}

/// The column behind a field: by its whole name, or by the first part of a path.
fn column(field: &Name, source: &Source) -> Name {
    let whole = source.column(field);
    if whole != field.as_str() {
        return Name::from(whole);
    }
    match field.split_once('.') {
        Some((first, rest)) if source.column(first) != first => {
            Name::from(format!("{}.{rest}", source.column(first)))
        }
        _ => field.clone(),
    }
}
