//! `action`: documents that stand for parts of others in the same file.
//!
//! `global` is put under every later document, `reset` ends that, `repeat` is put over the document
//! before it.

use yaml_nodes::{Node, NodeKind, Place, Reader};

/// Documents that others are put under may repeat so many nodes.
const NODES_MAX: usize = 1_000_000;

/// The documents that are whole, each with what others add to it.
pub(crate) fn resolve(reader: &mut Reader<'_>, roots: Vec<Node>) -> Vec<Node> {
    let repeats = roots.iter().any(|root| action(root).is_some_and(|(word, _)| word == "repeat"));
    let mut under: Option<Node> = None;
    let mut last: Option<Node> = None;
    let mut whole = Vec::new();
    let mut nodes = 0;
    for root in roots {
        nodes += under.as_ref().map_or(0, count) + last.as_ref().map_or(0, count);
        if nodes > NODES_MAX {
            let hint = "write the rules out, each with its own fields";
            reader.error(root.at, "", "`action` makes this file too large", hint);
            break;
        }
        let Some((action, at)) = action(&root) else {
            let merged = under.as_ref().map_or_else(|| root.clone(), |under| over(under, &root));
            last = repeats.then(|| merged.clone());
            whole.push(merged);
            continue;
        };
        match action.as_str() {
            "global" => under = Some(root),
            "reset" => {
                under = None;
                last = None;
            }
            "repeat" => match &last {
                Some(before) => {
                    let merged = over(before, &root);
                    last = Some(merged.clone());
                    whole.push(merged);
                }
                None => {
                    reader.error(at, "action", "there is no rule to repeat", "put one before it");
                }
            },
            other => {
                let message = format!("there is no action `{other}`");
                reader.error(at, "action", message, "one of global, reset, repeat");
            }
        }
    }
    whole
}

/// How many nodes a document has.
fn count(root: &Node) -> usize {
    1 + match &root.kind {
        NodeKind::List(items) => items.iter().map(count).sum(),
        NodeKind::Map(entries) => entries.iter().map(|(_, _, node)| count(node)).sum(),
        NodeKind::Text { .. } | NodeKind::Nothing => 0,
    }
}

fn action(root: &Node) -> Option<(String, Place)> {
    let NodeKind::Map(entries) = &root.kind else { return None };
    entries.iter().find_map(|(key, _, node)| match &node.kind {
        NodeKind::Text { text, .. } if key == "action" => {
            Some((text.trim().to_ascii_lowercase(), node.at))
        }
        _ => None,
    })
}

/// `top` over `bottom`: maps are merged, anything else of `top` wins.
fn over(bottom: &Node, top: &Node) -> Node {
    let (NodeKind::Map(below), NodeKind::Map(above)) = (&bottom.kind, &top.kind) else {
        return top.clone();
    };
    let mut entries: Vec<_> = below.iter().filter(|(key, ..)| key != "action").cloned().collect();
    for (key, at, node) in above {
        match entries.iter_mut().find(|(known, ..)| known == key) {
            Some(known) => known.2 = over(&known.2, node),
            None => entries.push((key.clone(), *at, node.clone())),
        }
    }
    Node { at: top.at, kind: NodeKind::Map(entries) }
}
