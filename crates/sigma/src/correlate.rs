//! Events of the base rules of a correlation, to its matches.
//!
//! Windows slide. A match is completed by the event at which the condition becomes true: it holds
//! for the events within the time span up to and including this instant, and does not hold for the
//! same stretch without the events of this instant. So a threshold fires when it is crossed, and is
//! armed again as soon as it does not hold, also because events have grown too old. Without any
//! event nothing holds. Events of one instant count as one step.
//!
//! # Invariants
//!
//! - **SI-7** A match depends only on events within [`Correlation::reach`] before its instant. So
//!   evaluating slice by slice, each with what it reaches, gives the matches of evaluating at once.
//! - **SI-8** Rows that come late: when every match is emitted that contains a new row, then every
//!   match of evaluating at once has been emitted by the time all rows have come.
//!
//! # Not here
//!
//! Fetching the events; which of them are new.

use std::collections::{BTreeMap, HashMap};

use rows::{Dict, Name, Row, Value};

use crate::correlation::{Aggregate, Base, BaseRule, Correlation, CorrelationKind};
use crate::predicate::Predicate;
use crate::values;

/// A row that satisfies a base rule.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which rule, by its place in [`Correlation::leaves`].
    pub leaf: usize,
    /// When it happened, in microseconds.
    pub time: i64,
    /// Where it stands in its stream.
    pub position: i64,
    /// The row.
    pub row: Row,
    /// No earlier evaluation has seen it.
    pub new: bool,
}

/// Which matches are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Those whose completing instant lies from `from` to before `to`, in microseconds. The events
    /// are all those from `from` less [`Correlation::reach`] to before `to`.
    CompletedIn {
        /// The first instant.
        from: i64,
        /// The instant after the last one.
        to: i64,
    },
    /// Those that contain a new row. The events are all those known from the earliest new one less
    /// [`Correlation::reach`] to the latest plus it.
    WithNew,
}

/// Events that satisfy a correlation together.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationMatch {
    /// In what they agree: the names of `group-by`, with their values.
    pub group: Vec<(Name, Value)>,
    /// When the event happened that completed it, in microseconds. With the group, this is what
    /// makes the match itself and no other.
    pub instant: i64,
    /// The highest position among its events: that of the completing event, or of a late row.
    pub position: i64,
    /// What was counted or computed; for temporal kinds, how many base rules have an event.
    pub amount: f64,
    /// Its events, by their places in what was given, ascending.
    pub events: Vec<usize>,
}

/// The matches among events, by instant and group. `field` reads a field of a row by the name that
/// rules use.
pub fn correlate(
    correlation: &Correlation,
    events: &[Event],
    emit: Emit,
    field: &dyn Fn(&Row, &str) -> Option<Value>,
) -> Vec<CorrelationMatch> {
    let mut found = Evaluation { events, field }.matches(correlation, 0);
    found.retain(|one| match emit {
        Emit::CompletedIn { from, to } => (from..to).contains(&one.instant),
        Emit::WithNew => one.events.iter().any(|at| events[*at].new),
    });
    found
}

struct Evaluation<'e> {
    events: &'e [Event],
    field: &'e dyn Fn(&Row, &str) -> Option<Value>,
}

/// An event, or a match of another correlation that stands for one.
struct Item {
    base: usize,
    time: i64,
    row: Row,
    /// Places of events.
    members: Vec<usize>,
}

struct Group {
    values: Vec<(Name, Value)>,
    items: Vec<Item>,
}

