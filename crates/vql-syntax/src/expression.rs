//! The productions for expressions, from the loosest operators to the tightest, and lambdas.
//!
//! OR binds tighter than AND. The right factor of `*` and `/` is a bare value. Each level makes one
//! chain in a loop; only brackets and NOT recurse, and both are counted.

use crate::ast::{
    Chain, Expr, ExprKind, Lambda, Level, Link, Literal, Op, Span, Step, Symbol, Text,
};
use crate::literals::{number, unescape};
use crate::parser::{NameUse, Parser, Production};
use crate::token::{Keyword, Kind, Mark, Token};

impl Parser<'_> {
    /// `expr = or_expr { ( AND | "&&" ) or_expr }`
    pub(crate) fn expr(&mut self, expected: &str) -> Production<Expr> {
        self.chain(Level::And, expected)
    }

    /// One level of operators: `operand { op operand }`.
    fn chain(&mut self, level: Level, expected: &str) -> Production<Expr> {
        if level == Level::Compare && self.at_word(Keyword::Not) {
            return self.not();
        }
        let first = self.operand(level, expected)?;
        let mut rest = Vec::new();
        while let Some(op) = self.operator(level) {
            let op_span = self.bump().span;
            let operand = if level == Level::Product {
                self.factor()?
            } else {
                self.operand(level, "an expression after the operator")?
            };
            rest.push(Link { op, op_span, operand });
        }
        let Some(last) = rest.last() else {
            return Ok(first);
        };
        let span = first.span.to(last.operand.span);
        if level == Level::Compare && rest.len() > 1 {
            self.warn(
                span,
                "of several comparisons in a row only the last one counts",
                "combine them with AND",
            );
        }
        let chain = Chain { level, first: Box::new(first), rest };
        Ok(Expr { kind: ExprKind::Chain(chain), span })
    }

    fn operand(&mut self, level: Level, expected: &str) -> Production<Expr> {
        match level {
            Level::And => self.chain(Level::Or, expected),
            Level::Or => self.chain(Level::Compare, expected),
            Level::Compare => self.chain(Level::Sum, expected),
            Level::Sum => self.chain(Level::Product, expected),
            Level::Product => self.member(expected),
        }
    }

    /// The operator under the cursor when it belongs to the level.
    fn operator(&self, level: Level) -> Option<Op> {
        let op = match self.peek().kind {
            Kind::Word(Keyword::And) => Op::And,
            Kind::Word(Keyword::Or) => Op::Or,
            Kind::Word(Keyword::In) => Op::In,
            Kind::Ampersands => Op::AndValue,
            Kind::Bars(2) => Op::OrValue,
            Kind::Bars(count) => Op::OrBars(count),
            Kind::Mark(mark) => match mark {
                Mark::Equal => Op::Equal,
                Mark::NotEqual => Op::NotEqual,
                Mark::Angles => Op::Angles,
                Mark::Less => Op::Less,
                Mark::LessEqual => Op::LessEqual,
                Mark::Greater => Op::Greater,
                Mark::GreaterEqual => Op::GreaterEqual,
                Mark::Match => Op::Match,
                Mark::Plus => Op::Add,
                Mark::Minus => Op::Sub,
                Mark::Star => Op::Mul,
                Mark::Slash => Op::Div,
                _ => return None,
            },
            _ => return None,
        };
        (op.level() == level).then_some(op)
    }

    /// `NOT cond`: reaches over the whole comparison after it.
    fn not(&mut self) -> Production<Expr> {
        self.enter()?;
        let start = self.bump().span.start;
        let inner = self.chain(Level::Compare, "a condition after NOT")?;
        self.leave();
        Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span: self.span_from(start) })
    }

    /// The right side of `*` and `/`.
    fn factor(&mut self) -> Production<Expr> {
        let factor = self.value("a value after the operator")?;
        if self.at_mark(Mark::OpenBracket) || self.at_mark(Mark::Dot) {
            return Err(self.unexpected("an operator or the end of the expression"));
        }
        Ok(factor)
    }

    /// `member = value { "[" [ value ] [ ":" [ value ] ] "]" | "." IDENT }`
    fn member(&mut self, expected: &str) -> Production<Expr> {
        let base = self.value(expected)?;
        let start = base.span.start;
        let mut steps = Vec::new();
        loop {
            if self.eat_mark(Mark::Dot) {
                let name = self.name(NameUse::Reference, "a name after the dot")?;
                steps.push(Step::Dot(name));
                if self.at_mark(Mark::OpenParen) {
                    return Err(self.unexpected("a member, which cannot be called"));
                }
            } else if self.at_mark(Mark::OpenBracket) {
                steps.push(self.index()?);
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Ok(base);
        }
        let kind = ExprKind::Member { base: Box::new(base), steps };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    fn index(&mut self) -> Production<Step> {
        self.enter()?;
        self.bump();
        let expected = "an index: a number, a string, a name, or an expression in parentheses";
        let from = if self.at_mark(Mark::Colon) { None } else { Some(self.value(expected)?) };
        let step = if self.eat_mark(Mark::Colon) {
            let open = self.at_mark(Mark::CloseBracket);
            let to = if open { None } else { Some(self.value("the end of the slice, or `]`")?) };
            self.expect_mark(Mark::CloseBracket, "`]` after the slice")?;
            Step::Slice { from, to }
        } else {
            self.expect_mark(Mark::CloseBracket, "`]` or `:` after the index")?;
            match from {
                Some(index) => Step::Index(index),
                None => return Err(self.unexpected(expected)),
            }
        };
        self.leave();
        Ok(step)
    }

    /// `value = symbol | "(" list ")" | RAWSTRING | STRING | NUMBER | TRUE | FALSE | NULL`
    fn value(&mut self, expected: &str) -> Production<Expr> {
        let token = self.peek();
        let literal = match token.kind {
            Kind::Name | Kind::Ticked | Kind::Negated => return self.symbol(),
            Kind::Mark(Mark::OpenParen) => return self.parenthesis(),
            Kind::Word(Keyword::Null) => Literal::Null,
            Kind::Word(Keyword::True) => Literal::Bool(true),
            Kind::Word(Keyword::False) => Literal::Bool(false),
            Kind::Number => self.number_literal(token),
            Kind::Text => {
                let written = self.spelling(token);
                let inside = written.get(1..written.len() - 1).unwrap_or("");
                Literal::Text(Text { bytes: unescape(inside), written: written.to_owned() })
            }
            Kind::Raw => {
                let written = self.spelling(token);
                Literal::Raw(written.get(3..written.len() - 3).unwrap_or("").to_owned())
            }
            _ => return Err(self.unexpected(expected)),
        };
        self.bump();
        Ok(Expr { kind: ExprKind::Literal(literal), span: token.span })
    }

    fn number_literal(&mut self, token: Token) -> Literal {
        let value = number(self.spelling(token));
        if matches!(value, crate::ast::Number::TooLarge(_)) {
            self.warn(
                token.span,
                "this number is too large and means NULL",
                "numbers have 64 bits; write it as a string",
            );
        }
        Literal::Number(value)
    }

    /// `symbol = ( IDENT | NEGIDENT ) { "." IDENT } [ "(" [ arg { "," arg } ] ")" ]`
    fn symbol(&mut self) -> Production<Expr> {
        let token = self.bump();
        let negated = token.kind == Kind::Negated;
        let start = token.span.start;
        let name = Span::new(start + usize::from(negated), token.span.end);
        let mut path = vec![self.name_of(name, NameUse::Reference)];
        while self.eat_mark(Mark::Dot) {
            path.push(self.name(NameUse::Reference, "a name after the dot")?);
        }
        let args = self.call_args()?;
        let kind = ExprKind::Symbol(Symbol { negated, path, args });
        Ok(Expr { kind, span: self.span_from(start) })
    }

    /// `"(" expr { "," expr } [ "," ] ")"`
    fn parenthesis(&mut self) -> Production<Expr> {
        self.enter()?;
        let start = self.bump().span.start;
        let mut items = vec![self.expr("an expression after `(`")?];
        let mut comma = false;
        loop {
            if self.eat_mark(Mark::CloseParen) {
                break;
            }
            self.expect_mark(Mark::Comma, "an operator, `,` or `)`")?;
            comma = true;
            if !self.at_mark(Mark::CloseParen) {
                items.push(self.expr("an item after the comma, or `)`")?);
            }
        }
        self.leave();
        let span = self.span_from(start);
        let kind = match items.pop() {
            Some(only) if items.is_empty() && !comma => ExprKind::Paren(Box::new(only)),
            last => {
                items.extend(last);
                ExprKind::Tuple(items)
            }
        };
        Ok(Expr { kind, span })
    }

    /// `lambda = IDENT { "," IDENT } "=>" expr`
    pub(crate) fn lambda(&mut self) -> Production<Lambda> {
        let mut params = vec![self.name(NameUse::Definition, "the name of a parameter")?];
        while self.eat_mark(Mark::Comma) {
            params.push(self.name(NameUse::Definition, "the name of a parameter")?);
        }
        self.expect_mark(Mark::Arrow, "`,` and another parameter, or `=>`")?;
        let body = self.expr("an expression after `=>`")?;
        match self.peek().kind {
            Kind::End => Ok(Lambda { params, body }),
            _ => Err(self.unexpected("the end of the lambda")),
        }
    }
}
