//! Arithmetic, IN and regular expression matching. Comparison is `rows`' own.

use std::sync::Arc;

use rows::{Dict, ObjectKind, Text, Value, equal, greater, less};
use vql_plugin::Level;
use vql_syntax::ast::Op;

use crate::compile::matches_everything;
use crate::objects::{QueryKind, StoredQuery};
use crate::plan::{Match, Matcher};
use crate::scope::Env;
use crate::spill::kept::SpilledRows;

/// Text that joining or repeating would make longer than this becomes NULL.
const TEXT_MAX_BYTES: usize = 100 * 1000 * 1000;
/// Pieces smaller than this are not worth counting.
const GROWTH_COUNTED_BYTES: usize = 256;

/// `left op right` for the comparison operators.
pub(crate) fn compare(op: Op, left: &Value, right: &Value) -> bool {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        return match op {
            Op::Equal => left == right,
            Op::NotEqual => left != right,
            Op::Less => left < right,
            Op::LessEqual => left <= right,
            Op::Greater => left > right,
            Op::GreaterEqual => left >= right,
            _ => false,
        };
    }
    match op {
        Op::Equal => equal(left, right),
        Op::NotEqual => !equal(left, right),
        Op::Less => less(left, right),
        Op::LessEqual => less(left, right) || equal(left, right),
        Op::Greater => greater(left, right),
        Op::GreaterEqual => greater(left, right) || equal(left, right),
        Op::In => is_in(left, right),
        _ => false,
    }
}

fn is_in(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (_, Value::Array(items)) => items.iter().any(|item| equal(left, item)),
        (Value::Text(part), Value::Text(whole)) => contains(whole, part),
        (Value::Text(key), Value::Dict(dict)) => key.as_str().is_some_and(|key| dict.contains(key)),
        _ => false,
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    if part.is_empty() {
        return true;
    }
    let searcher = regex_automata::util::prefilter::Prefilter::new(
        regex_automata::MatchKind::LeftmostFirst,
        &[part],
    );
    match searcher {
        Some(searcher) => {
            searcher.find(whole, regex_automata::Span::from(0..whole.len())).is_some()
        }
        None => whole.windows(part.len()).any(|window| window == part),
    }
}

impl Env {
    /// `left op right` for `+ - * /`.
    pub(crate) fn arithmetic(&self, op: Op, left: &Value, right: &Value) -> Value {
        match op {
            Op::Add => self.add(left, right),
            Op::Sub => subtract(left, right),
            Op::Mul => self.multiply(left, right),
            _ => divide(left, right),
        }
    }

    fn add(&self, left: &Value, right: &Value) -> Value {
        use Value::*;
        match (left, right) {
            (Null, _) => Null,
            (Int(a), Int(b)) => Int(a.wrapping_add(*b)),
            (Int(_) | Float(_), Int(_) | Float(_)) => float(left, right, |a, b| a + b),
            (Text(a), Text(b)) => self.joined(a, b),
            (Path(a), Path(b)) => a.join(b.components().iter().cloned()).into(),
            (Path(a), Text(b)) => a.join_text(b).into(),
            (Path(a), Array(parts)) => a.join(parts.iter().map(Value::to_text)).into(),
            (Dict(a), Dict(b)) => {
                let mut merged = a.clone();
                for (key, value) in b.iter() {
                    merged.update(key, value.clone());
                }
                self.built(Dict(merged))
            }
            _ if only_streams(left) || only_streams(right) => concat_queries(left, right),
            _ => match (as_items(left), as_items(right)) {
                (None, None) => Null,
                (a, b) => self.concat(
                    a.unwrap_or_else(|| Arc::new(vec![left.clone()])),
                    &b.unwrap_or_else(|| Arc::new(vec![right.clone()])),
                ),
            },
        }
    }

    fn concat(&self, left: Arc<Vec<Value>>, right: &[Value]) -> Value {
        let size = (left.len() + right.len()) * size_of::<Value>();
        if self.grown(size).is_none() {
            return Value::Null;
        }
        let mut items = Vec::with_capacity(left.len() + right.len());
        items.extend(left.iter().chain(right).cloned());
        self.built(Value::from(items))
    }

    fn joined(&self, left: &Text, right: &Text) -> Value {
        let size = left.len() + right.len();
        if self.text_fits(size) { Value::Text(Text::joined(left, right)) } else { Value::Null }
    }

    fn text_fits(&self, size: usize) -> bool {
        if size > TEXT_MAX_BYTES {
            let text = format!("a text of {size} bytes is too long; the most is {TEXT_MAX_BYTES}");
            self.session().log_once(Level::Default, text);
            return false;
        }
        self.grown(size).is_some()
    }

    /// Counts what is about to be produced; `None` when the run has used up its share.
    pub(crate) fn grown(&self, bytes: usize) -> Option<()> {
        if bytes < GROWTH_COUNTED_BYTES {
            return Some(());
        }
        self.session().grow(bytes).ok()
    }

