//! The searches of a rule and its conditions, read from its YAML.
//!
//! A map asks for all of its fields, a list for one of its items; a text without a field is looked
//! for everywhere in the record.

use rows::Name;
use yaml_nodes::{Node, NodeKind, Reader, describe, join};

use crate::decode::{Map, scalar};
use crate::modifier::Modifiers;
use crate::written::{Condition, Item, Search, Written};

/// Keys of `detection` that are not searches.
const NOT_SEARCHES: &[&str] = &["condition", "timeframe"];

/// Reads a `detection`.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Written> {
    let map = Map::of(reader, node, path)?;
    let before = reader.problems.len();
    let searches = searches(reader, &map, path, NOT_SEARCHES);
    if let Some(node) = map.get("timeframe") {
        let message = "a time frame is for counting over several records, which one rule cannot";
        let hint = "write a correlation rule with `timespan`";
        reader.error(node.at, &join(path, "timeframe"), message, hint);
    }
    if searches.is_empty() && reader.problems.len() == before {
        reader.error(map.at, path, "there is no search here", "add a search, such as `selection:`");
    }
    let conditions = conditions(reader, &map, path)?;
    let whole = reader.problems.len() == before;
    whole.then(|| Written { searches, conditions, path: path.to_owned() })
}

/// The searches of a map.
pub(crate) fn searches(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: &str,
    without: &[&str],
) -> Vec<(String, Search)> {
    let named = map.entries.iter().filter(|(name, _)| !without.contains(name));
    let mut searches = Vec::new();
    for (name, node) in named {
        if let Some(found) = search(reader, node, &join(path, name)) {
            searches.push(((*name).to_owned(), found));
        }
    }
    searches
}

/// The conditions of a map.
pub(crate) fn conditions(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: &str,
) -> Option<Vec<Condition>> {
    let path = join(path, "condition");
    let Some(node) = map.get("condition") else {
        let hint = "for example `condition: selection`";
        reader.error(map.at, &path, "there is no condition", hint);
        return None;
    };
    let nodes = match &node.kind {
        NodeKind::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    if nodes.is_empty() {
        reader.error(node.at, &path, "the list of conditions is empty", "write one");
        return None;
    }
    let mut conditions = Vec::new();
    for node in nodes {
        let Some(text) = reader.text(Some(node), &path) else {
            if node.kind == NodeKind::Nothing {
                reader.error(node.at, &path, "the condition is empty", "name a search");
            }
            return None;
        };
        conditions.push(Condition { text, at: node.at, on_one_line: on_one_line(node) });
    }
    Some(conditions)
}

fn on_one_line(node: &Node) -> bool {
    use yaml_nodes::TextStyle;
    matches!(&node.kind, NodeKind::Text { text, style: TextStyle::Plain } if !text.contains('\n'))
}

fn search(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Search> {
    match &node.kind {
        NodeKind::Map(_) => fields(reader, node, path),
        NodeKind::List(items) if items.is_empty() => {
            let hint = "add an item or remove the search";
            reader.error(node.at, path, "this list is empty", hint);
            None
        }
        NodeKind::List(items) => {
            let mut any = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                any.push(match &item.kind {
                    NodeKind::Map(_) => fields(reader, item, &path),
                    _ => keyword(reader, item, &path),
                });
            }
            any.into_iter().collect::<Option<Vec<_>>>().map(Search::Any)
        }
        NodeKind::Text { .. } => keyword(reader, node, path),
        NodeKind::Nothing => {
            reader.error(node.at, path, "this search is empty", "write what it looks for");
            None
        }
    }
}

/// All fields of a map.
fn fields(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Search> {
    let map = Map::of(reader, node, path)?;
    if map.entries.is_empty() {
        reader.error(node.at, path, "this search is empty", "write what it looks for");
        return None;
    }
    let mut all = Vec::new();
    for (key, node) in &map.entries {
        all.push(field(reader, key, node, &join(path, key)));
    }
    all.into_iter().collect::<Option<Vec<_>>>().map(Search::All)
}

/// A field with its modifiers and values.
pub(crate) fn field(reader: &mut Reader<'_>, key: &str, node: &Node, path: &str) -> Option<Search> {
    let mut words = key.split('|');
    let name = Name::from(words.next().unwrap_or("").trim());
    let modifiers = match Modifiers::read(words.map(str::trim)) {
        Ok(modifiers) => modifiers,
        Err((message, hint)) => {
            reader.error(node.at, path, message, hint);
            return None;
        }
    };
    let nodes = match &node.kind {
        NodeKind::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    if nodes.is_empty() {
        let hint = "add a value or remove the field";
        reader.error(node.at, path, "this list is empty", hint);
        return None;
    }
    let mut values = Vec::new();
    for node in nodes {
        values.push(value(reader, node, path).map(|value| (value, node.at)));
    }
    let values = values.into_iter().collect::<Option<Vec<_>>>()?;
    let field = (!name.is_empty()).then_some(name);
    Some(Search::Item(Item {
        field,
        modifiers,
        values,
        path: path.to_owned(),
        at: node.at,
        touched: Vec::new(),
    }))
}

fn keyword(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Search> {
    let value = value(reader, node, path)?;
    Some(Search::Item(Item {
        field: None,
        modifiers: Modifiers::default(),
        values: vec![(value, node.at)],
        path: path.to_owned(),
        at: node.at,
        touched: Vec::new(),
    }))
}

fn value(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<crate::modifier::Scalar> {
    let value = scalar(node);
    if value.is_none() {
        let message = format!("a single value is wanted here, this is {}", describe(node));
        reader.error(node.at, path, message, "a field holds a value or a list of values");
    }
    value
}
