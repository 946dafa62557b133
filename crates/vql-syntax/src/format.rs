//! Formats a VQL text: the same tokens and comments, with other blanks and line ends.
//!
//! Only blanks, line ends and the letter case of reserved words change; every other token is printed
//! as written. A query that fits on a line stays on one line, else each clause gets its own.
//!
//! # Invariants
//!
//! - **VS-5** The formatted text has the same tokens and comments in the same order.
//! - **VS-6** Formatting a formatted text changes nothing.

use crate::ast::{
    Arg, ArgValue, Column, ColumnKind, Expr, ExprKind, Let, LetBody, Level, List, Param, Select,
    Source, Statement, Step, Symbol,
};
use crate::diagnostic::Diagnostic;
use crate::layout::{Doc, print};
use crate::lexer::lex;
use crate::token::{Kind, Mark, Token};

/// Lines are at most so wide where that can be done.
const WIDTH: usize = 100;

/// The formatted text, with a line end at its end; or why the text cannot be read.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let program = crate::parse_program(text).into_result()?;
    let mut formatter = Formatter { text, tokens: lex(text), at: 0, out: Vec::new() };
    for (index, statement) in program.statements.iter().enumerate() {
        if index > 0 {
            let end = if formatter.blank_line_ahead() { Doc::Blank } else { Doc::Hard };
            formatter.put(end);
        }
        match statement {
            Statement::Let(definition) => formatter.definition(definition),
            Statement::Select(select) => formatter.select(select),
        }
        formatter.trailing_comments();
    }
    formatter.comments();
    Ok(print(&formatter.out, WIDTH).trim_end().to_owned() + "\n")
}

struct Formatter<'t> {
    text: &'t str,
    /// Comments included.
    tokens: Vec<Token>,
    at: usize,
    out: Vec<Doc>,
}