impl Evaluation<'_> {
    /// All matches; events of the correlation's first base rule have the number `leaf`.
    fn matches(&self, correlation: &Correlation, leaf: usize) -> Vec<CorrelationMatch> {
        let mut groups: BTreeMap<Vec<u8>, Group> = BTreeMap::new();
        let mut leaf = leaf;
        for (number, base) in correlation.bases.iter().enumerate() {
            let items = match &base.rule {
                BaseRule::Rule(_) => {
                    let own = self.events.iter().enumerate().filter(|(_, one)| one.leaf == leaf);
                    let item = |(at, event): (usize, &Event)| Item {
                        base: number,
                        time: event.time,
                        row: event.row.clone(),
                        members: vec![at],
                    };
                    let items = own.map(item).collect();
                    leaf += 1;
                    items
                }
                BaseRule::Correlation(inner) => {
                    let items = self.stand_ins(inner, leaf, number);
                    leaf += inner.leaves().len();
                    items
                }
            };
            self.grouped(correlation, base, items, &mut groups);
        }
        let mut found = Vec::new();
        for (key, mut group) in groups {
            group.items.sort_by_key(|item| (item.time, item.base));
            for one in self.of_group(correlation, &group) {
                found.push((one.instant, key.clone(), one));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        found.into_iter().map(|(_, _, one)| one).collect()
    }

    /// The matches of another correlation as events: their fields are its groups.
    fn stand_ins(&self, inner: &Correlation, leaf: usize, number: usize) -> Vec<Item> {
        let item = |one: CorrelationMatch| Item {
            base: number,
            time: one.instant,
            row: one.group.into_iter().collect::<Dict>(),
            members: one.events,
        };
        self.matches(inner, leaf).into_iter().map(item).collect()
    }

    fn grouped(
        &self,
        correlation: &Correlation,
        base: &Base,
        items: Vec<Item>,
        groups: &mut BTreeMap<Vec<u8>, Group>,
    ) {
        for item in items {
            let value = |name: &Name| {
                let value = (self.field)(&item.row, base.field(name)).unwrap_or(Value::Null);
                (name.clone(), value)
            };
            let values: Vec<(Name, Value)> = correlation.group_by.iter().map(value).collect();
            if values.iter().any(|(_, value)| value.is_null()) {
                continue;
            }
            let key = key(values.iter().map(|(_, value)| value));
            let group = groups.entry(key).or_insert_with(|| Group { values, items: Vec::new() });
            group.items.push(item);
        }
    }

    fn of_group(&self, correlation: &Correlation, group: &Group) -> Vec<CorrelationMatch> {
        let span = i64::try_from(correlation.timespan.as_micros()).unwrap_or(i64::MAX);
        let items = &group.items;
        let mut window = Window::new(correlation);
        let mut found = Vec::new();
        let (mut oldest, mut next) = (0, 0);
        while let Some(first) = items.get(next) {
            let now = first.time;
            let reaches = now.saturating_sub(span);
            while oldest < next && items[oldest].time < reaches {
                window.forget(&self.seen(correlation, &items[oldest]));
                oldest += 1;
            }
            let before = window.holds(oldest < next, reaches);
            let from = next;
            while let Some(item) = items.get(next).filter(|item| item.time == now) {
                window.take(&self.seen(correlation, item), now);
                next += 1;
            }
            debug_assert!(from < next);
            if !before && window.holds(true, reaches) {
                let mut members: Vec<usize> =
                    items[oldest..next].iter().flat_map(|item| item.members.clone()).collect();
                members.sort_unstable();
                members.dedup();
                let position = members.iter().map(|at| self.events[*at].position).max();
                found.push(CorrelationMatch {
                    group: group.values.clone(),
                    instant: now,
                    position: position.unwrap_or(now),
                    amount: window.amount(reaches).unwrap_or_default(),
                    events: members,
                });
            }
        }
        found
    }

    /// What a window must know of an event.
    fn seen(&self, correlation: &Correlation, item: &Item) -> Seen {
        let base = &correlation.bases[item.base];
        let value = |name: &Name| (self.field)(&item.row, base.field(name)).unwrap_or(Value::Null);
        match &correlation.kind {
            CorrelationKind::ValueCount { fields, .. } => {
                let values: Vec<Value> = fields.iter().map(value).collect();
                Seen::Value((!values.iter().any(Value::is_null)).then(|| key(values.iter())))
            }
            CorrelationKind::Value { field, .. } => Seen::Number(amount_of(&value(field))),
            CorrelationKind::EventCount(_)
            | CorrelationKind::Temporal(_)
            | CorrelationKind::TemporalOrdered => Seen::Base(item.base),
        }
    }
}

/// What values are equal by: their type and their JSON.
fn key<'v>(values: impl Iterator<Item = &'v Value>) -> Vec<u8> {
    let mut key = Vec::new();
    for value in values {
        rows::write_json(value, &mut key);
        key.push(b'\n');
    }
    key
}

fn amount_of(value: &Value) -> Option<f64> {
    match values::number(value)? {
        crate::Number::Int(number) => Some(number as f64),
        crate::Number::Float(number) => Some(number).filter(|number| number.is_finite()),
    }
}

enum Seen {
    Base(usize),
    /// `None` when a field has no value.
    Value(Option<Vec<u8>>),
    /// `None` when the field holds no number.
    Number(Option<f64>),
}

/// The events of one group within the time span, as far as the condition needs them.
enum Window<'c> {
    Events {
        count: usize,
        than: &'c crate::Threshold,
    },
    Values {
        counts: HashMap<Vec<u8>, usize>,
        than: &'c crate::Threshold,
    },
    Numbers {
        numbers: Numbers,
        by: Aggregate,
        than: &'c crate::Threshold,
    },
    Bases {
        last: Vec<Option<i64>>,
        wanted: &'c Predicate,
    },
    /// For each base rule, the latest start of a chain that has come so far; and the latest start of
    /// a chain that came to its end.
    Chain {
        starts: Vec<Option<i64>>,
        complete: Option<i64>,
    },
}

impl<'c> Window<'c> {
    fn new(correlation: &'c Correlation) -> Self {
        let bases = correlation.bases.len();
        match &correlation.kind {
            CorrelationKind::EventCount(than) => Self::Events { count: 0, than },
            CorrelationKind::ValueCount { than, .. } => {
                Self::Values { counts: HashMap::new(), than }
            }
            CorrelationKind::Value { by, than, .. } => {
                Self::Numbers { numbers: Numbers::default(), by: *by, than }
            }
            CorrelationKind::Temporal(wanted) => Self::Bases { last: vec![None; bases], wanted },
            CorrelationKind::TemporalOrdered => {
                Self::Chain { starts: vec![None; bases], complete: None }
            }
        }
    }

