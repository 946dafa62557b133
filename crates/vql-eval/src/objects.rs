//! Values that only the evaluator makes: stored queries, unevaluated arguments, scopes.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use rows::{Name, Object, ObjectKind, Row, Text, Value};

use crate::generator::Generator;
use crate::plan::{Expr, Select};
use crate::scope::Env;
use crate::session::Charge;

/// A query that has not run.
pub(crate) struct StoredQuery {
    pub(crate) what: QueryKind,
    /// The scope it was called in; without one it runs wherever it is used.
    pub(crate) bound: Option<Env>,
}

#[derive(Clone)]
pub(crate) enum QueryKind {
    Select(Arc<Select>),
    /// Rows of one source after the other.
    Concat(Arc<[Value]>),
    /// One of many readers of one query.
    Generator(Arc<Generator>),
}

impl StoredQuery {
    pub(crate) fn value(select: Arc<Select>) -> Value {
        Value::Object(Arc::new(Self { what: QueryKind::Select(select), bound: None }))
    }

    /// A query of another kind.
    pub(crate) fn made(what: QueryKind) -> Value {
        Value::Object(Arc::new(Self { what, bound: None }))
    }

    /// A number that no other query of the text has while this one exists.
    pub(crate) fn place(&self) -> usize {
        match &self.what {
            QueryKind::Select(select) => Arc::as_ptr(select).addr(),
            QueryKind::Concat(parts) => Arc::as_ptr(parts).addr(),
            QueryKind::Generator(generator) => Arc::as_ptr(generator).addr(),
        }
    }

    /// The query in this value, if it is one.
    pub(crate) fn of(value: &Value) -> Option<&StoredQuery> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// The same query, to run in `env` wherever it is used. One that is bound stays as it is.
    pub(crate) fn bind(value: Value, env: &Env) -> Value {
        match Self::of(&value) {
            Some(Self { what, bound: None }) => {
                Value::Object(Arc::new(Self { what: what.clone(), bound: Some(env.clone()) }))
            }
            _ => value,
        }
    }
}

impl Object for StoredQuery {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Query
    }

    fn type_name(&self) -> &str {
        "query"
    }

    fn to_text(&self) -> Text {
        match &self.what {
            QueryKind::Select(select) => Text::from(&*select.text),
            QueryKind::Concat(_) | QueryKind::Generator(_) => Text::from("query"),
        }
    }

    fn truth(&self) -> bool {
        self.bound.as_ref().is_some_and(|env| env.rows_of_query(self).next().is_some())
    }

    fn materialise(&self) -> Value {
        match &self.bound {
            Some(env) => Value::array(env.rows_of_query(self)),
            None => Value::Null,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An argument that the callee evaluates when it wants to.
pub(crate) struct LazyExpr {
    expr: Arc<Expr>,
    env: Env,
    made: OnceLock<Value>,
}

impl LazyExpr {
    pub(crate) fn value(expr: Arc<Expr>, env: Env) -> Value {
        Value::Object(Arc::new(Self { expr, env, made: OnceLock::new() }))
    }

    fn get(&self) -> &Value {
        self.made.get_or_init(|| self.env.eval(&self.expr))
    }

    /// The value; not computed again when it is known.
    pub(crate) fn evaluate(&self) -> Value {
        self.get().clone()
    }

    /// A number that no other expression has while this one exists.
    pub(crate) fn place(&self) -> usize {
        Arc::as_ptr(&self.expr).addr()
    }

    /// The dotted name, when it is nothing else.
    pub(crate) fn variable(&self) -> Option<&[Name]> {
        match &*self.expr {
            Expr::Variable(path) => Some(path),
            _ => None,
        }
    }
}

impl Object for LazyExpr {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Lazy
    }

    fn type_name(&self) -> &str {
        "lazy"
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.env.member(self.get(), name)
    }

    fn truth(&self) -> bool {
        self.env.is_true(self.get())
    }

    fn materialise(&self) -> Value {
        self.env.plain(self.get())
    }

    fn force(&self) -> Option<Value> {
        Some(self.get().clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The rows of a `LET … <=`, charged for as long as they are kept.
pub(crate) struct KeptRows {
    rows: Vec<Row>,
    _charge: Charge,
}

impl KeptRows {
    pub(crate) fn value((rows, charge): (Vec<Row>, Charge)) -> Value {
        Value::Object(Arc::new(Self { rows, _charge: charge }))
    }
}

impl Object for KeptRows {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Rows
    }

    fn type_name(&self) -> &str {
        "rows"
    }

    fn truth(&self) -> bool {
        !self.rows.is_empty()
    }

    fn materialise(&self) -> Value {
        Value::array(self.rows.iter().map(|row| Value::Dict(row.clone()).materialise()))
    }

    fn rows(&self) -> Option<&[Row]> {
        Some(&self.rows)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