impl Formatter<'_> {
    fn put(&mut self, doc: Doc) {
        self.out.push(doc);
    }

    fn blank(&mut self) {
        self.put(Doc::Text(" ".into()));
    }

    /// What `inside` puts, wrapped.
    fn wrapped(&mut self, wrap: impl FnOnce(Vec<Doc>) -> Doc, inside: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.out);
        inside(self);
        let inner = std::mem::replace(&mut self.out, outer);
        self.put(wrap(inner));
    }

    // --- tokens

    fn peek(&self) -> Option<Token> {
        self.tokens.iter().skip(self.at).find(|token| token.kind != Kind::Comment).copied()
    }

    fn at_mark(&self, mark: Mark) -> bool {
        self.peek().is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    /// The next token, with the comments before it.
    fn token(&mut self) {
        self.comments();
        let Some(token) = self.tokens.get(self.at).copied() else {
            return;
        };
        self.at += 1;
        let written = token.span.of(self.text);
        let shown = match token.kind {
            Kind::Word(_) => {
                written.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_uppercase()
            }
            _ => written.to_owned(),
        };
        self.put(Doc::Text(shown));
        self.trailing_comments();
    }

    fn tokens(&mut self, count: usize) {
        for _ in 0..count {
            self.token();
        }
    }

    /// Comments on the line of the token that was just put.
    fn trailing_comments(&mut self) {
        while let Some(token) = self.comment_ahead() {
            if self.line_end_before(token) {
                return;
            }
            self.at += 1;
            let written = token.span.of(self.text).to_owned();
            let ends = !written.starts_with("/*");
            self.put(Doc::Text(format!(" {written}")));
            self.put(if ends { Doc::Hard } else { Doc::Text(" ".into()) });
        }
    }

    /// Comments on lines of their own.
    fn comments(&mut self) {
        while let Some(token) = self.comment_ahead() {
            let end = if self.blank_line_ahead() { Doc::Blank } else { Doc::Hard };
            self.put(end);
            self.at += 1;
            self.put(Doc::Text(token.span.of(self.text).to_owned()));
            let end = if self.blank_line_ahead() { Doc::Blank } else { Doc::Hard };
            self.put(end);
        }
    }

    fn comment_ahead(&self) -> Option<Token> {
        self.tokens.get(self.at).copied().filter(|token| token.kind == Kind::Comment)
    }

    /// The blanks between the last token and the next.
    fn gap(&self, next: Token) -> &str {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let start = before.map_or(0, |token| token.span.end);
        self.text.get(start..next.span.start).unwrap_or("")
    }

    fn line_end_before(&self, next: Token) -> bool {
        self.gap(next).contains('\n') || self.at == 0
    }

    fn blank_line_ahead(&self) -> bool {
        let next = self.tokens.get(self.at).copied();
        self.at > 0 && next.is_some_and(|next| self.gap(next).matches('\n').count() > 1)
    }

    // --- statements

    fn definition(&mut self, definition: &Let) {
        self.token();
        self.blank();
        self.token();
        if let Some(params) = &definition.params {
            self.bracketed(|f| f.separated(params, Self::param));
        }
        self.blank();
        self.token();
        self.blank();
        match &definition.body {
            LetBody::Select(select) => self.wrapped(Doc::Nest, |f| f.select(select)),
            LetBody::Expr(expr) => self.wrapped(Doc::Nest, |f| f.expr(expr)),
        }
    }

    fn param(&mut self, param: &Param) {
        self.token();
        if let Some(default) = &param.default {
            self.token();
            self.arg_value(default);
        }
    }

    fn select(&mut self, select: &Select) {
        self.wrapped(Doc::Group, |f| {
            while f.peek().is_some_and(|t| t.kind == Kind::Word(crate::token::Keyword::Explain)) {
                f.token();
                f.blank();
            }
            f.token();
            f.columns(&select.columns);
            f.put(Doc::Line);
            f.token();
            f.blank();
            f.source(&select.source);
            for list in [&select.filter, &select.group_by].into_iter().flatten() {
                f.put(Doc::Line);
                f.token();
                f.blank();
                f.wrapped(Doc::Nest, |f| f.list(list));
            }
            if let Some(order) = &select.order_by {
                f.put(Doc::Line);
                f.token();
                f.blank();
                f.token();
                if order.descending {
                    f.blank();
                    f.token();
                }
            }
            if select.limit.is_some() {
                f.put(Doc::Line);
                f.token();
                f.blank();
                f.token();
            }
        });
    }

    fn columns(&mut self, columns: &[Column]) {
        if columns.is_empty() {
            return;
        }
        self.blank();
        self.wrapped(Doc::Group, |f| {
            f.wrapped(Doc::Nest, |f| {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        f.put(Doc::Line);
                    }
                    f.column(column);
                    // The comma behind a leading star may be missing, or be there without need.
                    if f.at_mark(Mark::Comma) {
                        f.token();
                    }
                }
            });
        });
    }

    fn column(&mut self, column: &Column) {
        match &column.kind {
            ColumnKind::Star => self.token(),
            ColumnKind::Subquery(select) => self.braced(select),
            ColumnKind::Expr(expr) => self.expr(expr),
        }
        if column.alias.is_some() {
            self.blank();
            self.token();
            self.blank();
            self.token();
        }
    }

    fn source(&mut self, source: &Source) {
        self.tokens(source.path.len() * 2 - 1);
        self.args(source.args.as_deref());
    }

    // --- brackets

    fn args(&mut self, args: Option<&[Arg]>) {
        if let Some(args) = args {
            self.bracketed(|f| {
                f.separated(args, |f, arg| {
                    f.tokens(2);
                    f.arg_value(&arg.value);
                });
            });
        }
    }

    fn arg_value(&mut self, value: &ArgValue) {
        match value {
            ArgValue::Subselect(select) => self.braced(select),
            ArgValue::Array(list) => self.bracketed(|f| f.list(list)),
            ArgValue::Expr(expr) => self.expr(expr),
        }
    }

    fn braced(&mut self, select: &Select) {
        self.wrapped(Doc::Group, |f| {
            f.token();
            f.wrapped(Doc::Nest, |f| {
                f.put(Doc::Line);
                f.select(select);
            });
            f.put(Doc::Line);
            f.token();
        });
    }

    /// Opening bracket, what is inside, closing bracket.
    fn bracketed(&mut self, inside: impl FnOnce(&mut Self)) {
        self.wrapped(Doc::Group, |f| {
            f.token();
            f.wrapped(Doc::Nest, |f| {
                f.put(Doc::Soft);
                inside(f);
            });
            f.put(Doc::Soft);
            f.token();
        });
    }

    fn separated<T>(&mut self, items: &[T], each: impl Fn(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.put(Doc::Line);
            }
            each(self, item);
            if self.at_mark(Mark::Comma) {
                self.token();
            }
        }
    }

    fn list(&mut self, list: &List) {
        self.separated(&list.items, Self::expr);
    }

    // --- expressions

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) => self.token(),
            ExprKind::Symbol(Symbol { path, args, .. }) => {
                self.tokens(path.len() * 2 - 1);
                self.args(args.as_deref());
            }
            ExprKind::Paren(inner) => self.bracketed(|f| f.expr(inner)),
            ExprKind::Tuple(items) => self.bracketed(|f| f.separated(items, Self::expr)),
            ExprKind::Member { base, steps } => {
                self.expr(base);
                for step in steps {
                    self.step(step);
                }
            }
            ExprKind::Not(inner) => {
                self.token();
                self.blank();
                self.expr(inner);
            }
            ExprKind::Chain(chain) => {
                let logic = matches!(chain.level, Level::And | Level::Or);
                self.wrapped(Doc::Group, |f| {
                    f.expr(&chain.first);
                    f.wrapped(Doc::Nest, |f| {
                        for link in &chain.rest {
                            f.put(if logic { Doc::Line } else { Doc::Text(" ".into()) });
                            f.token();
                            f.blank();
                            f.expr(&link.operand);
                        }
                    });
                });
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Dot(_) => self.tokens(2),
            Step::Index(index) => {
                self.token();
                self.expr(index);
                self.token();
            }
            Step::Slice { from, to } => {
                self.token();
                if let Some(from) = from {
                    self.expr(from);
                }
                self.token();
                if let Some(to) = to {
                    self.expr(to);
                }
                self.token();
            }
        }
    }
}
