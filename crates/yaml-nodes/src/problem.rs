//! What is wrong with a file: file, line, field, what, and how to mend it.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What the file describes cannot be used.
    Error,
    /// It works, but hardly as its author meant it.
    Warning,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What the file is called.
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
    /// The character in the line, counted from one.
    pub column: usize,
    /// The field, for instance `sources[0].query`; empty when the file as a whole is meant.
    pub field: String,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    /// The line itself.
    pub excerpt: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The excerpt shows at most this many characters before and after the place.
const AROUND_MAX: usize = 60;

impl Problem {
    /// Several lines for a terminal: message, place and field, the line with a caret, hint.
    pub fn render(&self) -> String {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let gutter = self.line.to_string();
        let blank = " ".repeat(gutter.len());
        let before = self.column.saturating_sub(1);
        let skipped = before.saturating_sub(AROUND_MAX);
        let line: String =
            self.excerpt.chars().skip(skipped).take(before - skipped + AROUND_MAX).collect();
        let line = line.replace(char::is_control, " ");
        let caret = format!("{}^", " ".repeat(before - skipped));
        let field = match self.field.as_str() {
            "" => String::new(),
            field => format!(" in {field}"),
        };
        let mut shown = format!(
            "{kind}: {}\n{blank}--> {}:{}:{}{field}\n{blank} |\n{gutter} | {line}\n{blank} | {caret}\n",
            self.message, self.file, self.line, self.column
        );
        if let Some(hint) = &self.hint {
            shown.push_str(&format!("{blank} = hint: {hint}\n"));
        }
        shown
    }
}

/// The known word that is most like `word`, when one is like it at all.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = word.to_lowercase();
    let distance = |candidate: &&str| edits(&lower, &candidate.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    (distance(&best) <= word.chars().count().div_ceil(3)).then_some(best)
}

/// How many characters must be inserted, removed or replaced.
fn edits(a: &str, b: &str) -> usize {
    const COMPARED_MAX: usize = 100;
    let b: Vec<char> = b.chars().take(COMPARED_MAX).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(COMPARED_MAX).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let replaced = diagonal + usize::from(x != *y);
            left = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word() {
        let known = ["name", "description", "parameters", "precondition"];
        let check = |word: &str, wanted| assert_eq!(nearest(word, known), wanted, "{word}");
        check("parameter", Some("parameters"));
        check("Name", Some("name"));
        check("descrption", Some("description"));
        check("sources", None);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
