//! Text of a statement and its parameters, written from left to right.

use crate::dialect::{Dialect, Unquotable};
use crate::parameter::{Parameter, ParameterStyle};

/// A statement and the values bound to it, in the order of their marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// The values; empty with [`ParameterStyle::Literal`].
    pub parameters: Vec<Parameter>,
}

/// A statement that is being written.
#[derive(Debug)]
pub struct Sql {
    dialect: Dialect,
    style: ParameterStyle,
    text: String,
    parameters: Vec<Parameter>,
    refused: Option<Unquotable>,
}

impl Sql {
    /// Nothing yet.
    pub fn new(dialect: Dialect, style: ParameterStyle) -> Self {
        Self { dialect, style, text: String::new(), parameters: Vec::new(), refused: None }
    }

    /// The dialect that is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Adds text of our own: keywords, operators.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a name.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.quoted(self.dialect.identifier(name))
    }

    /// Adds a table.
    pub fn relation(&mut self, table: &str) -> &mut Self {
        self.quoted(self.dialect.path(table))
    }

    /// Adds a text that is part of the statement.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.quoted(self.dialect.text(text))
    }

    fn quoted(&mut self, quoted: Result<String, Unquotable>) -> &mut Self {
        match quoted {
            Ok(text) => self.text.push_str(&text),
            Err(refused) => self.refused = self.refused.take().or(Some(refused)),
        }
        self
    }

    /// Adds a value: a mark and a parameter, or where the style has none, a literal.
    pub fn bind(&mut self, value: Parameter) -> &mut Self {
        let number = self.parameters.len() + 1;
        let mark = match self.style {
            ParameterStyle::Dollar => format!("${number}"),
            ParameterStyle::Question => "?".to_owned(),
            ParameterStyle::Named => format!(":p{number}"),
            ParameterStyle::Typed => {
                let kind = match value {
                    Parameter::Null => "Nullable(String)",
                    Parameter::Bool(_) => "Bool",
                    Parameter::Int(_) => "Int64",
                    Parameter::Float(_) => "Float64",
                    Parameter::Text(_) => "String",
                    Parameter::Time(_) => "DateTime64(6, 'UTC')",
                };
                format!("{{p{number}:{kind}}}")
            }
            ParameterStyle::Literal => {
                return self.quoted(self.dialect.literal(&value));
            }
        };
        self.text.push_str(&self.dialect.typed(&mark, &value));
        self.parameters.push(value);
        self
    }

    /// What was written; fails when the dialect cannot hold a name or text in it.
    pub fn finish(self) -> Result<Statement, Unquotable> {
        match self.refused {
            None => Ok(Statement { text: self.text, parameters: self.parameters }),
            Some(refused) => Err(refused),
        }
    }
}
