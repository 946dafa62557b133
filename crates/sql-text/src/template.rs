//! A rule's SQL with its placeholders: read once, checked, written for any engine.
//!
//! `{table}` stands for the tenant's table within the window; `{from}` and `{to}` for the bounds of
//! the slice, `{read_from}` for where reading starts; any other `{name}` for a value or list.
//!
//! # What a rule's text means, whatever the engine
//!
//! - Names of columns are exact: letter case counts where the store's names have it. They are
//!   quoted in the engine's way, so no name of a column is taken for a word of the engine's
//!   (`User`), and none is folded.
//! - A text between single quotes is that text; a backslash in it is a backslash. The same holds
//!   for patterns of `LIKE` without `ESCAPE`.
//! - `"name"` and `` `name` `` are names.
//!
//! # Invariants
//!
//! - **SQ-1** Reading ends with a template or with problems, whatever the text.
//! - **SQ-2** Values and bounds reach an engine as parameters or as literals written here.

use std::collections::BTreeMap;

use rows::Value;
use sqlparser::ast::{Query, SetExpr, Statement as Ast};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use crate::dialect::Unquotable;
use crate::parameter::Parameter;
use crate::plain;
use crate::shape::{Outputs, Shape};
use crate::statement::{Sql, Statement};
use crate::target::{OUTER, Prune, Restriction, Target};

/// How an answer depends on the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A filter and a projection: windows can be cut and joined at will.
    PerEvent,
    /// Matches are made of several rows.
    Windowed,
    /// Anything.
    Opaque,
}

/// What is wrong with a template, and where in its text; both numbers count from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}; {hint}")]
pub struct TemplateProblem {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// Why a template could not be written for a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A `{name}` without a value.
    #[error("`{{{name}}}` has no value; give one under `lists` of the rule, tenant or override")]
    NoValue {
        /// The name.
        name: String,
    },
    /// A list without elements.
    #[error("the list `{{{name}}}` is empty; give it at least one value")]
    EmptyList {
        /// The name.
        name: String,
    },
    /// A list where one value is wanted.
    #[error(
        "`{{{name}}}` is a list of {count} values where one value is wanted; write `IN {{{name}}}`"
    )]
    NotOneValue {
        /// The name.
        name: String,
        /// How many values there are.
        count: usize,
    },
    /// A value that is none of SQL's.
    #[error(
        "a value of `{{{name}}}` is neither text, number, truth value nor moment; write a text"
    )]
    BadValue {
        /// The name.
        name: String,
    },
    /// A name or text that the dialect cannot hold.
    #[error(transparent)]
    Unquotable(#[from] Unquotable),
}

/// A rule's SQL, read and checked.
#[derive(Clone, Debug)]
pub struct Template {
    class: Class,
    pieces: Vec<Piece>,
    query: Box<Query>,
    columns: Vec<(String, usize, usize)>,
    names: Vec<String>,
    outputs: Outputs,
    buckets: Option<(usize, usize)>,
    adds_hidden: bool,
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// As it is.
    Plain(String),
    Name(String),
    Text(String),
    Pattern(String),
    /// The hidden columns go here.
    Hidden,
    Table {
        aliased: bool,
    },
    From,
    To,
    ReadFrom,
    Value {
        name: String,
        /// In parentheses of its own.
        wrapped: bool,
        /// Member of an `IN` list.
        member: bool,
        /// A pattern of `LIKE`.
        pattern: bool,
    },
}

/// Longer texts are refused.
const TEXT_MAX: usize = 100_000;
/// More operators than this are refused: each may be a level of the tree.
const OPERATORS_MAX: usize = 2_000;

