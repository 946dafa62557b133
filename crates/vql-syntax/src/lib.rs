//! VQL text to tree and errors; printer and formatter.
//!
//! Knows every form of the language and nothing of its meaning. The parser always returns a tree
//! and everything that is wrong; nothing here panics, whatever the text is.
//!
//! # Not here
//!
//! Names, plugins, values and evaluation: `vql-eval`.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod ast;
mod diagnostic;
mod expression;
mod format;
mod hints;
mod layout;
mod lexeme;
mod lexer;
mod literals;
mod parser;
mod print;
mod token;

pub use ast::{Program, Span};
pub use diagnostic::{Diagnostic, Place, Severity};
pub use format::format;
pub use lexeme::{Lexeme, Lexical, lexemes};
pub use print::{
    column_name, print_expr, print_program, print_select, print_statement, written_name,
};

use parser::{Parser, Production};
use token::Kind;

/// Brackets (parentheses, braces, square brackets) and NOT may be nested this deep.
pub const DEPTH_MAX: usize = 100;

/// A parsed text: what could be read of it, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The statements without the ones that have errors.
    pub program: Program,
    /// Why nothing of the text may run; empty for a good text.
    pub errors: Vec<Diagnostic>,
    /// What runs, but hardly as its author meant it.
    pub warnings: Vec<Diagnostic>,
}

impl Parsed {
    /// The program, or everything that is wrong with it.
    pub fn into_result(self) -> Result<Program, Vec<Diagnostic>> {
        if self.errors.is_empty() { Ok(self.program) } else { Err(self.errors) }
    }
}

/// Parses a statement list. A text without any statement is an error.
pub fn parse_program(text: &str) -> Parsed {
    let mut parser = Parser::new(text);
    let program = parser.program();
    Parsed { program, errors: parser.errors, warnings: parser.warnings }
}

/// Parses one expression that is a whole text, for instance a condition.
pub fn parse_expression(text: &str) -> Result<ast::Expr, Vec<Diagnostic>> {
    whole(text, |parser| {
        let expr = parser.expr("an expression")?;
        match parser.peek().kind {
            Kind::End => Ok(expr),
            _ => Err(parser.unexpected("an operator or the end of the expression")),
        }
    })
}

/// Parses the text of a lambda, `x => expression` or `x, y => expression`.
pub fn parse_lambda(text: &str) -> Result<ast::Lambda, Vec<Diagnostic>> {
    whole(text, |parser| parser.lambda())
}

fn whole<T>(
    text: &str,
    production: impl FnOnce(&mut Parser<'_>) -> Production<T>,
) -> Result<T, Vec<Diagnostic>> {
    production(&mut Parser::new(text)).map_err(|error| vec![*error])
}
