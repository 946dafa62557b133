//! Where the VQL texts of an artifact file stand, so that every place inside them can be told.

use yaml_nodes::{Node, NodeKind, Place, Reader, TextStyle};

/// A VQL text of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VqlText {
    /// The field, for instance `sources[0].query`.
    pub(crate) field: String,
    pub(crate) text: String,
    /// In the lines of the original file.
    pub(crate) anchor: Anchor,
}

/// How places inside a scalar are found in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Where the scalar starts.
    at: Place,
    /// How characters of the scalar lie in the file; `None` when its lines were joined.
    shift: Option<Shift>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shift {
    /// Empty lines before the line that the scalar starts at.
    lines: usize,
    columns: usize,
}

impl Anchor {
    pub(crate) fn of(node: &Node) -> Self {
        let shift = match &node.kind {
            // The node starts at its first line that is not empty.
            NodeKind::Text { text, style: TextStyle::Literal } => {
                let lines = text.bytes().take_while(|byte| *byte == b'\n').count();
                Some(Shift { lines, columns: 0 })
            }
            NodeKind::Text { text, style: TextStyle::Plain } if !text.contains('\n') => {
                Some(Shift { lines: 0, columns: 0 })
            }
            NodeKind::Text { text, style: TextStyle::Quoted }
                if !text.contains(['\n', '\\', '"', '\'']) =>
            {
                Some(Shift { lines: 0, columns: 1 })
            }
            _ => None,
        };
        Self { at: node.at, shift }
    }

    /// The place of a character inside the scalar; the start of the scalar when lines were joined.
    pub(crate) fn place(self, inner: vql_syntax::Place) -> Place {
        match self.shift {
            None => self.at,
            Some(shift) => Place {
                line: (self.at.line + inner.line - 1).saturating_sub(shift.lines),
                column: self.at.column + inner.column - 1 + shift.columns,
            },
        }
    }
}

/// Every VQL text below the root of a file, in no order that means anything.
pub(crate) fn texts(reader: &Reader<'_>, root: &Node) -> Vec<VqlText> {
    let mut found = Vec::new();
    let mut keep = |field: String, node: &Node| {
        if let NodeKind::Text { text, .. } = &node.kind
            && !text.trim().is_empty()
        {
            let anchor = Anchor::of(node);
            // No line is ever inserted inside a scalar, so its lines stay together.
            let anchor = Anchor { at: reader.original(anchor.at), ..anchor };
            found.push(VqlText { field, text: text.clone(), anchor });
        }
    };
    for field in ["export", "precondition"] {
        if let Some(node) = member(root, field) {
            keep(field.to_owned(), node);
        }
    }
    let sources = member(root, "sources").map_or(&[][..], items);
    for (index, source) in sources.iter().enumerate() {
        for field in ["query", "precondition"] {
            if let Some(node) = member(source, field) {
                keep(format!("sources[{index}].{field}"), node);
            }
        }
        let queries = member(source, "queries").map_or(&[][..], items);
        for (at, node) in queries.iter().enumerate() {
            keep(format!("sources[{index}].queries[{at}]"), node);
        }
    }
    found
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let NodeKind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|(key, ..)| key == name).map(|(.., node)| node)
}

fn items(node: &Node) -> &[Node] {
    match &node.kind {
        NodeKind::List(items) => items,
        _ => &[],
    }
}
