//! Descendants of a process as a tree.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rows::{Dict, Value};
use vql_plugin::{Entry, Failure, Function, Lambda, Permission, Scope, plugin_args};

use crate::Machine;
use crate::tracker::{Processes, Tracked, entry as tracked, lookup};

pub(super) fn entry(machine: &Arc<dyn Machine>) -> Entry {
    Entry::function(Tree(machine.clone()))
}

plugin_args! {
    /// A process and everything that descends from it, as a tree: each node has `name`, `id`,
    /// `start_time`, `end_time`, `data` and `children`. NULL when the process is not known.
    pub struct TreeArgs for "process_tracker_tree" {
        /// Number of the process, or its id in the tracker. Left out: a node without a process
        /// above all processes whose parent is not known.
        id: Option<Value>,
        /// A lambda of a process that gives the `data` of its node.
        data_callback: Option<Lambda>,
        /// At most so many nodes.
        max_items: i64 = 10_000,
    }
}

struct Tree(Arc<dyn Machine>);

/// Deeper descendants are left out: a value may not be nested as deep as processes may be.
const DEPTH_MAX: usize = 100;

/// A node before its data are asked for.
struct Node {
    process: Option<Tracked>,
    children: Vec<Node>,
}

impl Function for Tree {
    type Args = TreeArgs;
    const NEEDS: &'static [Permission] = &[Permission::MachineState];

    fn call(&self, args: TreeArgs, scope: &Scope) -> Result<Value, Failure> {
        let max = lookup::items_max(args.max_items);
        let root = args.id.as_ref().map(lookup::id);
        let tree = lookup::ask(scope, &self.0, |known| grow(known, root.as_deref(), max))?;
        // Not while the tracker is locked: the lambda may ask the tracker.
        Ok(tree.map(|tree| show(tree, args.data_callback.as_ref(), scope)).into())
    }
}

fn grow(known: &Processes, root: Option<&str>, max: usize) -> Option<Node> {
    let family = known.family();
    let mut left = max;
    let mut visited = HashSet::new();
    let Some(root) = root else {
        let orphan = |process: &&Tracked| {
            process.parent.as_deref().is_none_or(|parent| known.get(parent).is_none())
        };
        let roots = known.all().into_iter().filter(orphan);
        let children = roots
            .filter_map(|process| branch(process, &family, &mut visited, &mut left, DEPTH_MAX));
        return Some(Node { process: None, children: children.collect() });
    };
    branch(known.get(root)?, &family, &mut visited, &mut left, DEPTH_MAX)
}

fn branch<'a>(
    process: &'a Tracked,
    family: &HashMap<&str, Vec<&'a Tracked>>,
    visited: &mut HashSet<&'a str>,
    left: &mut usize,
    depth: usize,
) -> Option<Node> {
    if *left == 0 || depth == 0 || !visited.insert(&process.id) {
        return None;
    }
    *left -= 1;
    let children = family.get(&*process.id).into_iter().flatten();
    let children =
        children.filter_map(|child| branch(child, family, visited, left, depth - 1)).collect();
    Some(Node { process: Some(process.clone()), children })
}

fn show(node: Node, callback: Option<&Lambda>, scope: &Scope) -> Dict {
    let children = node.children.into_iter().map(|child| show(child, callback, scope));
    let children = Value::array(children.collect::<Vec<_>>());
    let Some(process) = node.process else {
        return Dict::new().with("name", "").with("id", "").with("children", children);
    };
    let data = match callback {
        Some(lambda) => scope.call(lambda, &[Value::Dict(tracked::dict(&process))]),
        None => Value::Dict(process.data.clone()),
    };
    Dict::new()
        .with("name", process.data.get("Name").cloned())
        .with("id", &*process.id)
        .with("start_time", process.start)
        .with("end_time", process.end)
        .with("data", data)
        .with("children", children)
}
