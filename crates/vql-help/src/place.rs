//! Where in a text the cursor stands. Works on tokens, because a text that is being written hardly
//! ever parses.

use vql_syntax::{Lexeme, Lexical, Span, lexemes};

/// The place of a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What is being typed: it is replaced when an offer is taken.
    pub(crate) word: Span,
    /// What may stand there.
    pub(crate) expects: Expects,
    /// The name after FROM of the query around, where there is one.
    pub(crate) source: Option<String>,
    /// Names after AS in the query around.
    pub(crate) aliases: Vec<String>,
}

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// Nothing can be offered: comments, numbers, new names.
    Nothing,
    /// The start of a statement.
    Statement,
    /// A query: right after an opening brace.
    Query,
    /// A row source, of whose dotted name this much is written already (with its last dot).
    Source(String),
    /// What may follow a complete row source, a value, or a sort column.
    Clause(Clause),
    /// What may follow a value inside brackets.
    Operator,
    /// The name of an argument of this call.
    Argument(Call),
    /// A value.
    Value(Clause),
    /// A member of this dotted name.
    Member(String),
    /// A column of the result.
    SortColumn,
    /// The text of this argument of this call; the word is what is between the quotes.
    ArgumentText(Call, String),
}

/// The part of a query that the cursor is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    /// Behind LET.
    Let,
    /// Between SELECT and FROM.
    Columns,
    /// Behind FROM.
    From,
    /// Behind WHERE.
    Where,
    /// Behind GROUP BY.
    GroupBy,
    /// Behind ORDER BY.
    OrderBy,
    /// Behind LIMIT.
    Limit,
}

/// A call that the cursor is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The dotted name.
    pub(crate) path: String,
    /// Whether it is a row source.
    pub(crate) is_source: bool,
    /// Names of arguments that it has already.
    pub(crate) given: Vec<String>,
}

/// What is open around a place.
#[derive(Clone, Copy)]
enum Open {
    /// A parenthesis of a call; the index of the token before it.
    Call(usize),
    /// Any other parenthesis or square bracket.
    Group,
    /// A brace.
    Query,
}

struct Text<'a> {
    text: &'a str,
    tokens: Vec<Lexeme>,
}

/// The place `at`, in bytes from the start; a place inside a letter counts as before it.
pub(crate) fn place(text: &str, at: usize) -> Place {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tokens = lexemes(text);
    let inside = tokens.iter().position(|t| t.span.start < at && at <= t.span.end);
    let text = Text { text, tokens };
    let nothing = Place {
        word: Span::new(at, at),
        expects: Expects::Nothing,
        source: None,
        aliases: Vec::new(),
    };
    let Some(index) = inside else { return text.between(at) };
    let token = text.tokens[index];
    match token.class {
        Lexical::Name | Lexical::Keyword => {
            let mut place = text.before(index);
            place.word = token.span;
            place
        }
        Lexical::Mark => text.between(at),
        Lexical::Comment if at == token.span.end && text.is_block(token) => text.between(at),
        Lexical::Text if at == token.span.end => text.between(at),
        Lexical::Text | Lexical::Stray => text.in_quotes(index, at).unwrap_or(nothing),
        Lexical::Comment | Lexical::Number => nothing,
    }
}

