//! Conditions of SQL as typed predicates, where both mean exactly the same.
//!
//! SQL knows three answers: true, false, and NULL where a value is missing. A predicate knows two. So
//! each part becomes two predicates, one that holds where the part is true and one where it is
//! false; `NOT` swaps them, and where neither holds the part is NULL.
//!
//! # Invariants
//!
//! - **SQ-3** The predicate holds for the rows for which the condition is true. What cannot be said
//!   exactly (calls, texts compared by order, numbers with fractions, columns of unknown type) is
//!   not lowered.

use rows::{Name, Text};
use sigma::{Comparison, Number, Piece, Predicate, Test, TextPattern, TextTest};
use sqlparser::ast::{
    BinaryOperator, Expr, SelectItem, SetExpr, Spanned, UnaryOperator, Value, ValueWithSpan,
};

use crate::placeholders::MARK;
use crate::template::{Class, Template};

/// What a column holds, as far as lowering must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Texts.
    Text,
    /// Whole numbers.
    Int,
    /// Truth values.
    Bool,
    /// Values of a row that is at hand: compared by what the literal is.
    Any,
}

/// A per-event query as a predicate.
#[derive(Clone, Debug, PartialEq)]
pub struct Lowered {
    /// What is asked of a row; its fields are columns as the rule names them.
    pub predicate: Predicate,
    /// The columns of the answer, in order; all of them when empty.
    pub columns: Vec<Name>,
}

/// The predicate and projection of a per-event template, when they say exactly the same. `values`
/// are those for `{name}`, lists as arrays; `held` tells what a column holds, `None` when that is
/// unknown or something else. `LIKE` looks at case.
pub fn lower(
    template: &Template,
    values: &[(String, rows::Value)],
    held: &dyn Fn(&str) -> Option<Held>,
) -> Option<Lowered> {
    if template.class() != Class::PerEvent {
        return None;
    }
    let SetExpr::Select(select) = &*template.query().body else { return None };
    let mut columns = Vec::new();
    match &select.projection[..] {
        [SelectItem::Wildcard(options)] if options == &Default::default() => {}
        items => {
            for item in items {
                let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item else { return None };
                if ident.value.starts_with(MARK) {
                    return None;
                }
                columns.push(Name::from(ident.value.as_str()));
            }
        }
    }
    let mut lowering = Lowering { held, values, columns: Vec::new() };
    let predicate = match &select.selection {
        None => Predicate::And(Vec::new()),
        Some(condition) => lowering.both(condition).ok()?.holds,
    };
    Some(Lowered { predicate, columns })
}

/// A condition over a row that is at hand, with its columns, each once.
pub(crate) fn of_row(expression: &Expr) -> Result<(Predicate, Vec<String>), Refused> {
    let mut lowering = Lowering { held: &|_| Some(Held::Any), values: &[], columns: Vec::new() };
    let both = lowering.both(expression)?;
    Ok((both.holds, lowering.columns))
}

/// Where a part of a condition is true, and where it is false.
struct Both {
    holds: Predicate,
    fails: Predicate,
}

/// A part that is not lowered.
pub(crate) struct Refused {
    pub(crate) what: String,
    pub(crate) at: sqlparser::tokenizer::Span,
}

impl Refused {
    fn of(expression: &Expr) -> Self {
        let what: String = expression.to_string().chars().take(80).collect();
        Self { what, at: expression.span() }
    }
}

struct Lowering<'h> {
    held: &'h dyn Fn(&str) -> Option<Held>,
    values: &'h [(String, rows::Value)],
    columns: Vec<String>,
}

/// A literal of a condition.
enum Literal {
    Null,
    Text(Text),
    Number(Number),
    Bool(bool),
}

/// A whole number up to this size is a fraction's neighbour and not taken for it.
const EXACT_MAX: i64 = 1 << 53;

