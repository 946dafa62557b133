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

use rows::Value;
use sqlparser::ast::Query;
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Tokenizer};

use crate::depth;
use crate::dialect::Unquotable;
use crate::outputs::Outputs;
use crate::parameter::Parameter;
use crate::placeholders::Marked;
use crate::plain;
use crate::shape::Shape;
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
    pub(crate) class: Class,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) query: Box<Query>,
    pub(crate) columns: Vec<(String, usize, usize)>,
    pub(crate) names: Vec<String>,
    pub(crate) outputs: Outputs,
    pub(crate) buckets: Option<(usize, usize)>,
    pub(crate) adds_hidden: bool,
    pub(crate) canonical: String,
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// As it is.
    Plain(String),
    Name(String),
    Text(String),
    /// A pattern of `LIKE`, and what escapes in it.
    Pattern(String, Option<char>),
    /// The `ESCAPE` of the pattern before.
    Escape(char),
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
        /// A pattern of `LIKE`, and what escapes in it.
        pattern: Option<Option<char>>,
    },
}

/// Longer texts are refused.
const TEXT_MAX: usize = 100_000;

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
        if depth::is_too_deep(&*query) {
            let message =
                format!("the query joins more than {} conditions in a row", depth::DEPTH_MAX);
            return Err(one(problem(FIRST, message, depth::HINT)));
        }
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

    /// The text without what does not matter: layout, comments, letter case of keywords.
    pub fn canonical(&self) -> &str {
        &self.canonical
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
                Piece::Pattern(text, escape) => {
                    sql.text(&target.dialect.like_pattern(text, *escape));
                }
                Piece::Escape(character) if target.dialect.keeps_escape() => {
                    sql.push("ESCAPE ").text(&character.to_string());
                }
                Piece::Escape(_) => {}
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
        if let (Some(escape), Parameter::Text(text)) = (pattern, &parameter) {
            let text = target.dialect.like_pattern(&text.to_str_lossy(), *escape);
            parameter = Parameter::Text(text.as_str().into());
        }
        sql.push(if place == 0 { "" } else { ", " }).bind(parameter);
    }
    sql.push(if *wrapped { ")" } else { "" });
    Ok(())
}

pub(crate) const FIRST: Location = Location { line: 1, column: 1 };

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

#[cfg(test)]
mod tests;
