//! From an engine's rows to matches: hidden columns, positions, identities, the cap on rows.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use base::Timestamp;
use loghunt::engine::{Match, MatchSink, Scan};
use model::log::{Completeness, Position};
use rows::{Row, Shape, Value};
use sigma::{RuleSet, Scratch};
use sql_text::{ClockForm, EVENT, HIDDEN, INSTANT, POSITION, identity_column};

use crate::asking::Asked;

/// So many matches travel at once.
const BATCH: usize = 256;

/// Takes an engine's rows.
pub(crate) trait RowSink: Send {
    /// The columns of the rows that follow.
    fn columns(&mut self, names: &[String]);
    /// One row; breaking off ends the statement.
    fn row(&mut self, values: Vec<Value>) -> ControlFlow<()>;
}

/// What the columns of an answer are for.
#[derive(Default)]
struct Layout {
    shown: Vec<usize>,
    shape: Shape,
    position: Option<usize>,
    event: Option<usize>,
    instant: Option<usize>,
    identity: Vec<usize>,
}

impl Layout {
    fn of(names: &[String], identities: usize) -> Self {
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        let first =
            |(at, name): &(usize, &String)| place(name) == Some(*at) && !name.starts_with(HIDDEN);
        let shown: Vec<usize> = names.iter().enumerate().filter(first).map(|(at, _)| at).collect();
        Self {
            shape: Shape::of(shown.iter().map(|at| names[*at].as_str())),
            shown,
            position: place(POSITION),
            event: place(EVENT),
            instant: place(INSTANT),
            identity: (0..identities).filter_map(|at| place(&identity_column(at))).collect(),
        }
    }
}

/// Makes matches of rows and hands them on.
pub(crate) struct Collector<'c> {
    scan: &'c Scan,
    asked: &'c Asked,
    sink: &'c mut dyn MatchSink,
    rules: Option<RuleSet>,
    scratch: Scratch,
    hits: Vec<usize>,
    layout: Layout,
    waiting: Vec<Match>,
    count: u64,
    /// The engine's key is whole; otherwise identity columns may be equal in several rows.
    keyed: bool,
    ordinals: HashMap<Arc<str>, u32>,
    /// Why the answer is not whole.
    pub(crate) cut: Option<Completeness>,
    /// How large the rows were.
    pub(crate) bytes: u64,
    /// How many rows the engine sent.
    pub(crate) rows: u64,
}

impl<'c> Collector<'c> {
    pub(crate) fn new(
        scan: &'c Scan,
        asked: &'c Asked,
        keyed: bool,
        sink: &'c mut dyn MatchSink,
    ) -> Self {
        Self {
            scan,
            asked,
            sink,
            rules: asked.residual.as_deref().map(|predicate| RuleSet::new([predicate])),
            scratch: Scratch::default(),
            hits: Vec::new(),
            layout: Layout::default(),
            waiting: Vec::new(),
            count: 0,
            keyed,
            ordinals: HashMap::new(),
            cut: None,
            bytes: 0,
            rows: 0,
        }
    }

    /// Hands on what is left.
    pub(crate) fn finish(&mut self) {
        if !self.waiting.is_empty() {
            self.send();
        }
    }

    fn send(&mut self) {
        if self.sink.take(std::mem::take(&mut self.waiting)).is_break() {
            self.cut = Some(Completeness::Partial("the caller had enough".into()));
        }
    }

    fn placed(&self, mut values: Vec<Value>) -> Option<Match> {
        let layout = &self.layout;
        let target = &self.asked.target;
        let moment = |at: Option<usize>, clock: &Option<sql_text::Clock>| {
            let (at, clock) = (at?, clock.as_ref()?);
            micros(values.get(at)?, &clock.form)
        };
        let end = Position(self.scan.emit.to().0.saturating_sub(1));
        let position = match moment(layout.position, &target.position) {
            Some(position) => Position(position),
            None if self.asked.whole => {
                moment(layout.instant, &target.position).map_or(end, Position)
            }
            None => return None,
        };
        let event_time = match moment(layout.event, &target.event_time) {
            Some(micros) => Some(Timestamp::from_micros(micros)),
            None if self.scan.source.domain == model::log::Domain::EventTime => {
                Some(position.moment())
            }
            None => None,
        };
        let identity = self.identity(&values, position, event_time);
        let cells: Vec<Value> = layout
            .shown
            .iter()
            .map(|at| values.get_mut(*at).map(std::mem::take).unwrap_or_default())
            .collect();
        Some(Match { row: Row::of_shape(&layout.shape, cells), position, event_time, identity })
    }