impl Lowering<'_> {
    fn both(&mut self, expression: &Expr) -> Result<Both, Refused> {
        match expression {
            Expr::Nested(inner) => self.both(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                let inner = self.both(expr)?;
                Ok(Both { holds: inner.fails, fails: inner.holds })
            }
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.chain(expression, op)
            }
            other => self.part(other),
        }
    }

    /// Conditions joined by one word. A chain leans to the left and is walked, not descended.
    fn chain(&mut self, expression: &Expr, joined: &BinaryOperator) -> Result<Both, Refused> {
        let mut parts = Vec::new();
        let mut rest = expression;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == joined
        {
            parts.push(&**right);
            rest = left;
        }
        let mut whole = self.both(rest)?;
        for part in parts.into_iter().rev() {
            let part = self.both(part)?;
            whole = match joined {
                BinaryOperator::And => {
                    Both { holds: and(whole.holds, part.holds), fails: or(whole.fails, part.fails) }
                }
                _ => {
                    Both { holds: or(whole.holds, part.holds), fails: and(whole.fails, part.fails) }
                }
            };
        }
        Ok(whole)
    }

    /// A condition that is not made of others.
    fn part(&mut self, expression: &Expr) -> Result<Both, Refused> {
        let refused = || Refused::of(expression);
        match expression {
            Expr::BinaryOp { left, op, right } => {
                self.comparison(left, op, right).ok_or_else(refused)
            }
            Expr::Between { expr, negated, low, high } => {
                let column = self.column(expr).ok_or_else(refused)?;
                let side = |op: &BinaryOperator, value: &Expr| {
                    let literal = self.literal(value)?;
                    self.compared(&column, op, literal)
                };
                let low = side(&BinaryOperator::GtEq, low).ok_or_else(refused)?;
                let high = side(&BinaryOperator::LtEq, high).ok_or_else(refused)?;
                let inside =
                    Both { holds: and(low.holds, high.holds), fails: or(low.fails, high.fails) };
                Ok(swapped(inside, *negated))
            }
            Expr::InList { expr, list, negated } => {
                let column = self.column(expr).ok_or_else(refused)?;
                let mut found = Both { holds: never(), fails: always() };
                for value in list {
                    for literal in self.literals(value).ok_or_else(refused)? {
                        let one = self.compared(&column, &BinaryOperator::Eq, literal);
                        let one = one.ok_or_else(refused)?;
                        found = Both {
                            holds: or(found.holds, one.holds),
                            fails: and(found.fails, one.fails),
                        };
                    }
                }
                Ok(swapped(found, *negated))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let like = self.like(expr, pattern, escape_char.as_ref(), true);
                Ok(swapped(like.ok_or_else(refused)?, *negated))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let like = self.like(expr, pattern, escape_char.as_ref(), false);
                Ok(swapped(like.ok_or_else(refused)?, *negated))
            }
            Expr::IsNull(inner) => {
                let column = self.column(inner).ok_or_else(refused)?;
                Ok(Both { holds: test(&column, Test::Null), fails: exists(&column) })
            }
            Expr::IsNotNull(inner) => {
                let column = self.column(inner).ok_or_else(refused)?;
                Ok(Both { holds: exists(&column), fails: test(&column, Test::Null) })
            }
            Expr::Value(_) => match literal(expression) {
                Some(Literal::Bool(true)) => Ok(Both { holds: always(), fails: never() }),
                Some(Literal::Bool(false)) => Ok(Both { holds: never(), fails: always() }),
                Some(Literal::Null) => Ok(unknown()),
                _ => Err(refused()),
            },
            _ => Err(refused()),
        }
    }

    fn comparison(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Both> {
        if let (Some(column), Some(value)) = (self.column(left), self.literal(right)) {
            return self.compared(&column, op, value);
        }
        let turned = match op {
            BinaryOperator::Lt => BinaryOperator::Gt,
            BinaryOperator::LtEq => BinaryOperator::GtEq,
            BinaryOperator::Gt => BinaryOperator::Lt,
            BinaryOperator::GtEq => BinaryOperator::LtEq,
            other => other.clone(),
        };
        let (column, value) = (self.column(right)?, self.literal(left)?);
        self.compared(&column, &turned, value)
    }

    fn compared(&self, column: &str, op: &BinaryOperator, value: Literal) -> Option<Both> {
        let held = (self.held)(column)?;
        let is = match op {
            BinaryOperator::Eq | BinaryOperator::NotEq => Comparison::Equal,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::AtMost,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::AtLeast,
            _ => return None,
        };
        let equality = is == Comparison::Equal;
        let asked = match (held, value) {
            (_, Literal::Null) => return Some(unknown()),
            (Held::Text | Held::Any, Literal::Text(text)) if equality => {
                Test::Text(TextTest { pattern: TextPattern::Equals(text), cased: true })
            }
            (Held::Int, Literal::Number(than @ Number::Int(_)))
            | (Held::Any, Literal::Number(than)) => Test::Number { is, than },
            (Held::Bool | Held::Any, Literal::Bool(truth)) if equality => Test::Bool(truth),
            _ => return None,
        };
        Some(swapped(leaf(column, asked), *op == BinaryOperator::NotEq))
    }

    fn like(
        &mut self,
        expression: &Expr,
        pattern: &Expr,
        escape: Option<&ValueWithSpan>,
        cased: bool,
    ) -> Option<Both> {
        let column = self.column(expression)?;
        let held = (self.held)(&column)?;
        let Some(Literal::Text(pattern)) = self.literal(pattern) else { return None };
        let pattern = pattern.as_str()?;
        let escape = match escape {
            None => None,
            Some(escape) => Some(crate::shape::escape_character(escape)?),
        };
        // Which letters are the same without regard to case differs between engines beyond ASCII.
        let exact = cased || held == Held::Any;
        if !exact || !matches!(held, Held::Text | Held::Any) {
            return None;
        }
        let pattern = TextPattern::of(pieces(pattern, escape)?);
        Some(leaf(&column, Test::Text(TextTest { pattern, cased })))
    }

    /// The value that an expression is.
    fn literal(&self, expression: &Expr) -> Option<Literal> {
        let literals = self.literals(expression)?;
        <[Literal; 1]>::try_from(literals).ok().map(|[one]| one)
    }

    /// The values that a member of a list is: several where it stands for a list.
    fn literals(&self, expression: &Expr) -> Option<Vec<Literal>> {
        let name = match expression {
            Expr::Identifier(ident) => ident.value.strip_prefix(MARK),
            _ => None,
        };
        let Some(name) = name else { return Some(vec![literal(expression)?]) };
        let (_, value) = self.values.iter().find(|(known, _)| known == name)?;
        match value {
            // Without values, engines refuse the statement.
            rows::Value::Array(values) if values.is_empty() => None,
            rows::Value::Array(values) => values.iter().map(of_value).collect(),
            one => Some(vec![of_value(one)?]),
        }
    }

    /// The column that an expression is, noted.
    fn column(&mut self, expression: &Expr) -> Option<String> {
        let name = match expression {
            Expr::Identifier(ident) => &ident.value,
            Expr::CompoundIdentifier(parts) if parts.len() == 2 => &parts[1].value,
            Expr::Nested(inner) => return self.column(inner),
            _ => return None,
        };
        if name.starts_with(MARK) {
            return None;
        }
        if !self.columns.contains(name) {
            self.columns.push(name.clone());
        }
        Some(name.clone())
    }
}

