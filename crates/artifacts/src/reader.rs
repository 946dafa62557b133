//! Takes a YAML tree apart field by field and collects everything that is wrong with it.
//!
//! Knows texts, lists and maps and how their places are shown to people, but no field of an
//! artifact; those are in [`crate::decode`].

use crate::problem::{Problem, Severity, nearest};
use crate::repair::Repaired;
use crate::yaml::{Node, NodeKind, Place, TextStyle};

/// Reads one file.
pub(crate) struct Reader<'t> {
    file: &'t str,
    lines: Vec<&'t str>,
    repaired: &'t Repaired,
    pub(crate) problems: Vec<Problem>,
}

/// The known fields of one map, each at most once.
pub(crate) struct Fields<'n> {
    pub(crate) at: Place,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| *key == name).map(|(_, node)| *node)
    }

    /// Whether a field is there and holds something.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| match &node.kind {
            NodeKind::Text { text, .. } => !text.trim().is_empty(),
            NodeKind::Nothing => false,
            NodeKind::List(_) | NodeKind::Map(_) => true,
        })
    }

    /// Where a field is, or the map when it has no such field.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.get(name).map_or(self.at, |node| node.at)
    }
}

impl<'t> Reader<'t> {
    pub(crate) fn new(file: &'t str, original: &'t str, repaired: &'t Repaired) -> Self {
        Self { file, lines: original.split('\n').collect(), repaired, problems: Vec::new() }
    }

    /// The place in the original file, as people count it.
    pub(crate) fn original(&self, at: Place) -> Place {
        Place { line: self.repaired.original_line(at.line), column: at.column }
    }

    pub(crate) fn problem(
        &mut self,
        severity: Severity,
        at: Place,
        field: &str,
        says: (String, Option<String>),
    ) {
        let at = self.original(at);
        let excerpt = self.lines.get(at.line.saturating_sub(1)).copied().unwrap_or("");
        self.problems.push(Problem {
            severity,
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            field: field.to_owned(),
            message: says.0,
            hint: says.1,
            excerpt: excerpt.trim_end_matches('\r').to_owned(),
        });
    }

    pub(crate) fn error(&mut self, at: Place, field: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problem(Severity::Error, at, field, (message.into(), hint));
    }

    /// The fields of a map; unknown and repeated ones are errors.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let NodeKind::Map(entries) = &node.kind else {
            let found = describe(node);
            self.error(node.at, path, format!("fields are wanted here, this is {found}"), "");
            return None;
        };
        let mut fields = Fields { at: node.at, entries: Vec::new() };
        for (key, at, value) in entries {
            let field = join(path, key);
            if !known.contains(&key.as_str()) {
                let hint = match nearest(key, known.iter().copied()) {
                    Some(like) => format!("did you mean `{like}`?"),
                    None => format!("known fields: {}", known.join(", ")),
                };
                self.error(*at, &field, format!("there is no field `{key}`"), &hint);
            } else if fields.get(key).is_some() {
                self.error(*at, &field, "this field is written twice", "remove one");
            } else {
                fields.entries.push((key, value));
            }
        }
        Some(fields)
    }

    /// A scalar as text; nothing is `None`.
    pub(crate) fn text(&mut self, node: Option<&Node>, path: &str) -> Option<String> {
        match node.map(|node| (&node.kind, node)) {
            None | Some((NodeKind::Nothing, _)) => None,
            Some((NodeKind::Text { text, .. }, _)) => Some(text.clone()),
            Some((_, node)) => {
                let found = describe(node);
                self.error(node.at, path, format!("text is wanted here, this is {found}"), "");
                None
            }
        }
    }

    /// The items of a list with their paths; nothing is an empty list.
    pub(crate) fn items<'n>(
        &mut self,
        node: Option<&'n Node>,
        path: &str,
    ) -> Vec<(String, &'n Node)> {
        match node.map(|node| (&node.kind, node)) {
            None | Some((NodeKind::Nothing, _)) => Vec::new(),
            Some((NodeKind::List(items), _)) => {
                items.iter().enumerate().map(|(at, item)| (format!("{path}[{at}]"), item)).collect()
            }
            Some((_, node)) => {
                let message = format!("a list is wanted here, this is {}", describe(node));
                self.error(
                    node.at,
                    path,
                    message,
                    "start each item with `- ` on a line of its own",
                );
                Vec::new()
            }
        }
    }

    /// A list of texts, with their places.
    pub(crate) fn texts(&mut self, node: Option<&Node>, path: &str) -> Vec<(String, Place)> {
        let mut texts = Vec::new();
        for (path, item) in self.items(node, path) {
            match self.text(Some(item), &path) {
                Some(text) => texts.push((text, item.at)),
                None if item.kind == NodeKind::Nothing => {
                    self.error(item.at, &path, "this item is empty", "write its text or remove it");
                }
                None => {}
            }
        }
        texts
    }

    /// A truth value.
    pub(crate) fn flag(&mut self, node: Option<&Node>, path: &str) -> bool {
        let Some(text) = self.text(node, path) else {
            return false;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => true,
            "false" | "no" | "n" | "off" => false,
            _ => {
                let at = node.map_or(Place::default(), |node| node.at);
                self.error(at, path, format!("`{text}` is neither true nor false"), "");
                false
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, node: Option<&Node>, path: &str) -> Option<u64> {
        let text = self.text(node, path)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            let at = node.map_or(Place::default(), |node| node.at);
            self.error(at, path, format!("`{text}` is not a whole number"), "for example 600");
        }
        number
    }
}

/// The place of a character inside a scalar; the start of the scalar when the lines were joined.
pub(crate) fn place_inside(node: &Node, inner: vql_syntax::Place) -> Place {
    let NodeKind::Text { text, style } = &node.kind else {
        return node.at;
    };
    match style {
        TextStyle::Literal => {
            // The node starts at its first line that is not empty.
            let empty = text.bytes().take_while(|byte| *byte == b'\n').count();
            let line = (node.at.line + inner.line - 1).saturating_sub(empty);
            Place { line, column: node.at.column + inner.column - 1 }
        }
        TextStyle::Plain if inner.line == 1 && !text.contains('\n') => {
            Place { line: node.at.line, column: node.at.column + inner.column - 1 }
        }
        TextStyle::Quoted if inner.line == 1 && !text.contains(['\n', '\\', '"', '\'']) => {
            Place { line: node.at.line, column: node.at.column + inner.column }
        }
        _ => node.at,
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn describe(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Text { .. } => "a single text",
        NodeKind::Nothing => "nothing",
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a set of fields",
    }
}