    fn take(&mut self, seen: &Seen, now: i64) {
        match (self, seen) {
            (Self::Events { count, .. }, _) => *count += 1,
            (Self::Values { counts, .. }, Seen::Value(Some(value))) => {
                *counts.entry(value.clone()).or_default() += 1;
            }
            (Self::Numbers { numbers, .. }, Seen::Number(Some(number))) => numbers.add(*number),
            (Self::Bases { last, .. }, Seen::Base(base)) => last[*base] = Some(now),
            (Self::Chain { starts, complete }, Seen::Base(base)) => {
                // Events of one instant come in the order of the rules, so they make a chain too.
                let start = if *base == 0 { Some(now) } else { starts[*base - 1] };
                starts[*base] = starts[*base].max(start);
                if *base + 1 == starts.len() {
                    *complete = (*complete).max(starts[*base]);
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, seen: &Seen) {
        match (self, seen) {
            (Self::Events { count, .. }, _) => *count -= 1,
            (Self::Values { counts, .. }, Seen::Value(Some(value))) => {
                if let Some(count) = counts.get_mut(value) {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(value);
                    }
                }
            }
            (Self::Numbers { numbers, .. }, Seen::Number(Some(number))) => numbers.remove(*number),
            // These know when things happened.
            _ => {}
        }
    }

    /// What is compared, for events since `reaches`.
    fn amount(&self, reaches: i64) -> Option<f64> {
        match self {
            Self::Events { count, .. } => Some(*count as f64),
            Self::Values { counts, .. } => Some(counts.len() as f64),
            Self::Numbers { numbers, by, .. } => numbers.amount(*by),
            Self::Bases { last, .. } => {
                Some(last.iter().filter(|last| last.is_some_and(|last| last >= reaches)).count()
                    as f64)
            }
            Self::Chain { starts, .. } => Some(starts.len() as f64),
        }
    }

    /// Whether the condition holds; `any` is whether there is an event at all.
    fn holds(&self, any: bool, reaches: i64) -> bool {
        let amount = || self.amount(reaches);
        any && match self {
            Self::Events { than, .. } | Self::Values { than, .. } | Self::Numbers { than, .. } => {
                amount().is_some_and(|amount| than.holds(amount))
            }
            Self::Bases { last, wanted } => {
                present(wanted, &|base| last[base].is_some_and(|last| last >= reaches))
            }
            Self::Chain { complete, .. } => complete.is_some_and(|start| start >= reaches),
        }
    }
}

/// Whether the base rules that have an event satisfy the condition.
fn present(wanted: &Predicate, has: &dyn Fn(usize) -> bool) -> bool {
    match wanted {
        Predicate::And(of) => of.iter().all(|one| present(one, has)),
        Predicate::Or(of) => of.iter().any(|one| present(one, has)),
        Predicate::Not(inner) => !present(inner, has),
        Predicate::AtLeast { count, of } => {
            of.iter().filter(|one| present(one, has)).count() >= *count
        }
        Predicate::Field { field, .. } => field.parse().is_ok_and(has),
        Predicate::Keyword(_) => false,
    }
}

/// Numbers in ascending order, with their sum as far as it is exact.
#[derive(Default)]
struct Numbers {
    sorted: Vec<f64>,
    whole: i128,
    fractions: usize,
}

impl Numbers {
    fn add(&mut self, number: f64) {
        let at = self.sorted.partition_point(|other| other.total_cmp(&number).is_lt());
        self.sorted.insert(at, number);
        match whole(number) {
            Some(whole) => self.whole += whole,
            None => self.fractions += 1,
        }
    }

    fn remove(&mut self, number: f64) {
        let at = self.sorted.partition_point(|other| other.total_cmp(&number).is_lt());
        if at < self.sorted.len() {
            self.sorted.remove(at);
        }
        match whole(number) {
            Some(whole) => self.whole -= whole,
            None => self.fractions -= 1,
        }
    }

    /// Does not depend on what came and went before.
    fn sum(&self) -> f64 {
        if self.fractions == 0 { self.whole as f64 } else { self.sorted.iter().sum() }
    }

    fn amount(&self, by: Aggregate) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        Some(match by {
            Aggregate::Sum => self.sum(),
            Aggregate::Average => self.sum() / self.sorted.len() as f64,
            Aggregate::Percentile(percent) => {
                let rank = percent / 100.0 * last as f64;
                let below = (rank.floor() as usize).min(last);
                let above = (below + 1).min(last);
                let (low, high) = (self.sorted[below], self.sorted[above]);
                low + (high - low) * (rank - below as f64)
            }
        })
    }
}

/// A number without a fraction that a float holds exactly.
fn whole(number: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i128)
}
