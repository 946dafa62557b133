//! The cursor over the tokens, and the productions for statements, queries, sources and arguments.
//!
//! A hand-written recursive descent with one token of look-ahead. A production that meets something
//! wrong makes one [`Diagnostic`] and gives up its statement; the parser goes on with the next
//! statement, so that several mistakes are reported at once.

use crate::DEPTH_MAX;
use crate::ast::{
    Arg, ArgValue, Column, ColumnKind, Comment, Let, LetBody, Limit, List, Name, Number, OrderBy,
    Param, Program, Select, Source, Span, Statement,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::hints;
use crate::lexer::lex;
use crate::literals::{number, unescape};
use crate::token::{Keyword, Kind, Mark, Token};

/// A production's result; the error is boxed because it is large and rare.
pub(crate) type Production<T> = Result<T, Box<Diagnostic>>;

/// After so many errors a text is not worth more of them.
const ERRORS_MAX: usize = 20;

/// Where a name stands decides whether escapes between its backticks are resolved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameUse {
    /// An alias, an argument name, a LET name: escapes are resolved.
    Definition,
    /// A reference: kept as written.
    Reference,
}

pub(crate) struct Parser<'t> {
    pub(crate) text: &'t str,
    /// Without comments.
    pub(crate) tokens: Vec<Token>,
    pub(crate) at: usize,
    /// The token with which the current statement starts.
    pub(crate) statement_start: usize,
    depth: usize,
    comments: Vec<Comment>,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl<'t> Parser<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let (comments, tokens): (Vec<_>, Vec<_>) =
            lex(text).into_iter().partition(|token| token.kind == Kind::Comment);
        let comments = comments.into_iter().map(|token| Comment { span: token.span }).collect();
        let (errors, warnings) = (Vec::new(), Vec::new());
        Self { text, tokens, at: 0, statement_start: 0, depth: 0, comments, errors, warnings }
    }

    // --- the cursor

    /// The token `ahead` places from the cursor; the end token when there is none.
    pub(crate) fn peek_at(&self, ahead: usize) -> Token {
        let last = self.tokens.last().map_or(0, |token| token.span.end);
        let end = Token { kind: Kind::End, span: Span::new(last, last) };
        self.tokens.get(self.at + ahead).copied().unwrap_or(end)
    }

    pub(crate) fn peek(&self) -> Token {
        self.peek_at(0)
    }

    /// The token before the cursor.
    pub(crate) fn previous(&self) -> Option<Token> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).copied()
    }

    pub(crate) fn bump(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(crate) fn eat(&mut self, kind: Kind) -> Option<Token> {
        (self.peek().kind == kind).then(|| self.bump())
    }

    pub(crate) fn at_mark(&self, mark: Mark) -> bool {
        self.peek().kind == Kind::Mark(mark)
    }

    pub(crate) fn eat_mark(&mut self, mark: Mark) -> bool {
        self.eat(Kind::Mark(mark)).is_some()
    }

    pub(crate) fn at_word(&self, word: Keyword) -> bool {
        self.peek().kind == Kind::Word(word)
    }

    pub(crate) fn eat_word(&mut self, word: Keyword) -> bool {
        self.eat(Kind::Word(word)).is_some()
    }

    pub(crate) fn expect_mark(&mut self, mark: Mark, expected: &str) -> Production<Token> {
        match self.eat(Kind::Mark(mark)) {
            Some(token) => Ok(token),
            None => Err(self.unexpected(expected)),
        }
    }

    /// From `start` to the end of the last token taken.
    pub(crate) fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.previous().map_or(start, |token| token.span.end.max(start)))
    }

    /// The text of a token.
    pub(crate) fn spelling(&self, token: Token) -> &'t str {
        self.text.get(token.span.start..token.span.end).unwrap_or("")
    }

    /// The error for the token under the cursor.
    pub(crate) fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        Box::new(hints::unexpected(self, expected))
    }

    /// One bracket deeper; leave with [`Self::leave`].
    pub(crate) fn enter(&mut self) -> Production<()> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(Box::new(Diagnostic {
            span: self.peek().span,
            severity: Severity::Error,
            message: format!("brackets and NOT are nested more than {DEPTH_MAX} deep"),
            expected: None,
            hint: Some("give inner parts a name with LET and use the name here".into()),
        }))
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(crate) fn warn(&mut self, span: Span, message: &str, hint: &str) {
        self.warnings.push(Diagnostic {
            span,
            severity: Severity::Warning,
            message: message.into(),
            expected: None,
            hint: Some(hint.into()),
        });
    }

    // --- names

    pub(crate) fn at_name(&self) -> bool {
        matches!(self.peek().kind, Kind::Name | Kind::Ticked)
    }

    /// `IDENT`
    pub(crate) fn name(&mut self, used: NameUse, expected: &str) -> Production<Name> {
        if !self.at_name() {
            return Err(self.unexpected(expected));
        }
        let token = self.bump();
        Ok(self.name_of(token.span, used))
    }

    /// The name that a stretch of text spells, with or without backticks.
    pub(crate) fn name_of(&self, span: Span, used: NameUse) -> Name {
        let spelling = span.of(self.text);
        let Some(inside) = spelling.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'))
        else {
            return Name { text: spelling.to_owned(), ticked: None, span };
        };
        let text = match used {
            NameUse::Definition => String::from_utf8_lossy(&unescape(inside)).into_owned(),
            NameUse::Reference => inside.to_owned(),
        };
        Name { text, ticked: Some(inside.to_owned()), span }
    }

    // --- statements

    /// `program = statement { statement }`
    pub(crate) fn program(&mut self) -> Program {
        let mut statements = Vec::new();
        if self.tokens.is_empty() {
            let message = if self.comments.is_empty() { "no query" } else { "only comments" };
            self.errors.push(Diagnostic {
                span: Span::new(0, 0),
                severity: Severity::Error,
                message: message.into(),
                expected: Some("a statement: LET or SELECT".into()),
                hint: Some("`SELECT * FROM info()` is a complete query".into()),
            });
        }
        while self.peek().kind != Kind::End && self.errors.len() < ERRORS_MAX {
            self.depth = 0;
            self.statement_start = self.at;
            match self.statement() {
                Ok(statement) => statements.push(statement),
                Err(error) => {
                    self.errors.push(*error);
                    self.recover();
                }
            }
        }
        Program { statements, comments: std::mem::take(&mut self.comments) }
    }

    /// Moves to the next token that most likely starts a statement.
    fn recover(&mut self) {
        loop {
            self.bump();
            let inside = self.previous().is_some_and(|before| {
                use Mark::{CloseBrace, Comma, Equal, LessEqual, OpenBrace, OpenParen};
                let opens = [OpenBrace, OpenParen, Equal, LessEqual, Comma];
                matches!(before.kind, Kind::Mark(mark) if mark != CloseBrace && opens.contains(&mark))
                    || before.kind == Kind::Word(Keyword::Explain)
            });
            match self.peek().kind {
                Kind::End | Kind::Word(Keyword::Let) => return,
                Kind::Word(Keyword::Select | Keyword::Explain) if !inside => return,
                _ => {}
            }
        }
    }

    /// `statement = let | select`
    pub(crate) fn statement(&mut self) -> Production<Statement> {
        match self.peek().kind {
            Kind::Word(Keyword::Let) => self.let_statement().map(Statement::Let),
            Kind::Word(Keyword::Select | Keyword::Explain) => self.select().map(Statement::Select),
            _ if self.at == 0 => Err(self.unexpected("LET or SELECT")),
            _ => Err(self.unexpected("the end of the statement, or LET or SELECT")),
        }
    }

    /// `let = LET IDENT [ "(" [ param { "," param } ] ")" ] ( "=" | "<=" ) ( select | expr )`
    fn let_statement(&mut self) -> Production<Let> {
        let start = self.bump().span.start;
        let name = self.name(NameUse::Definition, "a name after LET")?;
        let params = if self.eat_mark(Mark::OpenParen) { Some(self.params()?) } else { None };
        let materialized = if self.eat_mark(Mark::Equal) {
            false
        } else if self.eat_mark(Mark::LessEqual) {
            true
        } else {
            return Err(self.unexpected(
                "`=` for a definition that runs at every use, or `<=` for one that runs now",
            ));
        };
        let body = match self.peek().kind {
            Kind::Word(Keyword::Select | Keyword::Explain) => {
                LetBody::Select(Box::new(self.select()?))
            }
            _ => LetBody::Expr(self.expr("a query or an expression")?),
        };
        let span = self.span_from(start);
        if materialized && params.as_ref().is_some_and(|params| !params.is_empty()) {
            self.warn(
                name.span,
                "parameters of a definition that runs now are ignored",
                "write `=` instead of `<=` to define a function",
            );
        }
        Ok(Let { name, params, materialized, body, span })
    }

    /// `[ param { "," param } ] ")"`, `param = arg | IDENT`
    fn params(&mut self) -> Production<Vec<Param>> {
        let mut params = Vec::new();
        if self.eat_mark(Mark::CloseParen) {
            return Ok(params);
        }
        loop {
            let name = self.name(NameUse::Definition, "the name of a parameter")?;
            let start = name.span.start;
            let default = if self.eat_mark(Mark::Equal) { Some(self.arg_value()?) } else { None };
            params.push(Param { name, default, span: self.span_from(start) });
            if self.eat_mark(Mark::CloseParen) {
                return Ok(params);
            }
            self.expect_mark(Mark::Comma, "`,` or `)` after a parameter")?;
        }
    }

    /// `select = { EXPLAIN } SELECT columns FROM source [ WHERE list ] [ GROUPBY list ]
    /// [ ORDERBY IDENT [ DESC ] ] [ LIMIT NUMBER ]`
    pub(crate) fn select(&mut self) -> Production<Select> {
        let start = self.peek().span.start;
        let mut explain = false;
        while self.eat_word(Keyword::Explain) {
            explain = true;
        }
        if !self.eat_word(Keyword::Select) {
            return Err(self.unexpected("SELECT"));
        }
        let columns = self.columns()?;
        if !self.eat_word(Keyword::From) {
            return Err(self.unexpected("`,` and another column, AS and a name, or FROM"));
        }
        let source = self.source()?;
        let filter = self.clause(Keyword::Where, "a condition after WHERE")?;
        let group_by = self.clause(Keyword::GroupBy, "an expression after GROUP BY")?;
        let order_by = self.order_by()?;
        let limit = self.limit()?;
        let span = self.span_from(start);
        Ok(Select { explain, columns, source, filter, group_by, order_by, limit, span })
    }

    /// `columns = [ "*" [ "," ] ] [ column { "," column } ]`
    fn columns(&mut self) -> Production<Vec<Column>> {
        let mut columns = Vec::new();
        if self.at_mark(Mark::Star) {
            let span = self.bump().span;
            columns.push(Column { kind: ColumnKind::Star, alias: None, span });
            self.eat_mark(Mark::Comma);
        }
        if self.at_word(Keyword::From) {
            return Ok(columns);
        }
        loop {
            columns.push(self.column()?);
            if !self.eat_mark(Mark::Comma) {
                return Ok(columns);
            }
        }
    }

    /// `column = ( "*" | "{" select "}" | expr ) [ AS IDENT ]`
    fn column(&mut self) -> Production<Column> {
        let start = self.peek().span.start;
        let kind = if self.eat_mark(Mark::Star) {
            let span = self.span_from(start);
            return Ok(Column { kind: ColumnKind::Star, alias: None, span });
        } else if self.at_mark(Mark::OpenBrace) {
            ColumnKind::Subquery(Box::new(self.braced_select()?))
        } else {
            ColumnKind::Expr(self.expr("a column")?)
        };
        let alias = if self.eat_word(Keyword::As) {
            Some(self.name(NameUse::Definition, "a name after AS")?)
        } else {
            None
        };
        Ok(Column { kind, alias, span: self.span_from(start) })
    }

    /// `"{" select "}"`
    fn braced_select(&mut self) -> Production<Select> {
        self.enter()?;
        self.expect_mark(Mark::OpenBrace, "`{`")?;
        let select = self.select()?;
        self.expect_mark(Mark::CloseBrace, "`}` after the query")?;
        self.leave();
        Ok(select)
    }

    /// `source = IDENT { "." IDENT } [ "(" [ arg { "," arg } ] ")" ]`
    fn source(&mut self) -> Production<Source> {
        let start = self.peek().span.start;
        let mut path = vec![self.name(NameUse::Reference, "a plugin or a name after FROM")?];
        while self.eat_mark(Mark::Dot) {
            path.push(self.name(NameUse::Reference, "a name after the dot")?);
        }
        let args = self.call_args()?;
        Ok(Source { path, args, span: self.span_from(start) })
    }

    /// `[ keyword list ]`
    fn clause(&mut self, word: Keyword, expected: &str) -> Production<Option<List>> {
        if !self.eat_word(word) {
            return Ok(None);
        }
        let start = self.peek().span.start;
        let mut items = vec![self.expr(expected)?];
        let mut comma = false;
        while self.eat_mark(Mark::Comma) {
            comma = true;
            if matches!(
                self.peek().kind,
                Kind::End
                    | Kind::Mark(Mark::CloseBrace)
                    | Kind::Word(
                        Keyword::GroupBy
                            | Keyword::OrderBy
                            | Keyword::Limit
                            | Keyword::Let
                            | Keyword::Select
                            | Keyword::Explain
                    )
            ) {
                break;
            }
            items.push(self.expr("an expression after the comma")?);
        }
        Ok(Some(List { items, is_array: comma, span: self.span_from(start) }))
    }

    fn order_by(&mut self) -> Production<Option<OrderBy>> {
        if !self.eat_word(Keyword::OrderBy) {
            return Ok(None);
        }
        let name = self.name(NameUse::Reference, "the name of a column after ORDER BY")?;
        let start = name.span.start;
        let descending = self.eat_word(Keyword::Desc);
        Ok(Some(OrderBy { name, descending, span: self.span_from(start) }))
    }

    fn limit(&mut self) -> Production<Option<Limit>> {
        if !self.eat_word(Keyword::Limit) {
            return Ok(None);
        }
        let token = self.peek();
        match (token.kind, number(self.spelling(token))) {
            (Kind::Number, Number::Int(value)) => {
                self.bump();
                Ok(Some(Limit { value, span: token.span }))
            }
            _ => Err(self.unexpected("a whole number after LIMIT")),
        }
    }

    // --- arguments

    /// `[ "(" [ arg { "," arg } ] ")" ]`
    pub(crate) fn call_args(&mut self) -> Production<Option<Vec<Arg>>> {
        if !self.at_mark(Mark::OpenParen) {
            return Ok(None);
        }
        self.enter()?;
        self.bump();
        let mut args = Vec::new();
        if !self.eat_mark(Mark::CloseParen) {
            loop {
                args.push(self.arg()?);
                if self.eat_mark(Mark::CloseParen) {
                    break;
                }
                self.expect_mark(Mark::Comma, "`,` and another argument, or `)`")?;
            }
        }
        self.leave();
        if self.at_mark(Mark::OpenParen) {
            return Err(self.unexpected("the end of the call"));
        }
        Ok(Some(args))
    }

    /// `arg = IDENT "=" ( "{" select "}" | "[" [ list ] "]" | expr )`
    fn arg(&mut self) -> Production<Arg> {
        let start = self.peek().span.start;
        let name = self.name(NameUse::Definition, "an argument: name=value")?;
        self.expect_mark(Mark::Equal, "`=` after the name of the argument")?;
        let value = self.arg_value()?;
        Ok(Arg { name, value, span: self.span_from(start) })
    }

    fn arg_value(&mut self) -> Production<ArgValue> {
        match self.peek().kind {
            Kind::Mark(Mark::OpenBrace) => Ok(ArgValue::Subselect(Box::new(self.braced_select()?))),
            Kind::Mark(Mark::OpenBracket) => self.array().map(ArgValue::Array),
            _ => self.expr("the value of the argument").map(ArgValue::Expr),
        }
    }

    /// `"[" [ list ] "]"`; a missing comma between two items is let through with a warning.
    fn array(&mut self) -> Production<List> {
        self.enter()?;
        let start = self.bump().span.start;
        let mut items = Vec::new();
        let mut comma = false;
        while !self.at_mark(Mark::CloseBracket) {
            if !items.is_empty() && !comma {
                self.warn(self.peek().span, "a comma is missing before this item", "add the comma");
            }
            items.push(self.expr("an item of the array, or `]`")?);
            comma = self.eat_mark(Mark::Comma);
        }
        let is_array = items.len() != 1 || comma;
        self.bump();
        self.leave();
        Ok(List { items, is_array, span: self.span_from(start) })
    }
}
