//! One pass over rows on a blocking thread: which questions each row answers.

use std::sync::Arc;

use loghunt::engine::{EngineError, Match, Report, Source};
use model::log::{Completeness, Position, Window};
use rows::{Name, Row, Shape, Text, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, StatementStatus};
use sigma::{Predicate, RuleSet, Scratch};
use sql_text::{ClockForm, EVENT, HIDDEN, INSTANT, POSITION, Parameter, Statement, Target};
use tokio::sync::mpsc;

use crate::lanes::Stop;
use crate::{times, trouble};

/// So many matches travel at once.
const BATCH: usize = 256;

/// What is asked of each row that a statement answers with.
pub(crate) struct Question {
    /// What it must satisfy; without one every row is a match.
    pub(crate) predicate: Option<Arc<Predicate>>,
    /// Which columns travel; all, when empty.
    pub(crate) columns: Arc<[Name]>,
    pub(crate) rows_max: u64,
    pub(crate) stop: Arc<Stop>,
}

/// Matches of one question.
pub(crate) type Parcel = (usize, Vec<Match>);

/// How one question ended.
pub(crate) type Ending = Result<Report, EngineError>;

/// A statement and how its answer is read.
pub(crate) struct Reading {
    pub(crate) statement: Statement,
    pub(crate) position: Option<ClockForm>,
    pub(crate) event: Option<ClockForm>,
    pub(crate) is_time: bool,
    /// What is emitted; of rows without a position, its last one.
    pub(crate) emit: Window,
    /// Rows without a position are matches of the window's end, not rows outside it.
    pub(crate) whole: bool,
}

impl Reading {
    pub(crate) fn new(
        statement: Statement,
        target: &Target,
        source: &Source,
        emit: Window,
    ) -> Self {
        let form = |clock: &Option<sql_text::Clock>| clock.as_ref().map(|one| one.form.clone());
        Self {
            statement,
            position: form(&target.position),
            event: form(&target.event_time),
            is_time: source.domain.is_time(),
            emit,
            whole: false,
        }
    }
}

/// What the columns of an answer are for.
struct Layout {
    shown: Vec<usize>,
    shape: Shape,
    position: Option<usize>,
    event: Option<usize>,
    instant: Option<usize>,
    identity: Option<usize>,
}

impl Layout {
    fn of(names: &[String]) -> Self {
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let mut shown: Vec<usize> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let first = place(name) == Some(at);
            if first && !name.starts_with(HIDDEN) {
                shown.push(at);
            }
        }
        Self {
            shape: Shape::of(shown.iter().map(|at| names[*at].as_str())),
            shown,
            position: place(POSITION),
            event: place(EVENT),
            instant: place(INSTANT),
            identity: place(&sql_text::identity_column(0)),
        }
    }
}

/// Runs a statement and judges its rows. Ends early when every question has.
pub(crate) fn run(
    connection: &Connection,
    place: &str,
    reading: &Reading,
    questions: &[Question],
    out: &mpsc::Sender<Parcel>,
    pass: &Stop,
) -> Vec<Ending> {
    let mut judge = Judge::new(questions, out);
    let read = judge.read(connection, reading, pass);
    let (bytes, rows_read) = match read {
        Ok(figures) => figures,
        Err(error) => {
            let said = |one: &Question| trouble::said(place, &error, own(one, pass));
            return questions.iter().map(|one| Err(said(one))).collect();
        }
    };
    judge
        .lots
        .into_iter()
        .zip(questions)
        .map(|(lot, question)| match lot.over {
            None | Some(Completeness::Truncated(_)) => Ok(Report {
                completeness: lot.over.unwrap_or(Completeness::Complete),
                bytes,
                rows_read,
                took: std::time::Duration::ZERO,
            }),
            Some(Completeness::Partial(_) | Completeness::Complete) => {
                let why = question.stop.why().unwrap_or(crate::lanes::Stopped::Cancelled);
                Err(trouble::of_stop(place, why))
            }
        })
        .collect()
}

/// The stop that ended a question: its own, or that of the pass.
fn own<'s>(question: &'s Question, pass: &'s Stop) -> &'s Stop {
    if question.stop.why().is_some() { &question.stop } else { pass }
}

/// What one question has so far.
#[derive(Default)]
struct Lot {
    waiting: Vec<Match>,
    count: u64,
    over: Option<Completeness>,
}

struct Judge<'q> {
    questions: &'q [Question],
    rules: Option<RuleSet>,
    lots: Vec<Lot>,
    out: &'q mpsc::Sender<Parcel>,
    scratch: Scratch,
    hits: Vec<usize>,
}

impl<'q> Judge<'q> {
    fn new(questions: &'q [Question], out: &'q mpsc::Sender<Parcel>) -> Self {
        let every = Predicate::And(Vec::new());
        let asks = questions.iter().any(|one| one.predicate.is_some());
        let predicates = questions.iter().map(|one| one.predicate.as_deref().unwrap_or(&every));
        Self {
            questions,
            rules: asks.then(|| RuleSet::new(predicates)),
            lots: questions.iter().map(|_| Lot::default()).collect(),
            out,
            scratch: Scratch::default(),
            hits: Vec::new(),
        }
    }

