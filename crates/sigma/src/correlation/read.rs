//! A correlation's YAML, with everything that is wrong with it.

use std::time::Duration;

use rows::Name;
use yaml_nodes::{Node, NodeKind, Place, Reader, join, nearest};

use super::{Aggregate, Bound, Correlation, CorrelationKind, Threshold};
use crate::condition;
use crate::decode::{Map, custom, level, status, texts};
use crate::predicate::{Number, Predicate, Test};

/// A correlation whose base rules are names.
pub(crate) struct Draft {
    pub(crate) correlation: Correlation,
    pub(super) at: Place,
    /// Names or ids, with where they are written.
    pub(super) rules: Vec<(String, Place)>,
    /// The alias, the rule, the field.
    pub(super) aliases: Vec<(String, String, String, Place)>,
}

const FIELDS: &[&str] =
    &["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
const KINDS: &[&str] = &[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];
/// More base rules than this are refused.
const BASES_MAX: usize = 100;

/// Reads a document with a `correlation`.
pub(crate) fn read(reader: &mut Reader<'_>, document: &Map<'_>) -> Option<Draft> {
    let node = document.get("correlation")?;
    let before = reader.problems.len();
    let map = reader.fields(node, "correlation", FIELDS)?;
    let title = reader.text(document.get("title"), "title").unwrap_or_default();
    if title.trim().is_empty() {
        let hint = "begin the rule with `title:` and what it finds";
        reader.error(document.place("title"), "title", "the rule has no title", hint);
    }
    let rules = named(reader, map.get("rules"), map.at);
    let timespan = timespan(reader, map.get("timespan"), map.at);
    let aliases = aliases(reader, map.get("aliases"));
    let kind = kind(reader, &map, &rules);
    let group_by = one_or_more(reader, map.get("group-by"), "correlation.group-by");
    let generate = reader.flag(map.get("generate"), "correlation.generate")
        || reader.flag(document.get("generate"), "generate");
    for (_, rule, _, at) in &aliases {
        if !rules.iter().any(|(known, _)| known == rule) {
            let hint = "name a rule of `rules`";
            let message = format!("`{rule}` is not one of this correlation's rules");
            reader.error(*at, "correlation.aliases", message, hint);
        }
    }
    let text = |reader: &mut Reader<'_>, field: &str| reader.text(document.get(field), field);
    let correlation = Correlation {
        id: text(reader, "id"),
        name: text(reader, "name"),
        status: status(reader, document.get("status")),
        level: level(reader, document.get("level")),
        description: text(reader, "description").unwrap_or_default(),
        author: text(reader, "author").unwrap_or_default(),
        references: texts(reader, document, "references"),
        tags: texts(reader, document, "tags"),
        false_positives: texts(reader, document, "falsepositives"),
        title,
        kind: kind?,
        bases: Vec::new(),
        group_by: group_by.into_iter().map(Name::from).collect(),
        timespan: timespan?,
        generate,
        custom: custom(document),
    };
    let errors = reader.problems[before..].iter();
    let wrong = errors.filter(|one| one.severity == yaml_nodes::Severity::Error).count() > 0;
    (!wrong).then_some(Draft { correlation, at: node.at, rules, aliases })
}

/// One text or a list of them.
fn one_or_more(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Vec<String> {
    match node {
        Some(Node { kind: NodeKind::Text { text, .. }, .. }) => vec![text.clone()],
        node => reader.texts(node, path).into_iter().map(|(text, _)| text).collect(),
    }
}

fn named(reader: &mut Reader<'_>, node: Option<&Node>, at: Place) -> Vec<(String, Place)> {
    let path = "correlation.rules";
    let rules = match node {
        Some(Node { kind: NodeKind::Text { text, .. }, at }) => vec![(text.clone(), *at)],
        node => reader.texts(node, path),
    };
    let hint = "list names or ids of rules";
    if rules.is_empty() && !reader.problems.iter().any(|problem| problem.field == path) {
        reader.error(at, path, "no rule is correlated", hint);
    }
    if rules.len() > BASES_MAX {
        reader.error(at, path, format!("these are more than {BASES_MAX} rules"), "split it");
    }
    for (index, (name, at)) in rules.iter().enumerate() {
        if rules[..index].iter().any(|(other, _)| other == name) {
            reader.error(*at, path, format!("`{name}` is written twice"), "remove one");
        }
    }
    rules
}

fn timespan(reader: &mut Reader<'_>, node: Option<&Node>, at: Place) -> Option<Duration> {
    let path = "correlation.timespan";
    let hint = "a number and one of s, m, h, d, w, M, y: for example 15m";
    let Some(text) = reader.text(node, path) else {
        reader.error(at, path, "how far apart may the events be?", hint);
        return None;
    };
    let at = node.map_or(at, |node| node.at);
    let text = text.trim();
    let seconds = text.char_indices().last().and_then(|(end, unit)| {
        let unit: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            // The mean month and year of the calendar.
            'M' => 2_629_746,
            'y' => 31_556_952,
            _ => return None,
        };
        let digits = &text[..end];
        let digits_only = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| digits_only)?.checked_mul(unit)
    });
    /// Longer than any log is kept, and far from the end of the clock.
    const MOST_SECS: u64 = 100 * 31_556_952;
    match seconds {
        Some(seconds) if (1..=MOST_SECS).contains(&seconds) => Some(Duration::from_secs(seconds)),
        _ => {
            reader.error(at, path, format!("`{text}` is not a time span"), hint);
            None
        }
    }
}