    fn multiply(&self, left: &Value, right: &Value) -> Value {
        use Value::*;
        match (left, right) {
            (Int(a), Int(b)) => Int(a.wrapping_mul(*b)),
            (Int(_) | Float(_), Int(_) | Float(_)) => float(left, right, |a, b| a * b),
            (Text(text), Int(times)) => {
                let times = usize::try_from(*times).unwrap_or(0);
                if self.text_fits(text.len().saturating_mul(times)) {
                    Value::text(text.repeat(times))
                } else {
                    Null
                }
            }
            (Dict(a), Dict(b)) => kept(a, |key| b.contains(key)),
            _ => Null,
        }
    }

    /// `left =~ pattern`.
    pub(crate) fn matches(&self, parts: &Match) -> bool {
        let computed;
        let pattern = match &parts.right {
            Matcher::Everything => return true,
            Matcher::Compiled(pattern) => pattern,
            Matcher::Bad(error) => {
                let text = format!("Compile regexp: {error}");
                self.session().log_once(Level::Default, text);
                return false;
            }
            Matcher::Computed(expr) => {
                let Value::Text(text) = self.settle(self.eval(expr)) else { return false };
                if matches_everything(&text) {
                    return true;
                }
                // Compiling may take a while, and whoever chose the pattern may want it to.
                if self.session().look_at_clock() {
                    return false;
                }
                match self.session().memory.pattern(&text, true) {
                    Ok(pattern) => {
                        computed = pattern;
                        &computed
                    }
                    Err(error) => {
                        let text = format!("Compile regexp: {error}");
                        self.session().log_once(Level::Default, text);
                        return false;
                    }
                }
            }
        };
        if let Some(Value::Text(text)) = self.lying(&parts.left) {
            return pattern.is_match(text);
        }
        let left = self.see(&parts.left);
        match &*left {
            Value::Text(text) => pattern.is_match(text),
            Value::Array(_) | Value::Dict(_) | Value::Object(_) => {
                value_matches(&self.settle(left.into_value()), pattern)
            }
            other => value_matches(other, pattern),
        }
    }
}

fn value_matches(value: &Value, pattern: &vql_plugin::Pattern) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Text(text) => pattern.is_match(text),
        Value::Array(items) => items.iter().any(|item| value_matches(item, pattern)),
        Value::Object(object) => pattern.is_match(&object.to_text()),
        other => pattern.is_match(&other.to_text()),
    }
}

fn subtract(left: &Value, right: &Value) -> Value {
    use Value::*;
    let number = |value: &Value| match value {
        Bool(truth) => Int(i64::from(*truth)),
        other => other.clone(),
    };
    match (left, right) {
        (Dict(a), Dict(b)) => kept(a, |key| !b.contains(key)),
        (Int(_) | Float(_) | Bool(_), Int(_) | Float(_) | Bool(_)) => {
            match (number(left), number(right)) {
                (Int(a), Int(b)) => Int(a.wrapping_sub(b)),
                (a, b) => float(&a, &b, |a, b| a - b),
            }
        }
        _ => Null,
    }
}

/// Always in floating point. Zero divided by a float is NULL, as in the reference; by zero as well,
/// except for an integer by `0.0`.
fn divide(left: &Value, right: &Value) -> Value {
    use Value::*;
    match (left, right) {
        (_, Int(0)) | (Int(0), Float(_)) => Null,
        (Float(_), Float(by)) if *by == 0.0 => Null,
        (Int(_) | Float(_), Int(_) | Float(_)) => float(left, right, |a, b| a / b),
        _ => Null,
    }
}

fn float(left: &Value, right: &Value, compute: impl Fn(f64, f64) -> f64) -> Value {
    let number = |value: &Value| match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::NAN,
    };
    Value::Float(compute(number(left), number(right)))
}

fn kept(dict: &Dict, keep: impl Fn(&str) -> bool) -> Value {
    let kept = dict.iter().filter(|(key, _)| keep(key));
    Value::Dict(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn is_kind(value: &Value, kind: ObjectKind) -> bool {
    value.object_kind() == Some(kind)
}

/// Whether it yields rows that are not in memory.
fn only_streams(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            object.kind() == ObjectKind::Query || SpilledRows::of(object).is_some()
        }
        _ => false,
    }
}

/// The elements of what behaves like an array.
fn as_items(value: &Value) -> Option<Arc<Vec<Value>>> {
    match value {
        Value::Array(items) => Some(items.clone()),
        Value::Object(object) => {
            let rows = object.rows()?;
            Some(Arc::new(rows.iter().map(|row| Value::Dict(row.clone())).collect()))
        }
        _ => None,
    }
}

fn concat_queries(left: &Value, right: &Value) -> Value {
    let yields_rows = |value: &Value| {
        matches!(value, Value::Array(_))
            || is_kind(value, ObjectKind::Query)
            || is_kind(value, ObjectKind::Rows)
    };
    if !(yields_rows(left) && yields_rows(right)) {
        return Value::Null;
    }
    let what = QueryKind::Concat([left.clone(), right.clone()].into());
    Value::Object(Arc::new(StoredQuery { what, bound: None }))
}
