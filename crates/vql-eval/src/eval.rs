//! Expressions: a plan and a scope give a value. Never fails: what cannot be computed is NULL.

use std::sync::Arc;

use rows::{ObjectKind, Row, Value};
use vql_plugin::Level;
use vql_syntax::ast::Op;

use crate::objects::StoredQuery;
use crate::operators::compare;
use crate::plan::{Expr, If, Select, Step};
use crate::scope::Env;
use crate::session::Charge;

impl Env {
    /// The value of an expression in this scope. May be a query that has not run.
    pub(crate) fn eval(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Literal(value) => value.clone(),
            Expr::Variable(path) => self.variable(path),
            _ if crate::stack::is_low() => {
                self.is_too_deep();
                Value::Null
            }
            Expr::Call(call) => self.call(call),
            Expr::Member(base, steps) => self.steps(self.eval(base), steps),
            Expr::Compare(op, sides) => self.comparison(*op, &sides.0, &sides.1),
            Expr::Match(parts) => Value::Bool(self.matches(parts)),
            Expr::Logic(first, rest) => self.logic(first, rest),
            Expr::Arithmetic(first, rest) => self.chain(first, rest),
            Expr::Not(inner) => Value::Bool(!self.is_true(&self.eval(inner))),
            Expr::Array(items) => {
                let items = items.iter().map(|item| self.plain(&self.eval(item)));
                self.built(Value::from(items.collect::<Vec<_>>()))
            }
            Expr::If(parts) => self.choose(parts),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Negated(inner) => negated(&self.eval(inner)),
            Expr::Query(select) => StoredQuery::value(select.clone()),
            Expr::Subselect(select) => self.subselect(select),
            Expr::TooLarge(written) => {
                let text = format!("the number {written} does not fit into 64 bits");
                self.session().log_once(Level::Default, text);
                Value::Null
            }
        }
    }

    fn variable(&self, path: &[rows::Name]) -> Value {
        let Some((first, members)) = path.split_first() else { return Value::Null };
        let Some(mut value) = self.find(first) else { return self.unknown(first) };
        for name in members {
            value = self.member(&value, name).unwrap_or_default();
        }
        value
    }

    fn steps(&self, mut value: Value, steps: &[Step]) -> Value {
        for step in steps {
            value = match step {
                Step::Name(name) => self.member(&value, name).unwrap_or_default(),
                Step::Index(index) => self.index(&value, &self.settle(self.eval(index))),
                Step::Slice(from, to) => {
                    let bound = |side: &Option<Expr>| match side.as_ref().map(|s| self.eval(s)) {
                        Some(Value::Int(number)) => Some(number),
                        Some(Value::Float(number)) => Some(number as i64),
                        _ => None,
                    };
                    self.slice(&value, bound(from), bound(to))
                }
            };
        }
        value
    }

    fn comparison(&self, op: Op, left: &Expr, right: &Expr) -> Value {
        let left = self.comparable(self.eval(left));
        let right = self.comparable(self.eval(right));
        Value::Bool(compare(op, &left, &right))
    }

    /// Queries stay what they are: they are equal to nothing and hold nothing.
    fn comparable(&self, value: Value) -> Value {
        self.forced(value)
    }

    fn logic(&self, first: &Expr, rest: &[(Op, Expr)]) -> Value {
        let mut value = self.eval(first);
        for (op, operand) in rest {
            let truth = self.is_true(&value);
            value = match op {
                Op::And if !truth => Value::Bool(false),
                Op::And => Value::Bool(self.is_true(&self.eval(operand))),
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
        let mut value = self.forced(self.eval(first));
        for (op, operand) in rest {
            let operand = self.forced(self.eval(operand));
            value = self.arithmetic(*op, &value, &operand);
        }
        value
    }

    fn choose(&self, parts: &If) -> Value {
        let branch =
            if self.is_true(&self.eval(&parts.condition)) { &parts.then } else { &parts.otherwise };
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
                ObjectKind::Rows => Value::array(object.rows().unwrap_or_default().iter().cloned()),
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