fn aliases(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<(String, String, String, Place)> {
    let path = "correlation.aliases";
    let mut aliases = Vec::new();
    let Some(node) = node.filter(|node| node.kind != NodeKind::Nothing) else { return aliases };
    let Some(map) = Map::of(reader, node, path) else { return aliases };
    for (alias, node) in &map.entries {
        let path = join(path, alias);
        let Some(fields) = Map::of(reader, node, &path) else { continue };
        for (rule, node) in &fields.entries {
            if let Some(field) = reader.text(Some(node), &join(&path, rule)) {
                aliases.push(((*alias).to_owned(), (*rule).to_owned(), field, node.at));
            }
        }
    }
    aliases
}

fn kind(
    reader: &mut Reader<'_>,
    map: &yaml_nodes::Fields<'_>,
    rules: &[(String, Place)],
) -> Option<CorrelationKind> {
    let path = "correlation.type";
    let Some(word) = reader.text(map.get("type"), path) else {
        let hint = format!("one of {}", KINDS.join(", "));
        reader.error(map.at, path, "what is correlated?", &hint);
        return None;
    };
    let word = word.trim().to_ascii_lowercase();
    let condition = map.get("condition").filter(|node| node.kind != NodeKind::Nothing);
    match word.as_str() {
        "temporal" => return temporal(reader, condition, rules),
        "temporal_ordered" => {
            return match condition {
                None => Some(CorrelationKind::TemporalOrdered),
                Some(node) => {
                    let message = "all rules must match in order; there is nothing to choose";
                    let hint = "remove the condition, or use the type `temporal`";
                    reader.error(node.at, "correlation.condition", message, hint);
                    None
                }
            };
        }
        word if KINDS.contains(&word) => {}
        other => {
            let hint = match nearest(other, KINDS.iter().copied()) {
                Some(like) => format!("did you mean `{like}`?"),
                None => format!("one of {}", KINDS.join(", ")),
            };
            let message = format!("there is no type `{other}`");
            reader.error(map.place("type"), path, message, &hint);
            return None;
        }
    }
    of_amount(reader, &word, condition, map.at)
}

/// A kind that compares a count or an amount.
fn of_amount(
    reader: &mut Reader<'_>,
    word: &str,
    condition: Option<&Node>,
    at: Place,
) -> Option<CorrelationKind> {
    let Some(node) = condition else {
        let hint = "for example `condition: {gte: 10}`";
        reader.error(at, "correlation.condition", "there is no condition", hint);
        return None;
    };
    let condition = counted(reader, node)?;
    let one_field = |reader: &mut Reader<'_>| match &condition.fields[..] {
        [field] => Some(Name::from(field.as_str())),
        _ => {
            let hint = "add `field:` with the one that holds the number";
            reader.error(node.at, "correlation.condition.field", "one field is wanted here", hint);
            None
        }
    };
    let by = match word {
        "event_count" => {
            if !condition.fields.is_empty() {
                let hint = "remove it, or use the type `value_count`";
                let message = "events are counted, whatever their fields hold";
                reader.error(node.at, "correlation.condition.field", message, hint);
                return None;
            }
            return Some(CorrelationKind::EventCount(condition.than));
        }
        "value_count" => {
            if condition.fields.is_empty() {
                let hint = "add `field:` with the field whose values are counted";
                let message = "the values of which field are counted?";
                reader.error(node.at, "correlation.condition.field", message, hint);
                return None;
            }
            let fields = condition.fields.into_iter().map(Name::from).collect();
            return Some(CorrelationKind::ValueCount { fields, than: condition.than });
        }
        "value_sum" => Aggregate::Sum,
        "value_avg" => Aggregate::Average,
        "value_median" => Aggregate::Percentile(50.0),
        _ => match condition.percentile {
            Some(percentile) => Aggregate::Percentile(percentile),
            None => {
                let hint = "add `percentile:` with a number from 0 to 100";
                let path = "correlation.condition.percentile";
                reader.error(node.at, path, "which percentile?", hint);
                return None;
            }
        },
    };
    Some(CorrelationKind::Value { field: one_field(reader)?, by, than: condition.than })
}