fn of_value(value: &rows::Value) -> Option<Literal> {
    Some(match value {
        rows::Value::Null => Literal::Null,
        rows::Value::Text(text) if text.as_str().is_some() => Literal::Text(text.clone()),
        rows::Value::Bool(truth) => Literal::Bool(*truth),
        rows::Value::Int(number) if number.unsigned_abs() <= EXACT_MAX.unsigned_abs() => {
            Literal::Number(Number::Int(*number))
        }
        _ => return None,
    })
}

fn literal(expression: &Expr) -> Option<Literal> {
    match expression {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match literal(expr)? {
            Literal::Number(Number::Int(number)) => Some(Literal::Number(Number::Int(-number))),
            Literal::Number(Number::Float(number)) => Some(Literal::Number(Number::Float(-number))),
            _ => None,
        },
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Literal::Null),
            Value::Boolean(truth) => Some(Literal::Bool(*truth)),
            Value::SingleQuotedString(text) => Some(Literal::Text(Text::from(text.as_str()))),
            Value::Number(digits, false) => {
                let number = Number::parse(digits)?;
                let exact = match number {
                    Number::Int(number) => number.abs() <= EXACT_MAX,
                    Number::Float(_) => true,
                };
                exact.then_some(Literal::Number(number))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The pieces of a pattern of `LIKE`; `None` when an escape stands before nothing that it escapes.
fn pieces(pattern: &str, escape: Option<char>) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let piece = match character {
            c if Some(c) == escape => {
                let escaped = characters.next()?;
                if !matches!(escaped, '%' | '_') && escaped != c {
                    return None;
                }
                text.push(escaped);
                continue;
            }
            '%' => Piece::AnyMany,
            '_' => Piece::AnyOne,
            other => {
                text.push(other);
                continue;
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Literal(Text::from(std::mem::take(&mut text))));
        }
        pieces.push(piece);
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(Text::from(text)));
    }
    Some(pieces)
}

fn test(column: &str, test: Test) -> Predicate {
    Predicate::Field { field: Name::from(column), test }
}

fn exists(column: &str) -> Predicate {
    test(column, Test::Exists(true))
}

fn leaf(column: &str, asked: Test) -> Both {
    let holds = test(column, asked);
    let fails = Predicate::And(vec![exists(column), Predicate::Not(Box::new(holds.clone()))]);
    Both { holds, fails }
}

fn always() -> Predicate {
    Predicate::And(Vec::new())
}

fn never() -> Predicate {
    Predicate::Or(Vec::new())
}

/// NULL: neither true nor false.
fn unknown() -> Both {
    Both { holds: never(), fails: never() }
}

fn swapped(both: Both, swap: bool) -> Both {
    if swap { Both { holds: both.fails, fails: both.holds } } else { both }
}

fn and(a: Predicate, b: Predicate) -> Predicate {
    match (a, b) {
        (Predicate::And(none), other) | (other, Predicate::And(none)) if none.is_empty() => other,
        (Predicate::And(mut of), Predicate::And(more)) => {
            of.extend(more);
            Predicate::And(of)
        }
        (Predicate::And(mut of), other) | (other, Predicate::And(mut of)) => {
            of.push(other);
            Predicate::And(of)
        }
        (a, b) => Predicate::And(vec![a, b]),
    }
}

fn or(a: Predicate, b: Predicate) -> Predicate {
    match (a, b) {
        (Predicate::Or(none), other) | (other, Predicate::Or(none)) if none.is_empty() => other,
        (Predicate::Or(mut of), Predicate::Or(more)) => {
            of.extend(more);
            Predicate::Or(of)
        }
        (Predicate::Or(mut of), other) | (other, Predicate::Or(mut of)) => {
            of.push(other);
            Predicate::Or(of)
        }
        (a, b) => Predicate::Or(vec![a, b]),
    }
}

#[cfg(test)]
mod tests;
