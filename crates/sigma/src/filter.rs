//! Filters: documents that narrow the rules that are read together with them.

use yaml_nodes::{NodeKind, Place, Reader, join};

use crate::NODES_MAX;
use crate::decode::{Map, log_source, texts};
use crate::detection;
use crate::predicate::Predicate;
use crate::rule::{LogSource, Rule};
use crate::written::{Written, WrittenRule};

/// Narrows rules: their conditions hold only where this does too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// Ids or names of rules; `None` is any.
    rules: Option<Vec<String>>,
    source: LogSource,
    at: Place,
    written: Written,
    /// How large it is when lowered.
    nodes: usize,
}

/// Reads a document with a `filter`.
pub(crate) fn read(reader: &mut Reader<'_>, document: &Map<'_>) -> Option<Filter> {
    let node = document.get("filter")?;
    let map = Map::of(reader, node, "filter")?;
    let source = log_source(reader, document.get("logsource"), document.at);
    let rules = match map.get("rules").map(|node| &node.kind) {
        Some(NodeKind::Text { text, .. }) if text.eq_ignore_ascii_case("any") => None,
        Some(NodeKind::Text { .. } | NodeKind::List(_)) => Some(texts(reader, &map, "rules")),
        _ => {
            let hint = "list ids or names of rules, or write `any`";
            reader.error(map.at, &join("filter", "rules"), "which rules are narrowed?", hint);
            return None;
        }
    };
    let before = reader.problems.len();
    let searches = detection::searches(reader, &map, "filter", &["rules", "condition"]);
    let conditions = detection::conditions(reader, &map, "filter")?;
    if reader.problems.len() > before {
        return None;
    }
    let written = Written { searches, conditions, path: "filter".into() };
    let whole = WrittenRule { own: written, filters: Vec::new() };
    // What it asks is known when a pipeline has given the values.
    let unknown = !whole.placeholders().is_empty();
    let written = whole.own;
    let nodes = match written.lower() {
        _ if unknown => 1,
        Ok(lowered) => lowered.iter().map(Predicate::nodes).sum(),
        Err(wrong) => {
            for one in wrong {
                reader.error(one.at, &one.path, one.says.0, one.says.1);
            }
            return None;
        }
    };
    Some(Filter { rules, source, at: map.at, written, nodes })
}

/// Narrows the rules that the filters name; a rule that becomes too large is left out. Filters come
/// with the number of their file.
pub(crate) fn apply(
    readers: &mut [Reader<'_>],
    filters: &[(usize, Filter)],
    rules: &mut Vec<Rule>,
) {
    for (file, filter) in filters {
        for name in filter.rules.iter().flatten() {
            if !rules.iter().any(|rule| called(rule, name)) {
                let message = format!("there is no rule `{name}` in the files read");
                let hint = "a filter names rules by `id` or `name`; rules with errors do not count";
                readers[*file].warning(filter.at, "filter.rules", message, hint);
            }
        }
    }
    rules.retain_mut(|rule| {
        let mut nodes: usize = rule.conditions.iter().map(Predicate::nodes).sum();
        for (file, filter) in filters {
            if !filter.names(rule) {
                continue;
            }
            nodes += (filter.nodes + 1) * rule.conditions.len().max(1);
            if nodes > NODES_MAX {
                let message =
                    format!("with this filter, `{}` has more than {NODES_MAX} tests", rule.title);
                readers[*file].error(filter.at, "filter", message, "narrow fewer rules with it");
                return false;
            }
            rule.written.filters.push(filter.written.clone());
        }
        if !rule.written.filters.is_empty() {
            rule.lower_again();
        }
        true
    });
}

fn called(rule: &Rule, name: &str) -> bool {
    [rule.id.as_deref(), rule.name.as_deref(), Some(rule.title.as_str())].contains(&Some(name))
}

impl Filter {
    fn names(&self, rule: &Rule) -> bool {
        let named =
            self.rules.as_ref().is_none_or(|names| names.iter().any(|name| called(rule, name)));
        named && self.source.covers(&rule.source)
    }
}