    /// Reads all rows; how many bytes and rows that were.
    fn read(
        &mut self,
        connection: &Connection,
        reading: &Reading,
        pass: &Stop,
    ) -> rusqlite::Result<(u64, u64)> {
        let mut statement = connection.prepare(&reading.statement.text)?;
        bind_all(&mut statement, &reading.statement)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let layout = Layout::of(&names);
        let (mut bytes, mut count) = (0u64, 0u64);
        let mut rows = statement.raw_query();
        while let Some(cells) = rows.next()? {
            count += 1;
            let Some((one, size)) = placed(cells, &layout, reading)? else { continue };
            bytes += size;
            if !self.judge(one) || (count % 64 == 0 && pass.why().is_some()) {
                break;
            }
        }
        drop(rows);
        let scanned = statement.get_status(StatementStatus::FullscanStep);
        for at in 0..self.lots.len() {
            self.send(at);
        }
        Ok((bytes, count.max(u64::try_from(scanned).unwrap_or(0))))
    }

    /// Gives a row to the questions that it answers; whether anybody still listens.
    fn judge(&mut self, one: Match) -> bool {
        match &self.rules {
            None => self.hits = vec![0],
            Some(rules) => rules.matching(&one.row, &mut self.scratch, &mut self.hits),
        }
        for at in std::mem::take(&mut self.hits) {
            let (lot, question) = (&mut self.lots[at], &self.questions[at]);
            if lot.over.is_some() {
                continue;
            }
            if question.stop.why().is_some() {
                lot.over = Some(Completeness::Partial(String::new()));
            } else if lot.count >= question.rows_max {
                lot.over = Some(Completeness::Truncated(question.rows_max));
            } else {
                lot.count += 1;
                lot.waiting.push(projected(&one, &question.columns));
                if lot.waiting.len() >= BATCH {
                    self.send(at);
                }
            }
        }
        self.lots.iter().any(|lot| lot.over.is_none())
    }

    fn send(&mut self, at: usize) {
        let lot = &mut self.lots[at];
        if !lot.waiting.is_empty() {
            let parcel = (at, std::mem::take(&mut lot.waiting));
            if self.out.blocking_send(parcel).is_err() {
                lot.over = Some(Completeness::Partial(String::new()));
            }
        }
    }
}

fn projected(one: &Match, columns: &[Name]) -> Match {
    if columns.is_empty() {
        return one.clone();
    }
    let cells = columns.iter().map(|name| one.row.get(name).cloned().unwrap_or_default());
    let row = Row::of_shape(&Shape::of(columns.iter().cloned()), cells.collect::<Vec<_>>());
    Match { row, ..one.clone() }
}

/// Binds the values of a statement.
pub(crate) fn bind_all(
    prepared: &mut rusqlite::Statement<'_>,
    statement: &Statement,
) -> rusqlite::Result<()> {
    let values = statement.parameters.iter().zip(1..);
    values.into_iter().try_for_each(|(value, at)| bind(prepared, at, value))
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    at: usize,
    value: &Parameter,
) -> rusqlite::Result<()> {
    match value {
        Parameter::Null => statement.raw_bind_parameter(at, rusqlite::types::Null),
        Parameter::Bool(truth) => statement.raw_bind_parameter(at, truth),
        Parameter::Int(number) => statement.raw_bind_parameter(at, number),
        Parameter::Float(number) => statement.raw_bind_parameter(at, number),
        Parameter::Text(text) => match text.as_str() {
            Some(text) => statement.raw_bind_parameter(at, text),
            None => statement.raw_bind_parameter(at, text.as_bytes()),
        },
        Parameter::Time(moment) => statement.raw_bind_parameter(at, moment.to_string()),
    }
}

/// A row as a match, and its size; nothing for rows that stand nowhere.
fn placed(
    cells: &rusqlite::Row<'_>,
    layout: &Layout,
    reading: &Reading,
) -> rusqlite::Result<Option<(Match, u64)>> {
    let moment = |at: Option<usize>, form: &Option<ClockForm>| -> rusqlite::Result<Option<i64>> {
        let (Some(at), Some(form)) = (at, form) else { return Ok(None) };
        Ok(times::micros(form, cells.get_ref(at)?))
    };
    let position = match moment(layout.position, &reading.position)? {
        Some(position) => Position(position),
        None if reading.whole || layout.position.is_none() => {
            let end = Position(reading.emit.to().0 - 1);
            instant(cells, layout, reading)?.unwrap_or(end)
        }
        None => return Ok(None),
    };
    let event_time = match moment(layout.event, &reading.event)? {
        Some(micros) => Some(base::Timestamp::from_micros(micros)),
        None if reading.is_time && layout.event.is_none() => Some(position.moment()),
        None => None,
    };
    let mut size = 0;
    let mut values = Vec::with_capacity(layout.shown.len());
    for at in &layout.shown {
        let value = value_of(cells.get_ref(*at)?);
        size += value.size_bytes() as u64;
        values.push(value);
    }
    let identity = match layout.identity {
        Some(at) => match cells.get_ref(at)? {
            ValueRef::Integer(number) => Some(number.to_string().into()),
            _ => None,
        },
        None => None,
    };
    let row = Row::of_shape(&layout.shape, values);
    Ok(Some((Match { row, position, event_time, identity }, size)))
}

/// The instant that completes a windowed match, as the query gives it.
fn instant(
    cells: &rusqlite::Row<'_>,
    layout: &Layout,
    reading: &Reading,
) -> rusqlite::Result<Option<Position>> {
    let Some(at) = layout.instant else { return Ok(None) };
    let micros = match (cells.get_ref(at)?, &reading.position) {
        (ValueRef::Text(text), _) => times::micros_of_text(text),
        (cell, Some(form)) => times::micros(form, cell),
        _ => None,
    };
    Ok(micros.map(Position))
}

fn value_of(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(Text::from(bytes)),
    }
}