struct Counted {
    than: Threshold,
    fields: Vec<String>,
    percentile: Option<f64>,
}

const BOUNDS: [(&str, Bound); 6] = [
    ("lt", Bound::Less),
    ("lte", Bound::AtMost),
    ("eq", Bound::Equal),
    ("neq", Bound::Different),
    ("gte", Bound::AtLeast),
    ("gt", Bound::Greater),
];

fn counted(reader: &mut Reader<'_>, node: &Node) -> Option<Counted> {
    let path = "correlation.condition";
    let known = ["lt", "lte", "eq", "neq", "gte", "gt", "field", "percentile"];
    let map = reader.fields(node, path, &known)?;
    let written: Vec<(&str, Bound)> =
        BOUNDS.into_iter().filter(|(word, _)| map.get(word).is_some()).collect();
    let [(word, is)] = written[..] else {
        let hint = "write one of lt, lte, eq, neq, gte, gt";
        reader.error(node.at, path, "exactly one comparison is wanted here", hint);
        return None;
    };
    let than = number(reader, map.get(word), &join(path, word))?;
    let percentile = match map.get("percentile") {
        None => None,
        Some(node) => {
            let path = join(path, "percentile");
            let number = number(reader, Some(node), &path)?;
            if !(0.0..=100.0).contains(&number) {
                let hint = "a number from 0 to 100";
                reader.error(node.at, &path, "this is no percentile", hint);
                return None;
            }
            Some(number)
        }
    };
    let fields = one_or_more(reader, map.get("field"), &join(path, "field"));
    Some(Counted { than: Threshold { is, than }, fields, percentile })
}

fn number(reader: &mut Reader<'_>, node: Option<&Node>, path: &str) -> Option<f64> {
    let text = reader.text(node, path);
    match text.as_deref().and_then(Number::parse) {
        Some(Number::Int(number)) => Some(number as f64),
        Some(Number::Float(number)) => Some(number),
        None => {
            let at = node.map_or(Place { line: 1, column: 1 }, |node| node.at);
            reader.error(at, path, "a number is wanted here", "for example 10");
            None
        }
    }
}

/// All base rules, so many of them, or an expression over their names.
fn temporal(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    rules: &[(String, Place)],
) -> Option<CorrelationKind> {
    let has_event = |number: usize| Predicate::Field {
        field: Name::from(number.to_string()),
        test: Test::Exists(true),
    };
    let each: Vec<Predicate> = (0..rules.len()).map(has_event).collect();
    let Some(node) = node else { return Some(CorrelationKind::Temporal(Predicate::And(each))) };
    if let NodeKind::Text { text, .. } = &node.kind {
        let searches: Vec<(String, Predicate)> =
            rules.iter().map(|(name, _)| name.clone()).zip(each).collect();
        return match condition::lower(text, &searches) {
            Ok(tree) if negates(&tree) => {
                let message = "that something did not happen cannot complete a match";
                let hint = "use `and`, `or`, `of` and parentheses only";
                reader.error(node.at, "correlation.condition", message, hint);
                None
            }
            Ok(tree) => Some(CorrelationKind::Temporal(tree)),
            Err((_, (message, hint))) => {
                reader.error(node.at, "correlation.condition", message, hint);
                None
            }
        };
    }
    let condition = counted(reader, node)?;
    let count = condition.than.than.floor() as usize;
    let count = match condition.than.is {
        Bound::AtLeast if condition.than.than <= count as f64 => count,
        Bound::AtLeast | Bound::Greater => count + 1,
        Bound::Equal if count == rules.len() => count,
        _ => {
            let message = "this counts how many of the rules have an event, which only grows";
            let hint = "use `gte` or `gt`, or leave the condition out: then all must have one";
            reader.error(node.at, "correlation.condition", message, hint);
            return None;
        }
    };
    Some(CorrelationKind::Temporal(Predicate::AtLeast { count: count.max(1), of: each }))
}

fn negates(tree: &Predicate) -> bool {
    match tree {
        Predicate::Not(_) => true,
        Predicate::And(of) | Predicate::Or(of) | Predicate::AtLeast { of, .. } => {
            of.iter().any(negates)
        }
        Predicate::Field { .. } | Predicate::Keyword(_) => false,
    }
}
