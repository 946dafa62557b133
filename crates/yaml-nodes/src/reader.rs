//! Takes a YAML tree apart field by field and collects everything that is wrong with it.
//!
//! Knows texts, lists and maps and how their places are shown to people.

use crate::node::{Node, NodeKind, Place};
use crate::problem::{Problem, Severity, nearest};

/// So many problems show the line they are about, and so much of it: a hostile file must not
/// become large by being wrong.
const EXCERPTS_MAX: usize = 200;
const EXCERPT_MAX_CHARS: usize = 4_096;

/// Reads one file.
pub struct Reader<'t> {
    file: &'t str,
    lines: Vec<&'t str>,
    inserted: &'t [usize],
    /// Everything that is wrong so far.
    pub problems: Vec<Problem>,
}

/// The known fields of one map, each at most once.
pub struct Fields<'n> {
    /// Where the map starts.
    pub at: Place,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| *key == name).map(|(_, node)| *node)
    }

    /// Whether a field is there and holds something.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| match &node.kind {
            NodeKind::Text { text, .. } => !text.trim().is_empty(),
            NodeKind::Nothing => false,
            NodeKind::List(_) | NodeKind::Map(_) => true,
        })
    }

    /// Where a field is, or the map when it has no such field.
    pub fn place(&self, name: &str) -> Place {
        self.get(name).map_or(self.at, |node| node.at)
    }
}

impl<'t> Reader<'t> {
    /// For a file that was read as it is.
    pub fn new(file: &'t str, original: &'t str) -> Self {
        Self::after_repair(file, original, &[])
    }

    /// For a file that was mended before it was read: `inserted` are the lines, counted from one,
    /// that the original does not have, in ascending order.
    pub fn after_repair(file: &'t str, original: &'t str, inserted: &'t [usize]) -> Self {
        Self { file, lines: original.split('\n').collect(), inserted, problems: Vec::new() }
    }

    /// The name of the file.
    pub fn file(&self) -> &'t str {
        self.file
    }

    /// The place in the original file, as people count it.
    pub fn original(&self, at: Place) -> Place {
        let added = self.inserted.iter().filter(|inserted| **inserted < at.line).count();
        Place { line: at.line - added, column: at.column }
    }

    /// Notes a problem: what it says, and how to mend it.
    pub fn problem(
        &mut self,
        severity: Severity,
        at: Place,
        field: &str,
        says: (String, Option<String>),
    ) {
        let at = self.original(at);
        let shown = self.problems.len() < EXCERPTS_MAX;
        let line = self.lines.get(at.line.saturating_sub(1)).copied().filter(|_| shown);
        let excerpt: String =
            line.unwrap_or("").trim_end_matches('\r').chars().take(EXCERPT_MAX_CHARS).collect();
        self.problems.push(Problem {
            severity,
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            field: field.to_owned(),
            message: says.0,
            hint: says.1,
            excerpt,
        });
    }

    /// Notes a warning; an empty hint is none.
    pub fn warning(&mut self, at: Place, field: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problem(Severity::Warning, at, field, (message.into(), hint));
    }

    /// Notes an error; an empty hint is none.
    pub fn error(&mut self, at: Place, field: &str, message: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problem(Severity::Error, at, field, (message.into(), hint));
    }

    /// The fields of a map; unknown and repeated ones are errors.
    pub fn fields<'n>(&mut self, node: &'n Node, path: &str, known: &[&str]) -> Option<Fields<'n>> {
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
    pub fn text(&mut self, node: Option<&Node>, path: &str) -> Option<String> {
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
    pub fn items<'n>(&mut self, node: Option<&'n Node>, path: &str) -> Vec<(String, &'n Node)> {
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
    pub fn texts(&mut self, node: Option<&Node>, path: &str) -> Vec<(String, Place)> {
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
    pub fn flag(&mut self, node: Option<&Node>, path: &str) -> bool {
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
    pub fn number(&mut self, node: Option<&Node>, path: &str) -> Option<u64> {
        let text = self.text(node, path)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            let at = node.map_or(Place::default(), |node| node.at);
            self.error(at, path, format!("`{text}` is not a whole number"), "for example 600");
        }
        number
    }
}

/// The path of a field below `path`; a long name is cut.
pub fn join(path: &str, key: &str) -> String {
    const NAME_MAX_CHARS: usize = 100;
    let key = match key.char_indices().nth(NAME_MAX_CHARS) {
        Some((end, _)) => &key[..end],
        None => key,
    };
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What a node is, in words.
pub fn describe(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Text { .. } => "a single text",
        NodeKind::Nothing => "nothing",
        NodeKind::List(_) => "a list",
        NodeKind::Map(_) => "a set of fields",
    }
}