impl Template {
    /// Reads a rule's text and checks that it is what its class allows.
    pub fn parse(text: &str, class: Class) -> Result<Self, Vec<TemplateProblem>> {
        let one = |problem| vec![problem];
        if text.len() > TEXT_MAX {
            let message = format!("the query has more than {TEXT_MAX} bytes");
            return Err(one(problem(FIRST, message, "put long lists under `lists`")));
        }
        let tokens =
            Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|error| {
                one(problem(error.location, error.message, "close what is open here"))
            })?;
        let marked = Marked::of(tokens).map_err(one)?;
        let query = marked.query().map_err(one)?;
        let shape = Shape::of(&query);
        let mut problems = marked.misplaced(&shape);
        problems.extend(match class {
            Class::PerEvent => plain::check(&query, &shape),
            Class::Windowed => plain::check_windowed(&query, &shape),
            Class::Opaque => Vec::new(),
        });
        if !problems.is_empty() {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            return Err(problems);
        }
        Ok(marked.template(class, query, &shape))
    }

    /// Its class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The columns of the table that it names, and where in the text they first stand: line and
    /// character. For queries with nested queries also names that these give.
    pub fn columns(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.columns.iter().map(|(name, line, column)| (name.as_str(), *line, *column))
    }

    /// The names of values and lists that it needs.
    pub fn values(&self) -> &[String] {
        &self.names
    }

    /// What it answers with.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Where rows are grouped by a stretch of time, line and character.
    pub fn time_bucket(&self) -> Option<(usize, usize)> {
        self.buckets
    }

    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// Writes it for a target.
    pub fn render(&self, target: &Target) -> Result<Statement, RenderError> {
        let per_event = self.class == Class::PerEvent;
        let mut sql = Sql::new(target.dialect, target.style);
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => {
                    sql.push(text);
                }
                Piece::Name(name) => {
                    sql.name(name);
                }
                Piece::Text(text) => {
                    sql.text(text);
                }
                Piece::Pattern(text) => {
                    sql.text(&target.dialect.like_pattern(text));
                }
                Piece::Hidden if self.adds_hidden => {
                    for name in target.hidden() {
                        sql.push(" ").name(&name).push(",");
                    }
                }
                Piece::Hidden => {}
                Piece::Table { aliased } => {
                    target.write_table(&mut sql, per_event)?;
                    if !aliased {
                        sql.push(" AS ").name(OUTER);
                    }
                }
                Piece::From => bound(&mut sql, target, target.emit.0),
                Piece::To => bound(&mut sql, target, target.emit.1),
                Piece::ReadFrom => bound(&mut sql, target, target.read.0),
                Piece::Value { .. } => value(&mut sql, target, piece)?,
            }
        }
        if per_event {
            target.write_limit(&mut sql);
        }
        Ok(sql.finish()?)
    }

    /// Writes it for a target, as two statements that together see the window once when `prune` is
    /// given and the template is per-event: one that a store sorted by event time reads quickly, one
    /// for the rows whose event time lies outside or is missing.
    pub fn render_pruned(
        &self,
        target: &Target,
        prune: Option<Prune>,
    ) -> Result<Vec<Statement>, RenderError> {
        let other_clock = target.event_time.is_some() && target.event_time != target.position;
        match prune.filter(|_| other_clock && self.class == Class::PerEvent) {
            None => Ok(vec![self.render(target)?]),
            Some(prune) => prune
                .both()
                .into_iter()
                .map(|restriction: Restriction| {
                    self.render(&Target { restriction, ..target.clone() })
                })
                .collect(),
        }
    }
}

fn bound(sql: &mut Sql, target: &Target, micros: i64) {
    let value = match &target.position {
        Some(clock) => clock.shown(target.dialect, micros),
        None => Parameter::Time(base::Timestamp::from_micros(micros)),
    };
    sql.bind(value);
}

