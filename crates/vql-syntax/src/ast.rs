//! The tree of a VQL text: what the parser makes, the evaluator compiles and the printer prints.
//!
//! # Invariants
//!
//! - **VS-1** Every node knows the bytes it came from ([`Span`], half open, counted in bytes of the
//!   text that was parsed; for a lambda, of the lambda's own text).
//! - **VS-2** Nothing is decided here: a chain of operators stays a chain in the order written, a
//!   parenthesis stays a parenthesis, a name keeps its backticks. Printing a tree and parsing it
//!   again gives the same tree except for spans.
//! - **VS-3** The depth of a tree is bounded by the depth of brackets in the text (and that by
//!   [`crate::DEPTH_MAX`]): operators of one level, members and indexes are lists, not nests. Walking a
//!   tree by recursion is therefore safe.
//!
//! # Not here
//!
//! What a name means, whether a plugin exists, what an operator does: all of that is `vql-eval`.

use std::fmt;

/// A half-open stretch of bytes of the parsed text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte inside.
    pub start: usize,
    /// The first byte after it.
    pub end: usize,
}

impl Span {
    /// The stretch from `start` up to, and without, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest stretch that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text it covers; empty when the span does not belong to `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A whole VQL text: statements in the order written.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Program {
    /// Statements in the order written.
    pub statements: Vec<Statement>,
    /// Comments, in the order written; the formatter puts them back.
    pub comments: Vec<Comment>,
}

/// `-- text`, `// text` or `/* text */`, with its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Where it stands, marks included, without the line end.
    pub span: Span,
}

/// One statement of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `LET …`
    Let(Let),
    /// `SELECT …`
    Select(Select),
}

impl Statement {
    /// The bytes of the statement.
    pub fn span(&self) -> Span {
        match self {
            Self::Let(statement) => statement.span,
            Self::Select(select) => select.span,
        }
    }
}

/// A name as written: an identifier or text between backticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name that counts. For a backtick name in an alias, an argument name or a LET name the
    /// character escapes are already resolved; in a reference they are kept as written.
    pub text: String,
    /// What stood between the backticks, exactly; `None` for a plain identifier.
    pub ticked: Option<String>,
    /// Where it stands, backticks included.
    pub span: Span,
}

/// `LET name(params) = body` or `<= body`.
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    /// The name that is defined.
    pub name: Name,
    /// `None` without parentheses; `Some(vec![])` for `LET f() = …`.
    pub params: Option<Vec<Param>>,
    /// True for `<=`: evaluate now, once.
    pub materialized: bool,
    /// What the name stands for.
    pub body: LetBody,
    /// The bytes of the statement.
    pub span: Span,
}

/// The right side of a LET.
#[derive(Clone, Debug, PartialEq)]
pub enum LetBody {
    /// A query.
    Select(Box<Select>),
    /// A value.
    Expr(Expr),
}

/// One parameter of a LET.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// The default, evaluated in the scope of the call.
    pub default: Option<ArgValue>,
    /// Name and default together.
    pub span: Span,
}

/// `EXPLAIN SELECT columns FROM source WHERE … GROUP BY … ORDER BY … LIMIT …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Whether EXPLAIN stands before it (once or more often).
    pub explain: bool,
    /// The columns; empty for `SELECT FROM p()`.
    pub columns: Vec<Column>,
    /// Where rows come from.
    pub source: Source,
    /// WHERE.
    pub filter: Option<List>,
    /// GROUP BY.
    pub group_by: Option<List>,
    /// ORDER BY.
    pub order_by: Option<OrderBy>,
    /// LIMIT.
    pub limit: Option<Limit>,
    /// The bytes of the query, without braces around it.
    pub span: Span,
}

/// One column of a SELECT.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What is computed.
    pub kind: ColumnKind,
    /// The name after AS.
    pub alias: Option<Name>,
    /// Column and alias together.
    pub span: Span,
}

/// What a column computes.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// `*`
    Star,
    /// `{ SELECT … }`
    Subquery(Box<Select>),
    /// An expression.
    Expr(Expr),
}

/// `name.name` or `name.name(args)` after FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The dotted name; never empty.
    pub path: Vec<Name>,
    /// `None` without parentheses: then the name is a variable, never a plugin.
    pub args: Option<Vec<Arg>>,
    /// Name and arguments together.
    pub span: Span,
}

/// ORDER BY one output column.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// The column.
    pub name: Name,
    /// Whether DESC was written.
    pub descending: bool,
    /// Name and direction together.
    pub span: Span,
}

/// LIMIT and its number; zero and negative numbers mean one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number as written.
    pub value: i64,
    /// Where the number stands.
    pub span: Span,
}

/// A comma list: after WHERE and GROUP BY, in parentheses, in square brackets of an argument.
///
/// One item without a trailing comma is that item; anything else is an array.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The items; empty only for the argument value `[]`.
    pub items: Vec<Expr>,
    /// Whether it makes an array: no item, several items, or one with a trailing comma.
    pub is_array: bool,
    /// From the first item to the last, or the brackets when there is no item.
    pub span: Span,
}

