//! Expressions and calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rows::{Name, Shape, Text, Value};
use vql_plugin::{Body, Entry, Found, Kind, Pattern, Spec};
use vql_syntax::ast;

use super::{Compiler, dotted};
use crate::plan::{Aggregate, AggregateKind, Arg, ArgList, Call, Expr, If, Match, Matcher, Step};

/// Numbers for the places of aggregates, unique in the process: artifacts that call each other
/// share contexts.
static PLACES: AtomicU64 = AtomicU64::new(0);

impl Compiler<'_> {
    pub(crate) fn expr(&mut self, expr: &ast::Expr) -> Expr {
        match &expr.kind {
            ast::ExprKind::Literal(literal) => self.literal(literal),
            ast::ExprKind::Symbol(symbol) => self.symbol(symbol, expr.span),
            ast::ExprKind::Paren(inner) => self.expr(inner),
            ast::ExprKind::Tuple(items) => array(self.exprs(items)),
            ast::ExprKind::Member { base, steps } => {
                let base = self.expr(base);
                Expr::Member(Box::new(base), steps.iter().map(|step| self.step(step)).collect())
            }
            ast::ExprKind::Not(inner) => Expr::Not(Box::new(self.expr(inner))),
            ast::ExprKind::Chain(chain) => self.chain(chain),
        }
    }

    fn exprs(&mut self, exprs: &[ast::Expr]) -> Vec<Expr> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn literal(&mut self, literal: &ast::Literal) -> Expr {
        Expr::Literal(match literal {
            ast::Literal::Null => Value::Null,
            ast::Literal::Bool(truth) => Value::Bool(*truth),
            ast::Literal::Number(ast::Number::Int(number)) => Value::Int(*number),
            ast::Literal::Number(ast::Number::Float(number)) => Value::Float(*number),
            ast::Literal::Number(ast::Number::TooLarge(written)) => {
                return Expr::TooLarge(written.clone());
            }
            ast::Literal::Text(text) => Value::text(text.bytes.as_slice()),
            ast::Literal::Raw(text) => Value::text(text.as_str()),
        })
    }

    fn symbol(&mut self, symbol: &ast::Symbol, span: vql_syntax::Span) -> Expr {
        let path: Vec<_> = symbol.path.iter().map(|part| Name::from(part.text.as_str())).collect();
        let expr = match &symbol.args {
            None => Expr::Variable(path),
            Some(args) => self.call(path, args, span),
        };
        if symbol.negated { Expr::Negated(Box::new(expr)) } else { expr }
    }

    fn call(&mut self, path: Vec<Name>, args: &[ast::Arg], span: vql_syntax::Span) -> Expr {
        let name = dotted(&path);
        match self.catalog.find_function(&name) {
            Found::Yes(entry) => {
                let args = self.args(args, Some(&entry.spec));
                match entry.body {
                    Body::Intrinsic => intrinsic(&name, args),
                    _ if name.is("dict") && entry.spec.free_form => dict(path, name, entry, args),
                    _ => Expr::Call(Box::new(Call { path, name, function: Some(entry), args })),
                }
            }
            Found::Denied(needs) => {
                self.denied(span, &name, needs);
                Expr::Literal(Value::Null)
            }
            Found::No => {
                self.require_defined(span, &path, &name, Kind::Function);
                let args = self.args(args, None);
                Expr::Call(Box::new(Call { path, name, function: None, args }))
            }
        }
    }

    pub(super) fn args(&mut self, args: &[ast::Arg], spec: Option<&Spec>) -> ArgList {
        let args = args.iter().map(|arg| {
            let name = Name::from(arg.name.text.as_str());
            let is_lazy =
                |spec: &Spec| spec.lazy_form || spec.arg(&name).is_some_and(|known| known.lazy);
            let is_array = matches!(arg.value, ast::ArgValue::Array(_));
            let lazy = !is_array && spec.is_some_and(is_lazy);
            Arg { name, value: Arc::new(self.arg_value(&arg.value)), lazy }
        });
        ArgList::new(args.collect())
    }

    pub(super) fn arg_value(&mut self, value: &ast::ArgValue) -> Expr {
        match value {
            ast::ArgValue::Subselect(select) => Expr::Query(self.select(select)),
            ast::ArgValue::Array(list) => self.list(list),
            ast::ArgValue::Expr(expr) => self.expr(expr),
        }
    }

    pub(super) fn list(&mut self, list: &ast::List) -> Expr {
        match list.as_scalar() {
            Some(only) => self.expr(only),
            None => array(self.exprs(&list.items)),
        }
    }

    fn step(&mut self, step: &ast::Step) -> Step {
        match step {
            ast::Step::Dot(name) => Step::Name(Name::from(name.text.as_str())),
            ast::Step::Index(index) => Step::Index(self.expr(index)),
            ast::Step::Slice { from, to } => Step::Slice(
                from.as_ref().map(|from| self.expr(from)),
                to.as_ref().map(|to| self.expr(to)),
            ),
        }
    }

    fn chain(&mut self, chain: &ast::Chain) -> Expr {
        let first = self.expr(&chain.first);
        if chain.level == ast::Level::Compare {
            // Of a chain of comparisons only the first operand and the last link count.
            let Some(last) = chain.rest.last() else { return first };
            let operand = self.expr(&last.operand);
            return match last.op {
                ast::Op::Match => {
                    Expr::Match(Box::new(Match { left: first, right: matcher(operand) }))
                }
                op => Expr::Compare(op, Box::new((first, operand))),
            };
        }
        let rest: Vec<_> =
            chain.rest.iter().map(|link| (link.op, self.expr(&link.operand))).collect();
        match chain.level {
            ast::Level::And | ast::Level::Or => Expr::Logic(Box::new(first), rest),
            _ => sum(first, rest),
        }
    }
}