fn value(sql: &mut Sql, target: &Target, piece: &Piece) -> Result<(), RenderError> {
    let Piece::Value { name, wrapped, member, pattern } = piece else { return Ok(()) };
    let given = target.values.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let given = given.ok_or_else(|| RenderError::NoValue { name: name.clone() })?;
    let values = match given {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    if values.is_empty() {
        return Err(RenderError::EmptyList { name: name.clone() });
    }
    if values.len() > 1 && !member {
        return Err(RenderError::NotOneValue { name: name.clone(), count: values.len() });
    }
    sql.push(if *wrapped { "(" } else { "" });
    for (place, value) in values.iter().enumerate() {
        let mut parameter =
            Parameter::of(value).ok_or_else(|| RenderError::BadValue { name: name.clone() })?;
        if let (true, Parameter::Text(text)) = (pattern, &parameter) {
            let text = target.dialect.like_pattern(&text.to_str_lossy());
            parameter = Parameter::Text(text.as_str().into());
        }
        sql.push(if place == 0 { "" } else { ", " }).bind(parameter);
    }
    sql.push(if *wrapped { ")" } else { "" });
    Ok(())
}

const FIRST: Location = Location { line: 1, column: 1 };

pub(crate) fn problem(
    at: Location,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> TemplateProblem {
    let number = |number: u64| usize::try_from(number).unwrap_or(1).max(1);
    TemplateProblem {
        line: number(at.line),
        column: number(at.column),
        message: message.into(),
        hint: hint.into(),
    }
}

/// What stands for a placeholder while the text is parsed.
const MARK: &str = "lycaon_placeholder_";

/// Tokens with placeholders found.
struct Marked {
    tokens: Vec<TokenWithSpan>,
    /// By the place of the mark: name, and whether parentheses were put around it.
    placeholders: BTreeMap<Location, (String, bool)>,
}

impl Marked {
    fn of(tokens: Vec<TokenWithSpan>) -> Result<Self, TemplateProblem> {
        let mut marked = Self { tokens: Vec::new(), placeholders: BTreeMap::new() };
        let mut operators = 0;
        let mut after_in = false;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(mut token) = tokens.next() {
            let at = token.span.start;
            match &mut token.token {
                Token::Whitespace(_) => {
                    marked.tokens.push(token);
                    continue;
                }
                Token::LBrace => {
                    let name =
                        match (tokens.next().map(|t| t.token), tokens.next().map(|t| t.token)) {
                            (Some(Token::Word(word)), Some(Token::RBrace))
                                if word.quote_style.is_none() =>
                            {
                                word.value
                            }
                            _ => {
                                let message = "a placeholder is a word between braces";
                                return Err(problem(
                                    at,
                                    message,
                                    "for example `{table}` or `{from}`",
                                ));
                            }
                        };
                    marked.place(name, token.span, after_in);
                    after_in = false;
                    continue;
                }
                Token::EscapedStringLiteral(_)
                | Token::UnicodeStringLiteral(_)
                | Token::NationalStringLiteral(_)
                | Token::DollarQuotedString(_)
                | Token::TripleSingleQuotedString(_)
                | Token::TripleDoubleQuotedString(_)
                | Token::SingleQuotedByteStringLiteral(_)
                | Token::DoubleQuotedByteStringLiteral(_)
                | Token::SingleQuotedRawStringLiteral(_)
                | Token::DoubleQuotedRawStringLiteral(_)
                | Token::QuoteDelimitedStringLiteral(_)
                | Token::NationalQuoteDelimitedStringLiteral(_) => {
                    let message = "engines do not agree on this kind of text";
                    let hint = "write it between single quotes, with a quote inside doubled";
                    return Err(problem(at, message, hint));
                }
                Token::Placeholder(text) => {
                    let message = format!("`{text}` is not how a rule takes values");
                    return Err(problem(
                        at,
                        message,
                        "write `{name}`, and its value under `lists`",
                    ));
                }
                Token::Word(word) => {
                    if word.value.starts_with(crate::target::HIDDEN) || word.value.starts_with(MARK)
                    {
                        let message = format!("the name `{}` is reserved", word.value);
                        return Err(problem(
                            at,
                            message,
                            "choose a name that does not begin like that",
                        ));
                    }
                    // In logs `User` is a column, not the role of whoever asks.
                    let called =
                        matches!(tokens.peek().map(|next| &next.token), Some(Token::LParen));
                    if word.keyword == Keyword::USER && !called {
                        word.keyword = Keyword::NoKeyword;
                        word.quote_style = Some('"');
                    }
                    operators += usize::from(word.keyword != Keyword::NoKeyword);
                }
                Token::Comma
                | Token::Number(..)
                | Token::SingleQuotedString(_)
                | Token::Period
                | Token::EOF => {}
                _ => operators += 1,
            }
            after_in = matches!(&token.token, Token::Word(word) if word.keyword == Keyword::IN);
            marked.tokens.push(token);
        }
        if operators > OPERATORS_MAX {
            let message = format!("the query has more than {OPERATORS_MAX} operators");
            return Err(problem(
                FIRST,
                message,
                "put long lists under `lists` and write `IN {name}`",
            ));
        }
        Ok(marked)
    }

    fn place(&mut self, name: String, span: Span, after_in: bool) {
        let word =
            Word { value: format!("{MARK}{name}"), quote_style: None, keyword: Keyword::NoKeyword };
        let mut push = |token| self.tokens.push(TokenWithSpan { token, span });
        if after_in {
            push(Token::LParen);
        }
        push(Token::Word(word));
        if after_in {
            push(Token::RParen);
        }
        self.placeholders.insert(span.start, (name, after_in));
    }

    fn query(&self) -> Result<Box<Query>, TemplateProblem> {
        let mut parser =
            Parser::new(&GenericDialect {}).with_tokens_with_locations(self.tokens.clone());
        let end =
            self.tokens.iter().rev().find(|token| !matches!(token.token, Token::Whitespace(_)));
        let end = end.map_or(FIRST, |token| token.span.end);
        let mut statements = parser.parse_statements().map_err(|error| not_sql(&error, end))?;
        let second = statements.get(1).is_some();
        match (statements.pop(), second) {
            (Some(Ast::Query(query)), false) if is_select(&query.body) => Ok(query),
            (None, _) => Err(problem(FIRST, "there is no query", "begin with `SELECT`")),
            (Some(_), true) => {
                let message = "there is more than one statement";
                Err(problem(self.second_statement(), message, "keep one `SELECT`"))
            }
            (Some(_), false) => Err(problem(
                FIRST,
                "this is not a `SELECT`",
                "a rule only reads: begin with `SELECT`",
            )),
        }
    }

    fn second_statement(&self) -> Location {
        let mut rest = self.tokens.iter().skip_while(|token| token.token != Token::SemiColon);
        rest.next();
        rest.find(|token| !matches!(token.token, Token::Whitespace(_) | Token::SemiColon))
            .map_or(FIRST, |token| token.span.start)
    }

    /// Placeholders where none can be.
    fn misplaced(&self, shape: &Shape) -> Vec<TemplateProblem> {
        let mut problems = Vec::new();
        let mut tables = 0;
        for (at, (name, _)) in &self.placeholders {
            let as_table = shape.tables.iter().any(|(_, place, _)| place == at);
            let as_value = shape.columns.iter().any(|(_, place)| place == at);
            match (name.as_str(), as_table, as_value) {
                ("table", true, _) => tables += 1,
                ("table", false, _) => {
                    problems.push(problem(
                        *at,
                        "`{table}` is not a table here",
                        "write `FROM {table}`",
                    ));
                }
                (_, _, true) => {}
                (name, true, _) => {
                    let message = format!("`{{{name}}}` is not a table");
                    problems.push(problem(*at, message, "write `FROM {table}`"));
                }
                (name, ..) => {
                    let message = format!("`{{{name}}}` is not a value here");
                    problems.push(problem(*at, message, "compare a column with it"));
                }
            }
        }
        if tables == 0 && problems.is_empty() {
            let hint = "write `FROM {table}`: it stands for each tenant's table within the window";
            problems.push(problem(FIRST, "the query does not read `{table}`", hint));
        }
        problems
    }

    fn template(self, class: Class, query: Box<Query>, shape: &Shape) -> Template {
        let outputs = Outputs::of(&query);
        let place = |at: &Location| {
            let found = problem(*at, "", "");
            (found.line, found.column)
        };
        let mut columns: Vec<(String, usize, usize)> = Vec::new();
        for (name, at) in &shape.columns {
            let known = columns.iter().any(|(known, ..)| known == name);
            if !self.placeholders.contains_key(at) && !shape.given.contains(name) && !known {
                let (line, column) = place(at);
                columns.push((name.clone(), line, column));
            }
        }
        let mut names: Vec<String> =
            self.placeholders.values().map(|(name, _)| name.clone()).collect();
        names.retain(|name| !BUILT_IN.contains(&name.as_str()));
        names.sort();
        names.dedup();
        let first_select = match &*query.body {
            SetExpr::Select(select) => Some(select.select_token.0.span.start),
            _ => None,
        };
        Template {
            class,
            adds_hidden: class == Class::PerEvent && !outputs.more,
            pieces: self.pieces(shape, first_select),
            buckets: shape.buckets.first().map(place),
            query,
            columns,
            names,
            outputs,
        }
    }

    fn pieces(&self, shape: &Shape, first_select: Option<Location>) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let plain = |pieces: &mut Vec<Piece>, text: &str| match pieces.last_mut() {
            Some(Piece::Plain(before)) => before.push_str(text),
            _ => pieces.push(Piece::Plain(text.to_owned())),
        };
        for token in &self.tokens {
            let at = token.span.start;
            if let Some((name, wrapped)) = self.placeholders.get(&at) {
                // Parentheses that were put there for the parser have the place of the mark.
                if matches!(token.token, Token::Word(_)) {
                    pieces.push(placeholder(name, *wrapped, at, shape));
                }
                continue;
            }
            match &token.token {
                Token::EOF | Token::SemiColon => {}
                Token::Whitespace(Whitespace::Newline) => plain(&mut pieces, "\n"),
                // Comments stay behind.
                Token::Whitespace(_) => plain(&mut pieces, " "),
                Token::SingleQuotedString(text) if shape.patterns.contains(&at) => {
                    pieces.push(Piece::Pattern(text.clone()));
                }
                Token::SingleQuotedString(text) => pieces.push(Piece::Text(text.clone())),
                Token::Word(word) if word.quote_style.is_some() || shape.names.contains(&at) => {
                    pieces.push(Piece::Name(word.value.clone()));
                }
                other => plain(&mut pieces, &other.to_string()),
            }
            if first_select == Some(at) {
                pieces.push(Piece::Hidden);
            }
        }
        if let Some(Piece::Plain(last)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        pieces
    }
}

const BUILT_IN: [&str; 4] = ["table", "from", "to", "read_from"];

fn placeholder(name: &str, wrapped: bool, at: Location, shape: &Shape) -> Piece {
    match name {
        "table" => {
            let aliased = shape.tables.iter().any(|(_, place, aliased)| *place == at && *aliased);
            Piece::Table { aliased }
        }
        "from" => Piece::From,
        "to" => Piece::To,
        "read_from" => Piece::ReadFrom,
        name => Piece::Value {
            name: name.to_owned(),
            wrapped,
            member: shape.members.contains(&at),
            pattern: shape.patterns.contains(&at),
        },
    }
}

fn is_select(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(query) => is_select(&query.body),
        SetExpr::SetOperation { left, right, .. } => is_select(left) && is_select(right),
        _ => false,
    }
}

fn not_sql(error: &ParserError, end: Location) -> TemplateProblem {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => {
            return problem(FIRST, "the query is nested too deeply", "make it flatter");
        }
    };
    let (message, at) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place.split(", Column: ").map(|number| number.trim().parse().ok());
            let line = numbers.next().flatten().unwrap_or(1);
            let column = numbers.next().flatten().unwrap_or(1);
            (message.to_owned(), Location { line, column })
        }
        None => (text, end),
    };
    let mut shown = message;
    while let Some(at) = shown.find(MARK) {
        let rest = at + MARK.len();
        let end = shown[rest..]
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(shown.len(), |end| rest + end);
        let name = format!("{{{}}}", &shown[rest..end]);
        shown.replace_range(at..end, &name);
    }
    let mut characters = shown.chars();
    let lower: Option<String> =
        characters.next().map(|first| first.to_lowercase().chain(characters).collect());
    problem(at, format!("not SQL: {}", lower.unwrap_or_default()), "check the words around here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::parameter::ParameterStyle;
    use crate::target::{Clock, ClockForm};
    use expect_test::{Expect, expect};
    use std::time::Duration;

    fn target(dialect: Dialect) -> Target {
        Target {
            dialect,
            style: dialect.style(),
            table: "acme.logs".to_owned(),
            position: Some(Clock::native("ingested_at")),
            event_time: Some(Clock::native("event_time")),
            identity: vec!["Host".to_owned()],
            columns: vec![("Image".to_owned(), "process_path".to_owned())],
            known: Vec::new(),
            read: (1_767_225_600_000_000, 1_767_225_660_000_000),
            emit: (1_767_225_600_000_000, 1_767_225_660_000_000),
            restriction: Restriction::Window,
            values: vec![(
                "bad".to_owned(),
                Value::from(vec![Value::from("a"), Value::from("b\\c")]),
            )],
            limit: None,
        }
    }

    fn check(dialect: Dialect, class: Class, text: &str, wanted: Expect) {
        let template = Template::parse(text, class).unwrap();
        let statement = template.render(&target(dialect)).unwrap();
        let mut shown = statement.text;
        for parameter in &statement.parameters {
            shown.push_str(&format!("\n{parameter:?}"));
        }
        wanted.assert_eq(&shown);
    }

    fn refuse(class: Class, text: &str, wanted: Expect) {
        let problems = match Template::parse(text, class) {
            Ok(template) => panic!("taken: {template:?}"),
            Err(problems) => problems,
        };
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        wanted.assert_eq(&shown.join("\n"));
    }

    const SIMPLE: &str =
        "SELECT * FROM {table} WHERE Image LIKE '%\\whoami.exe' AND User = 'it''s'";

    #[test]
    fn a_per_event_rule_reads_its_window() {
        check(
            Dialect::Postgres,
            Class::PerEvent,
            SIMPLE,
            expect![[r#"
                SELECT * FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= CAST($1 AS timestamptz) AND "_lycaon_source"."ingested_at" < CAST($2 AS timestamptz)) AS "_lycaon_table" WHERE "Image" LIKE E'%\\\\whoami.exe' AND "User" = 'it''s'
                Time(2026-01-01T00:00:00Z)
                Time(2026-01-01T00:01:00Z)"#]],
        );
        check(
            Dialect::ClickHouse,
            Class::PerEvent,
            SIMPLE,
            expect![[r#"
            SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= {p1:DateTime64(6, 'UTC')} AND `_lycaon_source`.`ingested_at` < {p2:DateTime64(6, 'UTC')}) AS `_lycaon_table` WHERE `Image` LIKE '%\\\\whoami.exe' AND `User` = 'it\'s'
            Time(2026-01-01T00:00:00Z)
            Time(2026-01-01T00:01:00Z)"#]],
        );
        check(
            Dialect::Sqlite,
            Class::PerEvent,
            SIMPLE,
            expect![[r#"
            SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= ? AND `_lycaon_source`.`ingested_at` < ?) AS `_lycaon_table` WHERE `Image` LIKE '%\whoami.exe' AND `User` = 'it''s'
            Text("2026-01-01T00:00:00.000000Z")
            Text("2026-01-01T00:01:00.000000Z")"#]],
        );
        check(
            Dialect::Spark,
            Class::PerEvent,
            SIMPLE,
            expect![[
                r#"SELECT * FROM (SELECT `_lycaon_source`.*, `_lycaon_source`.`process_path` AS `Image`, `_lycaon_source`.`ingested_at` AS `_lycaon_position`, `_lycaon_source`.`event_time` AS `_lycaon_event`, `_lycaon_source`.`Host` AS `_lycaon_id_0` FROM `acme`.`logs` AS `_lycaon_source` WHERE `_lycaon_source`.`ingested_at` >= timestamp_micros(1767225600000000) AND `_lycaon_source`.`ingested_at` < timestamp_micros(1767225660000000)) AS `_lycaon_table` WHERE `Image` LIKE '%\\\\whoami.exe' AND `User` = 'it\'s'"#
            ]],
        );
        check(
            Dialect::DataFusion,
            Class::PerEvent,
            SIMPLE,
            expect![[r#"
            SELECT * FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2) AS "_lycaon_table" WHERE "Image" LIKE '%\\whoami.exe' AND "User" = 'it''s'
            Time(2026-01-01T00:00:00Z)
            Time(2026-01-01T00:01:00Z)"#]],
        );
    }

    #[test]
    fn a_shorter_projection_keeps_the_identity() {
        check(
            Dialect::DataFusion,
            Class::PerEvent,
            "SELECT Host, Path AS p FROM {table} t WHERE t.Query IN {bad} OR Host IN ({bad}, 'x') -- why\n;",
            expect![[r#"
                SELECT "_lycaon_position", "_lycaon_event", "_lycaon_id_0", "Host", "Path" AS "p" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2) "t" WHERE "t"."Query" IN ($3, $4) OR "Host" IN ($5, $6, 'x')
                Time(2026-01-01T00:00:00Z)
                Time(2026-01-01T00:01:00Z)
                Text("a")
                Text("b\\c")
                Text("a")
                Text("b\\c")"#]],
        );
    }

    #[test]
    fn a_windowed_rule_names_its_bounds() {
        check(
            Dialect::Trino,
            Class::Windowed,
            "WITH tries AS (SELECT User, event_time FROM {table} WHERE Outcome = 'failure')\n\
             SELECT User, count(*) AS n, max(event_time) AS _instant FROM tries\n\
             WHERE event_time >= {read_from} GROUP BY User HAVING count(*) >= 5 AND max(event_time) < {to}",
            expect![[r#"
                WITH "tries" AS (SELECT "User", "event_time" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."process_path" AS "Image" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= TIMESTAMP '2026-01-01 00:00:00.000000 UTC' AND "_lycaon_source"."ingested_at" < TIMESTAMP '2026-01-01 00:01:00.000000 UTC') AS "_lycaon_table" WHERE "Outcome" = 'failure')
                SELECT "User", count(*) AS "n", max("event_time") AS "_instant" FROM "tries"
                WHERE "event_time" >= TIMESTAMP '2026-01-01 00:00:00.000000 UTC' GROUP BY "User" HAVING count(*) >= 5 AND max("event_time") < TIMESTAMP '2026-01-01 00:01:00.000000 UTC'"#]],
        );
    }

    #[test]
    fn rows_outside_the_usual_are_another_query() {
        let template = Template::parse("SELECT Host FROM {table}", Class::PerEvent).unwrap();
        let mut target = target(Dialect::DataFusion);
        target.identity = Vec::new();
        target.columns = Vec::new();
        let prune = Prune { behind: Duration::from_secs(60), ahead: Duration::from_secs(1) };
        let texts: Vec<String> = template
            .render_pruned(&target, Some(prune))
            .unwrap()
            .into_iter()
            .map(|statement| statement.text)
            .collect();
        expect![[r#"
            SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2 AND "_lycaon_source"."event_time" >= $3 AND "_lycaon_source"."event_time" < $4) AS "_lycaon_table"
            SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."ingested_at" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."ingested_at" >= $1 AND "_lycaon_source"."ingested_at" < $2 AND ("_lycaon_source"."event_time" IS NULL OR "_lycaon_source"."event_time" < $3 OR "_lycaon_source"."event_time" >= $4)) AS "_lycaon_table""#]].assert_eq(&texts.join("\n"));
        target.position = target.event_time.clone();
        assert_eq!(template.render_pruned(&target, Some(prune)).unwrap().len(), 1);
        let side =
            |restriction| template.render(&Target { restriction, ..target.clone() }).unwrap().text;
        expect![[r#"SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."event_time" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."event_time" >= $1) AS "_lycaon_table""#]].assert_eq(&side(Restriction::Future { after: base::Timestamp::EPOCH }));
        expect![[r#"SELECT "_lycaon_position", "_lycaon_event", "Host" FROM (SELECT "_lycaon_source".*, "_lycaon_source"."event_time" AS "_lycaon_position", "_lycaon_source"."event_time" AS "_lycaon_event" FROM "acme"."logs" AS "_lycaon_source" WHERE "_lycaon_source"."event_time" IS NULL) AS "_lycaon_table""#]].assert_eq(&side(Restriction::NullTime));
    }

    #[test]
    fn bounds_suit_the_column() {
        let check = |form: ClockForm, bound: i64, wanted: Expect| {
            let template = Template::parse("SELECT * FROM {table}", Class::Opaque).unwrap();
            let target = Target {
                position: Some(Clock { column: "t".to_owned(), form }),
                style: ParameterStyle::Literal,
                read: (bound, i64::MAX),
                columns: Vec::new(),
                ..target(Dialect::Postgres)
            };
            let text = template.render(&target).unwrap().text;
            let (_, condition) = text.split_once(" WHERE ").unwrap();
            wanted.assert_eq(condition);
        };
        check(
            ClockForm::Number,
            1_500_001,
            expect![[r#""_lycaon_source"."t" >= 1500001) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Seconds,
            1_500_001,
            expect![[r#""_lycaon_source"."t" >= 2) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Seconds,
            -1_500_001,
            expect![[r#""_lycaon_source"."t" >= (-1)) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Millis,
            2_000,
            expect![[r#""_lycaon_source"."t" >= 2) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Nanos,
            7,
            expect![[r#""_lycaon_source"."t" >= 7000) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Wrapped("f(".to_owned(), ")".to_owned()),
            7,
            expect![[r#"f("_lycaon_source"."t") >= 7) AS "_lycaon_table""#]],
        );
        check(
            ClockForm::Text,
            7,
            expect![[
                r#"CASE WHEN "_lycaon_source"."t" ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-][01][0-9]:?[0-5][0-9])?$' THEN CAST("_lycaon_source"."t" AS timestamptz) END >= TIMESTAMPTZ '1970-01-01 00:00:00.000007+00') AS "_lycaon_table""#
            ]],
        );
    }

    #[test]
    fn known_columns_are_written_out() {
        let template = Template::parse("SELECT * FROM {table}", Class::PerEvent).unwrap();
        let known = ["event_time", "process_path", "Image"].map(str::to_owned).to_vec();
        let target = Target { known, position: None, ..target(Dialect::DataFusion) };
        expect![[r#"SELECT * FROM (SELECT "_lycaon_source"."event_time", "_lycaon_source"."process_path", "_lycaon_source"."process_path" AS "Image", "_lycaon_source"."event_time" AS "_lycaon_event", "_lycaon_source"."Host" AS "_lycaon_id_0" FROM "acme"."logs" AS "_lycaon_source") AS "_lycaon_table""#]].assert_eq(&template.render(&target).unwrap().text);
    }

    #[test]
    fn what_is_more_than_a_filter_is_refused() {
        let class = Class::PerEvent;
        refuse(
            class,
            "SELECT Host, count(*) FROM {table}\nGROUP BY Host",
            expect![[r#"
            line 1, column 14: a per-event rule is a filter and a projection over `{table}`; `count` makes one value of many rows; declare `kind: windowed` with a span, or `kind: opaque`
            line 2, column 10: a per-event rule is a filter and a projection over `{table}`; this has `GROUP BY`; declare `kind: windowed` with a span, or `kind: opaque`"#]],
        );
        refuse(
            class,
            "SELECT DISTINCT Host FROM {table} ORDER BY Host LIMIT 5",
            expect![[r#"
            line 1, column 1: a per-event rule is a filter and a projection over `{table}`; this has `DISTINCT`; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 44: a per-event rule is a filter and a projection over `{table}`; this has `ORDER BY`; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 55: a per-event rule is a filter and a projection over `{table}`; this has `LIMIT`; declare `kind: windowed` with a span, or `kind: opaque`"#]],
        );
        refuse(
            class,
            "SELECT * FROM {table} a JOIN {table} b ON a.x = b.x",
            expect![
                "line 1, column 30: a per-event rule is a filter and a projection over `{table}`; this has a join; declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table}, other",
            expect![
                "line 1, column 24: a per-event rule is a filter and a projection over `{table}`; this has a join; declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE x IN (SELECT y FROM z)",
            expect![
                "line 1, column 35: a per-event rule is a filter and a projection over `{table}`; this has a query inside; declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
        refuse(
            class,
            "SELECT row_number() OVER (ORDER BY x) FROM {table}",
            expect![
                "line 1, column 8: a per-event rule is a filter and a projection over `{table}`; `row_number` looks at other rows (`OVER`); declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} UNION ALL SELECT * FROM {table}",
            expect![
                "line 1, column 1: a per-event rule is a filter and a projection over `{table}`; this joins the answers of several queries; declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM (SELECT * FROM {table}) x",
            expect![[r#"
            line 1, column 16: a per-event rule is a filter and a projection over `{table}`; this reads something else; declare `kind: windowed` with a span, or `kind: opaque`
            line 1, column 16: a per-event rule is a filter and a projection over `{table}`; this has a query inside; declare `kind: windowed` with a span, or `kind: opaque`"#]],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE t > now()",
            expect![
                "line 1, column 33: `now` answers differently each time; the same window must always have the same answer: use `{to}` for the end of the window"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE t > datetime('now')",
            expect![
                "line 1, column 33: `datetime` answers differently each time; the same window must always have the same answer: use `{to}` for the end of the window"
            ],
        );
        refuse(
            class,
            "SELECT max(a, b) FROM {table} WHERE countIf(x) > 1",
            expect![
                "line 1, column 37: a per-event rule is a filter and a projection over `{table}`; `countif` makes one value of many rows; declare `kind: windowed` with a span, or `kind: opaque`"
            ],
        );
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let class = Class::Opaque;
        refuse(class, "", expect!["line 1, column 1: there is no query; begin with `SELECT`"]);
        refuse(
            class,
            "SELECT 1",
            expect![
                "line 1, column 1: the query does not read `{table}`; write `FROM {table}`: it stands for each tenant's table within the window"
            ],
        );
        refuse(
            class,
            "DELETE FROM {table}",
            expect![
                "line 1, column 1: this is not a `SELECT`; a rule only reads: begin with `SELECT`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table}; DROP TABLE x",
            expect!["line 1, column 24: there is more than one statement; keep one `SELECT`"],
        );
        refuse(
            class,
            "SELECT * INTO y FROM {table}",
            expect![
                "line 1, column 1: this is not a `SELECT`; a rule only reads: begin with `SELECT`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE",
            expect![
                "line 1, column 28: not SQL: expected: an expression, found: EOF; check the words around here"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE x = 'abc",
            expect!["line 1, column 33: Unterminated string literal; close what is open here"],
        );
        refuse(
            class,
            "SELECT * FROM {tabel}",
            expect!["line 1, column 15: `{tabel}` is not a table; write `FROM {table}`"],
        );
        refuse(
            class,
            "SELECT {table} FROM {table}",
            expect!["line 1, column 8: `{table}` is not a table here; write `FROM {table}`"],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE x = {a b}",
            expect![
                "line 1, column 33: a placeholder is a word between braces; for example `{table}` or `{from}`"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE x = $1",
            expect![
                "line 1, column 33: `$1` is not how a rule takes values; write `{name}`, and its value under `lists`"
            ],
        );
        refuse(
            class,
            "SELECT _lycaon_x FROM {table}",
            expect![
                "line 1, column 8: the name `_lycaon_x` is reserved; choose a name that does not begin like that"
            ],
        );
        refuse(
            class,
            "SELECT * FROM {table} WHERE {to} >",
            expect![
                "line 1, column 35: not SQL: expected: an expression, found: EOF; check the words around here"
            ],
        );
        refuse(
            Class::Windowed,
            "SELECT Host FROM {table} LIMIT 1",
            expect![[r#"
            line 1, column 1: a windowed rule must answer with a column `_instant`; the moment of the row that completes the match, for example `max(event_time) AS _instant`
            line 1, column 32: a windowed rule must answer with all of its matches; this has `LIMIT`; leave it out, or declare `kind: opaque`"#]],
        );
        refuse(
            class,
            &format!("SELECT * FROM {{table}} WHERE {}x", "(".repeat(500)),
            expect!["line 1, column 1: the query is nested too deeply; make it flatter"],
        );
        refuse(
            class,
            &format!("SELECT * FROM {{table}} WHERE 1{}", "+1".repeat(3_000)),
            expect![
                "line 1, column 1: the query has more than 2000 operators; put long lists under `lists` and write `IN {name}`"
            ],
        );
    }

    #[test]
    fn a_template_tells_what_it_uses() {
        let text = "SELECT User, max(t.event_time) AS _instant FROM {table} AS t\n WHERE Status > {low} GROUP BY User, date_trunc('hour', event_time)";
        let template = Template::parse(text, Class::Windowed).unwrap();
        let columns: Vec<_> = template.columns().collect();
        assert_eq!(columns, [("User", 1, 8), ("event_time", 1, 20), ("Status", 2, 8)]);
        assert_eq!(template.values(), ["low"]);
        assert_eq!(template.time_bucket(), Some((2, 38)));
        let outputs = template.outputs();
        assert_eq!(outputs.columns, [("User".to_owned(), true), ("_instant".to_owned(), false)]);
        assert!(!outputs.more && outputs.may_have("User") && !outputs.may_have("Status"));
    }

    #[test]
    fn values_must_suit_their_place() {
        let render = |text: &str, value: Value| {
            let template = Template::parse(text, Class::PerEvent).unwrap();
            let values = vec![("v".to_owned(), value)];
            template
                .render(&Target { values, ..target(Dialect::Sqlite) })
                .map_err(|e| e.to_string())
        };
        let one = "SELECT * FROM {table} WHERE x = {v}";
        let many = "SELECT * FROM {table} WHERE x IN {v}";
        let list = |n: i64| Value::from((0..n).map(Value::from).collect::<Vec<_>>());
        assert!(
            render(one, Value::from(1_i64)).is_ok() && render(many, Value::from(1_i64)).is_ok()
        );
        assert_eq!(render(many, list(3)).unwrap().parameters.len(), 5);
        assert_eq!(
            render(one, list(2)).unwrap_err(),
            "`{v}` is a list of 2 values where one value is wanted; write `IN {v}`"
        );
        assert_eq!(
            render(many, list(0)).unwrap_err(),
            "the list `{v}` is empty; give it at least one value"
        );
        assert!(render(many, Value::from(vec![list(1)])).is_err());
        let template = Template::parse(one, Class::PerEvent).unwrap();
        assert!(template.render(&target(Dialect::Sqlite)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_text_reading_ends(text in "(SELECT|[a-z*,(){}'\";%=<> ]|\\PC|FROM|\\{table\\}|WHERE|LIKE|IN|\\{x\\}| )*") {
            for class in [Class::PerEvent, Class::Windowed, Class::Opaque] {
                let _ = Template::parse(&text, class);
            }
        }

        #[test]
        fn texts_stay_between_their_quotes(text in "\\PC*") {
            let quoted = format!("SELECT * FROM {{table}} WHERE x = '{}'", text.replace('\'', "''"));
            let template = Template::parse(&quoted, Class::PerEvent).unwrap();
            for dialect in Dialect::ALL {
                let statement = template.render(&target(dialect)).unwrap();
                proptest::prop_assert!(statement.text.ends_with(&dialect.text(&text).unwrap()));
            }
        }
    }
}
