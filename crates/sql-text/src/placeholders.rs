//! The tokens of a rule's text, with its placeholders found and marked for the parser.

use std::collections::BTreeMap;

use sqlparser::ast::{Query, SetExpr, Statement as Ast};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Whitespace, Word};

use crate::outputs::Outputs;
use crate::shape::Shape;
use crate::template::{Class, FIRST, Piece, Template, TemplateProblem, problem};

/// More operators than this are refused: each may be a level of the tree.
const OPERATORS_MAX: usize = 2_000;

/// What stands for a placeholder while the text is parsed.
pub(crate) const MARK: &str = "lycaon_placeholder_";

/// Tokens with placeholders found.
pub(crate) struct Marked {
    tokens: Vec<TokenWithSpan>,
    /// By the place of the mark: name, and whether parentheses were put around it.
    placeholders: BTreeMap<Location, (String, bool)>,
}

impl Marked {
    pub(crate) fn of(tokens: Vec<TokenWithSpan>) -> Result<Self, TemplateProblem> {
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
                    let name = braced(&mut tokens, at)?;
                    marked.place(name, token.span, after_in);
                    after_in = false;
                    continue;
                }
                Token::Word(word) => {
                    let called =
                        matches!(tokens.peek().map(|next| &next.token), Some(Token::LParen));
                    check_word(word, called, at)?;
                    operators += usize::from(word.keyword != Keyword::NoKeyword);
                }
                Token::Comma
                | Token::Number(..)
                | Token::SingleQuotedString(_)
                | Token::Period
                | Token::EOF => {}
                other => {
                    refuse_token(other, at)?;
                    operators += 1;
                }
            }
            after_in = matches!(&token.token, Token::Word(word) if word.keyword == Keyword::IN);
            marked.tokens.push(token);
        }
        if operators > OPERATORS_MAX {
            let message = format!("the query has more than {OPERATORS_MAX} operators");
            let hint = "put long lists under `lists` and write `IN {name}`";
            return Err(problem(FIRST, message, hint));
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

    pub(crate) fn query(&self) -> Result<Box<Query>, TemplateProblem> {
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
    pub(crate) fn misplaced(&self, shape: &Shape) -> Vec<TemplateProblem> {
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

    pub(crate) fn template(self, class: Class, query: Box<Query>, shape: &Shape) -> Template {
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
            canonical: self.canonical(shape),
            pieces: self.pieces(shape, first_select),
            buckets: shape.buckets.first().map(place),
            query,
            columns,
            names,
            outputs,
        }
    }

    fn canonical(&self, shape: &Shape) -> String {
        let mut words = Vec::new();
        for token in &self.tokens {
            match &token.token {
                Token::Whitespace(_) | Token::SemiColon | Token::EOF => {}
                Token::Word(word)
                    if word.keyword != Keyword::NoKeyword
                        && !shape.names.contains(&token.span.start) =>
                {
                    words.push(word.value.to_uppercase());
                }
                Token::Word(word) => words.push(format!("\"{}\"", word.value)),
                other => words.push(other.to_string()),
            }
        }
        words.join(" ")
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
                Token::SingleQuotedString(text) if shape.patterns.contains_key(&at) => {
                    let escape = shape.patterns.get(&at).copied().flatten();
                    pieces.push(Piece::Pattern(text.clone(), escape));
                }
                Token::SingleQuotedString(text) if shape.escapes.contains(&at) => {
                    drop_escape(&mut pieces);
                    pieces.extend(text.chars().next().map(Piece::Escape));
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

/// The name between braces, the first of which has been taken.
fn braced(
    tokens: &mut impl Iterator<Item = TokenWithSpan>,
    at: Location,
) -> Result<String, TemplateProblem> {
    match (tokens.next().map(|token| token.token), tokens.next().map(|token| token.token)) {
        (Some(Token::Word(word)), Some(Token::RBrace)) if word.quote_style.is_none() => {
            Ok(word.value)
        }
        _ => {
            let message = "a placeholder is a word between braces";
            Err(problem(at, message, "for example `{table}` or `{from}`"))
        }
    }
}

/// Refuses names that are ours, and makes a column of `User`.
fn check_word(word: &mut Word, called: bool, at: Location) -> Result<(), TemplateProblem> {
    if word.value.starts_with(crate::target::HIDDEN) || word.value.starts_with(MARK) {
        let message = format!("the name `{}` is reserved", word.value);
        return Err(problem(at, message, "choose a name that does not begin like that"));
    }
    // In logs `User` is a column, not the role of whoever asks.
    if word.keyword == Keyword::USER && !called {
        word.keyword = Keyword::NoKeyword;
        word.quote_style = Some('"');
    }
    Ok(())
}

/// Refuses what would not mean the same on every engine.
fn refuse_token(token: &Token, at: Location) -> Result<(), TemplateProblem> {
    match token {
        Token::Placeholder(text) => {
            let message = format!("`{text}` is not how a rule takes values");
            Err(problem(at, message, "write `{name}`, and its value under `lists`"))
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
            Err(problem(at, message, hint))
        }
        _ => Ok(()),
    }
}

/// Takes the word `ESCAPE` from the end: it comes with its character, or not at all.
fn drop_escape(pieces: &mut [Piece]) {
    if let Some(Piece::Plain(text)) = pieces.last_mut() {
        let end = text.trim_end().len();
        let start = end.saturating_sub("ESCAPE".len());
        if text.get(start..end).is_some_and(|word| word.eq_ignore_ascii_case("ESCAPE")) {
            text.truncate(start);
        }
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
            pattern: shape.patterns.get(&at).copied(),
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
