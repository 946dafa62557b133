//! The plan: a tree with names interned, callees found, patterns compiled and columns numbered.
//! Shared between runs and threads; never changed after compiling.

use std::sync::Arc;

use rows::{Name, Shape, Value};
use vql_plugin::{Entry, Pattern};
use vql_syntax::ast::Op;

/// A statement of a program.
#[derive(Debug)]
pub(crate) enum Statement {
    Let(Arc<Definition>),
    Select(Arc<Select>),
}

/// What a LET defines.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Name,
    /// `None` without parentheses.
    pub(crate) params: Option<Vec<Param>>,
    pub(crate) materialized: bool,
    pub(crate) body: Body,
    /// Whether a function of that name exists, which calls prefer.
    pub(crate) masks_function: bool,
}

#[derive(Debug)]
pub(crate) enum Body {
    Value(Expr),
    Query(Arc<Select>),
}

#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Name,
    pub(crate) default: Option<Expr>,
}

/// A query.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) explain: bool,
    pub(crate) columns: Vec<Column>,
    /// The columns that are computed, in order; [`Column::Cell`] points here.
    pub(crate) cells: Vec<Cell>,
    /// The names of the columns, when they are known and no two are the same.
    pub(crate) shape: Option<Shape>,
    pub(crate) source: Source,
    pub(crate) filter: Option<Expr>,
    pub(crate) group_by: Option<Expr>,
    pub(crate) order_by: Option<OrderBy>,
    pub(crate) limit: Option<usize>,
    /// The query in normal form, for messages.
    pub(crate) text: Arc<str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    Star,
    Cell(usize),
}

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) name: Name,
    pub(crate) expr: Expr,
    /// Whether it may count, sum and so on, directly or through a definition that it calls.
    pub(crate) may_aggregate: bool,
}

#[derive(Debug)]
pub(crate) struct OrderBy {
    pub(crate) name: Name,
    pub(crate) descending: bool,
}

/// What stands after FROM.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: Vec<Name>,
    /// The dotted name.
    pub(crate) name: Name,
    pub(crate) kind: SourceKind,
}

#[derive(Debug)]
pub(crate) enum SourceKind {
    /// A name without parentheses.
    Variable { similar: String },
    /// A plugin of the catalog.
    Plugin(Arc<Entry>, ArgList),
    /// `Artifact.Name(…)`.
    Artifact(ArgList),
    /// A name with parentheses that is no plugin: a definition, or unknown.
    Call { args: ArgList, similar: String },
}

/// The arguments of a call.
#[derive(Debug)]
pub(crate) struct ArgList {
    /// Their names, shared with every call that is made.
    pub(crate) names: Arc<[Name]>,
    list: Vec<Arg>,
}

impl ArgList {
    pub(crate) fn new(list: Vec<Arg>) -> Self {
        Self { names: list.iter().map(|arg| arg.name.clone()).collect(), list }
    }

    pub(crate) fn into_vec(self) -> Vec<Arg> {
        self.list
    }
}

impl std::ops::Deref for ArgList {
    type Target = [Arg];

    fn deref(&self) -> &[Arg] {
        &self.list
    }
}

/// One argument of a call.
#[derive(Debug)]
pub(crate) struct Arg {
    pub(crate) name: Name,
    pub(crate) value: Arc<Expr>,
    /// Whether the callee wants it unevaluated.
    pub(crate) lazy: bool,
}

/// An expression.
#[derive(Debug)]
pub(crate) enum Expr {
    Literal(Value),
    /// A number that fits nothing: a log line and NULL.
    TooLarge(String),
    Variable(Vec<Name>),
    Call(Box<Call>),
    If(Box<If>),
    Aggregate(Box<Aggregate>),
    /// `-name`, `-name(…)`.
    Negated(Box<Expr>),
    Array(Vec<Expr>),
    /// `dict(…)` with keys that are all different.
    Dict(Shape, Vec<Expr>),
    Member(Box<Expr>, Vec<Step>),
    Not(Box<Expr>),
    /// AND, OR and their relatives; left to right.
    Logic(Box<Expr>, Vec<(Op, Expr)>),
    /// `+ - * /`; left to right.
    Arithmetic(Box<Expr>, Vec<(Op, Expr)>),
    Compare(Op, Box<(Expr, Expr)>),
    Match(Box<Match>),
    /// `{ … }` as an argument.
    Query(Arc<Select>),
    /// `{ … }` as a column.
    Subselect(Arc<Select>),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) path: Vec<Name>,
    pub(crate) name: Name,
    /// `None` when no function has that name: then it is a definition, or unknown.
    pub(crate) function: Option<Arc<Entry>>,
    pub(crate) args: ArgList,
}

#[derive(Debug)]
pub(crate) struct If {
    pub(crate) condition: Expr,
    pub(crate) then: Option<Expr>,
    pub(crate) otherwise: Option<Expr>,
}

/// One place in a query where something is counted or collected.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) kind: AggregateKind,
    /// Its state is kept under this number.
    pub(crate) place: u64,
    pub(crate) args: ArgList,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    Count,
    Sum,
    Min,
    Max,
    Enumerate,
    Rate,
}

#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) left: Expr,
    pub(crate) right: Matcher,
}

#[derive(Debug)]
pub(crate) enum Matcher {
    /// `.`, `.*` and the empty pattern.
    Everything,
    Compiled(Arc<Pattern>),
    /// A literal that is no pattern, with what is wrong with it.
    Bad(String),
    /// Known only when it runs.
    Computed(Expr),
}

#[derive(Debug)]
pub(crate) enum Step {
    Name(Name),
    Index(Expr),
    Slice(Option<Expr>, Option<Expr>),
}
