//! Counting, summing and collecting: state per place in the query and per context.
//!
//! A context is fresh for every top-level query, group, and call with parentheses of a definition.

use std::sync::Arc;

use parking_lot::Mutex;
use rows::{Value, less};
use smallvec::SmallVec;
use vql_plugin::Level;

use crate::plan::{Aggregate, AggregateKind};
use crate::scope::Env;
use crate::session::Charge;

/// What an aggregate is given for one row.
type Values = SmallVec<[Value; 2]>;

/// The states of one context.
#[derive(Default)]
pub(crate) struct Context(Mutex<Vec<(u64, State)>>);

enum State {
    Count(i64),
    Sum(i64),
    Extreme(Value),
    List(Arc<Vec<Value>>, Charge),
    Rate(f64, f64),
}

impl AggregateKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Enumerate => "enumerate",
            Self::Rate => "rate",
        }
    }

    /// The arguments that must be given.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Count => &[],
            Self::Sum | Self::Min | Self::Max => &["item"],
            Self::Enumerate => &["items"],
            Self::Rate => &["x", "y"],
        }
    }
}

impl Env {
    /// One more value for an aggregate; the result so far.
    pub(crate) fn aggregate(&self, aggregate: &Aggregate) -> Value {
        let kind = aggregate.kind;
        let mut values: Values = SmallVec::new();
        for field in kind.fields() {
            let Some(arg) = aggregate.args.iter().find(|arg| &*arg.name == *field) else {
                let text = format!("{}: Field {field} is required", kind.name());
                self.log(Level::Default, text);
                return Value::Null;
            };
            values.push(match self.lying(&arg.value) {
                Some(value) if !value.holds_object() => value.clone(),
                _ => self.settle(self.eval(&arg.value)),
            });
        }
        if matches!(kind, AggregateKind::Sum | AggregateKind::Rate)
            && let Some(wrong) = values.iter().find(|value| number(value).is_none())
        {
            let found = wrong.type_name();
            let text = format!("{}: Field item should be a number not {found}", kind.name());
            self.session().log_once(Level::Default, text);
            return Value::Null;
        }
        // Not evaluated under the lock: an argument may hold an aggregate itself.
        let mut states = self.context().0.lock();
        match states.iter().position(|(place, _)| *place == aggregate.place) {
            Some(at) => self.advance(kind, &mut states[at].1, values),
            None => {
                let (state, value) = self.begin(kind, values);
                states.push((aggregate.place, state));
                value
            }
        }
    }

    fn begin(&self, kind: AggregateKind, values: Values) -> (State, Value) {
        let mut values = values.into_iter();
        let first = values.next().unwrap_or_default();
        match kind {
            AggregateKind::Count => (State::Count(1), Value::Int(1)),
            AggregateKind::Sum => {
                let sum = number(&first).unwrap_or_default() as i64;
                (State::Sum(sum), Value::Int(sum))
            }
            AggregateKind::Min | AggregateKind::Max => (State::Extreme(first.clone()), first),
            AggregateKind::Enumerate => {
                let mut charge = Charge::new(self.session());
                // A failed charge has ended the run already.
                let _ = self.session().measure(&first).and_then(|size| charge.add(size));
                let list = Arc::new(vec![first]);
                (State::List(list.clone(), charge), Value::Array(list))
            }
            AggregateKind::Rate => {
                let second = values.next().as_ref().and_then(number);
                let first = number(&first).unwrap_or_default();
                (State::Rate(first, second.unwrap_or_default()), Value::Null)
            }
        }
    }

    fn advance(&self, kind: AggregateKind, state: &mut State, values: Values) -> Value {
        let mut values = values.into_iter();
        let first = values.next().unwrap_or_default();
        match state {
            State::Count(count) => {
                *count += 1;
                Value::Int(*count)
            }
            State::Sum(sum) => {
                *sum = sum.wrapping_add(number(&first).unwrap_or_default() as i64);
                Value::Int(*sum)
            }
            State::Extreme(best) => {
                let better = match kind {
                    AggregateKind::Min => less(&first, best),
                    _ => less(best, &first),
                };
                if better || best.is_null() {
                    *best = first;
                }
                best.clone()
            }
            State::List(list, charge) => {
                let size = self.session().measure(&first);
                if size.and_then(|size| charge.add(size)).is_ok() {
                    // Copied only while a row that shows it is still kept.
                    Arc::make_mut(list).push(first);
                }
                Value::Array(list.clone())
            }
            State::Rate(x, y) => {
                let new_x = number(&first).unwrap_or_default();
                let new_y = values.next().as_ref().and_then(number).unwrap_or_default();
                let rate = (new_x - *x) / (new_y - *y);
                (*x, *y) = (new_x, new_y);
                if rate.is_finite() { Value::Float(rate) } else { Value::Null }
            }
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        _ => None,
    }
}
