//! Row sources that make, pick or combine rows.

use std::time::Duration;

use rows::{Row, Value};
use vql_plugin::{Failure, Plugin, Query, RowStream, Scope, free_args, plugin_args, stream};

plugin_args! {
    /// One row without columns, in which every variable can be seen.
    pub struct ScopeArgs for "scope" {}
}

pub(super) struct ScopePlugin;

impl Plugin for ScopePlugin {
    type Args = ScopeArgs;

    fn rows(&self, _args: ScopeArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        Ok(stream::rows([Row::new()]))
    }
}

plugin_args! {
    /// Numbers from start up to, and without, end, in the column `_value`.
    pub struct RangeArgs for "range" {
        /// The first number.
        start: i64 = 0,
        /// Where to stop; not itself a row.
        end: i64,
        /// From one number to the next.
        step: i64 = 1,
    }
}

pub(super) struct Range;

impl Plugin for Range {
    type Args = RangeArgs;

    fn rows(&self, args: RangeArgs, _scope: &Scope) -> Result<RowStream, Failure> {
        if args.step <= 0 {
            return Err("Field step should be at least 1".into());
        }
        let mut next = Some(args.start);
        Ok(Box::new(std::iter::from_fn(move || {
            let number = next.filter(|number| *number < args.end)?;
            next = number.checked_add(args.step);
            Some(Row::new().with("_value", number))
        })))
    }
}

plugin_args! {
    /// Picks one of two row sources. Put them in braces, so that only the picked one runs.
    pub struct IfArgs for "if" {
        /// What decides.
        condition: Value,
        /// The rows when the condition is true.
        then: Option<Query>,
        /// The rows when it is not; none when left out.
        r#else: Option<Query> as "else",
    }
}

pub(super) struct IfPlugin;

impl Plugin for IfPlugin {
    type Args = IfArgs;

    fn rows(&self, args: IfArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let branch = if scope.truth(&args.condition) { args.then } else { args.r#else };
        Ok(branch.map_or_else(stream::empty, |branch| branch.rows(scope)))
    }
}

free_args! {
    /// The rows of all its arguments, one source after the other.
    pub struct ChainArgs for "chain";
}

pub(super) struct Chain;

impl Plugin for Chain {
    type Args = ChainArgs;

    fn rows(&self, args: ChainArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let sources = args.0.0.into_iter().filter(|(name, _)| &**name != "async");
        let scope = scope.clone();
        Ok(Box::new(sources.flat_map(move |(_, source)| scope.rows(&source))))
    }
}

free_args! {
    /// The rows of the first argument that yields any.
    pub struct SwitchArgs for "switch";
}

pub(super) struct Switch;

impl Plugin for Switch {
    type Args = SwitchArgs;

    fn rows(&self, args: SwitchArgs, scope: &Scope) -> Result<RowStream, Failure> {
        for (_, source) in args.0.0 {
            let mut rows = scope.rows(&source);
            if let Some(first) = rows.next() {
                return Ok(Box::new(std::iter::once(first).chain(rows)));
            }
        }
        Ok(stream::empty())
    }
}

plugin_args! {
    /// Makes several rows of a row whose cells are arrays: every combination of their elements.
    /// The first column varies fastest.
    pub struct FlattenArgs for "flatten" {
        /// The rows.
        query: Query,
    }
}

pub(super) struct Flatten;

impl Plugin for Flatten {
    type Args = FlattenArgs;

    fn rows(&self, args: FlattenArgs, scope: &Scope) -> Result<RowStream, Failure> {
        Ok(Box::new(args.query.rows(scope).flat_map(Combinations::of)))
    }
}

/// Counts through the elements of a row's array cells like an odometer.
struct Combinations {
    row: Row,
    wheels: Vec<usize>,
    done: bool,
}

impl Combinations {
    fn of(row: Row) -> Self {
        let done = row.values().any(|value| wheel_length(value) == 0);
        Self { wheels: vec![0; row.len()], row, done }
    }
}

fn wheel_length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        _ => 1,
    }
}

impl Iterator for Combinations {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.done {
            return None;
        }
        let pairs = self.row.iter().zip(&self.wheels).map(|((name, value), at)| match value {
            Value::Array(items) => (name, items[*at].clone()),
            other => (name, other.clone()),
        });
        let row: Row = pairs.collect();
        self.done = true;
        for (wheel, value) in self.wheels.iter_mut().zip(self.row.values()) {
            *wheel += 1;
            if *wheel < wheel_length(value) {
                self.done = false;
                break;
            }
            *wheel = 0;
        }
        Some(row)
    }
}

plugin_args! {
    /// The entries of a dict, an array or a query as rows with `_key` and `_value`.
    pub struct ItemsArgs for "items" {
        /// What is taken apart.
        item: Query,
    }
}

pub(super) struct Items;

impl Plugin for Items {
    type Args = ItemsArgs;

    fn rows(&self, args: ItemsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let entry = |key: Value, value: Value| Row::new().with("_key", key).with("_value", value);
        match &args.item.0 {
            Value::Null => Ok(stream::empty()),
            Value::Dict(dict) => {
                let entries = dict.iter().map(|(key, value)| entry(key.into(), value.clone()));
                Ok(stream::rows(entries.collect::<Vec<_>>()))
            }
            Value::Array(items) => {
                let items = items.clone();
                let entry = move |at: usize| entry(at.into(), items[at].clone());
                Ok(Box::new((0..wheel_length(&args.item.0)).map(entry)))
            }
            source @ Value::Object(_) => {
                let rows = scope.rows(source).enumerate();
                Ok(Box::new(rows.map(move |(at, row)| entry(at.into(), row.into()))))
            }
            _ => Err("Field item should be a dict, an array or a query".into()),
        }
    }
}

plugin_args! {
    /// Hands on the rows of a query, each so many seconds after it was there.
    pub struct DelayArgs for "delay" {
        /// The rows.
        query: Query,
        /// Seconds.
        delay: i64 = 1,
    }
}

pub(super) struct Delay;

impl Plugin for Delay {
    type Args = DelayArgs;

    fn rows(&self, args: DelayArgs, scope: &Scope) -> Result<RowStream, Failure> {
        const SLICE: Duration = Duration::from_millis(20);
        let scope = scope.clone();
        let slices = u64::try_from(args.delay).unwrap_or(0).saturating_mul(50);
        Ok(Box::new(args.query.rows(&scope.clone()).take_while(move |_| {
            // Waits in slices, so that a cancelled query does not wait.
            for _ in 0..slices {
                if scope.stopped() {
                    return false;
                }
                scope.host().wait(SLICE);
            }
            true
        })))
    }
}
