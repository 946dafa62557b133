//! Expressions: a plan and a scope give a value. Never fails: what cannot be computed is NULL.

use std::sync::Arc;

use rows::{Name, ObjectKind, Row, Value};
use vql_plugin::Level;
use vql_syntax::ast::Op;

use crate::objects::StoredQuery;
use crate::operators::compare;
use crate::plan::{Expr, If, Select, Step};
use crate::scope::{Env, Seen};
use crate::session::Charge;

impl Env {
    /// The value of an expression in this scope. May be a query that has not run.
    pub(crate) fn eval(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Literal(value) => value.clone(),
            Expr::Variable(path) => self.variable(path).into_value(),
            _ if crate::stack::is_low() => {
                self.is_too_deep();
                Value::Null
            }
            Expr::Call(call) => self.call(call),
            Expr::Member(base, steps) => self.steps(base, steps).into_value(),
            Expr::Compare(op, sides) => Value::Bool(self.comparison(*op, &sides.0, &sides.1)),
            Expr::Match(parts) => Value::Bool(self.matches(parts)),
            Expr::Logic(first, rest) => self.logic(first, rest),
            Expr::Arithmetic(first, rest) => self.chain(first, rest),
            Expr::Not(inner) => Value::Bool(!self.test(inner)),
            Expr::Array(items) => {
                let items = items.iter().map(|item| self.plain_of(item));
                self.built(Value::from(items.collect::<Vec<_>>()))
            }
            Expr::Dict(shape, values) => {
                if self.session().step() || self.is_too_deep() {
                    return Value::Null;
                }
                let values = values.iter().map(|value| self.plain_of(value));
                self.built(Value::Dict(Row::of_shape(shape, values)))
            }
            Expr::If(parts) => self.choose(parts),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Negated(inner) => negated(&self.see(inner)),
            Expr::Query(select) => StoredQuery::value(select.clone()),
            Expr::Subselect(select) => self.subselect(select),
            Expr::TooLarge(written) => {
                let text = format!("the number {written} does not fit into 64 bits");
                self.session().log_once(Level::Default, text);
                Value::Null
            }
        }
    }

    /// The value of a literal, a name or a member that lies somewhere and needs nothing done.
    /// `None` says nothing about it.
    #[inline]
    pub(crate) fn lying<'a>(&'a self, expr: &'a Expr) -> Option<&'a Value> {
        match expr {
            Expr::Literal(value) => Some(value),
            Expr::Variable(path) => {
                let (first, members) = path.split_first()?;
                let mut value = self.lying_value(first)?;
                for name in members {
                    let Value::Dict(dict) = value else { return None };
                    value = dict.get(name).filter(|found| !is_object(found))?;
                }
                Some(value)
            }
            _ => None,
        }
    }

    /// Whether an expression is true.
    pub(crate) fn test(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Compare(op, sides) if !crate::stack::is_low() => {
                self.comparison(*op, &sides.0, &sides.1)
            }
            Expr::Match(parts) if !crate::stack::is_low() => self.matches(parts),
            Expr::Not(inner) if !crate::stack::is_low() => !self.test(inner),
            Expr::Logic(first, rest) if !crate::stack::is_low() => {
                rest.iter().fold(self.test(first), |truth, (op, operand)| match op {
                    Op::And | Op::AndValue => truth && self.test(operand),
                    _ => truth || self.test(operand),
                })
            }
            _ => match self.lying(expr) {
                Some(value) => value.truth(),
                None => self.is_true(&self.see(expr)),
            },
        }
    }

    /// The value of an expression, without a copy where that is possible.
    pub(crate) fn see<'a>(&'a self, expr: &'a Expr) -> Seen<'a> {
        match expr {
            Expr::Literal(value) => Seen::Borrowed(value),
            Expr::Variable(path) => self.variable(path),
            Expr::Member(base, steps) if !crate::stack::is_low() => self.steps(base, steps),
            _ => Seen::Owned(self.eval(expr)),
        }
    }

    fn variable<'a>(&'a self, path: &[Name]) -> Seen<'a> {
        let Some((first, members)) = path.split_first() else { return Seen::Owned(Value::Null) };
        let Some(mut seen) = self.look(first) else { return Seen::Owned(self.unknown(first)) };
        for name in members {
            seen = self.member_of(seen, name);
        }
        seen
    }

    fn member_of<'a>(&'a self, seen: Seen<'a>, name: &str) -> Seen<'a> {
        if let Seen::Borrowed(Value::Dict(dict)) = seen
            && let Some(found) = dict.get(name)
            && !is_object(found)
        {
            return Seen::Borrowed(found);
        }
        Seen::Owned(self.member(&seen, name).unwrap_or_default())
    }

    fn steps<'a>(&'a self, base: &'a Expr, steps: &'a [Step]) -> Seen<'a> {
        let mut seen = self.see(base);
        for step in steps {
            seen = match step {
                Step::Name(name) => self.member_of(seen, name),
                Step::Index(index) => {
                    Seen::Owned(self.index(&seen, &self.settle_seen(self.see(index))))
                }
                Step::Slice(from, to) => {
                    let bound = |side: &Option<Expr>| match side.as_ref().map(|s| self.eval(s)) {
                        Some(Value::Int(number)) => Some(number),
                        Some(Value::Float(number)) => Some(number as i64),
                        _ => None,
                    };
                    Seen::Owned(self.slice(&seen, bound(from), bound(to)))
                }
            };
        }
        seen
    }

    fn settle_seen<'a>(&self, seen: Seen<'a>) -> Seen<'a> {
        match &*seen {
            Value::Object(_) | Value::Array(_) | Value::Dict(_) => {
                Seen::Owned(self.settle(seen.into_value()))
            }
            _ => seen,
        }
    }

    /// Queries stay what they are: they are equal to nothing and hold nothing.
    fn forced_seen<'a>(&'a self, expr: &'a Expr) -> Seen<'a> {
        match self.see(expr) {
            seen if is_object(&seen) => Seen::Owned(self.forced(seen.into_value())),
            seen => seen,
        }
    }

    fn comparison(&self, op: Op, left: &Expr, right: &Expr) -> bool {
        let (computed_left, computed_right);
        let left = match self.lying(left) {
            Some(value) => value,
            None => {
                computed_left = self.forced_seen(left);
                &computed_left
            }
        };
        let right = match self.lying(right) {
            Some(value) => value,
            None => {
                computed_right = self.forced_seen(right);
                &computed_right
            }
        };
        compare(op, left, right)
    }

    fn logic(&self, first: &Expr, rest: &[(Op, Expr)]) -> Value {
        let mut value = self.eval(first);
        for (op, operand) in rest {
            let truth = self.is_true(&value);
            value = match op {
                Op::And if !truth => Value::Bool(false),
                Op::And => Value::Bool(self.test(operand)),
                Op::AndValue if !truth => Value::Bool(false),
                Op::AndValue => self.eval(operand),
                _ if truth => value,
                Op::OrValue => self.eval(operand),
                _ => {
                    let other = self.eval(operand);
                    if self.is_true(&other) { Value::Bool(true) } else { other }
                }
            };
        }
        value
    }

    fn chain(&self, first: &Expr, rest: &[(Op, Expr)]) -> Value {
        if let [(op, second)] = rest
            && let (Some(left), Some(right)) = (self.lying(first), self.lying(second))
        {
            return self.arithmetic(*op, left, right);
        }
        let mut value = self.forced_seen(first);
        for (op, operand) in rest {
            let operand = self.forced_seen(operand);
            value = Seen::Owned(self.arithmetic(*op, &value, &operand));
        }
        value.into_value()
    }

    fn choose(&self, parts: &If) -> Value {
        let branch = if self.test(&parts.condition) { &parts.then } else { &parts.otherwise };
        branch.as_ref().map_or(Value::Null, |branch| self.eval(branch))
    }

    /// A query as a column: rows of one column become its values, a single row stands for itself.
    fn subselect(&self, select: &Arc<Select>) -> Value {
        if self.is_too_deep() {
            return Value::Null;
        }
        let mut values: Vec<Value> = Vec::new();
        let mut charge = Charge::new(self.session());
        for row in self.rows_of_select(select) {
            let value = match row.at(0) {
                Some((_, only)) if row.len() == 1 => only.clone(),
                _ => Value::Dict(row),
            };
            let size = self.session().measure(&value);
            if size.and_then(|size| charge.add(size)).is_err() {
                return Value::Null;
            }
            values.push(value);
        }
        match values.len() {
            0 => Value::Null,
            1 => values.swap_remove(0),
            _ => Value::from(values),
        }
    }

    /// Whether a value counts as true; a query is asked for its first row.
    pub(crate) fn is_true(&self, value: &Value) -> bool {
        match value {
            Value::Object(object) => match object.kind() {
                ObjectKind::Query => match StoredQuery::of(value) {
                    Some(query) => self.rows_of_query(query).next().is_some(),
                    None => object.truth(),
                },
                ObjectKind::Lazy => self.is_true(&object.force().unwrap_or_default()),
                _ => object.truth(),
            },
            other => other.truth(),
        }
    }

    /// What a cell shows: queries and kept rows become arrays of rows, lazy values are computed.
    pub(crate) fn settle(&self, value: Value) -> Value {
        match &value {
            Value::Object(object) => match object.kind() {
                ObjectKind::Query => self.run_to_array(&value),
                ObjectKind::Lazy => self.settle(object.force().unwrap_or_default()),
                ObjectKind::Rows => match self.rows_in_memory(object) {
                    Some(rows) => Value::array(rows.iter().cloned()),
                    None => Value::Null,
                },
                ObjectKind::Record | ObjectKind::Scope => value,
            },
            Value::Array(items) if items.iter().any(is_object) => {
                Value::array(items.iter().map(|item| self.settle(item.clone())))
            }
            Value::Dict(dict) if dict.values().any(is_object) => {
                let mut dict = dict.clone();
                dict.map_values(|_, value| *value = self.settle(std::mem::take(value)));
                Value::Dict(dict)
            }
            _ => value,
        }
    }

    /// A value that was just put together; NULL when it is too large, which ends the run.
    pub(crate) fn built(&self, value: Value) -> Value {
        if self.session().built(&value).is_ok() { value } else { Value::Null }
    }

    /// Like [`settle`](Self::settle), for values that are not needed any more as what they are:
    /// records become plain data as well.
    pub(crate) fn plain(&self, value: &Value) -> Value {
        if value.holds_object() { self.settle(value.clone()).materialise() } else { value.clone() }
    }

    /// The value of an expression as plain data.
    fn plain_of(&self, expr: &Expr) -> Value {
        if let Some(value) = self.lying(expr) {
            return self.plain(value);
        }
        let value = self.eval(expr);
        if value.holds_object() { self.plain(&value) } else { value }
    }

    fn run_to_array(&self, value: &Value) -> Value {
        let Some(query) = StoredQuery::of(value) else { return value.materialise() };
        if self.is_too_deep() {
            return Value::Null;
        }
        Value::array(self.collect(query).0)
    }

    /// All rows of a query, and what they are charged for while they are kept.
    pub(crate) fn collect(&self, query: &StoredQuery) -> (Vec<Row>, Charge) {
        let mut rows = Vec::new();
        let mut charge = Charge::new(self.session());
        for row in self.rows_of_query(query) {
            if charge.add_row(&row).is_err() {
                break;
            }
            rows.push(row);
        }
        (rows, charge)
    }
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}

fn negated(value: &Value) -> Value {
    match value {
        Value::Bool(truth) => Value::Bool(!truth),
        Value::Int(number) => Value::Int(number.wrapping_neg()),
        Value::Float(number) => Value::Float(-number),
        _ => Value::Null,
    }
}
