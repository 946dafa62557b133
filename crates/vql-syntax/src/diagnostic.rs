//! What is wrong with a VQL text: where, what was expected, and how to mend it.

use std::fmt::Write as _;

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

/// A place in a text as people count it: both start at one, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Place {
    /// The place of a byte of the text; the end of the text for bytes beyond it.
    pub fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

/// An excerpt of a line shows at most this many characters before and after the place.
const AROUND_MAX: usize = 60;

impl Diagnostic {
    /// Several lines for a terminal: message, place, the line with a caret under it, hint.
    ///
    /// `source_name` is what the text is called, for instance its file; `text` is the text that was
    /// parsed.
    pub fn render(&self, source_name: &str, text: &str) -> String {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = Place::of(text, self.span.start);
        let gutter = place.line.to_string();
        let blank = " ".repeat(gutter.len());
        let (line, caret) = excerpt(text, self.span, place);
        let mut shown = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(shown, "{kind}: {}", self.message);
        let _ = writeln!(shown, "{blank}--> {source_name}:{}:{}", place.line, place.column);
        let _ = writeln!(shown, "{blank} |");
        let _ = writeln!(shown, "{gutter} | {line}");
        let expected = self.expected.as_deref().map(|e| format!(" expected {e}"));
        let _ = writeln!(shown, "{blank} | {caret}{}", expected.unwrap_or_default());
        if let Some(hint) = &self.hint {
            let _ = writeln!(shown, "{blank} = hint: {hint}");
        }
        shown
    }
}

/// The line of the place and the carets below it; both cut when the line is long.
fn excerpt(text: &str, span: Span, place: Place) -> (String, String) {
    let line = text.split('\n').nth(place.line - 1).unwrap_or("").trim_end_matches('\r');
    let before = place.column - 1;
    let width = span.of(text).lines().next().map_or(0, |part| part.chars().count()).max(1);
    let skipped = before.saturating_sub(AROUND_MAX);
    let mut shown: String = line
        .chars()
        .skip(skipped)
        .take(before - skipped + AROUND_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut indent = before - skipped;
    if skipped > 0 {
        shown.insert(0, '…');
        indent += 1;
    }
    if line.chars().count() > before + AROUND_MAX {
        shown.push('…');
    }
    (shown, format!("{}{}", " ".repeat(indent), "^".repeat(width.min(AROUND_MAX))))
}
