//! What is wrong with a VQL text: where, what was expected, and how to mend it.

use crate::ast::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The text means nothing; nothing of it may run.
    Error,
    /// The text has a meaning, but hardly the one its author wanted.
    Warning,
}

/// One thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The bytes it is about; empty at the end of the text.
    pub span: Span,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// What would have been right here, when the grammar knows.
    pub expected: Option<String>,
    /// How to mend it, when the mistake is a known one.
    pub hint: Option<String>,
}
