//! The fields of a rule file: which there are and what they hold.
//!
//! Lenient about what a rule says of itself (a warning, and the field is left out), strict about
//! what it asks (an error, and the rule is left out).

use std::sync::Arc;

use rows::{Dict, Text, Value};
use yaml_nodes::{Node, NodeKind, Place, Problem, Reader, Severity, TextStyle, describe, join};

use crate::correlation::{self, Correlation, Draft};
use crate::filter::Filter;
use crate::modifier::Scalar;
use crate::predicate::Number;
use crate::rule::{Level, LogSource, Rule};
use crate::written::WrittenRule;
use crate::{detection, filter, global};

/// What files of rules hold.
#[derive(Clone, Debug, Default)]
pub struct RuleFile {
    /// The rules without errors that are asked by themselves, in order: not those that only serve a
    /// correlation.
    pub rules: Vec<Rule>,
    /// The correlations without errors that are asked by themselves, in order.
    pub correlations: Vec<Correlation>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

/// The fields that every rule may have.
const RULE_FIELDS: &[&str] = &[
    "title",
    "id",
    "related",
    "name",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "action",
    "type",
    "correlation",
    "generate",
];
const STATUSES: &[&str] = &["stable", "test", "experimental", "deprecated", "unsupported"];

/// Reads a file of rules: one, or several documents, each a rule, a correlation of rules, or a filter
/// of rules.
pub fn read_rules(file: &str, text: &str) -> RuleFile {
    read_files([(file, text)])
}

/// Reads files, by name and text, that belong together: correlations and filters name rules of any
/// of them.
pub fn read_files<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> RuleFile {
    let mut readers = Vec::new();
    let mut rules = Vec::new();
    let mut filters = Vec::new();
    let mut drafts = Vec::new();
    for (number, (file, text)) in files.into_iter().enumerate() {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::new(file, text);
        let documents = yaml_nodes::read_all(text);
        let name: Arc<str> = file.into();
        let mut found = 0;
        for root in global::resolve(&mut reader, documents.roots) {
            let Some(document) = document(&mut reader, &root, &name) else { continue };
            found += 1;
            match document {
                Document::Rule(rule) => rules.push(*rule),
                Document::Filter(filter) => filters.push((number, filter)),
                Document::Correlation(draft) => drafts.push((number, *draft)),
            }
        }
        if let Some(bad) = documents.bad {
            reader.error(bad.at, "", bad.message, bad.hint.unwrap_or(""));
        } else if found == 0 && reader.problems.is_empty() {
            let start = Place { line: 1, column: 1 };
            let hint = "a rule has a title and a detection";
            reader.error(start, "", "there is no rule here", hint);
        }
        readers.push(reader);
    }
    filter::apply(&mut readers, &filters, &mut rules);
    let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
    let correlations = correlation::resolve(&mut readers, &rules, &drafts);
    let (rules, correlations) = correlation::by_themselves(rules, correlations);
    let problems = readers.into_iter().flat_map(|reader| reader.problems).collect();
    RuleFile { rules, correlations, problems }
}

enum Document {
    Rule(Box<Rule>),
    Filter(Filter),
    Correlation(Box<Draft>),
}

fn document(reader: &mut Reader<'_>, root: &Node, file: &Arc<str>) -> Option<Document> {
    let before = errors(reader);
    let map = Map::of(reader, root, "")?;
    let document = if map.get("correlation").is_some() {
        Document::Correlation(Box::new(correlation::read(reader, &map)?))
    } else if map.get("filter").is_some() {
        Document::Filter(filter::read(reader, &map)?)
    } else {
        Document::Rule(Box::new(rule(reader, &map, file)?))
    };
    (errors(reader) == before).then_some(document)
}

fn errors(reader: &Reader<'_>) -> usize {
    reader.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

fn rule(reader: &mut Reader<'_>, map: &Map<'_>, file: &Arc<str>) -> Option<Rule> {
    let title = reader.text(map.get("title"), "title").unwrap_or_default();
    if title.trim().is_empty() {
        let hint = "begin the rule with `title:` and what it finds";
        reader.error(map.place("title"), "title", "the rule has no title", hint);
    }
    let text = |reader: &mut Reader<'_>, field: &str| reader.text(map.get(field), field);
    let source = log_source(reader, map.get("logsource"), map.at);
    let written = match map.get("detection") {
        Some(node) => detection::read(reader, node, "detection"),
        None => {
            let hint = "add `detection:` with a search and a `condition`";
            reader.error(map.at, "detection", "the rule asks nothing", hint);
            None
        }
    };
    let level = level(reader, map.get("level"));
    let status = status(reader, map.get("status"));
    let mut rule = Rule {
        title,
        id: text(reader, "id"),
        name: text(reader, "name"),
        status,
        level,
        description: text(reader, "description").unwrap_or_default(),
        author: text(reader, "author").unwrap_or_default(),
        dates: (text(reader, "date"), text(reader, "modified")),
        references: texts(reader, map, "references"),
        tags: texts(reader, map, "tags"),
        fields: texts(reader, map, "fields"),
        false_positives: texts(reader, map, "falsepositives"),
        source,
        conditions: Vec::new(),
        placeholders: Vec::new(),
        custom: custom(map),
        file: file.clone(),
        written: WrittenRule { own: written?, filters: Vec::new() },
    };
    if let Err(wrong) = rule.lower() {
        for one in wrong {
            reader.error(one.at, &one.path, one.says.0, one.says.1);
        }
        return None;
    }
    if !rule.placeholders.is_empty() {
        let names = rule.placeholders.join(", ");
        let message = format!("this needs values from outside the rule: {names}");
        let hint = "give them with a pipeline (`value_placeholders`); until then it finds nothing";
        reader.warning(map.place("detection"), "detection", message, hint);
    }
    Some(rule)
}

/// One text or a list of them.
pub(crate) fn texts(reader: &mut Reader<'_>, map: &Map<'_>, field: &str) -> Vec<String> {
    match map.get(field) {
        Some(Node { kind: NodeKind::Text { text, .. }, .. }) => vec![text.clone()],
        node => reader.texts(node, field).into_iter().map(|(text, _)| text).collect(),
    }
}

pub(crate) fn level(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<Level> {
    let text = reader.text(node, "level")?;
    let found = Level::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
    if found.is_none() {
        let words = Level::WORDS.map(|(word, _)| word).join(", ");
        warn(reader, node, "level", format!("`{text}` is not a level"), format!("one of {words}"));
    }
    found.map(|(_, level)| *level)
}

pub(crate) fn status(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<String> {
    let text = reader.text(node, "status")?.trim().to_ascii_lowercase();
    if !STATUSES.contains(&text.as_str()) {
        let hint = format!("one of {}", STATUSES.join(", "));
        warn(reader, node, "status", format!("`{text}` is not a status"), hint);
    }
    Some(text)
}

fn warn(reader: &mut Reader<'_>, node: Option<&Node>, field: &str, message: String, hint: String) {
    let at = node.map_or(Place { line: 1, column: 1 }, |node| node.at);
    reader.problem(Severity::Warning, at, field, (message, Some(hint)));
}

pub(crate) fn log_source(reader: &mut Reader<'_>, node: Option<&Node>, at: Place) -> LogSource {
    let Some(node) = node else {
        let hint = "add `logsource:` with a category, a product or a service";
        reader.error(at, "logsource", "the rule does not say which records it is about", hint);
        return LogSource::default();
    };
    let Some(map) = Map::of(reader, node, "logsource") else { return LogSource::default() };
    let mut part = |field: &str| {
        let text = reader.text(map.get(field), &join("logsource", field))?;
        let text = text.trim();
        (!text.is_empty() && text != "*").then(|| text.to_ascii_lowercase())
    };
    let source = LogSource {
        category: part("category"),
        product: part("product"),
        service: part("service"),
    };
    if source.parts() == 0 {
        let hint = "name at least one of category, product and service";
        reader.error(map.at, "logsource", "this says nothing about the records", hint);
    }
    source
}

/// The fields that the format does not know.
pub(crate) fn custom(map: &Map<'_>) -> Dict {
    let unknown = map.entries.iter().filter(|(key, _)| !RULE_FIELDS.contains(key));
    unknown.map(|(key, node)| (*key, value(node))).collect()
}

/// A node as a value.
pub(crate) fn value(node: &Node) -> Value {
    match &node.kind {
        NodeKind::List(items) => Value::array(items.iter().map(value).collect::<Vec<_>>()),
        NodeKind::Map(entries) => {
            Value::Dict(entries.iter().map(|(key, _, node)| (key.as_str(), value(node))).collect())
        }
        _ => match scalar(node) {
            Some(Scalar::Text(text)) => Value::Text(Text::from(text)),
            Some(Scalar::Number(Number::Int(number), _)) => Value::Int(number),
            Some(Scalar::Number(Number::Float(number), _)) => Value::Float(number),
            Some(Scalar::Bool(truth)) => Value::Bool(truth),
            Some(Scalar::Null) | None => Value::Null,
        },
    }
}

/// A single value, with the type that its spelling gives it.
pub(crate) fn scalar(node: &Node) -> Option<Scalar> {
    match &node.kind {
        NodeKind::Nothing => Some(Scalar::Null),
        NodeKind::Text { text, style: TextStyle::Plain } => Some(match text.as_str() {
            "true" | "True" | "TRUE" => Scalar::Bool(true),
            "false" | "False" | "FALSE" => Scalar::Bool(false),
            // A leading zero or plus is part of a name or an identifier.
            digits if digits.starts_with('+') || padded(digits) => Scalar::Text(text.clone()),
            other => match Number::parse(other) {
                Some(number) => Scalar::Number(number, text.clone()),
                None => Scalar::Text(text.clone()),
            },
        }),
        NodeKind::Text { text, .. } => Some(Scalar::Text(text.clone())),
        NodeKind::List(_) | NodeKind::Map(_) => None,
    }
}

fn padded(digits: &str) -> bool {
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")
}

/// A map of which every key is known once.
pub(crate) struct Map<'n> {
    pub(crate) at: Place,
    pub(crate) entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Map<'n> {
    pub(crate) fn of(reader: &mut Reader<'_>, node: &'n Node, path: &str) -> Option<Self> {
        let NodeKind::Map(written) = &node.kind else {
            let message = format!("fields are wanted here, this is {}", describe(node));
            reader.error(node.at, path, message, "write `name: value` lines");
            return None;
        };
        let mut seen = std::collections::HashSet::new();
        let mut entries = Vec::with_capacity(written.len());
        for (key, at, value) in written {
            if seen.insert(key.as_str()) {
                entries.push((key.as_str(), value));
            } else {
                let hint = "remove one, or join them in a list";
                reader.error(*at, &join(path, key), "this field is written twice", hint);
            }
        }
        Some(Self { at: node.at, entries })
    }

    pub(crate) fn get(&self, field: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| *key == field).map(|(_, node)| *node)
    }

    pub(crate) fn place(&self, field: &str) -> Place {
        self.get(field).map_or(self.at, |node| node.at)
    }
}