impl Text<'_> {
    fn of(&self, index: usize) -> &str {
        self.tokens[index].span.of(self.text)
    }

    fn is_block(&self, token: Lexeme) -> bool {
        token.span.of(self.text).starts_with("/*")
    }

    fn between(&self, at: usize) -> Place {
        let next = self.tokens.iter().position(|t| t.span.start >= at);
        let mut place = self.before(next.unwrap_or(self.tokens.len()));
        place.word = Span::new(at, at);
        place
    }

    /// The nearest token before `index` that is no comment.
    fn previous(&self, index: usize) -> Option<usize> {
        (0..index).rev().find(|i| self.tokens[*i].class != Lexical::Comment)
    }

    /// What stands before `index`: everything but the word itself.
    fn before(&self, index: usize) -> Place {
        let query = self.query_around(index);
        let expects = self.expects(index, &query);
        let word = Span::new(0, 0);
        Place { word, expects, source: self.source_name(&query), aliases: self.aliases(&query) }
    }

    fn expects(&self, index: usize, query: &Query) -> Expects {
        let Some(previous) = self.previous(index) else { return Expects::Statement };
        if self.of(previous) == "." {
            let (path, start) = self.path_ending(previous);
            let after_from = start.and_then(|start| self.previous(start));
            let is_source = after_from.is_some_and(|i| self.is_word(i, "FROM"));
            return if is_source {
                Expects::Source(format!("{path}."))
            } else {
                Expects::Member(path)
            };
        }
        if let Some(Open::Call(name)) = query.open
            && matches!(self.of(previous), "," | "(")
        {
            return Expects::Argument(self.call(name));
        }
        if self.of(previous) == "{" {
            return Expects::Query;
        }
        self.in_clause(previous, query)
    }

    fn in_clause(&self, previous: usize, query: &Query) -> Expects {
        // A text that is not closed swallows what follows, so nothing is known behind it.
        if self.tokens[previous].class == Lexical::Stray {
            return Expects::Nothing;
        }
        let ends_value = match self.tokens[previous].class {
            Lexical::Name | Lexical::Number | Lexical::Text => true,
            Lexical::Keyword => {
                ["NULL", "TRUE", "FALSE", "DESC"].iter().any(|word| self.is_word(previous, word))
            }
            Lexical::Mark => {
                matches!(self.of(previous), ")" | "]" | "}")
                    || self.of(previous) == "*" && query.clause == Some(Clause::Columns)
            }
            Lexical::Comment | Lexical::Stray => false,
        };
        let Some(clause) = query.clause else {
            return if ends_value { Expects::Nothing } else { Expects::Statement };
        };
        if self.is_word(previous, "AS") || self.is_word(previous, "LET") {
            return Expects::Nothing;
        }
        let in_brackets = matches!(query.open, Some(Open::Call(_) | Open::Group));
        match (clause, ends_value) {
            (_, true) if in_brackets => Expects::Operator,
            (clause, false) if in_brackets => Expects::Value(clause),
            (_, true) => Expects::Clause(clause),
            (Clause::From, false) => Expects::Source(String::new()),
            (Clause::OrderBy, false) => Expects::SortColumn,
            (Clause::Limit, false) => Expects::Nothing,
            (clause, false) => Expects::Value(clause),
        }
    }

    fn is_word(&self, index: usize, word: &str) -> bool {
        self.tokens[index].class == Lexical::Keyword && self.of(index).eq_ignore_ascii_case(word)
    }

    /// The dotted name that ends with the dot at `dot`, without that dot, and where it starts.
    fn path_ending(&self, dot: usize) -> (String, Option<usize>) {
        let mut parts = Vec::new();
        let mut at = dot;
        let mut start = None;
        while let Some(name) = self.previous(at) {
            if self.tokens[name].class != Lexical::Name {
                break;
            }
            parts.push(self.of(name).trim_matches('`').to_owned());
            start = Some(name);
            match self.previous(name) {
                Some(before) if self.of(before) == "." => at = before,
                _ => break,
            }
        }
        parts.reverse();
        (parts.join("."), start)
    }

    /// The call whose last name is at `name`.
    fn call(&self, name: usize) -> Call {
        let mut start = name;
        let mut parts = vec![self.of(name).trim_matches('`').to_owned()];
        while let Some(dot) = self.previous(start)
            && self.of(dot) == "."
            && let Some(before) = self.previous(dot)
            && self.tokens[before].class == Lexical::Name
        {
            parts.push(self.of(before).trim_matches('`').to_owned());
            start = before;
        }
        parts.reverse();
        let is_source = self.previous(start).is_some_and(|i| self.is_word(i, "FROM"));
        Call { path: parts.join("."), is_source, given: self.given(name + 1) }
    }

    /// Names of the arguments behind the parenthesis at `open`.
    fn given(&self, open: usize) -> Vec<String> {
        let mut depth = 0;
        let mut given = Vec::new();
        for index in open..self.tokens.len() {
            match self.of(index) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                "=" if depth == 1 && self.tokens[index - 1].class == Lexical::Name => {
                    given.push(self.of(index - 1).trim_matches('`').to_owned());
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        given
    }

    /// Inside quotes: which argument's text it is.
    fn in_quotes(&self, index: usize, at: usize) -> Option<Place> {
        let token = self.tokens[index];
        let quoted = token.span.of(self.text);
        if !quoted.starts_with(['"', '\'']) || at == token.span.start {
            return None;
        }
        let equals = self.previous(index).filter(|i| self.of(*i) == "=")?;
        let name = self.previous(equals).filter(|i| self.tokens[*i].class == Lexical::Name)?;
        let Some(Open::Call(callee)) = self.query_around(name).open else { return None };
        let closed = token.class == Lexical::Text;
        // A text that is not closed ends, as far as the writer is concerned, at its line or word.
        let end = if closed { token.span.end - 1 } else { at };
        let argument = self.of(name).trim_matches('`').to_owned();
        Some(Place {
            word: Span::new((token.span.start + 1).min(end), end),
            expects: Expects::ArgumentText(self.call(callee), argument),
            source: None,
            aliases: Vec::new(),
        })
    }
}

/// The query around a place, and what is open there.
struct Query {
    /// The innermost bracket.
    open: Option<Open>,
    /// The clause of the innermost query.
    clause: Option<Clause>,
    /// The first token of the innermost query and the first behind it.
    first: usize,
    end: usize,
}

impl Text<'_> {
    /// Reads everything before `index`; a bracket that was closed again is forgotten.
    fn query_around(&self, index: usize) -> Query {
        let mut opened: Vec<Open> = Vec::new();
        // One entry for each open query: its first token and its clause.
        let mut queries: Vec<(usize, Option<Clause>)> = vec![(0, None)];
        for at in 0..index {
            let token = self.tokens[at];
            let text = self.of(at);
            match (token.class, text) {
                (Lexical::Mark, "(" | "[") => {
                    let named = self
                        .previous(at)
                        .filter(|i| text == "(" && self.tokens[*i].class == Lexical::Name);
                    opened.push(named.map_or(Open::Group, Open::Call));
                }
                (Lexical::Mark, "{") => {
                    opened.push(Open::Query);
                    queries.push((at + 1, None));
                }
                (Lexical::Mark, ")" | "]" | "}") => {
                    if let Some(Open::Query) = opened.pop()
                        && queries.len() > 1
                    {
                        queries.pop();
                    }
                }
                (Lexical::Keyword, _) => {
                    let last = queries.len() - 1;
                    let brackets = opened.iter().rev().take_while(|o| !matches!(o, Open::Query));
                    let query = &mut queries[last];
                    match clause_of(text) {
                        Some(Clause::Let) => *query = (at, Some(Clause::Let)),
                        // A statement starts where the one before it has not been left open.
                        Some(Clause::Columns) if brackets.count() == 0 => {
                            let after_let = query.1 == Some(Clause::Let);
                            *query = (if after_let { query.0 } else { at }, Some(Clause::Columns));
                        }
                        Some(clause) => query.1 = Some(clause),
                        None => {}
                    }
                }
                _ => {}
            }
        }
        let (first, clause) = queries[queries.len() - 1];
        let open = opened.last().copied();
        Query { open, clause, first, end: self.end_of_query(first) }
    }

    /// The first token behind the query that starts at `first`.
    fn end_of_query(&self, first: usize) -> usize {
        let mut depth = 0;
        for at in first..self.tokens.len() {
            match self.of(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 0 => return at,
                ")" | "]" | "}" => depth -= 1,
                _ if depth == 0 && at > first && self.is_word(at, "LET") => return at,
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Tokens of the query itself, without those in brackets inside it.
    fn own<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = usize> + 'a {
        let mut depth = 0;
        (query.first..query.end).filter(move |at| {
            match self.of(*at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => return depth == 0,
            }
            false
        })
    }

    fn source_name(&self, query: &Query) -> Option<String> {
        let own: Vec<usize> = self.own(query).collect();
        let from = own.iter().rposition(|at| self.is_word(*at, "FROM"))?;
        let mut path = String::new();
        for at in &own[from + 1..] {
            match self.tokens[*at].class {
                Lexical::Name if path.is_empty() || path.ends_with('.') => {
                    path.push_str(self.of(*at).trim_matches('`'));
                }
                Lexical::Mark if self.of(*at) == "." => path.push('.'),
                _ => break,
            }
        }
        (!path.is_empty()).then_some(path)
    }

    fn aliases(&self, query: &Query) -> Vec<String> {
        let own: Vec<usize> = self.own(query).collect();
        own.windows(2)
            .filter(|pair| self.is_word(pair[0], "AS"))
            .filter(|pair| self.tokens[pair[1]].class == Lexical::Name)
            .map(|pair| self.of(pair[1]).trim_matches('`').to_owned())
            .collect()
    }
}

fn clause_of(keyword: &str) -> Option<Clause> {
    let words: Vec<String> = keyword.split_whitespace().map(str::to_ascii_uppercase).collect();
    match words.first().map(String::as_str) {
        Some("LET") => Some(Clause::Let),
        Some("SELECT" | "EXPLAIN") => Some(Clause::Columns),
        Some("FROM") => Some(Clause::From),
        Some("WHERE") => Some(Clause::Where),
        Some("GROUP") => Some(Clause::GroupBy),
        Some("ORDER") => Some(Clause::OrderBy),
        Some("LIMIT") => Some(Clause::Limit),
        _ => None,
    }
}
