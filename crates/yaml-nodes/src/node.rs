//! YAML text to a tree in which every node knows its line and column and every scalar is text.
//!
//! Whether `Y` is a truth value or a letter is decided by whoever asks for the field; nothing is
//! guessed here. Anchors, aliases and tags are refused: the files that are read need none of them,
//! and an alias can make a small file large.
//!
//! # Invariants
//!
//! - **AR-1** The tree is never larger than the text: no node stands for two places.

use granit_parser::{Event, Marker, Parser, ScalarStyle};

/// A place in the file; both count from one, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// A node and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub at: Place,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A scalar that is there.
    Text {
        /// Its text, without quotes and escapes.
        text: String,
        /// How it was written.
        style: TextStyle,
    },
    /// Nothing, `~` or `null`.
    Nothing,
    /// Items in order.
    List(Vec<Node>),
    /// Keys with their places, in order; keys may repeat.
    Map(Vec<(String, Place, Node)>),
}

/// How a scalar was written: what is needed to find a place inside it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextStyle {
    /// Without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After `|`: line by line as in the file.
    Literal,
    /// After `>`: lines are joined.
    Folded,
}

/// Why a text is not the YAML that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct BadYaml {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<&'static str>,
}

/// Collections nested deeper than this are refused.
const DEPTH_MAX: usize = 32;

/// The documents of a text that could be read, in order, and what ended the reading early.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Documents {
    /// The roots; a document without content has none.
    pub roots: Vec<Node>,
    /// Why the rest could not be read.
    pub bad: Option<BadYaml>,
}

/// Reads the only document of a text; `None` when there is none.
pub fn read_one(text: &str) -> Result<Option<Node>, BadYaml> {
    let mut first = None;
    read(text, |node, place| match first {
        None => {
            first = Some(node);
            Ok(())
        }
        Some(_) => Err(BadYaml {
            at: place,
            message: "a second document starts here".into(),
            hint: Some("this file holds one; split it"),
        }),
    })?;
    Ok(first)
}

/// Reads all documents of a text.
pub fn read_all(text: &str) -> Documents {
    let mut roots = Vec::new();
    let outcome = read(text, |node, _| {
        if node.kind != NodeKind::Nothing {
            roots.push(node);
        }
        Ok(())
    });
    Documents { roots, bad: outcome.err() }
}

/// Hands over each document that holds something, with the place where it was announced.
fn read(
    text: &str,
    mut take: impl FnMut(Node, Place) -> Result<(), BadYaml>,
) -> Result<(), BadYaml> {
    let options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
        emit_comments: false,
    };
    let mut events = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { open: Vec::new(), root: None };
    let mut start = Place { line: 1, column: 1 };
    while let Some(event) = events.next_event() {
        let (event, span) = event.map_err(|error| BadYaml {
            at: place(error.marker()),
            message: format!("not YAML: {}", error.info()),
            hint: Some("check the indentation and the quotes around here"),
        })?;
        let at = place(&span.start);
        match event {
            Event::DocumentStart(..) => start = at,
            Event::DocumentEnd => {
                if let Some(root) = builder.root.take() {
                    take(root, start)?;
                }
            }
            event => builder.take(event, at)?,
        }
    }
    builder.root.take().map_or(Ok(()), |root| take(root, start))
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
}