/// `dict(…)`. Its shape is known now, unless a key comes twice.
fn dict(path: Vec<Name>, name: Name, entry: Arc<Entry>, args: ArgList) -> Expr {
    let shape = Shape::of(args.names.iter());
    if shape.names().len() != args.len() {
        return Expr::Call(Box::new(Call { path, name, function: Some(entry), args }));
    }
    let values = args.into_vec().into_iter().map(|arg| Arc::into_inner(arg.value));
    let values = values.map(|value| value.expect("nobody shares it before the plan is made"));
    Expr::Dict(shape, values.collect())
}

/// Arithmetic; texts that are joined before anything else are joined once, not for every row.
fn sum(first: Expr, rest: Vec<(ast::Op, Expr)>) -> Expr {
    const JOINED_MAX_BYTES: usize = 4096;
    let mut first = first;
    let mut rest = rest.into_iter().peekable();
    while let Expr::Literal(Value::Text(left)) = &first
        && let Some((ast::Op::Add, Expr::Literal(Value::Text(right)))) = rest.peek()
        && left.len() + right.len() <= JOINED_MAX_BYTES
    {
        first = Expr::Literal(Value::Text(Text::joined(left, right)));
        rest.next();
    }
    let rest: Vec<_> = rest.collect();
    if rest.is_empty() { first } else { Expr::Arithmetic(Box::new(first), rest) }
}

/// An array; one of literals is made once, not for every row.
fn array(items: Vec<Expr>) -> Expr {
    let literal = |item: &Expr| match item {
        Expr::Literal(value) => Some(value.clone()),
        _ => None,
    };
    match items.iter().map(literal).collect::<Option<Vec<_>>>() {
        Some(values) => Expr::Literal(Value::from(values)),
        None => Expr::Array(items),
    }
}

fn matcher(operand: Expr) -> Matcher {
    let Expr::Literal(Value::Text(text)) = &operand else { return Matcher::Computed(operand) };
    if matches_everything(text) {
        return Matcher::Everything;
    }
    match Pattern::compile(text, true) {
        Ok(pattern) => Matcher::Compiled(Arc::new(pattern)),
        Err(bad) => Matcher::Bad(bad.to_string()),
    }
}

/// Patterns that match whatever the value is, NULL included.
pub(crate) fn matches_everything(pattern: &[u8]) -> bool {
    matches!(pattern, b"" | b"." | b".*")
}

fn intrinsic(name: &str, args: ArgList) -> Expr {
    let kind = match name {
        "if" => return choice(&mut args.into_vec()),
        "sum" => AggregateKind::Sum,
        "min" => AggregateKind::Min,
        "max" => AggregateKind::Max,
        "enumerate" => AggregateKind::Enumerate,
        "rate" => AggregateKind::Rate,
        _ => AggregateKind::Count,
    };
    let place = PLACES.fetch_add(1, Ordering::Relaxed);
    Expr::Aggregate(Box::new(Aggregate { kind, place, args }))
}

fn choice(args: &mut Vec<Arg>) -> Expr {
    let mut take = |name: &str| {
        let at = args.iter().rposition(|arg| &*arg.name == name)?;
        Arc::into_inner(args.remove(at).value)
    };
    let condition = take("condition").unwrap_or(Expr::Literal(Value::Null));
    Expr::If(Box::new(If { condition, then: take("then"), otherwise: take("else") }))
}
