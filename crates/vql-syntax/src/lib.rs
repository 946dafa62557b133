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

pub use ast::{Program, Span};
pub use diagnostic::{Diagnostic, Severity};

/// Brackets (parentheses, braces, square brackets, NOT) may be nested this deep.
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

/// Parses a statement list.
pub fn parse_program(text: &str) -> Parsed {
    let span = Span::new(text.len(), text.len());
    let message = "the parser lands with the next commit".to_owned();
    let error = Diagnostic { span, severity: Severity::Error, message, expected: None, hint: None };
    Parsed { program: Program::default(), errors: vec![error], warnings: Vec::new() }
}
