//! YAML text to a tree in which every node knows its line and column and every scalar is text.
//!
//! Knows nothing of artifacts. Whether `Y` is a truth value or a letter is decided by whoever asks
//! for the field; nothing is guessed here. Anchors, aliases and tags are refused: artifact files do
//! not need them and an alias can make a small file large.
//!
//! # Invariants
//!
//! - **AR-1** The tree is never larger than the text: no node stands for two places.

use granit_parser::{Event, Marker, Parser, ScalarStyle};

/// A place in the file; both count from one, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A node and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Place,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    /// A scalar that is there.
    Text {
        text: String,
        style: TextStyle,
    },
    /// Nothing, `~` or `null`.
    Nothing,
    List(Vec<Node>),
    /// Keys with their places, in order; keys may repeat.
    Map(Vec<(String, Place, Node)>),
}

/// How a scalar was written: what is needed to find a place inside it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextStyle {
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
pub(crate) struct BadYaml {
    pub(crate) at: Place,
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
}

/// Collections nested deeper than this are refused.
const DEPTH_MAX: usize = 32;

/// Reads the only document of a text; `None` when there is none.
pub(crate) fn read(text: &str) -> Result<Option<Node>, BadYaml> {
    let options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
        emit_comments: false,
    };
    let mut events = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { open: Vec::new(), root: None };
    let mut documents = 0;
    while let Some(event) = events.next_event() {
        let (event, span) = event.map_err(|error| BadYaml {
            at: place(error.marker()),
            message: format!("not YAML: {}", error.info()),
            hint: Some("check the indentation and the quotes around here"),
        })?;
        let at = place(&span.start);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(BadYaml {
                        at,
                        message: "a second document starts here".into(),
                        hint: Some("an artifact file holds one artifact; split the file"),
                    });
                }
            }
            event => builder.take(event, at)?,
        }
    }
    Ok(builder.root)
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
            message: format!("{what} are not part of artifact files"),
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
        let shown = match read(text) {
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
    fn what_artifacts_do_not_need_is_refused() {
        check("a: &x 1\nb: *x", expect!["1:7 anchors and aliases are not part of artifact files"]);
        check("a: !!str 1", expect!["1:10 tags are not part of artifact files"]);
        check("a: 1\n---\nb: 2", expect!["2:1 a second document starts here"]);
        check("? [a]\n: 1", expect!["1:3 the name of a field must be a word"]);
        check(&"[".repeat(100), expect!["1:33 not YAML: recursion limit exceeded"]);
        check("a: 'x", expect!["1:4 not YAML: unclosed quote"]);
        check("# only a comment", expect!["nothing"]);
    }
}