    fn identity(
        &self,
        values: &[Value],
        position: Position,
        event_time: Option<Timestamp>,
    ) -> Option<Arc<str>> {
        if self.layout.identity.is_empty() {
            return None;
        }
        let cells = self.layout.identity.iter().filter_map(|at| values.get(*at)).cloned();
        let columns = rows_json::to_json(&Value::array(cells.collect::<Vec<_>>()));
        if self.keyed {
            return Some(columns.into());
        }
        let event = event_time.map(Timestamp::as_micros);
        Some(format!("{}/{event:?}/{columns}", position.0).into())
    }

    fn satisfies(&mut self, one: &Match) -> bool {
        match &self.rules {
            None => true,
            Some(rules) => {
                rules.matching(&one.row, &mut self.scratch, &mut self.hits);
                !self.hits.is_empty()
            }
        }
    }

    fn projected(&self, mut one: Match) -> Match {
        if !self.asked.columns.is_empty() {
            let names = self.asked.columns.iter();
            let cells: Vec<Value> =
                names.map(|name| one.row.get(name).cloned().unwrap_or_default()).collect();
            one.row = Row::of_shape(&Shape::of(self.asked.columns.iter().cloned()), cells);
        }
        one
    }
}

impl RowSink for Collector<'_> {
    fn columns(&mut self, names: &[String]) {
        self.layout = Layout::of(names, self.asked.target.identity.len());
    }

    fn row(&mut self, values: Vec<Value>) -> ControlFlow<()> {
        self.rows += 1;
        self.bytes += values.iter().map(|value| value.size_bytes() as u64).sum::<u64>();
        let Some(mut one) = self.placed(values) else { return ControlFlow::Continue(()) };
        if !self.satisfies(&one) {
            return ControlFlow::Continue(());
        }
        if self.count >= self.scan.limits.rows_max {
            self.cut = Some(Completeness::Truncated(self.scan.limits.rows_max));
            return ControlFlow::Break(());
        }
        self.count += 1;
        if let (false, Some(identity)) = (self.keyed, &one.identity) {
            let seen = self.ordinals.entry(identity.clone()).or_insert(0);
            *seen += 1;
            one.identity = Some(format!("{identity}#{seen}").into());
        }
        let one = self.projected(one);
        self.waiting.push(one);
        if self.waiting.len() >= BATCH {
            self.send();
        }
        if self.cut.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Microseconds since 1970, floored, in a cell of a clock.
pub(crate) fn micros(cell: &Value, form: &ClockForm) -> Option<i64> {
    let clamped = |number: i128| number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
    match cell {
        Value::Time(time) => Some(clamped(time.unix_nanos().div_euclid(1_000))),
        Value::Int(number) => {
            let number = i128::from(*number);
            Some(clamped(match form {
                ClockForm::Seconds => number * 1_000_000,
                ClockForm::Millis => number * 1_000,
                ClockForm::Nanos => number.div_euclid(1_000),
                _ => number,
            }))
        }
        // An instant of a windowed question may come as it stands in the table.
        Value::Text(text) => rows::Time::parse(text.as_str()?)
            .map(|time| clamped(time.unix_nanos().div_euclid(1_000))),
        _ => None,
    }
}

/// Keeps all rows: for small questions of our own.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl RowSink for Kept {
    fn columns(&mut self, names: &[String]) {
        self.names = names.to_vec();
    }

    fn row(&mut self, values: Vec<Value>) -> ControlFlow<()> {
        self.rows.push(values);
        ControlFlow::Continue(())
    }
}