impl List {
    /// The only item when the list is not an array.
    pub fn as_scalar(&self) -> Option<&Expr> {
        if self.is_array { None } else { self.items.first() }
    }
}

/// `name=value` in a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// The name left of `=`.
    pub name: Name,
    /// The value right of it.
    pub value: ArgValue,
    /// Name and value together.
    pub span: Span,
}

/// What may stand right of `=` in a call.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    /// `{ SELECT … }`: handed over as a query.
    Subselect(Box<Select>),
    /// `[a, b]`: an array, evaluated at once; `[x]` is x itself ([`List::as_scalar`]).
    Array(List),
    /// An expression.
    Expr(Expr),
}

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its bytes. The start of a call is also a stable key of that occurrence (aggregates).
    pub span: Span,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// `a.b`, `-a.b`, `a.b(args)`.
    Symbol(Symbol),
    /// `(x)`: grouping only.
    Paren(Box<Expr>),
    /// `(x,)`, `(x, y)`: an array.
    Tuple(Vec<Expr>),
    /// `base[0].name[1:2]`: at least one step.
    Member {
        /// What is looked into.
        base: Box<Expr>,
        /// The steps, left to right.
        steps: Vec<Step>,
    },
    /// `NOT x`, around a whole comparison.
    Not(Box<Expr>),
    /// `first op x op y …` of one precedence level, associating to the left.
    ///
    /// For [`Level::Compare`] only the first operand and the last link count (`5 = 3 = 5` compares 5
    /// with 5); the parser warns when there is more than one link.
    Chain(Chain),
}

/// Operators of one level in a row; at least one link.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// The level that all operators of `rest` belong to.
    pub level: Level,
    /// The leftmost operand.
    pub first: Box<Expr>,
    /// Operators with their right operands; never empty.
    pub rest: Vec<Link>,
}

/// One operator and its right operand.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The operator.
    pub op: Op,
    /// Where the operator stands.
    pub op_span: Span,
    /// The operand right of it.
    pub operand: Expr,
}

/// Precedence levels of binary operators, loosest first. OR binds tighter than AND.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `AND`, `&&`
    And,
    /// `OR`, `|`, `||`
    Or,
    /// `=`, `<`, `IN`, `=~` …
    Compare,
    /// `+`, `-`
    Sum,
    /// `*`, `/`
    Product,
}

/// Binary operators. The spelling is kept where it changes the meaning or the printed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `AND`: false or true.
    And,
    /// `&&`: false, or the last value.
    AndValue,
    /// `OR`: the leftmost operand's value when that is true, else true; the last value when none is.
    Or,
    /// `|` and three or more bars: like [`Op::Or`]. Holds the number of bars (255 for more).
    OrBars(u8),
    /// `||`: the first true operand's value, else the last value.
    OrValue,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<>`: never true.
    Angles,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `IN`
    In,
    /// `=~`
    Match,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
}

impl Op {
    /// The level it belongs to.
    pub fn level(self) -> Level {
        match self {
            Self::And | Self::AndValue => Level::And,
            Self::Or | Self::OrBars(_) | Self::OrValue => Level::Or,
            Self::Equal
            | Self::NotEqual
            | Self::Angles
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual
            | Self::In
            | Self::Match => Level::Compare,
            Self::Add | Self::Sub => Level::Sum,
            Self::Mul | Self::Div => Level::Product,
        }
    }
}

/// A dotted name, perhaps negated, perhaps called.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// True for `-name`.
    pub negated: bool,
    /// The first part is looked up in the scope, the others are members; a call uses all of it.
    pub path: Vec<Name>,
    /// `None` without parentheses.
    pub args: Option<Vec<Arg>>,
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `.name`
    Dot(Name),
    /// `[index]`
    Index(Expr),
    /// `[from:to]`, each side optional.
    Slice {
        /// Left of the colon.
        from: Option<Expr>,
        /// Right of the colon.
        to: Option<Expr>,
    },
}

/// A literal value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// NULL
    Null,
    /// TRUE or FALSE
    Bool(bool),
    /// A number.
    Number(Number),
    /// `"…"` or `'…'` with escapes.
    Text(Text),
    /// `'''…'''` without escapes: the text between the marks.
    Raw(String),
}

/// A number as its value; the spelling is not kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// Fits 64 bits.
    Int(i64),
    /// Everything else.
    Float(f64),
    /// Hexadecimal beyond 63 bits, or beyond any float: NULL with a log line. Holds the spelling.
    TooLarge(String),
}

/// A quoted string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The bytes it stands for; not necessarily UTF-8.
    pub bytes: Vec<u8>,
    /// Exactly as written, quotes and escapes included: the name of a column without AS needs it.
    pub written: String,
}

/// `x, y => body`, parsed from a text of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// At least one.
    pub params: Vec<Name>,
    /// The value of a call.
    pub body: Expr,
}