/// A collection whose end has not been seen.
enum Open {
    List(Place, Vec<Node>),
    Map { at: Place, entries: Vec<(String, Place, Node)>, key: Option<(String, Place)> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), BadYaml> {
        let refused = |what: &str| BadYaml {
            at,
            message: format!("{what} cannot be used here"),
            hint: Some("write the value out"),
        };
        match event {
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(_, 1.., _)
            | Event::MappingStart(_, 1.., _)
            | Event::Alias(_)
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_) => Err(refused("anchors and aliases")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => Err(refused("tags")),
            Event::Scalar(text, style, ..) => {
                let kind = scalar(text.into_owned(), style);
                self.close(Node { at, kind })
            }
            Event::SequenceStart(..) => {
                self.open.push(Open::List(at, Vec::new()));
                Ok(())
            }
            Event::MappingStart(..) => {
                self.open.push(Open::Map { at, entries: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(at, items)) => self.close(Node { at, kind: NodeKind::List(items) }),
                Some(Open::Map { at, entries, .. }) => {
                    self.close(Node { at, kind: NodeKind::Map(entries) })
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node) -> Result<(), BadYaml> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some((name, at)) => entries.push((name, at, node)),
                None => match node.kind {
                    NodeKind::Text { text, .. } => *key = Some((text, node.at)),
                    _ => {
                        return Err(BadYaml {
                            at: node.at,
                            message: "the name of a field must be a word".into(),
                            hint: None,
                        });
                    }
                },
            },
        }
        Ok(())
    }
}

fn scalar(text: String, style: ScalarStyle) -> NodeKind {
    let style = match style {
        ScalarStyle::Plain if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => {
            return NodeKind::Nothing;
        }
        ScalarStyle::Plain => TextStyle::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => TextStyle::Quoted,
        ScalarStyle::Literal => TextStyle::Literal,
        ScalarStyle::Folded => TextStyle::Folded,
    };
    NodeKind::Text { text, style }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, wanted: Expect) {
        let shown = match read_one(text) {
            Ok(None) => "nothing".into(),
            Ok(Some(node)) => show(&node, 0),
            Err(bad) => format!("{}:{} {}", bad.at.line, bad.at.column, bad.message),
        };
        wanted.assert_eq(shown.trim_end());
    }

    fn show(node: &Node, depth: usize) -> String {
        let pad = "  ".repeat(depth);
        let at = format!("{}:{}", node.at.line, node.at.column);
        match &node.kind {
            NodeKind::Nothing => format!("{at} nothing\n"),
            NodeKind::Text { text, style } => format!("{at} {style:?} {text:?}\n"),
            NodeKind::List(items) => {
                let inside: String =
                    items.iter().map(|item| format!("{pad}- {}", show(item, depth + 1))).collect();
                format!("{at} list\n{inside}")
            }
            NodeKind::Map(entries) => {
                let entry = |(key, place, node): &(String, Place, Node)| {
                    format!(
                        "{pad}{key} ({}:{}): {}",
                        place.line,
                        place.column,
                        show(node, depth + 1)
                    )
                };
                let inside: String = entries.iter().map(entry).collect();
                format!("{at} map\n{inside}")
            }
        }
    }

    #[test]
    fn every_scalar_is_text_and_knows_its_place() {
        check(
            "name: A\ndefault: Y\nlist:\n  - 010\n  - \"x\"\nquery: |\n  SELECT 1\n  FROM b\nlast:\n",
            expect![[r#"
                1:1 map
                name (1:1): 1:7 Plain "A"
                default (2:1): 2:10 Plain "Y"
                list (3:1): 4:3 list
                  - 4:5 Plain "010"
                  - 5:5 Quoted "x"
                query (6:1): 7:3 Literal "SELECT 1\nFROM b\n"
                last (9:1): 9:5 nothing"#]],
        );
    }

    #[test]
    fn what_people_do_not_need_is_refused() {
        check("a: &x 1\nb: *x", expect!["1:7 anchors and aliases cannot be used here"]);
        check("a: !!str 1", expect!["1:10 tags cannot be used here"]);
        check("a: 1\n---\nb: 2", expect!["2:1 a second document starts here"]);
        check("? [a]\n: 1", expect!["1:3 the name of a field must be a word"]);
        check(&"[".repeat(100), expect!["1:33 not YAML: recursion limit exceeded"]);
        check("a: 'x", expect!["1:4 not YAML: unclosed quote"]);
        check("# only a comment", expect!["nothing"]);
    }

    #[test]
    fn documents_before_a_mistake_are_read() {
        let documents = read_all("a: 1\n---\n- b\n---\n# nothing\n---\n'c");
        let shown: String = documents.roots.iter().map(|root| show(root, 0)).collect();
        expect![[r#"
            1:1 map
            a (1:1): 1:4 Plain "1"
            3:1 list
            - 3:3 Plain "b"
        "#]]
        .assert_eq(&shown);
        assert_eq!(documents.bad.map(|bad| bad.at.line), Some(7));
    }
}
