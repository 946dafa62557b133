//! Filters: documents that narrow the rules of the same file.

use yaml_nodes::{NodeKind, Place, Reader, join};

use crate::NODES_MAX;
use crate::decode::{Map, log_source, texts};
use crate::detection;
use crate::predicate::Predicate;
use crate::rule::{LogSource, Rule};

/// Narrows rules: their conditions hold only where this does too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    /// Ids or names of rules; `None` is any.
    rules: Option<Vec<String>>,
    source: LogSource,
    at: Place,
    holds: Predicate,
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
    if reader.problems.len() > before {
        return None;
    }
    let holds = Predicate::all(detection::conditions(reader, &map, "filter", &searches)?);
    Some(Filter { rules, source, at: map.at, holds })
}

/// Narrows the rules that the filters name; a rule that becomes too large is left out.
pub(crate) fn apply(reader: &mut Reader<'_>, filters: &[Filter], rules: &mut Vec<Rule>) {
    rules.retain_mut(|rule| {
        let mut nodes: usize = rule.conditions.iter().map(Predicate::nodes).sum();
        for filter in filters.iter().filter(|filter| filter.names(rule)).collect::<Vec<_>>() {
            nodes += (filter.holds.nodes() + 1) * rule.conditions.len();
            if nodes > NODES_MAX {
                let message =
                    format!("with this filter, `{}` has more than {NODES_MAX} tests", rule.title);
                reader.error(filter.at, "filter", message, "narrow fewer rules with it");
                return false;
            }
            for condition in &mut rule.conditions {
                let own = std::mem::replace(condition, Predicate::And(Vec::new()));
                *condition = Predicate::And(vec![own, filter.holds.clone()]);
            }
        }
        true
    });
}

impl Filter {
    fn names(&self, rule: &Rule) -> bool {
        let named = self.rules.as_ref().is_none_or(|names| {
            let known = [rule.id.as_deref(), rule.name.as_deref(), Some(rule.title.as_str())];
            names.iter().any(|name| known.contains(&Some(name.as_str())))
        });
        named && self.source.covers(&rule.source)
    }
}
