//! Lays out pieces of text on lines of limited width.
//!
//! A group is printed on one line when it fits there, else all of its own breaks become line ends.
//! Knows nothing of VQL.

/// A piece of a layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Doc {
    /// Printed as it is; may hold line ends of its own.
    Text(String),
    /// A blank, or a line end when the group around it does not fit.
    Line,
    /// Nothing, or a line end when the group around it does not fit.
    Soft,
    /// Always a line end.
    Hard,
    /// Always a line end and an empty line.
    Blank,
    /// Line ends inside are indented by two more.
    Nest(Vec<Doc>),
    /// Decides about its own breaks together.
    Group(Vec<Doc>),
}

/// The text of a layout, at most `width` characters in a line where that can be done.
pub(crate) fn print(docs: &[Doc], width: usize) -> String {
    let mut printer = Printer { width, text: String::new(), column: 0, pending: None };
    printer.all(docs, 0, true);
    printer.text
}

struct Printer {
    width: usize,
    text: String,
    column: usize,
    /// Line ends that wait for text, so that no line ends with blanks.
    pending: Option<(usize, usize)>,
}

impl Printer {
    fn all(&mut self, docs: &[Doc], indent: usize, broken: bool) {
        for (at, doc) in docs.iter().enumerate() {
            match doc {
                Doc::Text(text) => self.put(text),
                Doc::Line if broken => self.line_end(1, indent),
                Doc::Line => self.put(" "),
                Doc::Soft if broken => self.line_end(1, indent),
                Doc::Soft => {}
                Doc::Hard => self.line_end(1, indent),
                Doc::Blank => self.line_end(2, indent),
                Doc::Nest(inner) => self.all(inner, indent + 2, broken),
                Doc::Group(inner) => {
                    let column = self.pending.map_or(self.column, |(_, indent)| indent);
                    let rest = docs.get(at + 1..).unwrap_or(&[]);
                    let room = self.width.saturating_sub(column);
                    let fits =
                        flat_width(inner).is_some_and(|width| width + head_width(rest) <= room);
                    self.all(inner, indent, !fits);
                }
            }
        }
    }

    fn put(&mut self, text: &str) {
        if text.trim().is_empty() && self.pending.is_some() {
            return;
        }
        if let Some((ends, indent)) = self.pending.take() {
            while self.text.ends_with(' ') {
                self.text.pop();
            }
            if !self.text.is_empty() {
                self.text.push_str(&"\n".repeat(ends));
            }
            self.text.push_str(&" ".repeat(indent));
            self.column = indent;
        }
        self.text.push_str(text);
        match text.rsplit_once('\n') {
            Some((_, last)) => self.column = last.chars().count(),
            None => self.column += text.chars().count(),
        }
    }

    fn line_end(&mut self, ends: usize, indent: usize) {
        let before = self.pending.map_or(0, |(ends, _)| ends);
        self.pending = Some((ends.max(before), indent));
    }
}

/// The width on one line; `None` when it cannot be on one line.
fn flat_width(docs: &[Doc]) -> Option<usize> {
    let mut width = 0;
    for doc in docs {
        width += match doc {
            Doc::Text(text) if text.contains('\n') => return None,
            Doc::Text(text) => text.chars().count(),
            Doc::Line => 1,
            Doc::Soft => 0,
            Doc::Hard | Doc::Blank => return None,
            Doc::Nest(inner) | Doc::Group(inner) => flat_width(inner)?,
        };
    }
    Some(width)
}

/// The width of what cannot be separated from the text before it: commas, closing brackets.
fn head_width(docs: &[Doc]) -> usize {
    let texts = docs.iter().map_while(|doc| match doc {
        Doc::Text(text) => Some(text.chars().count()),
        _ => None,
    });
    texts.sum()
}
