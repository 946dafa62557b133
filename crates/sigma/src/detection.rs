//! The searches of a rule and its conditions, lowered to predicates.
//!
//! A map asks for all of its fields, a list for one of its items; a text without a field is looked
//! for everywhere in the record.

use rows::Name;
use yaml_nodes::{Node, NodeKind, Reader, describe, join};

use crate::NODES_MAX;
use crate::condition;
use crate::decode::{Map, scalar};
use crate::modifier::{Modifiers, Refused, Scalar};
use crate::predicate::{Predicate, Test};

/// Keys of `detection` that are not searches.
const NOT_SEARCHES: &[&str] = &["condition", "timeframe"];

/// The predicates of a `detection`, one for each condition.
pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Vec<Predicate>> {
    let map = Map::of(reader, node, path)?;
    let before = reader.problems.len();
    let searches = searches(reader, &map, path, NOT_SEARCHES);
    if let Some(node) = map.get("timeframe") {
        let message =
            "a time frame is for counting over several records, which is not possible here";
        let hint = "counting comes with log hunts";
        reader.error(node.at, &join(path, "timeframe"), message, hint);
    }
    if searches.is_empty() && reader.problems.len() == before {
        reader.error(map.at, path, "there is no search here", "add a search, such as `selection:`");
    }
    // A search that could not be read must not be missed a second time.
    (reader.problems.len() == before).then(|| conditions(reader, &map, path, &searches))?
}

/// The searches of a map, lowered.
pub(crate) fn searches(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: &str,
    without: &[&str],
) -> Vec<(String, Predicate)> {
    let named = map.entries.iter().filter(|(name, _)| !without.contains(name));
    let mut lowering = Lowering { reader, nodes: 0, full: false };
    let mut searches = Vec::new();
    for (name, node) in named {
        if let Some(predicate) = lowering.search(node, &join(path, name)) {
            searches.push(((*name).to_owned(), predicate));
        }
    }
    searches
}

/// Lowers searches, counting their tests.
struct Lowering<'r, 't> {
    reader: &'r mut Reader<'t>,
    nodes: usize,
    /// There were too many; the rest is not looked at.
    full: bool,
}

/// The conditions of a map, lowered with its searches.
pub(crate) fn conditions(
    reader: &mut Reader<'_>,
    map: &Map<'_>,
    path: &str,
    searches: &condition::Searches,
) -> Option<Vec<Predicate>> {
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
    let mut lowered = Vec::new();
    for node in nodes {
        let Some(text) = reader.text(Some(node), &path) else {
            if node.kind == NodeKind::Nothing {
                reader.error(node.at, &path, "the condition is empty", "name a search");
            }
            return None;
        };
        match condition::lower(&text, searches) {
            Ok(predicate) => lowered.push(predicate),
            Err((column, (message, hint))) => {
                let mut at = node.at;
                if on_one_line(node) {
                    at.column += column;
                }
                reader.error(at, &path, message, hint);
                return None;
            }
        }
    }
    Some(lowered)
}

fn on_one_line(node: &Node) -> bool {
    use yaml_nodes::TextStyle;
    matches!(&node.kind, NodeKind::Text { text, style: TextStyle::Plain } if !text.contains('\n'))
}

impl Lowering<'_, '_> {
    fn search(&mut self, node: &Node, path: &str) -> Option<Predicate> {
        match &node.kind {
            NodeKind::Map(_) => self.fields(node, path),
            NodeKind::List(items) if items.is_empty() => {
                self.reader.error(
                    node.at,
                    path,
                    "this list is empty",
                    "add an item or remove the search",
                );
                None
            }
            NodeKind::List(items) => {
                let mut any = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    any.push(match &item.kind {
                        NodeKind::Map(_) => self.fields(item, &path),
                        _ => self.keyword(item, &path, &Modifiers::default()),
                    });
                }
                any.into_iter().collect::<Option<Vec<_>>>().map(Predicate::any)
            }
            NodeKind::Text { .. } => self.keyword(node, path, &Modifiers::default()),
            NodeKind::Nothing => {
                self.reader.error(node.at, path, "this search is empty", "write what it looks for");
                None
            }
        }
    }

    /// All fields of a map.
    fn fields(&mut self, node: &Node, path: &str) -> Option<Predicate> {
        let map = Map::of(self.reader, node, path)?;
        if map.entries.is_empty() {
            self.reader.error(node.at, path, "this search is empty", "write what it looks for");
            return None;
        }
        let mut all = Vec::new();
        for (key, node) in &map.entries {
            all.push(self.field(key, node, &join(path, key)));
        }
        all.into_iter().collect::<Option<Vec<_>>>().map(Predicate::all)
    }

    fn field(&mut self, key: &str, node: &Node, path: &str) -> Option<Predicate> {
        let mut words = key.split('|');
        let name = Name::from(words.next().unwrap_or("").trim());
        let modifiers = match Modifiers::read(words.map(str::trim)) {
            Ok(modifiers) => modifiers,
            Err((message, hint)) => {
                self.reader.error(node.at, path, message, hint);
                return None;
            }
        };
        let values = match &node.kind {
            NodeKind::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        if values.is_empty() {
            self.reader.error(
                node.at,
                path,
                "this list is empty",
                "add a value or remove the field",
            );
            return None;
        }
        let mut each = Vec::new();
        for value in values {
            each.push(if name.is_empty() {
                self.keyword(value, path, &modifiers)
            } else {
                let test = |test| Predicate::Field { field: name.clone(), test };
                self.lowered(value, path, |value| modifiers.tests(value), test)
            });
        }
        let each = each.into_iter().collect::<Option<Vec<_>>>()?;
        Some(match (modifiers.all, modifiers.not_equal) {
            (true, false) => Predicate::all(each),
            (false, false) => Predicate::any(each),
            // Different from every value; or, with `all`, different from one of them.
            (false, true) => Predicate::Not(Box::new(Predicate::any(each))),
            (true, true) => Predicate::Not(Box::new(Predicate::all(each))),
        })
    }

    fn keyword(&mut self, node: &Node, path: &str, modifiers: &Modifiers) -> Option<Predicate> {
        self.lowered(node, path, |value| modifiers.keyword_tests(value), Predicate::Keyword)
    }

    /// The predicate for one value: any of the tests that stand for it.
    fn lowered(
        &mut self,
        node: &Node,
        path: &str,
        tests: impl FnOnce(&Scalar) -> Result<Vec<Test>, Refused>,
        predicate: impl Fn(Test) -> Predicate,
    ) -> Option<Predicate> {
        let Some(value) = scalar(node) else {
            let message = format!("a single value is wanted here, this is {}", describe(node));
            self.reader.error(node.at, path, message, "a field holds a value or a list of values");
            return None;
        };
        if self.full {
            return None;
        }
        let tests = tests(&value);
        self.nodes += tests.as_ref().map_or(0, Vec::len);
        self.full = self.nodes > NODES_MAX;
        match tests {
            Ok(_) if self.full => {
                let message = format!("the rule has more than {NODES_MAX} tests");
                self.reader.error(node.at, path, message, "split the rule");
                None
            }
            Ok(tests) => Some(Predicate::any(tests.into_iter().map(predicate).collect())),
            Err((message, hint)) => {
                self.reader.error(node.at, path, message, hint);
                None
            }
        }
    }
}
